"""Blocks: leads scored piece by piece, in memory that does not grow with their number."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import DataWarning, counted
from mmm.prediction.columns.contract import admit
from mmm.prediction.columns.types import to_frame
from mmm.prediction.learning.encoding import BLOCK, encode
from mmm.prediction.learning.histories import ages_on
from mmm.prediction.learning.reasons import contributions, sentences
from mmm.prediction.scores import LeadScores, no_reasons, read_ids, read_instant, refuse_ids
from mmm.prediction.storage import Trained

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Block:
    """Leads scored at once.

    Attributes
    ----------
    scores : LeadScores
        Rows of its `quarantine` are counted from the first lead of all.
    frame : pandas.DataFrame
        The leads scored, typed as the model reads them.
    """

    scores: LeadScores
    frame: pd.DataFrame


@dataclass(frozen=True)
class Question:
    """What is asked of each lead; as for `LeadScorer.score_leads`."""

    lead_id: str = "lead_id"
    as_of: Any = None
    within_days: float | None = None
    lang: str = "en"


def score_blocks(
    trained: Trained, version: str, frames: Iterable[Any], question: Question
) -> Iterator[Block]:
    """Score leads that come in pieces of any size.

    Parameters
    ----------
    trained : Trained
    version : str
        Of the model.
    frames : iterable of frame
        The columns of training, and the ids.
    question : Question

    Yields
    ------
    Block
        At most `BLOCK` leads each; one without any where there are none.

    Raises
    ------
    InputError
        As `LeadScorer.score_leads`. An id that stands twice, in different pieces, is found at the
        end: use no block before all of them have come.
    """
    now = read_instant(question.as_of)
    seen: list[npt.NDArray[np.uint64]] = []
    start = 0
    for frame in frames:
        table = to_frame(frame)
        ids = read_ids(table, question.lead_id)
        # Eight bytes a lead; two ids of a million have one hash with a chance of 3 in 100 million.
        seen.append(pd.util.hash_array(ids.astype("str").astype(object), categorize=False))
        for first in range(0, max(len(table), 1), BLOCK):
            rows = slice(first, first + BLOCK)
            yield _scored(
                trained, version, table.iloc[rows], ids[rows], start + first, question, now
            )
        start += len(table)
    _refuse_twice(np.concatenate([np.empty(0, dtype=np.uint64), *seen]), question.lead_id)


def _refuse_twice(hashes: npt.NDArray[np.uint64], lead_id: str) -> None:
    """Raise where an id stands twice; to sort takes less memory than to name the rows."""
    ordered = np.sort(hashes)
    if (ordered[1:] == ordered[:-1]).any():
        refuse_ids(pd.Series(hashes).duplicated(keep=False).to_numpy(), lead_id)


def joined(blocks: Iterable[Block]) -> LeadScores:
    """Return the scores of all blocks as one."""
    return join_scores([block.scores for block in blocks])


def join_scores(parts: Sequence[LeadScores]) -> LeadScores:
    """Put scores of one run after one another; categories never seen are counted together.

    Raises
    ------
    ValueError
        If there is none.
    """
    if len(parts) == 1:
        return parts[0]
    unseen = pd.concat([part.unseen for part in parts], ignore_index=True)
    return LeadScores(
        lead_id=np.concatenate([part.lead_id for part in parts]),
        probability=np.concatenate([part.probability for part in parts]),
        grade=np.concatenate([part.grade for part in parts]),
        reasons=_all_reasons(parts),
        scored_at=parts[0].scored_at,
        model_version=parts[0].model_version,
        unseen=unseen.groupby(["column", "level"], sort=False)["n"].sum().reset_index(),
        quarantine=pd.concat([part.quarantine for part in parts], ignore_index=True),
    )


def _all_reasons(parts: Sequence[LeadScores]) -> npt.NDArray[np.object_]:
    if all(part.reasons.strides == (0,) for part in parts):  # kept by none of them
        return no_reasons(sum(len(part) for part in parts))
    return np.concatenate([part.reasons for part in parts])


def warn_of(quarantine: pd.DataFrame, stacklevel: int) -> None:
    """Say how many leads are left out, where some are."""
    if len(quarantine):
        warnings.warn(
            f"{counted(quarantine['row'].nunique(), 'lead')} not scored, since values cannot be "
            "read; `quarantine` of the result names them.",
            DataWarning,
            stacklevel=stacklevel + 1,
        )


def _scored(
    trained: Trained,
    version: str,
    table: pd.DataFrame,
    ids: npt.NDArray[np.object_],
    start: int,
    question: Question,
    now: pd.Timestamp,
) -> Block:
    model = trained.model
    own = {column.name for column in trained.contract.columns}
    features = table if question.lead_id in own else table.drop(columns=question.lead_id)
    let_in = admit(trained.contract, features, whole=start == 0)
    knows_ends = model.hazards is not None
    ages = ages_on(table, question.as_of) if knows_ends else np.zeros(len(table))
    ages = ages[let_in.kept]
    parts = contributions(model, encode(model.features, let_in.frame), ages, question.within_days)
    p = model.probability(parts.log_odds)
    bad = let_in.quarantine
    scores = LeadScores(
        lead_id=ids[let_in.kept],
        probability=p,
        grade=trained.grades.assign(p).to_numpy(dtype=object),
        reasons=sentences(parts, let_in.frame, model.features, ages, question.lang),
        scored_at=now,
        model_version=version,
        unseen=let_in.unseen,
        quarantine=bad.assign(row=bad["row"] + start, lead_id=ids[bad["row"].to_numpy(np.intp)]),
    )
    return Block(scores, let_in.frame)
