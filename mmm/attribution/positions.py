"""Position-based rules: parts of a deal for the touches that mark a step of the sale."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import fsum
from types import MappingProxyType

import numpy as np

from mmm.attribution.measure import Floats, Integers, check_journeys
from mmm.attribution.result import AttributionResult
from mmm.attribution.rules import by_rule
from mmm.errors import ConfigError, DataWarning, InputError, quoted
from mmm.journeys import STAGES, Journeys

REST = "rest"
ENDS = ("first", "last")
ANCHORS = (*ENDS, *STAGES)


@dataclass(frozen=True)
class Shape:
    """A position-based rule.

    Attributes
    ----------
    weights : mapping of str to float
        Part of a deal for each anchor (first, last, lead, mql, sql, opportunity) and for the rest,
        which all other touches share equally. Sums to 1.
    source : str
        Who calls it by this name.
    """

    weights: Mapping[str, float]
    source: str


_HUBSPOT = "as HubSpot describes it for revenue attribution"
SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "u": Shape(
            {"first": 0.4, "last": 0.4, REST: 0.2},
            "as web tools used it: position-based in Google Ads and Universal Analytics",
        ),
        "u_lead": Shape({"first": 0.4, "lead": 0.4, REST: 0.2}, f"U-shape {_HUBSPOT}"),
        "w": Shape(
            {"first": 0.3, "lead": 0.3, "opportunity": 0.3, REST: 0.1}, f"W-shape {_HUBSPOT}"
        ),
        "full_path": Shape(
            {"first": 0.225, "lead": 0.225, "opportunity": 0.225, "last": 0.225, REST: 0.1},
            f"full path {_HUBSPOT}; the anchor at the close is taken as the last touch before it",
        ),
        "j": Shape({"first": 0.2, "last": 0.6, REST: 0.2}, "J-shape, a name that HubSpot uses"),
        "inverse_j": Shape(
            {"first": 0.6, "last": 0.2, REST: 0.2}, "inverse J-shape, a name that HubSpot uses"
        ),
    }
)


def position_based(
    journeys: Journeys,
    *,
    shape: str | None = None,
    weights: Mapping[str, float] | None = None,
    measure: str | None = None,
    level: float = 0.9,
) -> AttributionResult:
    """Credit fixed parts of each won deal to the touches that mark a step of the sale.

    =============  =======================================================  =====================
    shape          parts of a deal                                          name known from
    =============  =======================================================  =====================
    ``u``          first 40, last 40, rest 20                               Google: position-based
    ``u_lead``     first 40, lead 40, rest 20                               HubSpot: U-shaped
    ``w``          first 30, lead 30, opportunity 30, rest 10               HubSpot: W-shaped
    ``full_path``  first, lead, opportunity, last 22.5 each, rest 10        HubSpot: full path
    ``j``          first 20, last 60, rest 20                               HubSpot: J-shaped
    ``inverse_j``  first 60, last 20, rest 20                               HubSpot: inverse J
    =============  =======================================================  =====================

    The parts in the table are the definition here; the names are those under which such rules are
    known, and what a tool does under a name may differ and change. The same word means two rules:
    the U of web tools holds the last touch before the close, that of CRMs the touch that made the
    lead, which in a long sale comes months earlier. Lead, MQL, SQL and opportunity are the last
    touch at or before that date of the CRM (`Journeys.anchors`). An anchor that a deal does not
    have hands its part to the others, pro rata; so does the rest where no touch is left for it.
    Anchors on the same touch add up. To credit what made leads instead of deals, use `by_stage`
    with this model, stage lead.

    Parameters
    ----------
    journeys : Journeys
        With anchors from `build_journeys(leads=)` where the shape names lead, mql, sql or
        opportunity.
    shape : {"u", "u_lead", "w", "full_path", "j", "inverse_j"}, optional
        "u" by default, which needs the order of touches alone.
    weights : mapping of str to float, optional
        Parts of your own instead of a shape, for some of first, last, lead, mql, sql, opportunity
        and rest; they sum to 1.
    measure : {"value", "conversions"}, optional
        What to share out; value by default where the journeys have it.
    level : float, default 0.9
        Coverage of the intervals of the shares.

    Returns
    -------
    AttributionResult
        Named ``position_based`` for the shape "u", ``position_based_w`` and so on for others,
        ``position_based_own`` for weights. With a credit per deal; ``notes`` count the won deals
        without one of the anchors.

    Raises
    ------
    ConfigError
        For an unknown shape or anchor, or weights that do not sum to 1.
    InputError
        If the journeys have no such anchors, or a won deal has none of those that get weight.

    Warns
    -----
    DataWarning
        If no won deal has an anchor of the shape.

    References
    ----------
    Google Ads API, AttributionModelType (position based); HubSpot, "Understand attribution
    reporting" (knowledge base).

    Examples
    --------
    >>> journeys = Journeys.from_paths(["Events > Email > Search"], value=[100.0])
    >>> position_based(journeys).credit.tolist()
    [20.0, 40.0, 40.0]
    >>> position_based(journeys, weights={"first": 0.5, "rest": 0.5}).credit.tolist()
    [25.0, 50.0, 25.0]
    """
    check_journeys(journeys)
    name, chosen = _chosen(shape, weights)
    parts = ", ".join(f"{anchor} {100 * part:g}%" for anchor, part in chosen.weights.items())
    return by_rule(
        name,
        f"Parts of a won deal by position: {parts} ({chosen.source}). A missing anchor hands its "
        "part to the others pro rata.",
        partial(position_weights, parts=dict(chosen.weights)),
        journeys,
        measure=measure,
        level=level,
        notes=_missing(journeys, chosen.weights),
    )


def position_weights(journeys: Journeys, parts: Mapping[str, float]) -> Floats:
    """Return the part of each touch, summing to 1 within each journey, shape (n_touches,).

    Examples
    --------
    >>> parts = {"first": 0.4, "last": 0.4, "rest": 0.2}
    >>> position_weights(Journeys.from_paths(["a > b", "a > b > c > d"]), parts).tolist()
    [0.5, 0.5, 0.4, 0.1, 0.1, 0.4]
    """
    n_touches, lengths = len(journeys.touch), journeys.lengths
    weights, marked = np.zeros(n_touches), np.zeros(n_touches, dtype=bool)
    if n_touches == 0:
        return weights
    for anchor, part in parts.items():
        if anchor != REST:
            at = anchor_position(journeys, anchor)
            at = at[at >= 0]
            weights[at] += part
            marked[at] = True
    first = journeys.start[:-1]
    n_rest = lengths - np.add.reduceat(marked.astype(np.int64), first)
    each = parts.get(REST, 0.0) / np.maximum(n_rest, 1)
    weights += np.where(marked, 0.0, np.repeat(each, lengths))
    total = np.add.reduceat(weights, first)
    _check_some_anchor(journeys, total, parts)
    # Journeys without a deal have no anchors of the CRM; nothing of theirs is shared out.
    weights = np.where(np.repeat(total > 0, lengths), weights, 1.0)
    return np.asarray(weights / np.repeat(np.where(total > 0, total, lengths), lengths))


def anchor_position(journeys: Journeys, anchor: str) -> Integers:
    """Return the position in `touch` of an anchor of each journey, -1 where there is none.

    Raises
    ------
    InputError
        If the journeys were built without it.

    Examples
    --------
    >>> anchor_position(Journeys.from_paths(["a > b", "a"]), "last").tolist()
    [1, 2]
    """
    if anchor == "first":
        return journeys.start[:-1]
    if anchor == "last":
        return journeys.start[1:] - 1
    if anchor not in journeys.anchors:
        raise InputError(
            f"these journeys do not say where the {anchor} was created. Build them with "
            "mmm.build_journeys(touches, deals, leads=leads), or use shape='u', which needs the "
            "first and the last touch alone."
        )
    return journeys.anchors[anchor]


def _check_some_anchor(journeys: Journeys, total: Floats, parts: Mapping[str, float]) -> None:
    lost = int(np.count_nonzero((total == 0) & (journeys.conversions > 0)))
    if lost:
        raise InputError(
            f"{lost} won deals have none of the touches that get weight ({', '.join(parts)}). "
            "Give 'first', 'last' or 'rest' a part of the weights."
        )


def _chosen(shape: str | None, weights: Mapping[str, float] | None) -> tuple[str, Shape]:
    if weights is not None:
        if shape is not None:
            raise ConfigError("shape and weights are both given. Pass one of them.")
        return "position_based_own", Shape(_checked(weights), "weights of your own")
    if shape is not None and shape not in SHAPES:
        raise ConfigError(
            f"shape is {shape!r}. Choose one of {', '.join(SHAPES)}, or pass weights=."
        )
    name = "position_based" if shape in (None, "u") else f"position_based_{shape}"
    return name, SHAPES[shape or "u"]


def _checked(weights: Mapping[str, float]) -> dict[str, float]:
    known = (*ANCHORS, REST)
    if not isinstance(weights, Mapping) or not weights:
        raise ConfigError("weights is no mapping. Pass for example {'first': 0.5, 'rest': 0.5}.")
    unknown = [name for name in weights if name not in known]
    if unknown:
        raise ConfigError(f"weights names {quoted(unknown)}. Choose from {quoted(known)}.")
    parts = {name: float(part) for name, part in weights.items()}
    # Written so that NaN fails too.
    if not (all(part >= 0 for part in parts.values()) and abs(fsum(parts.values()) - 1) < 1e-9):
        raise ConfigError(
            f"weights are {parts}. Pass parts of 1, none negative, that sum to 1, such as "
            "{'first': 0.3, 'lead': 0.3, 'opportunity': 0.3, 'rest': 0.1}."
        )
    return parts


def _missing(journeys: Journeys, parts: Mapping[str, float]) -> tuple[str, ...]:
    """Count won deals without an anchor; warn where none has it."""
    won = journeys.conversions > 0
    n_won, said = int(won.sum()), []
    for anchor in parts:
        if anchor in (*ENDS, REST) or not n_won:
            continue
        lost = int(np.count_nonzero(anchor_position(journeys, anchor)[won] < 0))
        if lost:
            said.append(
                f"{lost} of {n_won} won journeys have no touch at or before the date of "
                f"{anchor}: its part went to the other anchors."
            )
        if lost == n_won:
            warnings.warn(
                f"no won deal has a touch at or before its date of {anchor}, so this is another "
                "rule than its name says. Pass leads= to build_journeys, or use shape='u'.",
                DataWarning,
                stacklevel=3,
            )
    return tuple(said)
