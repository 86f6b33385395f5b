"""Open deals and leads that count with what they are expected to bring."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import pandas as pd

from mmm.errors import InputError, quoted
from mmm.tables.lookup import is_among

LEAD = "(lead) {}"
_COLUMNS = ("deal_id", "probability", "expected")


def with_expected(
    frame: pd.DataFrame, expected: Mapping[str, Any] | pd.DataFrame | None
) -> pd.DataFrame:
    """Give each deal its weight: 1 won, 0 lost, a probability where it is open and expected.

    Parameters
    ----------
    frame : pandas.DataFrame
        deal_id, won, value, as known on the day.
    expected : mapping of deal_id to expected value, DataFrame or None
        A mapping is of open deals with a value; a frame as `open_expectations` returns it.

    Returns
    -------
    pandas.DataFrame
        With `weight`, and `value` that holds what is expected of open deals.

    Raises
    ------
    InputError
        If `expected` names deals that are not open, or numbers that cannot be.

    Examples
    --------
    >>> deals = pd.DataFrame({"deal_id": ["d"], "won": [pd.NA], "value": [Decimal(200)]})
    >>> with_expected(deals, {"d": 50})[["weight", "value"]].values.tolist()
    [[0.25, Decimal('50')]]
    """
    open_ids = set(frame.loc[frame["won"].isna(), "deal_id"])
    given = expected["deal_id"] if isinstance(expected, pd.DataFrame) else expected or {}
    foreign = [deal for deal in given if deal not in open_ids]
    if foreign:
        raise InputError(
            f"expected= names {quoted(foreign)}, which are not open deals on that date. "
            "Pass {deal_id: expected value} for open deals only."
        )
    ends = frame["won"].map({True: 1.0, False: 0.0}).astype("float64")
    weight, values = ends.to_numpy(dtype=np.float64, copy=True), list(frame["value"])
    told = _by_deal(frame, expected)
    for row, deal in enumerate(frame["deal_id"].tolist()):
        if deal in told:
            weight[row], values[row] = told[deal]
    return frame.assign(weight=weight, value=pd.Series(values, index=frame.index, dtype=object))


def _by_deal(
    frame: pd.DataFrame, expected: Mapping[str, Any] | pd.DataFrame | None
) -> dict[str, tuple[float, Decimal]]:
    """Return the probability and expected value of each deal that is expected."""
    if isinstance(expected, pd.DataFrame):
        chance, worth = expected["probability"], expected["expected"]
        return {
            deal: (float(p), _amount(value, deal))
            for deal, p, value in zip(expected["deal_id"].tolist(), chance, worth, strict=True)
        }
    told = {}
    full: dict[str, Any] = dict(zip(frame["deal_id"], frame["value"], strict=True))
    for deal, value in (expected or {}).items():
        part, whole = _amount(value, deal), full[deal]
        if not whole or not 0 <= part <= whole:
            raise InputError(
                f"expected= gives deal {deal!r} {part}, which does not lie between 0 and its "
                f"value ({whole}). Pass value times probability of winning."
            )
        told[deal] = (float(part / whole), part)
    return told


def open_expectations(
    expected: Mapping[str, Any] | pd.DataFrame | None, leads: pd.DataFrame | None
) -> tuple[Mapping[str, Any] | pd.DataFrame | None, pd.DataFrame | None]:
    """Check a frame of expected values, and make a deal of each open lead in it.

    Parameters
    ----------
    expected : mapping, DataFrame or None
        A frame has deal_id or lead_id, probability and expected (value times probability); with a
        column state, only its "open" rows count. `mmm.signal.ExpectedValue.to_frame` is one.
    leads : pandas.DataFrame or None
        Typed; needed where the frame names leads without a deal.

    Returns
    -------
    expected : mapping, DataFrame or None
        deal_id, probability, expected; open leads under the name "(lead) " and their id.
    rows : DataFrame or None
        The deals made of leads: deal_id, person_id, account_id, created_at.

    Raises
    ------
    InputError
        If columns, leads or numbers are missing, or a name comes twice.
    """
    if not isinstance(expected, pd.DataFrame):
        return expected, None
    lacking = [name for name in ("probability", "expected") if name not in expected.columns]
    if lacking or not {"deal_id", "lead_id"} & set(expected.columns):
        raise InputError(
            f"expected= lacks {quoted(lacking or ['deal_id', 'lead_id'])}; it has "
            f"{quoted(expected.columns)}. Pass mmm.signal.expected_value(...).to_frame()."
        )
    rows = expected[expected["state"] == "open"] if "state" in expected.columns else expected
    rows = rows.reset_index(drop=True)
    if not (rows["probability"].between(0, 1).all() and (rows["expected"] >= 0).all()):
        raise InputError(
            "expected= holds probabilities outside 0 to 1, or values below 0 or missing. "
            "Pass numbers."
        )
    deal_id = _ids(rows, "deal_id")
    bare = deal_id.isna()
    lead_id = _ids(rows, "lead_id")[bare]
    deal_id = deal_id.where(~bare, LEAD.format("") + lead_id.reindex(deal_id.index))
    if deal_id.isna().any() or deal_id.duplicated().any():
        raise InputError("expected= has rows without a name, or several of one. Keep one of each.")
    told = rows[["probability", "expected"]].assign(deal_id=deal_id)[list(_COLUMNS)]
    return told, _deals_of_leads(lead_id, leads) if bare.any() else None


def _ids(frame: pd.DataFrame, name: str) -> "pd.Series[str]":
    if name in frame.columns:
        return frame[name].astype("str")
    return pd.Series(pd.NA, index=frame.index, dtype="str")


def _deals_of_leads(lead_id: "pd.Series[str]", leads: pd.DataFrame | None) -> pd.DataFrame:
    if leads is None:
        raise InputError(
            f"expected= names {len(lead_id)} leads without a deal, and there are no leads. "
            "Pass leads=."
        )
    known = leads.assign(lead_id=leads["lead_id"].astype("str")).set_index("lead_id")
    missing = lead_id[~is_among(lead_id, known.index)]
    if len(missing):
        raise InputError(
            f"expected= names leads {quoted(missing)}, which leads= does not have. Pass the same "
            "leads."
        )
    found = known.loc[lead_id.tolist()].reset_index()
    return pd.DataFrame(
        {
            "deal_id": LEAD.format("") + found["lead_id"].astype("str"),
            "person_id": _ids(found, "person_id"),
            "account_id": _ids(found, "account_id"),
            "created_at": found["created_at"],
        }
    )


def _amount(value: Any, deal: str) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise InputError(f"expected= gives deal {deal!r} {value!r}. Pass a number.")
    return amount
