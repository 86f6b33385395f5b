"""From files to a guess: what they are, how they are written, how they hang together."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc

from mmm.errors import MmmError, SourceError, quoted
from mmm.run.guess.channels import ChannelGuess, by_rules, guess_channels
from mmm.run.guess.links import LEAST_SHARED, linked, own_leads, shared
from mmm.run.guess.looks import Sheet, open_sheets
from mmm.run.guess.tables import TableGuess, guess_tables
from mmm.run.guess.writing import Writing, is_italian, writing_of

ENDINGS = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".parquet")
_CODES = {"€": "EUR", "£": "GBP", "$": "USD"}
_CODE = re.compile(
    r"\b(EUR|USD|GBP|CHF|BRL|PLN|SEK|DKK|NOK|CZK|CAD|AUD|JPY)\b|[€£]|(?<![A-Za-z])\$"  # not R$
)
SEVERAL = 1.2  # people an account, from which on deals are those of a company


@dataclass(frozen=True)
class Currency:
    """The currency found, and the column that says so; both None where nothing does.

    ``dollar`` where a bare $ says it, which is of several countries.
    """

    code: str | None = None
    column: str | None = None
    written: bool = False
    dollar: bool = False


@dataclass(frozen=True)
class Joined:
    """How deals find their contacts: ``by`` is "account", "person", or None where nothing joins."""

    by: str | None
    people: float | None = None


@dataclass(frozen=True, eq=False)
class Guess:
    """What a look at the files says.

    Attributes
    ----------
    tables : tuple of TableGuess
    writings : mapping of TableGuess to Writing
    channels : ChannelGuess
    italian : bool
        Whether the headings are Italian.
    currency : Currency
    joined : Joined
    own_leads : bool
        Whether the deals serve as their own leads.
    unused : tuple of Sheet
        Files that were taken for no table.
    unread : tuple of (str, str)
        Files that could not be read, and why.
    n_files : int
    """

    tables: tuple[TableGuess, ...]
    writings: Mapping[TableGuess, Writing]
    channels: ChannelGuess
    italian: bool
    currency: Currency
    joined: Joined
    own_leads: bool
    unused: tuple[Sheet, ...]
    unread: tuple[tuple[str, str], ...]
    n_files: int

    def table(self, name: str) -> TableGuess | None:
        """Return what was guessed of one table, its first file; None where no file is."""
        return next((guess for guess in self.tables if guess.table == name), None)


def find_files(places: Iterable[str | Path]) -> list[Path]:
    """Return the files named, and those in the folders named.

    Raises
    ------
    SourceError
        If there is no file.
    """
    found: list[Path] = []
    named = [Path(place) for place in places] or [Path()]
    refuse_absent(named)
    for place in named:
        if place.is_dir():
            found += sorted(file for file in place.iterdir() if _is_table(file))
        else:
            found.append(place)
    if not found:
        raise SourceError(
            f"there is no table in {quoted(named)}. Name files that end in {quoted(ENDINGS)}."
        )
    return list(dict.fromkeys(found))


def refuse_absent(places: Iterable[str | Path]) -> None:
    """Refuse places that are not there, before anything is read.

    Raises
    ------
    SourceError
    """
    for place in map(Path, places):
        if not place.exists():
            near = sorted(one.name for one in place.parent.glob("[!.]*"))
            found = f"; its folder holds {quoted(near)}" if near else ""
            raise SourceError(
                f"there is neither a file nor a folder {place}{found}. Correct the path."
            )


def _is_table(file: Path) -> bool:
    name = file.name.lower().removesuffix(".gz")
    return file.is_file() and not name.startswith((".", "~")) and name.endswith(ENDINGS)


def look_at_files(places: Iterable[str | Path]) -> Guess:
    """Look at files and guess what is in them.

    Parameters
    ----------
    places : iterable of path
        Files, or folders with files; none: the current folder.

    Returns
    -------
    Guess

    Raises
    ------
    SourceError
        If none of them can be read.
    """
    files = find_files(places)
    sheets: list[Sheet] = []
    unread: list[tuple[str, str]] = []
    for file in files:
        try:
            sheets += [sheet for sheet in open_sheets(file) if sheet.n_rows and sheet.looks]
        except MmmError as error:
            unread.append((file.name, str(error)))
    if not sheets:
        reasons = "; ".join(reason for _, reason in unread)
        raise SourceError(reasons or f"{quoted(f.name for f in files)} hold no rows. Export again.")
    found, unused = guess_tables(sheets)
    tables = linked(own_leads(by_rules(found)))
    italian = is_italian(tables)
    own = {guess.table: guess.sheet for guess in tables}
    writings = {guess: writing_of(guess, italian) for guess in tables}
    return Guess(
        tables=tuple(tables),
        writings=writings,
        channels=guess_channels(tables),
        italian=italian,
        currency=_currency(tables),
        joined=_joined(tables),
        own_leads="leads" in own and own["leads"] is own.get("deals"),
        unused=tuple(unused),
        unread=tuple(unread),
        n_files=len(files),
    )


def _currency(tables: Sequence[TableGuess]) -> Currency:
    counts: Counter[tuple[str, str]] = Counter()
    for guess in tables:
        look = guess.look("currency")
        if look is not None and look.words:
            counts[look.words[0].upper(), look.name] += look.filled
    if counts:
        (code, column), _ = counts.most_common(1)[0]
        return Currency(code, column)
    for guess in tables:
        for ours in ("value", "spend", "cost"):
            look = guess.look(ours)
            if look is not None and (found := _CODE.search(f"{look.name} {look.example}")):
                code, dollar = _CODES.get(found[0], found[0]), found[0] == "$"
                return Currency(code, look.name, written=True, dollar=dollar)
    return Currency()


def _joined(tables: Sequence[TableGuess]) -> Joined:
    found = {guess.table: guess for guess in tables}
    deals = found.get("deals")
    other = found.get("touches") or found.get("leads")
    if deals is None or other is None:
        return Joined(None)
    if other.sheet is deals.sheet:
        return Joined("person")  # each deal is its own lead
    ways = {ours: bool(deals.column(ours) and other.column(ours)) for ours in _WAYS}
    linked_by = {one.ours: one.by == "link" for one in deals.columns if one.ours in _WAYS}
    person, account = (ways[ours] and linked_by.get(ours, False) for ours in _WAYS)
    if not (person or account):
        return Joined("account" if _through_contacts(deals, other, found.get("contacts")) else None)
    if not person:
        return Joined("account")
    people = _people(other) if account else None
    by = "account" if people is not None and people > SEVERAL else "person"
    return Joined(by, people)


_WAYS = ("person_id", "account_id")


def _through_contacts(deals: TableGuess, other: TableGuess, contacts: TableGuess | None) -> bool:
    """Tell whether the contacts know the people in touch, and the companies of the deals."""
    if contacts is None:
        return False
    for ours, table in zip(_WAYS, (other, deals), strict=True):
        left, right = table.column(ours), contacts.column(ours)
        if left is None or right is None:
            return False
        if shared(table.sheet, str(left), contacts.sheet, str(right)) < LEAST_SHARED:
            return False
    return True


def _people(guess: TableGuess) -> float | None:
    """Return the people in contact an account."""
    person, account = guess.column("person_id"), guess.column("account_id")
    if person is None or account is None or person == account:
        return None
    pairs = guess.sheet.table.select([person, account]).group_by([account, person]).aggregate([])
    pairs = pairs.filter(pc.is_valid(pairs[account]))
    accounts = pc.count_distinct(pairs[account]).as_py()
    return pairs.num_rows / accounts if accounts else None
