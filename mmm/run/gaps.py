"""What is missing for an answer, and what would mend it, in two languages."""

import re
from collections.abc import Iterable
from datetime import date

from mmm.errors import MmmError
from mmm.run.advice import Gap
from mmm.wording import Finding, say

_NEEDS = {
    "needs leads. Add the table.": ("no_leads", "add_leads"),
    "needs spend. Add the table.": ("no_spend", "add_spend"),
    "needs leads and spend. Add the table.": ("no_leads_and_spend", "add_both"),
}
_NO_COLUMN = re.compile(r"(\w+) has no column ((?:'[^']+'(?:, )?)+)")
_NEEDS_COLUMN = re.compile(r"needs (\w+)\.(\w+) or \w+\.(\w+)\. Add the column\.")
_SPEND_OF = re.compile(
    r"spend of (?P<file>.+) is there from (?P<first>\S+) to (?P<last>\S+), "
    r"and (?P<start>\S+) to (?P<end>\S+) is compared\. Add the rest\."
)
# What the health of the funnel tries, and the answer that it is.
_ANSWERS = {
    "cac": "cac",
    "lead_to_customer": "conversion",
    "sales_cycle": "sales_cycle",
    "average_deal": "average_deal",
    "sales_velocity": "velocity",
    "change": "change",
    "stages": "stages",
    "forecast": "forecast",
    "agreement": "agreement",
}


class NoAnswer(MmmError):
    """There is no answer; `gap` says why, and what would mend it.

    Parameters
    ----------
    answer, reason, cure : str
        Keys, as `make_gap` takes them.
    **facts : object
    """

    def __init__(self, answer: str, reason: str, cure: str, **facts: object) -> None:
        self.gap = make_gap(answer, reason, cure, **facts)
        super().__init__(self.gap.sentence())


def make_gap(answer: str, reason: str, cure: str, **facts: object) -> Gap:
    """Say which answer is missing, why, and what would mend it.

    Parameters
    ----------
    answer, reason, cure : str
        Keys of the groups ``gap``, ``missing`` and ``cure`` in the words.
    **facts : object
        What their placeholders ask for.

    Examples
    --------
    >>> print(make_gap("calls", "no_leads", "add_leads").sentence())
    No lead can be ranked. There are no leads. Add the table under [leads] in mmm.toml.
    """
    return Gap(
        answer,
        Finding(f"missing.{reason}", None, facts=facts),
        Finding(f"cure.{cure}", None, facts=facts),
    )


def of_error(answer: str, error: MmmError) -> Gap:
    """Turn an error of the user's data into a gap; what was not foreseen keeps its own words."""
    if isinstance(error, NoAnswer):
        return error.gap
    text = str(error)
    if text in _NEEDS:
        return make_gap(answer, *_NEEDS[text])
    if found := _SPEND_OF.fullmatch(text):
        days = {n: date.fromisoformat(found[n]) for n in ("first", "last", "start", "end")}
        return make_gap("cac_change", "spend_of_file", "spend_of_file", file=found["file"], **days)
    if found := _NO_COLUMN.match(text):
        columns = re.findall("'([^']+)'", found[2])
        return make_gap(answer, "no_column", "add_column", table=found[1], columns=columns)
    if found := _NEEDS_COLUMN.match(text):
        either = [found[2], found[3]]
        return make_gap(answer, "neither_column", "add_column", table=found[1], columns=either)
    return make_gap(answer, "other", "mend", text=text)


def health_gaps(missing: Iterable[str]) -> tuple[Gap, ...]:
    """Turn what the funnel could not compute into gaps.

    Parameters
    ----------
    missing : iterable of str
        As `mmm.run.health.Health` names it: what, a colon, why.

    Examples
    --------
    >>> [gap.answer for gap in health_gaps(["cac: needs spend. Add the table."])]
    ['cac']
    """
    lines = [line.partition(": ")[::2] for line in missing]
    names = {name for name, _ in lines}
    found = []
    for name, text in lines:
        before = name.removeprefix("change of ")
        if before != name and before in names:
            continue  # an indicator that is not computed has no change either
        answer = "change" if before != name else _ANSWERS.get(name, "part")
        found.append(of_error(answer, MmmError(text)))
    return tuple(found)


def in_words(gaps: Iterable[Gap], lang: str = "en") -> list[str]:
    """Say gaps of one cause together, the cause and the cure once.

    Parameters
    ----------
    gaps : iterable of Gap
    lang : {"en", "it"}

    Examples
    --------
    >>> both = [make_gap(name, "no_leads", "add_leads") for name in ("calls", "forecast")]
    >>> [line[:59] for line in in_words(both)]
    ['No lead can be ranked. There is no forecast. There are no l']
    """
    together: dict[tuple[str, str], list[str]] = {}
    for gap in gaps:
        why = (gap.reason.sentence(lang), gap.cure.sentence(lang))
        together.setdefault(why, []).append(say(f"gap.{gap.answer}", lang))
    return [" ".join([*dict.fromkeys(names), *why]) for why, names in together.items()]
