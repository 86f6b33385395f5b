"""Links: the columns by which deals find their touches and leads, seen in what the files share."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow.compute as pc

from mmm.run.guess.headings import plain
from mmm.run.guess.looks import Look, Sheet
from mmm.run.guess.tables import ColumnGuess, TableGuess, guess_table
from mmm.tables.parse import flat, is_text

# Two columns are the same kind of id where at least this share of one is in the other.
ENOUGH_SHARED = 0.3
# Less does for columns whose headings agree; more is asked of a heading that says otherwise.
LEAST_SHARED = 0.05
SURELY_SHARED = 0.6
_COMPANY = ("account", "company", "azienda", "cliente", "customer", "ragione", "partner", "societa")


def linked(tables: Sequence[TableGuess]) -> list[TableGuess]:
    """Give deals, touches and leads the ids that they share.

    A heading that names an id is kept where the values agree with the other file; otherwise the
    pair of columns that share the most values is taken.
    """
    found = {guess.table: guess for guess in tables}
    if "deals" not in found:
        return list(tables)
    for name in ("touches", "leads"):
        if name in found:
            found["deals"], found[name] = _joined(found["deals"], found[name])
    if "contacts" in found:
        found["contacts"] = _in_touch(found["contacts"], found.get("touches") or found["deals"])
    found["deals"] = _with_key(found["deals"])
    return [guess if guess.table == "spend" else found[guess.table] for guess in tables]


def _in_touch(contacts: TableGuess, other: TableGuess) -> TableGuess:
    """Give the contacts the ids by which the touches, or the deals, name people and companies."""
    for ours in ("person_id", "account_id"):
        theirs, share = _counterpart(ours, other, contacts)
        if theirs is not None and theirs != contacts.column(ours):
            contacts = contacts.with_column(_link(ours, theirs, share, other.sheet))
    return contacts


def _with_key(deals: TableGuess) -> TableGuess:
    """Take the id of the person for that of the deal where none is named and all differ."""
    if deals.column("deal_id") is not None:
        return deals
    for ours in ("person_id", "account_id"):
        look = deals.look(ours)
        if look is not None and look.is_key and look.filled == look.n:
            return deals.with_column(ColumnGuess("deal_id", look.name, "values", 0.5))
    return deals


def _joined(deals: TableGuess, other: TableGuess) -> tuple[TableGuess, TableGuess]:
    agreed = False
    for ours in ("person_id", "account_id"):
        left = deals.column(ours)
        right, share = _counterpart(ours, deals, other)
        if left is not None and right is not None:
            deals = _with_link(deals, _link(ours, left, share, other.sheet))
            other = _with_link(other, _link(ours, right, share, deals.sheet))
            agreed = True
    if agreed:
        return deals, other
    best = _best_pair(deals, other)
    if best is None:
        return deals, other
    share, left, right = best
    words = f"{plain(left)} {plain(right)}"
    ours = "account_id" if any(word in words for word in _COMPANY) else "person_id"
    return (
        _with_link(deals, _link(ours, left, share, other.sheet)),
        _with_link(other, _link(ours, right, share, deals.sheet)),
    )


def _counterpart(ours: str, deals: TableGuess, other: TableGuess) -> tuple[str | None, float]:
    """Find the column of the other file that holds the ids of the deals, its own guess first."""
    left, right = deals.column(ours), other.column(ours)
    if left is None:
        return None, 0.0
    share = 0.0 if right is None else shared(deals.sheet, left, other.sheet, right)
    if share >= LEAST_SHARED:
        return right, share
    event = other.column("touch_id")
    ids = [
        look.name
        for look in other.sheet.looks
        if _is_id(look) and look.name != event and not _is_deal(look.name)
    ]
    found = [(shared(deals.sheet, left, other.sheet, name), name) for name in ids]
    share, name = max(found, default=(0.0, ""))
    return (name, share) if share >= SURELY_SHARED else (None, 0.0)


def _is_deal(heading: str) -> bool:
    """Tell whether a heading names a deal; numbers of deals and of people may well agree."""
    return plain(heading) in {"deal id", "opportunity id"}


def _link(ours: str, theirs: str, share: float, other: Sheet) -> ColumnGuess:
    return ColumnGuess(ours, theirs, "link", share=share, other=other.title)


def _with_link(table: TableGuess, link: ColumnGuess) -> TableGuess:
    """Give a table an id; a column of the people in touch is not that of their salespeople."""
    kept = tuple(one for one in table.columns if (one.ours, one.theirs) != ("owner", link.theirs))
    return replace(table, columns=kept).with_column(link)


def _best_pair(deals: TableGuess, other: TableGuess) -> tuple[float, str, str] | None:
    """Find the two columns of ids that share the most; what has few values is no id."""
    pairs = []
    for left in filter(_is_id, deals.sheet.looks):
        for right in filter(_is_id, other.sheet.looks):
            if left.kind != right.kind or right.name == other.column("touch_id"):
                continue
            share = shared(deals.sheet, left.name, other.sheet, right.name)
            alike = plain(left.name) == plain(right.name)
            if share >= ENOUGH_SHARED:
                pairs.append((share + 0.2 * alike, share, left.name, right.name))
    if not pairs:
        return None
    _, share, left_name, right_name = max(pairs, key=lambda pair: (pair[0], pair[2], pair[3]))
    return share, left_name, right_name


def _is_id(look: Look) -> bool:
    plain_id = look.kind in {"text", "email"} or (look.kind == "amount" and not look.decimal)
    return plain_id and look.distinct >= 2 and look.distinct > 0.2 * look.filled


def shared(left: Sheet, mine: str, right: Sheet, theirs: str) -> float:
    """Return the share of the different values of one column that are in another."""
    ours, others = _values(left, mine), _values(right, theirs)
    if len(ours) == 0 or ours.type != others.type:
        return 0.0
    inside = pc.sum(pc.is_in(ours, others)).as_py() or 0
    return float(inside) / len(ours)


def _values(sheet: Sheet, name: str) -> Any:
    array = flat(sheet.table.column(name)).drop_null()
    if is_text(array):
        array = pc.utf8_trim_whitespace(array)
        array = array.filter(pc.not_equal(array, ""))
    return pc.unique(array)


def own_leads(tables: Sequence[TableGuess]) -> list[TableGuess]:
    """Let the deals be their own leads where no file tells of touches or leads.

    An export of opportunities often names the origin of each: that is one contact a deal.
    """
    found = {guess.table: guess for guess in tables}
    deals = found.get("deals")
    if deals is None or "touches" in found or "leads" in found:
        return list(tables)
    key, created = deals.column("deal_id"), deals.column("created_at")
    if key is None or created is None:
        return list(tables)
    known = {"lead_id": key, "created_at": created}
    given = [ColumnGuess(ours, theirs, "values", 0.5) for ours, theirs in known.items()]
    leads = guess_table("leads", deals.sheet, given)
    if leads is None:
        return list(tables)
    if not any(leads.column(name) for name in ("channel", "source", "medium", "campaign")):
        return list(tables)
    link = ColumnGuess("person_id", key, "values", 0.5)  # a deal has the origin of its own row
    deals, leads = deals.with_column(link), leads.with_column(link)
    leads = _only_known(leads, deals)
    position = list(found).index("deals")
    chosen = [deals if guess.table == "deals" else guess for guess in tables]
    return [*chosen[: position + 1], leads, *chosen[position + 1 :]]


def _only_known(leads: TableGuess, deals: TableGuess) -> TableGuess:
    """Keep, of the leads read off the deals, who they are, when they came and whence."""
    kept = {"lead_id", "person_id", "account_id", "created_at"}
    kept |= {"channel", "source", "medium", "campaign"}
    columns = tuple(one for one in leads.columns if one.ours in kept)
    return replace(leads, columns=columns, score=deals.score, rivals=())
