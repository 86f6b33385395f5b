"""Several stages at once: which channels bring leads, which make them grow, which win."""

from collections.abc import Sequence
from typing import Any

from mmm.attribution.groups import Model, Split
from mmm.attribution.rules import linear
from mmm.errors import ConfigError
from mmm.journeys import Journeys

WITH_VALUE = ("opportunity", "won")
FACTS = (
    "A stage counts the touches before the date on which it was reached, and only those.",
    "Lead, MQL and SQL count leads, also those that never became a deal; opportunity counts every "
    "deal created with its value as it stands now, whatever became of it; won counts won deals. "
    "Stages are never added up.",
)


def by_stage(
    touches: object | None,
    deals: object,
    leads: object,
    *,
    model: Model = linear,
    stages: Sequence[str] = ("lead", "mql", "sql", "opportunity", "won"),
    level: float = 0.9,
    **options: Any,
) -> Split:
    """Credit channels for each stage of the sale, by the touches that came before it.

    Parameters
    ----------
    touches, deals, leads : frame or path
        As in `build_journeys`. Touches may be None: the source of a lead is its one touch.
    model : callable, default `linear`
        Called as ``model(journeys, measure=..., level=...)``; fix options of its own with
        `functools.partial`.
    stages : sequence of str
        Some of lead, mql, sql, opportunity, won.
    level : float, default 0.9
        Coverage of the intervals of the shares.
    **options
        Options of `stage_journeys`: roles, as_of, by, dimension, lookback_days and so on.

    Returns
    -------
    Split
        By "stage". Leads, MQLs and SQLs are counted; opportunities (pipeline created) and won
        deals are in money where deals have values, else counted.

    Raises
    ------
    InputError, ConfigError
        As `stage_journeys`: a stage without a date says which column to supply.

    References
    ----------
    HubSpot, "Understand attribution reporting" (knowledge base): reports on contact creation, deal
    creation and revenue are three attributions with their own paths.

    Examples
    --------
    >>> import pandas as pd
    >>> touches = pd.DataFrame({"person_id": ["p1", "p1", "p2"], "channel": ["Events", "Email",
    ...     "Email"], "touched_at": ["2024-01-10", "2024-03-20", "2024-01-05"]})
    >>> leads = pd.DataFrame({"lead_id": ["l1", "l2"], "person_id": ["p1", "p2"],
    ...     "created_at": ["2024-01-11", "2024-01-06"]})
    >>> deals = pd.DataFrame({"deal_id": ["d1"], "person_id": ["p1"], "created_at": ["2024-03-01"],
    ...     "closed_at": ["2024-06-01"], "won": [True], "value": ["1000.00"]})
    >>> told = by_stage(touches, deals, leads, stages=["lead", "opportunity", "won"],
    ...     lookback_days=60)
    >>> told.to_frame()[["stage", "measure", "channel", "credit"]]
             stage      measure channel  credit
    0         lead  conversions   Email     1.0
    1         lead  conversions  Events     1.0
    2  opportunity        value   Email     0.0
    3  opportunity        value  Events  1000.0
    4          won        value   Email   500.0
    5          won        value  Events   500.0
    """
    from mmm.journeys import stage_journeys

    if not callable(model):
        raise ConfigError(f"model is {model!r}. Pass the function itself, such as linear.")
    cut = stage_journeys(touches, deals, leads, stages=stages, **options)
    parts = {
        stage: model(journeys, measure=_measure(stage, journeys), level=level)
        for stage, journeys in cut.items()
    }
    return Split("stage", parts, (*FACTS, *_counts(cut)))


def _measure(stage: str, journeys: Journeys) -> str:
    return "value" if stage in WITH_VALUE and journeys.has_value else "conversions"


def _counts(cut: dict[str, Journeys]) -> list[str]:
    """Say what each stage leaves out."""
    said = []
    for stage, journeys in cut.items():
        counts: Any = journeys.about.get("stage_counts", {})
        for name, what in (
            ("passed_without_date", "leads went past {stage} without its date: left out of it"),
            ("dated_before_lead", "leads have a date of {stage} before their creation: taken then"),
            ("without_date", "deals have no created_at: left out of {stage}"),
        ):
            if counts.get(name):
                said.append(f"{counts[name]} {what.format(stage=stage)}.")
    return said
