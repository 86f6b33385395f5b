"""What marketing and sales agreed, and whether both sides keep it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmm.errors import MmmError

if TYPE_CHECKING:
    import pandas as pd

    from mmm.funnel.stages import Delivery, Speed

# Months looked back on: long enough for every season.
MONTHS = 12


@dataclass(frozen=True)
class Agreement:
    """What was agreed.

    Attributes
    ----------
    leads_a_month : int or None
        Qualified leads that marketing promised; None where it promised none.
    within_hours : float
        Business hours in which sales promised to call.
    """

    leads_a_month: int | None = None
    within_hours: float = 8.0


NO_PROMISE = Agreement()


@dataclass(frozen=True, eq=False)
class Kept:
    """How the agreement was kept.

    Attributes
    ----------
    agreement : Agreement
    delivery : Delivery or None
        The last whole months, at most twelve; None where no lead says when it was qualified.
    speed, by_owner : Speed or None
        None where no lead says when it was called, or who owns it.
    """

    agreement: Agreement
    delivery: "Delivery | None"
    speed: "Speed | None"
    by_owner: "Speed | None"


def kept(
    leads: "pd.DataFrame", agreement: Agreement, *, as_of: "pd.Timestamp", level: float = 0.9
) -> Kept:
    """Hold leads against the agreement, both sides, as far as their columns tell.

    Parameters
    ----------
    leads : pandas.DataFrame
    agreement : Agreement
    as_of : pandas.Timestamp
    level : float

    Returns
    -------
    Kept

    Raises
    ------
    MmmError
        If leads tell neither when they were qualified nor when they were called.
    """
    from mmm.funnel.stages import leads_delivered, speed_to_lead  # a configuration needs neither

    delivery, speed, by_owner = None, None, None
    if _dated(leads, "mql_at"):
        delivery = leads_delivered(
            leads, _months(leads, agreement, as_of), as_of=as_of, level=level
        )
    if _dated(leads, "first_contacted_at"):
        settings = {"within_hours": agreement.within_hours, "as_of": as_of, "level": level}
        speed = speed_to_lead(leads, **settings)  # type: ignore[arg-type]
        if "owner" in leads.columns and leads["owner"].nunique() > 1:
            by_owner = speed_to_lead(leads, by="owner", **settings)  # type: ignore[arg-type]
    if delivery is None and speed is None:
        raise MmmError("needs leads.mql_at or leads.first_contacted_at. Add the column.")
    return Kept(agreement, delivery, speed, by_owner)


def _dated(leads: "pd.DataFrame", column: str) -> bool:
    return column in leads.columns and bool(leads[column].notna().any())


def _months(leads: "pd.DataFrame", agreement: Agreement, as_of: "pd.Timestamp") -> dict[str, int]:
    """Return what was promised for each whole month with leads; 0 where nothing was."""
    import pandas as pd

    end = as_of.tz_localize(None).to_period("M") - 1
    first = pd.Period(leads["created_at"].min().tz_localize(None), "M") + 1
    months = pd.period_range(max(first, end - (MONTHS - 1)), end, freq="M")
    return {str(month): agreement.leads_a_month or 0 for month in months}
