"""Which stages a company's leads pass, and where the instant of each one stands."""

from dataclasses import dataclass
from typing import Literal

from mmm.errors import ConfigError
from mmm.tables.schema import LOST_STAGES


@dataclass(frozen=True)
class Stage:
    """One stage of a funnel.

    Attributes
    ----------
    name : str
        As printed.
    column : str
        Column of leads with the instant of entry; empty where there is none.
    deal : {"", "created_at", "closed_at"}
        Instant of the linked deal that marks entry; "closed_at" counts won deals only.
    also : tuple of str
        Further names of this stage in a stage history, in lower case.
    """

    name: str
    column: str = ""
    deal: Literal["", "created_at", "closed_at"] = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class StageSet:
    """The stages of one kind of business, in order; the last one is the win.

    Attributes
    ----------
    name : str
    stages : tuple of Stage
        The first one has a column: its instant makes the record.
    lost : tuple of str
        Stages that end a lead without a win, in lower case; empty where nobody is ever lost.

    Raises
    ------
    ConfigError
        If there are fewer than two stages, a name repeats, or the first stage has no column.

    Examples
    --------
    >>> [stage.name for stage in B2B.stages]
    ['lead', 'mql', 'sql', 'opportunity', 'won']
    """

    name: str
    stages: tuple[Stage, ...]
    lost: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [stage.name for stage in self.stages]
        if len(names) < 2 or len(set(names)) < len(names):
            raise ConfigError(f"stages are {names}; give at least two, each with its own name")
        if not self.stages[0].column:
            raise ConfigError(
                f"the first stage, {names[0]!r}, has no column; name the column of leads that "
                "holds the instant at which a record begins"
            )


B2B = StageSet(
    "B2B",
    (
        Stage("lead", "created_at", also=("new",)),
        Stage("mql", "mql_at"),
        Stage("sql", "sql_at"),
        Stage("opportunity", deal="created_at"),
        Stage("won", deal="closed_at"),
    ),
    lost=LOST_STAGES,
)
"""lead, MQL, SQL, opportunity, won; lost or discarded on the way."""

B2C = StageSet(
    "B2C",
    (
        Stage("visit", "created_at"),
        Stage("sign_up", "signed_up_at", also=("signup", "sign-up", "registration")),
        Stage("purchase", "purchased_at", deal="closed_at", also=("won",)),
    ),
)
"""visit, sign-up, purchase; a visitor is never lost, only not back yet."""
