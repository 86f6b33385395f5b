"""What to do next with each open lead: call now, nurture, wait or drop."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError, quoted
from mmm.prediction.handover.grades import probabilities, set_threshold
from mmm.wording import say

Action = Literal["call now", "nurture", "wait", "drop"]
Floats = npt.NDArray[np.float64]

ACTIONS: tuple[Action, ...] = ("call now", "nurture", "wait", "drop")


@dataclass(frozen=True)
class ActionPolicy:
    """When to call, nurture, wait and drop.

    Attributes
    ----------
    call_cost, nurture_cost : float
        Of working a lead, and of keeping it warm for a quarter; in the currency of the values.
    margin : float
        Share of a deal's value that remains, 0-1.
    capacity : int or None
        Calls that can be made now; None for no limit.
    rest_days : float
        Days to leave between two contacts.
    max_contacts : int
        Contacts within 30 days after which a lead is left in peace.
    cold_days : float
        Days without a touch after which a lead is going cold.
    falling : float
        Fall of the probability since the last run, as a share of it, that counts as a trend.
    """

    call_cost: float = 150.0
    nurture_cost: float = 15.0
    margin: float = 0.4
    capacity: int | None = None
    rest_days: float = 3.0
    max_contacts: int = 4
    cold_days: float = 30.0
    falling: float = 0.25

    def __post_init__(self) -> None:
        amounts = (self.call_cost, self.nurture_cost, self.rest_days, self.max_contacts)
        wrong = min(amounts) < 0 or self.nurture_cost > self.call_cost
        if wrong or not 0 < self.margin <= 1 or not self.cold_days > 0 or not 0 < self.falling < 1:
            raise ConfigError(
                f"{self} holds an amount out of range. Choose costs of 0 or more, nurturing no "
                "dearer than a call, a margin above 0 and up to 1, and falling between 0 and 1."
            )


def next_actions(
    leads: pd.DataFrame, policy: ActionPolicy | None = None, *, lang: str = "en"
) -> pd.DataFrame:
    """Propose one action for each open lead.

    In this order: a lead whose expected margin does not pay its nurturing is dropped, unless its
    probability rises; one contacted often or just now waits; one whose expected margin pays a
    call is called, the dearest first as far as the capacity goes; the others are nurtured. The
    expected margin is probability x value x margin.

    Parameters
    ----------
    leads : pandas.DataFrame
        lead_id, probability, value (expected value of the deal); where known probability_before
        (of the last run), days_since_touch, days_since_contact (by sales) and n_contacts (in the
        last 30 days). What is missing is taken as no reason for or against.
    policy : ActionPolicy, optional
    lang : {"en", "it"}

    Returns
    -------
    pandas.DataFrame
        lead_id, action, because (a sentence), expected_margin, trend ("rising", "falling",
        "steady", "new"), cold (worth nurturing, untouched for `cold_days` and not contacted);
        calls first, by expected margin.

    Raises
    ------
    InputError
        If a column is missing, or a probability or value is out of range.

    Examples
    --------
    >>> leads = pd.DataFrame({"lead_id": ["a", "b", "c", "d"], "probability": [0.4, 0.4, 0.01, 0.0],
    ...     "value": 10_000.0, "n_contacts": [0, 9, 0, 0]})
    >>> next_actions(leads)[["lead_id", "action"]].values.tolist()
    [['a', 'call now'], ['c', 'nurture'], ['b', 'wait'], ['d', 'drop']]
    """
    policy = policy or ActionPolicy()
    table = _inputs(leads)
    gain = table["probability"] * table["value"] * policy.margin
    trend = _trend(table, policy)
    tired = (table["n_contacts"] >= policy.max_contacts).to_numpy(dtype=bool)
    recent = (table["days_since_contact"] < policy.rest_days).to_numpy(dtype=bool)
    waits = tired | recent
    poor = ((gain < policy.nurture_cost) & ~trend.eq("rising")).to_numpy(dtype=bool)
    pays = ((gain >= policy.call_cost) & (gain > 0)).to_numpy(dtype=bool) & ~waits & ~poor
    called = pays & _within_capacity(gain.to_numpy(dtype=np.float64), pays, policy.capacity)
    full = pays & ~called
    action = np.select([poor, waits, called], ["drop", "wait", "call now"], "nurture")
    silent = (table["days_since_touch"] >= policy.cold_days).to_numpy(dtype=bool)
    left = ~(table["days_since_contact"] < policy.cold_days).to_numpy(dtype=bool)
    cold = silent & left & (action != "drop")
    signs = {"poor": poor, "tired": tired, "recent": recent, "pays": called, "full": full}
    key = np.select([*signs.values(), cold], [*signs, "cold"], "warm")
    facts = table.assign(gain=gain)
    said = [_because(k, facts.iloc[i], policy, lang) for i, k in enumerate(key)]
    found = pd.DataFrame(
        {
            "lead_id": table["lead_id"],
            "action": pd.Series(action, dtype="str"),
            "because": pd.Series(said, dtype="str"),
            "expected_margin": gain,
            "trend": trend,
            "cold": cold,
        }
    )
    rank = found["action"].map({name: i for i, name in enumerate(ACTIONS)})
    order = found.assign(rank=rank).sort_values(
        ["rank", "expected_margin", "lead_id"], ascending=[True, False, True]
    )
    return order.drop(columns="rank").reset_index(drop=True)


def going_cold(actions: pd.DataFrame) -> pd.DataFrame:
    """Return the leads worth nurturing that nobody has touched, the dearest first.

    Parameters
    ----------
    actions : pandas.DataFrame
        As `next_actions` returns them.

    Examples
    --------
    >>> leads = pd.DataFrame({"lead_id": ["a", "b"], "probability": 0.1, "value": 5000.0,
    ...     "days_since_touch": [60.0, 2.0]})
    >>> going_cold(next_actions(leads))["lead_id"].tolist()
    ['a']
    """
    cold = actions[actions["cold"]]
    return cold.sort_values(
        ["expected_margin", "lead_id"], ascending=[False, True], ignore_index=True
    )


def _inputs(leads: pd.DataFrame) -> pd.DataFrame:
    missing = [c for c in ("lead_id", "probability", "value") if c not in leads.columns]
    if missing:
        raise InputError(
            f"the leads have no column {quoted(missing)}; found {quoted(leads.columns)}. "
            "Give lead_id, probability and value; value may be the mean deal."
        )
    table = leads.reset_index(drop=True).copy()
    table["probability"] = probabilities(table["probability"].to_numpy(dtype=np.float64))
    table["value"] = table["value"].astype("float64")
    if not (table["value"] >= 0).all():
        raise InputError("value is missing or negative for some lead. Give the mean deal instead.")
    for name in ("probability_before", "days_since_touch", "days_since_contact", "n_contacts"):
        given: Any = table[name] if name in table.columns else np.nan
        table[name] = pd.Series(given, index=table.index).astype("float64")
    return table


def _trend(table: pd.DataFrame, policy: ActionPolicy) -> "pd.Series[str]":
    before, now = table["probability_before"], table["probability"]
    change = (now - before) / before.where(before > 0)
    change = change.mask((before == 0) & (now > 0), 1.0)
    words = np.select(
        [before.isna(), change >= policy.falling, change <= -policy.falling],
        ["new", "rising", "falling"],
        "steady",
    )
    return pd.Series(words, index=table.index, dtype="str")


def _within_capacity(
    gain: Floats, pays: npt.NDArray[np.bool_], capacity: int | None
) -> npt.NDArray[np.bool_]:
    if capacity is None or pays.sum() <= capacity:
        return np.ones(len(gain), dtype=bool)
    scaled = gain / gain.max()
    return np.asarray(scaled >= set_threshold(scaled[pays], capacity=capacity).probability)


def _because(key: str, lead: "pd.Series[Any]", policy: ActionPolicy, lang: str) -> str:
    facts = {
        "share": lead["probability"],
        "days": lead["days_since_touch"],
        "contact_days": lead["days_since_contact"],
        "n": lead["n_contacts"],
        "rest": policy.rest_days,
    }
    return say(f"next_action.{key}", lang, **facts)
