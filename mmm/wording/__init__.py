"""English and Italian: numbers, money, dates and every sentence, in one place.

Sentences stand in the folder ``words`` beside this package, a TOML file a subject, one table a key
with an ``en`` and an ``it`` text: the same facts in both languages, typographic apostrophes. A
placeholder is ``{fact:kind}``; the kinds are

``money``, ``cents``
    an amount, in whole units or with cents, in the fact ``currency``
``difference``
    of two figures in the fact ``unit``: "share" in percentage points, "days", else money
``share``, ``change``
    a ratio as a percentage; `change` always carries its sign
``chance``
    a probability as a percentage, never 0% nor 100%
``count``, ``number``, ``days``
    a whole number, a number with one decimal, a length in days
``date``
    a day
``text``, ``channel``, ``channels``
    a name; a channel, ``(unattributed)`` translated; a list of channels
``label GROUP``
    the text of the key ``GROUP.<fact>``, or the fact itself where there is no such key
``count one|many``, ``form one|many``
    a noun behind its count, or a word that follows the number of a count

Italian joins articles and numbers: ``{when:al date}`` gives "al 3 marzo" and "all’8 marzo".
"""

from mmm.wording.entries import LANGUAGES, entries
from mmm.wording.figures import (
    Number,
    exact,
    form_of,
    format_chance,
    format_count,
    format_date,
    format_days,
    format_difference,
    format_list,
    format_money,
    format_share,
    is_missing,
    money_digits,
    round_to_total,
)
from mmm.wording.sentences import KINDS, Finding, Mark, say, split_kind

__all__ = [
    "KINDS",
    "LANGUAGES",
    "Finding",
    "Mark",
    "Number",
    "entries",
    "exact",
    "form_of",
    "format_chance",
    "format_count",
    "format_date",
    "format_days",
    "format_difference",
    "format_list",
    "format_money",
    "format_share",
    "is_missing",
    "money_digits",
    "round_to_total",
    "say",
    "split_kind",
]
