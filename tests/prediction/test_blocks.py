"""Blocks: leads scored piece by piece have the scores of leads scored at once."""

import numpy as np
import pandas as pd
import pytest

from mmm.errors import DataWarning, InputError
from mmm.prediction import LeadScorer


@pytest.fixture(scope="module")
def scorer():
    rng = np.random.default_rng(0)
    leads = pd.DataFrame(
        {"pages": rng.poisson(4, 300).astype(float), "source": rng.choice(["fair", "web"], 300)}
    )
    return LeadScorer(seed=0).fit(leads, (rng.random(300) < 0.08 * leads["pages"]).astype(int))


@pytest.fixture
def new():
    rng = np.random.default_rng(1)
    n = 120
    return pd.DataFrame(
        {
            "lead_id": [f"L{i}" for i in range(n)],
            "pages": rng.poisson(4, n).astype(float),
            "source": rng.choice(["fair", "web", "fax"], n),
        }
    )


@pytest.mark.parametrize("size", [1, 50, 120])
def test_scores_of_pieces_are_those_of_the_whole(scorer, new, size):
    new.loc[[60, 119], "pages"] = np.inf  # the last piece may hold nothing else
    pieces = [new[start : start + size] for start in range(0, len(new), size)]
    with pytest.warns(DataWarning, match="2 leads not scored"):
        whole = scorer.score_leads(new, as_of="2025-03-01")
    found = [block.scores for block in scorer.score_blocks(pieces, as_of="2025-03-01")]
    joined = pd.concat([part.to_frame() for part in found], ignore_index=True)
    pd.testing.assert_frame_equal(joined, whole.to_frame(), check_dtype=False)
    bad = pd.concat([part.quarantine for part in found], ignore_index=True)
    assert bad["row"].tolist() == whole.quarantine["row"].tolist() == [60, 119]
    assert bad["lead_id"].tolist() == ["L60", "L119"]
    assert sum(part.unseen["n"].sum() for part in found) == whole.unseen["n"].sum() > 0


def test_bad_input_23_an_id_that_stands_in_two_pieces(scorer, new):
    new.loc[100, "lead_id"] = "L3"
    with pytest.raises(InputError, match=r"2 leads have an id .* \(rows 4, 101\)"):
        list(scorer.score_blocks([new[:50], new[50:]]))


def test_no_lead_at_all_gives_one_empty_block(scorer, new):
    (block,) = scorer.score_blocks([new[:0]])
    assert len(block.scores) == 0
    assert block.scores.to_frame().empty


def test_lean_scores_are_the_same_but_for_the_reasons(scorer, new):
    scores = scorer.score_leads(new, as_of="2025-03-01")
    lean = scores.lean()
    names = ["lead_id", "probability", "grade"]
    pd.testing.assert_frame_equal(
        lean.to_frame()[names].astype({"lead_id": "str"}),
        scores.to_frame()[names].astype({"lead_id": "str"}),
    )
    assert set(lean.reasons) == {None}
