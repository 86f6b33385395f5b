"""Lead scores: exactly what is written back."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import InputError, name_rows, quoted
from mmm.showing import Shown, as_text
from mmm.wording import format_share

Floats = npt.NDArray[np.float64]
Objects = npt.NDArray[np.object_]


@dataclass(frozen=True, eq=False, repr=False)
class LeadScores(Shown):
    """Scores of leads; every array is in one order.

    Attributes
    ----------
    lead_id : ndarray of object, shape (n,)
    probability : ndarray of float64, shape (n,)
        That the lead is won, between 0 and 1.
    grade : ndarray of object, shape (n,)
        A to D.
    reasons : ndarray of object, shape (n,)
        Tuples of up to three sentences, the weightiest first.
    scored_at : pandas.Timestamp
        The day asked for, or the moment of scoring; UTC.
    model_version : str
    unseen : pandas.DataFrame
        column, level, n: categories that training never saw, scored as "other".
    quarantine : pandas.DataFrame
        row, column, problem, lead_id: rows left out because their values cannot be read.

    Raises
    ------
    InputError
        If a probability is missing or outside 0 to 1: nothing of the batch is to be written.
    """

    lead_id: Objects
    probability: Floats
    grade: Objects
    reasons: Objects
    scored_at: pd.Timestamp
    model_version: str
    unseen: pd.DataFrame = field(default_factory=pd.DataFrame)
    quarantine: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __post_init__(self) -> None:
        wrong = ~((self.probability >= 0.0) & (self.probability <= 1.0))
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"{int(wrong.sum())} probabilities are missing or outside 0 to 1, first that of "
                f"lead {str(self.lead_id[first])!r} ({self.probability[first]}). Nothing is "
                "written; score the leads again."
            )
        for column in (self.lead_id, self.probability, self.grade, self.reasons):
            if len(column) != len(self.lead_id):
                raise InputError("Scores have columns of different length; score the leads again.")
            column.flags.writeable = False

    def __len__(self) -> int:
        return len(self.lead_id)

    def __repr__(self) -> str:
        kind = f"LeadScores: {len(self):,} leads, model {self.model_version}"
        kind += f", {len(self.quarantine):,} left out" if len(self.quarantine) else ""
        if not len(self):
            return as_text("No lead was scored.", None, kind)
        first = int(np.argmax(self.probability))
        sentence = (
            f"Call {self.lead_id[first]} first ({format_share(float(self.probability[first]))}); "
            f"{int((self.grade == 'A').sum()):,} of {len(self):,} leads have grade A."
        )
        return as_text(sentence, self._small_table(), kind)

    def _small_table(self) -> pd.DataFrame:
        """Return the leads, the likeliest first."""
        shown = ["lead_id", "probability", "grade", "reason_1"]
        table = self.to_frame()[shown]
        return table.sort_values("probability", ascending=False, kind="stable")

    def take(self, rows: npt.NDArray[np.intp]) -> "LeadScores":
        """Return some of the leads, in that order."""
        return replace(
            self,
            lead_id=self.lead_id[rows],
            probability=self.probability[rows],
            grade=self.grade[rows],
            reasons=self.reasons[rows],
        )

    def lean(self) -> "LeadScores":
        """Return the same scores without reasons, ids packed: in a third of the memory."""
        return replace(
            self,
            lead_id=self.lead_id.astype(np.dtypes.StringDType()),
            grade=self.grade.astype("U1"),
            reasons=no_reasons(len(self)),
        )

    def to_frame(self) -> pd.DataFrame:
        """Return lead_id, probability, grade, reason_1 to reason_3, scored_at, model_version.

        Examples
        --------
        >>> scores = LeadScores(np.array(["L1"], dtype=object), np.array([0.4]),
        ...     np.array(["A"], dtype=object), np.array([None], dtype=object),
        ...     pd.Timestamp("2025-03-01", tz="UTC"), "v1")
        >>> scores.to_frame()[["lead_id", "probability", "grade"]].values.tolist()
        [['L1', 0.4, 'A']]
        """
        said = {
            f"reason_{k + 1}": [r[k] if r is not None and len(r) > k else "" for r in self.reasons]
            for k in range(3)
        }
        return pd.DataFrame(
            {
                "lead_id": self.lead_id,
                "probability": self.probability,
                "grade": pd.Series(self.grade, dtype="str"),
                **{name: pd.Series(texts, dtype="str") for name, texts in said.items()},
                "scored_at": self.scored_at,
                "model_version": self.model_version,
            }
        )


def no_reasons(n: int) -> Objects:
    """Return that many times nothing, in the memory of one."""
    return np.broadcast_to(np.array(None, dtype=object), n)


def read_ids(table: pd.DataFrame, lead_id: str) -> Objects:
    """Return the ids of the leads, each there once.

    Raises
    ------
    InputError
        If the column is absent, or an id is missing or stands twice; naming the rows.

    Examples
    --------
    >>> read_ids(pd.DataFrame({"lead_id": ["L1", "L2"]}), "lead_id").tolist()
    ['L1', 'L2']
    """
    if lead_id not in table.columns:
        raise InputError(
            f"The table has no column {lead_id!r}; found {quoted(table.columns)}. Name the column "
            "of ids with lead_id=."
        )
    ids = table[lead_id]
    refuse_ids(ids.isna().to_numpy(), lead_id, "no id")
    refuse_ids(ids.duplicated(keep=False).to_numpy(), lead_id)
    return ids.to_numpy(dtype=object)


def refuse_ids(
    wrong: npt.NDArray[np.bool_], lead_id: str, what: str = "an id that stands twice"
) -> None:
    """Raise for leads whose id is wrong, naming their rows.

    Raises
    ------
    InputError
    """
    if wrong.any():
        rows = np.flatnonzero(wrong)
        raise InputError(
            f"{len(rows)} leads have {what} in {lead_id!r} ({name_rows(rows.tolist())}). "
            "Give each lead once, with its id."
        )


def read_instant(as_of: Any) -> pd.Timestamp:
    """Return a moment in UTC; now, where none is given.

    Raises
    ------
    InputError
        If it is no date.
    """
    if as_of is None:
        return pd.Timestamp.now(tz="UTC").floor("s")
    try:
        moment = pd.Timestamp(as_of)
    except (ValueError, TypeError) as error:
        raise InputError(f"as_of is {as_of!r}, which is no date. Write YYYY-MM-DD.") from error
    return moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")
