"""The vocabulary of inputs: which tables exist and which columns each one may have."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "instant", "date", "money", "flag"]


@dataclass(frozen=True)
class Column:
    """One column of an input table.

    Attributes
    ----------
    name : str
        Name used throughout the package.
    kind : {"text", "instant", "date", "money", "flag"}
        ``instant`` is a UTC timestamp, ``money`` an exact decimal, ``flag`` true, false or missing.
    required : bool
        Whether the table is refused without this column.
    complete : bool
        Whether a missing value in this column is an error.
    ends_day : bool
        Whether an instant given as a day without a time is the end of that day, not its start.
    """

    name: str
    kind: Kind = "text"
    required: bool = False
    complete: bool = False
    ends_day: bool = False


@dataclass(frozen=True)
class TableSpec:
    """The shape of one input table.

    Attributes
    ----------
    name : str
        Plural noun, as in ``read_<name>``.
    columns : tuple of Column
        Known columns; others pass through untouched.
    key : tuple of str
        Columns that identify a row where they are present; empty when rows have no identity.
    one_of : tuple of tuple of str
        For each group at least one column has to be present and filled in every row.
    not_future : tuple of str
        Instants that cannot lie in the future.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()
    not_future: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the known columns, in order."""
        return tuple(column.name for column in self.columns)


def _needed(name: str, kind: Kind = "text") -> Column:
    return Column(name, kind, required=True, complete=True)


TOUCHES = TableSpec(
    "touches",
    (
        Column("touch_id"),
        Column("person_id"),
        Column("account_id"),
        _needed("touched_at", "instant"),
        Column("channel"),
        Column("source"),
        Column("medium"),
        Column("campaign"),
        Column("content"),
        Column("cost", "money"),
        Column("currency"),
    ),
    key=("touch_id",),
    one_of=(("person_id", "account_id"), ("channel", "source", "medium", "campaign")),
    not_future=("touched_at",),
)

DEALS = TableSpec(
    "deals",
    (
        _needed("deal_id"),
        Column("person_id"),
        Column("account_id"),
        Column("created_at", "instant"),
        Column("closed_at", "instant", required=True, ends_day=True),
        Column("expected_on", "date"),
        Column("won", "flag", required=True),
        Column("value", "money"),
        Column("currency"),
        Column("kind"),
        Column("stage"),
        Column("owner"),
    ),
    key=("deal_id",),
    not_future=("created_at", "closed_at"),
)

LOST_STAGES = ("lost", "discarded")
"""Stages of leads, in lower case, that end one without a win."""

LEADS = TableSpec(
    "leads",
    (
        _needed("lead_id"),
        Column("person_id"),
        Column("account_id"),
        _needed("created_at", "instant"),
        Column("channel"),
        Column("source"),
        Column("medium"),
        Column("campaign"),
        Column("stage"),
        Column("mql_at", "instant"),
        Column("sql_at", "instant"),
        Column("first_contacted_at", "instant"),
        Column("ended_at", "instant"),
        Column("discard_reason"),
        Column("owner"),
    ),
    key=("lead_id",),
    not_future=("created_at", "mql_at", "sql_at", "first_contacted_at", "ended_at"),
)

SPEND = TableSpec(
    "spend",
    (
        _needed("date", "date"),
        Column("channel"),
        Column("source"),
        Column("medium"),
        Column("campaign"),
        Column("spend", "money", required=True),
        Column("currency"),
    ),
    key=("date", "channel", "source", "medium", "campaign"),
    one_of=(("channel", "source", "medium", "campaign"),),
)

COSTS = TableSpec(
    "costs",
    (
        _needed("date", "date"),
        Column("channel"),
        _needed("kind"),
        Column("item"),
        Column("cost", "money", required=True),
        Column("currency"),
    ),
)

CONTACTS = TableSpec(
    "contacts",
    (
        _needed("person_id"),
        Column("account_id"),
        Column("email"),
        Column("name"),
        Column("role"),
    ),
    key=("person_id",),
)

ROLES = TableSpec(
    "roles",
    (_needed("deal_id"), _needed("person_id"), Column("role")),
    key=("deal_id", "person_id", "role"),
)

STAGES = TableSpec(
    "stages",
    (
        Column("lead_id"),
        Column("deal_id"),
        _needed("stage"),
        _needed("entered_at", "instant"),
    ),
    one_of=(("lead_id", "deal_id"),),
    not_future=("entered_at",),
)

SPECS = {spec.name: spec for spec in (TOUCHES, DEALS, LEADS, SPEND, COSTS, CONTACTS, ROLES, STAGES)}
