"""Entity resolution: which records are one person, or one company.

Records are compared only where they share a key (mail, phone, domain, VAT number, or a name up to
one deleted letter: Mor and Fraenkel 1982), so the work grows with the rows, not with their square.
A block longer than `WINDOW` records is compared in order of name, each with its next `WINDOW`
neighbours (sorted neighbourhood, Hernandez and Stolfo 1995). Scores rank evidence; they are no
probabilities.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError, name_rows, quoted
from mmm.funnel.hygiene.names import (
    SHARED_BOXES,
    deletions,
    is_free_mail,
    mail_key,
    phone_key,
    relate,
    site_key,
    words,
)

Entity = Literal["people", "companies"]

WINDOW = 40
REVIEW = 0.7  # pairs below this score are not worth a look
_COLUMNS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "people": {
        "id": ("person_id", "lead_id"),
        "name": ("name",),
        "email": ("email",),
        "phone": ("phone",),
        "account": ("account_id",),
    },
    "companies": {
        "id": ("account_id",),
        "name": ("company", "account_name", "name"),
        "email": ("email",),
        "domain": ("domain", "website"),
        "phone": ("phone",),
        "vat": ("vat",),
    },
}


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Records that are the same person or company.

    Attributes
    ----------
    entity : str
        "people" or "companies".
    n : int
        Records compared.
    pairs : pandas.DataFrame
        left, right (ids), score (0-1, evidence and not a probability), reason, same (whether the
        score reaches the threshold); the surest first. Pairs that are not `same` are for a look.
    groups : pandas.DataFrame
        group, id, keep: one row for each record of a group; `keep` is the fullest record.
    threshold : float
    """

    entity: str
    n: int
    pairs: pd.DataFrame
    groups: pd.DataFrame
    threshold: float

    @property
    def n_extra(self) -> int:
        """Records that merging would take away."""
        return int((self.groups["id"] != self.groups["keep"]).sum())

    def mend(self) -> pd.DataFrame:
        """Return the list to mend: id, what (the surest reason), suggested (id to merge into)."""
        extra = self.groups[self.groups["id"] != self.groups["keep"]]
        surest: dict[str, str] = {}
        for pair in self.pairs[self.pairs["same"]].itertuples(index=False):
            surest.setdefault(str(pair.left), str(pair.reason))
            surest.setdefault(str(pair.right), str(pair.reason))
        return pd.DataFrame(
            {
                "id": extra["id"],
                "what": pd.Series([surest[i] for i in extra["id"]], extra.index, dtype="str"),
                "suggested": extra["keep"],
            }
        ).reset_index(drop=True)


@dataclass(frozen=True)
class _Record:
    id: str
    tokens: tuple[str, ...]
    mail: str
    domain: str
    label: str
    phone: str
    account: str
    vat: str
    filled: int


def find_duplicates(
    frame: pd.DataFrame,
    *,
    entity: Entity = "people",
    columns: Mapping[str, str] | None = None,
    threshold: float = 0.88,
) -> Duplicates:
    """Find the records of a table that are one person, or one company.

    People: one mail address (tags dropped, shared boxes such as info@ apart), or a name, up to a
    typing slip, with one phone or company. Companies: one VAT number, or a name (legal form and
    order of words apart) with one domain or phone; by name alone only where no domain speaks
    against it. Domains of free mail, and domains found in many accounts, are not companies.

    Parameters
    ----------
    frame : pandas.DataFrame
        One record a row.
    entity : {"people", "companies"}
    columns : mapping of str to str, optional
        id, name, email, phone, and account (people) or domain and vat (companies), to the names
        of the frame. By default person_id (or account_id), name, email, phone, and so on.
    threshold : float, default 0.88
        Score from which two records are called the same.

    Returns
    -------
    Duplicates

    Raises
    ------
    ConfigError, InputError
        For a missing column, or ids that are missing or repeated.

    Examples
    --------
    >>> people = pd.DataFrame({"person_id": ["p1", "p2", "p3"],
    ...     "email": ["ann@mill.example", "Ann+fair@mill.example", "bob@mill.example"]})
    >>> find_duplicates(people).mend()
       id   what suggested
    0  p2  email        p1
    """
    if entity not in _COLUMNS:
        raise ConfigError(f"entity={entity!r} is unknown; use one of {quoted(_COLUMNS)}.")
    if not 0 < threshold <= 1:
        raise ConfigError(f"threshold={threshold} is not in (0, 1]; 0.88 is the default.")
    records = _records(frame, entity, columns or {})
    seen = Counter(token for record in records for token in set(record.tokens))
    score = _score_people if entity == "people" else _score_companies
    scored = []
    for left, right in _candidates(records, entity):
        value, reason = score(records[left], records[right], seen)
        if value >= REVIEW:
            scored.append((left, right, value, reason))
    scored.sort(key=lambda pair: (-pair[2], records[pair[0]].id, records[pair[1]].id))
    pairs = pd.DataFrame(
        {
            "left": pd.Series([records[pair[0]].id for pair in scored], dtype="str"),
            "right": pd.Series([records[pair[1]].id for pair in scored], dtype="str"),
            "score": pd.Series([pair[2] for pair in scored], dtype="float64"),
            "reason": pd.Series([pair[3] for pair in scored], dtype="str"),
        }
    )
    pairs["same"] = pairs["score"] >= threshold
    groups = _groups(records, [pair for pair in scored if pair[2] >= threshold])
    return Duplicates(entity, len(records), pairs, groups, threshold)


def _records(frame: pd.DataFrame, entity: Entity, columns: Mapping[str, str]) -> list[_Record]:
    fields = _fields(frame, entity, columns)
    ids = fields["id"]
    bad = np.flatnonzero((ids.isna() | ids.duplicated()).to_numpy(dtype=bool)).tolist()
    if bad:
        raise InputError(
            f"{entity} have an id that is missing or repeated in {name_rows(bad)}. "
            "Give one row a record, or pass columns={'id': 'your name'}."
        )
    empty = [None] * len(frame)
    text = {
        name: [value if isinstance(value, str) else None for value in fields[name].tolist()]
        if name in fields
        else empty
        for name in ("name", "email", "domain", "phone", "account", "vat")
    }
    boxes = [mail_key(value) for value in text["email"]]
    public = _public_domains(boxes, text["account"])
    filled: list[int] = frame.notna().sum(axis=1).tolist()
    built = []
    for row, own in enumerate(ids.astype("str")):
        box, domain = boxes[row]
        site = site_key(text["domain"][row]) or domain
        own_site = "" if site in public or is_free_mail(site) else site
        vat = re.sub(r"\W", "", text["vat"][row] or "").upper()
        built.append(
            _Record(
                own,
                words(text["name"][row], company=entity == "companies"),
                f"{box}@{domain}" if box else "",
                own_site,
                _label(own_site),
                phone_key(text["phone"][row]),
                text["account"][row] or "",
                vat if sum(letter.isdigit() for letter in vat) >= 7 else "",
                filled[row],
            )
        )
    return built


def _fields(
    frame: pd.DataFrame, entity: Entity, columns: Mapping[str, str]
) -> "dict[str, pd.Series[Any]]":
    usual = _COLUMNS[entity]
    wrong = [*(set(columns) - set(usual)), *(set(columns.values()) - set(frame.columns))]
    if wrong:
        raise ConfigError(
            f"columns= names {quoted(sorted(wrong))}; it takes {quoted(usual)}, each with a column "
            f"of the frame: {quoted(frame.columns)}."
        )
    found = {}
    for name, spellings in usual.items():
        wanted = (columns[name],) if name in columns else spellings
        present = next((column for column in wanted if column in frame.columns), None)
        if present is not None:
            found[name] = frame[present]
    if "id" not in found or len(set(found) - {"id", "account"}) == 0:
        raise InputError(
            f"{entity} need an id and one of {quoted(sorted(set(usual) - {'id', 'account'}))}; "
            f"found {quoted(frame.columns)}. Pass columns={{'id': 'your name', ...}}."
        )
    return found


def _label(domain: str) -> str:
    """Return a domain without its ending: the same company has .it and .com."""
    parts = domain.split(".")
    second = len(parts) > 2 and len(parts[-1]) == 2 and parts[-2] in {"co", "com", "org", "net"}
    label = ".".join(parts[: -2 if second else -1])
    return label if len(label) >= 4 else domain


def _public_domains(boxes: Sequence[tuple[str, str]], accounts: Sequence[str | None]) -> set[str]:
    """Return the domains found in many accounts: nobody's company."""
    pairs = {(box[1], a) for box, a in zip(boxes, accounts, strict=True) if box[1] and a}
    counts = Counter(domain for domain, _ in pairs)
    return {domain for domain, n in counts.items() if n > 5}


def _keys(record: _Record, entity: Entity) -> Iterator[tuple[str, ...]]:
    """Yield what a record shares with the records that it is compared with."""
    if record.phone:
        yield "phone", record.phone
    compact = "".join(sorted(record.tokens))
    if entity == "companies":
        if record.vat:
            yield "vat", record.vat
        if record.domain:
            yield "domain", record.label
        for text in {*deletions(compact), "".join(record.tokens)} - {""}:
            yield "name", text
        return
    if record.mail:
        yield "mail", record.mail
    for company in filter(None, (record.account, record.domain)):
        for text in {*record.tokens, *deletions(compact), "".join(record.tokens)} - {""}:
            yield company, text


def _candidates(records: Sequence[_Record], entity: Entity) -> Iterator[tuple[int, int]]:
    """Yield each pair of positions that shares a key, once."""
    order = sorted(range(len(records)), key=lambda i: (records[i].tokens, records[i].id))
    rows: list[int] = []
    keys: list[int] = []
    for rank, position in enumerate(order):
        own = [hash(key) for key in _keys(records[position], entity)]
        keys += own
        rows += [rank] * len(own)
    key, rank_of = np.array(keys, dtype=np.int64), np.array(rows, dtype=np.int64)
    by_key = np.lexsort((rank_of, key))
    key, rank_of = key[by_key], rank_of[by_key]
    codes: list[npt.NDArray[np.int64]] = []
    for step in range(1, WINDOW + 1):
        together = key[step:] == key[:-step]
        if not together.any():
            break
        codes.append(rank_of[:-step][together] * len(records) + rank_of[step:][together])
    for code in np.unique(np.concatenate(codes)).tolist() if codes else []:
        left, right = divmod(code, len(records))
        if left != right:
            yield order[left], order[right]


def _rare_slip(left: _Record, right: _Record, seen: Counter[str]) -> bool:
    """Tell whether the words that differ are long, and one of them hardly ever written."""
    differing = set(left.tokens) ^ set(right.tokens)
    long = all(len(word) >= 6 for word in differing)
    return long and any(seen[word] <= 2 for word in differing)


def _score_people(left: _Record, right: _Record, seen: Counter[str]) -> tuple[float, str]:
    name = relate(left.tokens, right.tokens)
    if left.mail and left.mail == right.mail:
        shared = left.mail.split("@")[0] in SHARED_BOXES
        if name in {"other", "unknown"}:
            return (0.5 if shared else 0.95 if name == "unknown" else 0.75), "email"
        return (0.95 if shared else 0.99), "email and name" if shared else "email"
    if left.phone and left.phone == right.phone and name in {"same", "typo", "ending"}:
        return 0.95, "phone and name"
    account = left.account and left.account == right.account
    if not account and not (left.domain and left.domain == right.domain):
        return 0.0, ""
    if name == "typo":
        two_boxes = left.mail and right.mail and left.domain == right.domain
        slip = any(seen[word] <= 2 for word in set(left.tokens) ^ set(right.tokens))
        return (0.9 if slip and not two_boxes else 0.8), "name and company"
    worth = {"same": 0.93, "part": 0.89, "initial": 0.86, "ending": 0.7}
    return worth.get(name, 0.0), "name and company"


def _score_companies(left: _Record, right: _Record, seen: Counter[str]) -> tuple[float, str]:
    if left.vat and right.vat:
        return (0.99, "vat") if left.vat == right.vat else (0.2, "vat")
    known = bool(left.domain and right.domain)
    phone = bool(left.phone and left.phone == right.phone)
    if known and not phone and left.label != right.label:
        return (0.75 if sorted(left.tokens) == sorted(right.tokens) else 0.5), "name"
    name = relate(left.tokens, right.tokens)
    if known and left.label == right.label:
        worth = {"same": 0.99, "typo": 0.95, "ending": 0.93, "unknown": 0.9, "part": 0.8}
        return worth.get(name, 0.55), "domain" if name == "unknown" else "name and domain"
    if phone and name in {"same", "typo", "ending"}:
        return (0.97 if name == "same" else 0.85 if known else 0.92), "name and phone"
    if name == "same":
        return (0.75 if known else 0.92), "name"
    if known:
        return 0.5, "name"
    return (0.89 if _rare_slip(left, right, seen) else 0.75) if name == "typo" else 0.5, "name"


def _groups(
    records: Sequence[_Record], pairs: Sequence[tuple[int, int, float, str]]
) -> pd.DataFrame:
    """Join pairs, the surest first; a name alone never joins two groups with other domains."""
    parent: dict[int, int] = {}
    labels: dict[int, set[str]] = {}

    def root(i: int) -> int:
        if i not in parent:
            parent[i], labels[i] = i, {records[i].label} - {""}
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for left, right, _, reason in pairs:
        a, b = root(left), root(right)
        apart = labels[a] and labels[b] and not labels[a] & labels[b]
        if a != b and not (reason == "name" and apart):
            parent[b] = a
            labels[a] |= labels[b]
    members: dict[int, list[int]] = {}
    for i in parent:
        members.setdefault(root(i), []).append(i)
    full = {
        top: sorted(group, key=lambda i: (-records[i].filled, records[i].id))
        for top, group in members.items()
        if len(group) > 1
    }
    rows = [
        (number, records[i].id, records[group[0]].id)
        for number, group in enumerate(sorted(full.values(), key=lambda g: records[g[0]].id), 1)
        for i in group
    ]
    frame = pd.DataFrame(rows, columns=["group", "id", "keep"])
    return frame.astype({"group": "int64", "id": "str", "keep": "str"})
