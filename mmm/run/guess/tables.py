"""Tables: which file is which table, and which of its columns is which of ours."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mmm.run.guess.headings import (
    ENOUGH,
    PLATFORMS,
    file_score,
    heading_score,
    is_platform,
    plain,
)
from mmm.run.guess.looks import WON, Look, Sheet, outcomes
from mmm.tables import SPECS
from mmm.tables.across import named_months
from mmm.tables.readers import KINDS
from mmm.tables.schema import Column

TABLES = ("touches", "deals", "leads", "spend", "costs", "contacts", "roles")
By = Literal["heading", "values", "link"]
_KIND_WORDS = {word for words in KINDS.values() for word in words}
_MOST_WORDS = 20  # of a column that tells won from lost
ORIGIN = ("channel", "source", "medium", "campaign")
_STAND_INS = {"leads": ("lead_id", "person_id"), "contacts": ("person_id", "email")}
_ACROSS = ("instant", "amount", "flag", "empty")
_MONEY = ("spend", "costs")
_OUTCOME = re.compile(
    r"\b(revenue|sales|turnover|orders|conversions|ricav[oi]|fatturato|vendite|ordini|conversioni)\b"
)
_FIRST, _LAST = {"first name", "nome"}, {"last name", "surname", "cognome"}
_KEYS = {"deals": "deal_id", "leads": "lead_id", "contacts": "person_id", "touches": "touch_id"}


@dataclass(frozen=True)
class ColumnGuess:
    """One of our columns, and the column of the file that it seems to be.

    Attributes
    ----------
    ours : str
    theirs : str or bool
        Heading; True where every row is taken for a deal won.
    by : {"heading", "values", "link"}
        What it rests on.
    score : float
        1 where the heading is one that the package knows.
    others : tuple of str
        Columns that fit nearly as well.
    share : float
        For a link: how much of its values is in the other table.
    other : str
        For a link: title of the other file.
    """

    ours: str
    theirs: str | bool
    by: By = "heading"
    score: float = 1.0
    others: tuple[str, ...] = ()
    share: float = 0.0
    other: str = ""


@dataclass(frozen=True, eq=False)
class TableGuess:
    """One file taken for one table.

    Attributes
    ----------
    table : str
    sheet : Sheet
    columns : tuple of ColumnGuess
    score : float
        How well the table fits the file.
    rivals : tuple of str
        Tables that the file could be as well, the likeliest first.
    missing : tuple of str
        Columns that the table needs and that were not found.
    italian : float
        Share of the headings recognised that are Italian.
    platform : str
        Of spend without a channel: the advertising platform that wrote the file; "" for none.
    months : tuple of str
        Of spend with a column a month: their headings.
    """

    table: str
    sheet: Sheet
    columns: tuple[ColumnGuess, ...]
    score: float
    rivals: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    italian: float = 0.0
    platform: str = ""
    months: tuple[str, ...] = ()

    @property
    def channel(self) -> str | None:
        """Return the channel of every row, which the platform tells."""
        return PLATFORMS.get(self.platform)

    def column(self, ours: str) -> str | None:
        """Return the heading that one of our columns has here; None where it has none."""
        for guess in self.columns:
            if guess.ours == ours and isinstance(guess.theirs, str):
                return guess.theirs
        return None

    def look(self, ours: str) -> Look | None:
        """Return what that column holds."""
        name = self.column(ours)
        return None if name is None else self.sheet.look(name)

    def with_column(self, guess: ColumnGuess) -> "TableGuess":
        """Return the table with this guess in place of any other for the same column."""
        kept = [one for one in self.columns if one.ours != guess.ours]
        order = list(SPECS[self.table].names)
        columns = sorted([*kept, guess], key=lambda one: order.index(one.ours))
        missing = tuple(name for name in self.missing if guess.ours not in name.split(" / "))
        return replace(self, columns=tuple(columns), missing=missing)


def fits(table: str, column: Column, look: Look) -> float:
    """Say how far the values of a column can be those of one of ours: 0 not at all, 1 well."""
    if look.kind == "empty":
        return 0.0
    if column.kind in {"instant", "date"}:
        return 1.0 if look.kind == "instant" else 0.0
    if column.kind == "money":
        return 1.0 if look.kind == "amount" else 0.0
    if column.kind == "flag":
        return 1.0 if look.tells_won else 0.0
    if look.kind == "instant" or _is_status(column, look):
        return 0.0
    if column.name == "kind" and table == "deals":
        return float(any(word.lower().strip() in _KIND_WORDS for word in look.words))
    if column.name == "currency":
        return float(all(len(word) == 3 and word.isalpha() for word in look.words))
    if column.name == _KEYS.get(table):
        return 1.0 if look.distinct > 0.9 * look.filled and look.filled > 0.9 * look.n else 0.4
    if column.name in {"channel", "source", "medium"}:
        few = look.distinct <= max(30, 0.2 * look.filled)
        return 0.0 if look.kind in {"amount", "email"} else 1.0 if few else 0.5
    return 1.0


def _is_status(column: Column, look: Look) -> bool:
    """Tell whether a column has too few words for people or companies, whatever its heading."""
    return column.name in {"person_id", "account_id"} and look.distinct < min(10, look.filled / 20)


def guess_table(table: str, sheet: Sheet, given: Sequence[ColumnGuess] = ()) -> TableGuess | None:
    """Take a file for a table, if anything speaks for it.

    Parameters
    ----------
    table : str
    sheet : Sheet
    given : sequence of ColumnGuess
        Columns that are known already.

    Returns
    -------
    TableGuess or None
        None where neither its name nor its columns say that it could be one.
    """
    spec = SPECS[table]
    pairs, tongue = [], {}
    for column in spec.columns:
        for look in sheet.looks:
            name, lang = heading_score(table, column.name, look.name)
            score = name * fits(table, column, look)
            if column.kind == "flag" and len(set(_outcomes(look))) == 2:
                score *= 1.3  # a word for won and one for lost tell more than a yes or no
            if score >= ENOUGH:
                pairs.append((score, column.name, look.name))
                tongue[column.name, look.name] = lang
    known = {one.ours for one in given}
    chosen = [*given, *(one for one in _assigned(pairs, table) if one.ours not in known)]
    chosen += _by_values(table, sheet, chosen)
    named = file_score(table, sheet.title)
    if table in _MONEY and not named and any(file_score(one, sheet.title) for one in TABLES):
        return None  # amounts and dates stand in deals as well, and the file says that it is such
    if table == "deals":
        chosen = _all_won(_unknown_words(chosen, sheet), sheet)
    chosen = _with_key(table, _whole_names(chosen, sheet), sheet)
    months = _months(sheet, chosen) if table == "spend" else ()
    chosen = _row_names(sheet, chosen, months) if months else chosen
    platform = _platform(sheet, chosen) if table == "spend" else ""
    elsewhere = {*(("date", "spend") if months else ()), *(ORIGIN if platform else ())}
    missing = _missing(table, chosen, elsewhere)
    needed = {c.name for c in spec.columns if c.required} | {n for g in spec.one_of for n in g}
    if not chosen or (missing and (not named or len(missing) > 2)):
        return None
    weight = sum(min(one.score, 1.1) * (2 if one.ours in needed else 1) for one in chosen)
    tongues = [tongue.get((one.ours, str(one.theirs)), "") for one in chosen]
    spoken = [lang for lang in tongues if lang]
    return TableGuess(
        table,
        sheet,
        tuple(chosen),
        score=weight / (len(spec.columns) + 4) ** 0.5 + 1.5 * named - 2.0 * len(missing),
        missing=missing,
        italian=spoken.count("it") / len(spoken) if spoken else 0.0,
        platform=platform,
        months=months,
    )


def _months(sheet: Sheet, chosen: Sequence[ColumnGuess]) -> tuple[str, ...]:
    """Return the columns of a plan that has one a month, and no date; none of another table."""
    months = named_months(look.name for look in sheet.looks)
    dated = any(one.ours == "date" for one in chosen)
    return months if len(months) > 1 and not dated else ()


def _row_names(
    sheet: Sheet, chosen: Sequence[ColumnGuess], months: tuple[str, ...]
) -> list[ColumnGuess]:
    """Take the one column of words in a plan for the channel, where no heading says what it is."""
    kept = [one for one in chosen if one.ours != "spend"]
    words = [look.name for look in sheet.looks if look.kind == "text" and look.name not in months]
    if len(words) != 1 or {one.ours for one in kept} & set(ORIGIN):
        return kept
    return [*kept, ColumnGuess("channel", words[0], "values", 0.5)]


def _platform(sheet: Sheet, chosen: Sequence[ColumnGuess]) -> str:
    """Name the platform whose export this is, where no column tells channels apart."""
    if {one.ours for one in chosen} & {"channel", "source", "medium"}:
        return ""
    return is_platform(sheet.title, tuple(look.name for look in sheet.looks))


def _outcomes(look: Look) -> list[bool]:
    return list(outcomes(look.words).values())


def _assigned(pairs: Sequence[tuple[float, str, str]], table: str) -> list[ColumnGuess]:
    """Give each of our columns the best heading that is left, the surest pairs first."""
    chosen: dict[str, tuple[float, str]] = {}
    order = list(SPECS[table].names)
    for score, ours, theirs in sorted(pairs, key=lambda p: (-p[0], order.index(p[1]), p[2])):
        taken = {name for mine, (_, name) in chosen.items() if {mine, ours} != {"won", "stage"}}
        if ours not in chosen and theirs not in taken:
            chosen[ours] = (score, theirs)
    used = {name for _, name in chosen.values()}
    guesses = []
    for ours in order:
        if ours in chosen:
            score, theirs = chosen[ours]
            rivals = sorted((-s, name) for s, mine, name in pairs if mine == ours)
            others = tuple(name for _, name in rivals if name not in used)
            guesses.append(ColumnGuess(ours, theirs, "heading", score, others[:3]))
    return guesses


def _by_values(table: str, sheet: Sheet, chosen: list[ColumnGuess]) -> list[ColumnGuess]:
    """Fill in a column that is needed where one column alone holds such values."""
    found: list[ColumnGuess] = []
    used = {one.theirs for one in chosen}
    have = {one.ours for one in chosen}
    if len(have) < 2:
        return found
    for column in SPECS[table].columns:
        if not column.required or column.name in have or column.kind == "text":
            continue
        free = [look for look in sheet.looks if look.name not in used and not _is_id(look.name)]
        if column.kind == "flag":
            fitting = [look for look in free if _names_both(look)]
        else:
            fitting = [look for look in free if fits(table, column, look) == 1.0]
        if len(fitting) == 1:
            found.append(ColumnGuess(column.name, fitting[0].name, "values", 0.5))
            used.add(fitting[0].name)
    return found


def _unknown_words(chosen: list[ColumnGuess], sheet: Sheet) -> list[ColumnGuess]:
    """Take a column called like one that tells won from lost, though its words are not known."""
    names = {one.ours: one.theirs for one in chosen}
    if "won" in names or "closed_at" not in names:
        return chosen
    used = {theirs for ours, theirs in names.items() if ours != "stage"}
    scores = {
        look.name: heading_score("deals", "won", look.name)[0]
        for look in sheet.looks
        if look.kind == "text" and 1 < look.distinct <= _MOST_WORDS and look.name not in used
    }
    best = max(scores, key=lambda name: scores[name], default="")
    if not best or scores[best] < ENOUGH:
        return chosen
    return [*chosen, ColumnGuess("won", best, "heading", 0.5)]


def _names_both(look: Look) -> bool:
    """Tell whether values name won and lost; a yes or no alone may answer any question."""
    return len(set(_outcomes(look))) == 2 and any(map(WON.search, look.words))


def _is_id(heading: str) -> bool:
    return heading.endswith("ID") or plain(heading).split(" ")[-1] == "id"


def _whole_names(chosen: list[ColumnGuess], sheet: Sheet) -> list[ColumnGuess]:
    """Leave out a first or a last name that stands beside the other: two people share it."""
    there = {plain(look.name) for look in sheet.looks}
    if not (there & _FIRST and there & _LAST):
        return chosen
    return [c for c in chosen if c.ours != "name" or plain(str(c.theirs)) not in _FIRST | _LAST]


def _with_key(table: str, chosen: list[ColumnGuess], sheet: Sheet) -> list[ColumnGuess]:
    """Take the person for the id of a lead, the address for that of a person, where all differ."""
    key, own = _STAND_INS.get(table, ("", ""))
    names = {one.ours: one.theirs for one in chosen}
    theirs = names.get(own)
    if key in names or not isinstance(theirs, str):
        return chosen
    look = sheet.look(theirs)
    whole = look.is_key and look.filled == look.n
    return [ColumnGuess(key, theirs, "values", 0.5), *chosen] if whole else chosen


def _all_won(chosen: list[ColumnGuess], sheet: Sheet) -> list[ColumnGuess]:
    """Take every row for a deal won where nothing tells won from lost and all are closed."""
    names = {one.ours: one.theirs for one in chosen}
    closed = names.get("closed_at")
    if "won" in names or not isinstance(closed, str):
        return chosen
    look = sheet.look(closed)
    if look.filled < look.n or any(one.tells_won for one in sheet.looks if one.kind == "text"):
        return chosen
    return [*chosen, ColumnGuess("won", True, "values", 0.5)]


def _missing(
    table: str, chosen: list[ColumnGuess], elsewhere: Collection[str] = ()
) -> tuple[str, ...]:
    """Return what a table needs and no column holds, nor another place of the file."""
    have = {*(one.ours for one in chosen), *elsewhere}
    spec = SPECS[table]
    absent = [c.name for c in spec.columns if c.required and c.name not in have]
    absent += [" / ".join(group) for group in spec.one_of if not have & set(group)]
    if table == "contacts" and not have & {"account_id", "email", "name"}:
        absent.append("account_id")
    return tuple(absent)


def guess_tables(sheets: Sequence[Sheet]) -> tuple[list[TableGuess], list[Sheet]]:
    """Take each file for the table that fits it best, one file a table; spend may have several.

    Returns
    -------
    list of TableGuess
        In the order of the configuration.
    list of Sheet
        Those that were taken for none.
    """
    every = [(sheet, guess_table(table, sheet)) for sheet in sheets for table in TABLES]
    found = [(sheet, guess) for sheet, guess in every if guess is not None]
    ranked = sorted(found, key=lambda one: (-one[1].score, TABLES.index(one[1].table)))
    chosen: dict[str, TableGuess] = {}
    taken: set[int] = set()
    for sheet, guess in ranked:
        if guess.table in chosen or id(sheet) in taken:
            continue
        rivals = tuple(
            other.table
            for its, other in ranked
            if its is sheet and other is not guess and not other.missing
            if other.score > 0.6 * guess.score
        )
        chosen[guess.table] = replace(guess, rivals=rivals)
        taken.add(id(sheet))
    _people_as_leads(chosen)
    more = [] if "spend" not in chosen else _more_spend(ranked, taken)
    taken |= {id(guess.sheet) for guess in more}
    place = {id(sheet): number for number, sheet in enumerate(sheets)}
    every_file = [*chosen.values(), *more]
    return (
        sorted(every_file, key=lambda one: (TABLES.index(one.table), place[id(one.sheet)])),
        [sheet for sheet in sheets if id(sheet) not in taken],
    )


def _more_spend(
    ranked: Sequence[tuple[Sheet, TableGuess]], taken: Collection[int]
) -> list[TableGuess]:
    """Return the files beyond the first that are whole tables of spend, before all else."""
    first = {id(sheet): guess for sheet, guess in reversed(ranked) if id(sheet) not in taken}
    return [guess for guess in first.values() if guess.table == "spend" and not guess.missing]


def channels_across(sheet: Sheet) -> list[str]:
    """Return the date and the amounts of a file that has nothing else: a wide table; [] of others.

    Its amounts may be the spend of a channel each. What its heading calls an outcome is left out;
    a file with an id has a row a thing, not a day.
    """
    kinds = {kind: [one.name for one in sheet.looks if one.kind == kind] for kind in _ACROSS}
    if sum(map(len, kinds.values())) < len(sheet.looks) or any(_is_id(s.name) for s in sheet.looks):
        return []
    spends = [name for name in kinds["amount"] if not _OUTCOME.search(plain(name))]
    wide = len(kinds["instant"]) == 1 and len(kinds["amount"]) > 1 and spends
    return [*kinds["instant"], *spends] if wide else []


def _people_as_leads(chosen: dict[str, TableGuess]) -> None:
    """Let a file of people be the leads too, where no other is and it says when and whence.

    The contacts of many systems are the leads: one export holds both.
    """
    people = chosen.get("contacts")
    if people is None or "leads" in chosen:
        return
    leads = guess_table("leads", people.sheet)
    if leads is not None and not leads.missing and any(leads.column(name) for name in ORIGIN):
        chosen["leads"] = replace(leads, rivals=())
