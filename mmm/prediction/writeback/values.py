"""Values of the fields that are written: made from scores, compared with what is there."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

import numpy as np

from mmm.crm.records import Cell
from mmm.crm.target import FIELDS, GRADE, MODEL, PROBABILITY, REASONS, SCORED_AT, Fields
from mmm.errors import ConfigError, quoted
from mmm.prediction.scores import LeadScores

DIGITS = 4  # of a probability: a hundredth of a percentage point
_NEAR = 0.6 * 10.0**-DIGITS
_LONGEST = 255  # characters of a text field in the narrowest system


def choose_fields(names: Collection[str] | None) -> tuple[str, ...]:
    """Return the fields to write, in their order; ``mmm_`` may be left out of a name.

    Raises
    ------
    ConfigError
        If a name is unknown, or neither probability nor grade is among them.

    Examples
    --------
    >>> choose_fields(["grade", "mmm_probability"])
    ('mmm_probability', 'mmm_grade')
    """
    if names is None:
        return FIELDS
    full = {name if name.startswith("mmm_") else f"mmm_{name}" for name in names}
    if unknown := sorted(full - set(FIELDS)):
        raise ConfigError(f"fields= names {quoted(unknown)}. Choose among {quoted(FIELDS)}.")
    if not full & {PROBABILITY, GRADE}:
        raise ConfigError(
            f"fields= holds neither {PROBABILITY!r} nor {GRADE!r}, which tell what has changed. "
            "Add one of them."
        )
    return tuple(name for name in FIELDS if name in full)


def columns_of(
    scores: LeadScores, fields: Sequence[str], rows: Sequence[int]
) -> dict[str, list[Cell]]:
    """Return what is written for some leads, by field.

    Parameters
    ----------
    scores : LeadScores
    fields : sequence of str
        Of `FIELDS`.
    rows : sequence of int
        Positions of the leads.
    """
    found: dict[str, list[Cell]] = {}
    if PROBABILITY in fields:
        probability = rounded(scores)
        found[PROBABILITY] = [probability[row] for row in rows]
    if GRADE in fields:
        found[GRADE] = scores.grade[np.asarray(rows, dtype=np.intp)].tolist()
    said = [scores.reasons[row] or () for row in rows]
    for place, name in enumerate(REASONS):
        if name in fields:
            found[name] = [(len(one) > place and one[place][:_LONGEST]) or None for one in said]
    alike = {MODEL: scores.model_version, SCORED_AT: instant_text(scores.scored_at)}
    return found | {name: [alike[name]] * len(rows) for name in alike if name in fields}


def rounded(scores: LeadScores) -> list[float]:
    """Return the probabilities as they are written."""
    found: list[float] = np.round(scores.probability, DIGITS).tolist()
    return found


def instant_text(moment: datetime) -> str:
    """Return an instant as ISO 8601 in UTC, with seconds.

    Examples
    --------
    >>> instant_text(datetime(2025, 3, 1, 6, 30, tzinfo=UTC))
    '2025-03-01T06:30:00+00:00'
    """
    return moment.astimezone(UTC).replace(microsecond=0).isoformat()


def same(present: Fields, wanted: Fields) -> bool:
    """Whether a lead has the wanted values already; other fields do not count.

    Systems write numbers and instants in their own way: probabilities are alike to four decimals,
    instants where they name the same second, and an empty text is none.

    Examples
    --------
    >>> same({"mmm_probability": 0.30000001, "mmm_grade": "A"}, {"mmm_probability": 0.3})
    True
    >>> same({"mmm_grade": "A"}, {"mmm_grade": None})
    False
    """
    return all(_alike(name, present.get(name), value) for name, value in wanted.items())


def _alike(name: str, one: str | float | None, other: str | float | None) -> bool:
    one, other = (None if value == "" else value for value in (one, other))
    if one == other:
        return True
    if one is None or other is None:
        return False
    try:
        if name == PROBABILITY:
            return abs(float(one) - float(other)) < _NEAR
        if name == SCORED_AT:
            return _instant(str(one)) == _instant(str(other))
    except ValueError:
        return False
    return str(one) == str(other)


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.replace(microsecond=0)


def digest_of(scores: LeadScores) -> str:
    """Return a fingerprint of the scores, whatever the order of the leads.

    The moment of scoring takes no part: the same leads scored again have the same one.
    """
    columns = (map(str, scores.lead_id), map(str, rounded(scores)), map(str, scores.grade))
    said = ("\x1f".join(reasons or ()) for reasons in scores.reasons.tolist())
    lines = sorted(map("\x1f".join, zip(*columns, said, strict=True)))
    return hashlib.sha256("\x1e".join(lines).encode()).hexdigest()
