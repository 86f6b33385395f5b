"""A file of scores that would be replaced: what changes, and what would be lost."""

import numpy as np
import pytest

from mmm.prediction.writeback import compare_whole
from mmm.tables.target import write_target
from tests.prediction.writeback.fakes import changed, make_scores


@pytest.mark.parametrize("kind", ["csv", "parquet", "xlsx"])
def test_a_file_of_scores_is_compared_lead_by_lead(tmp_path, kind):
    scores = make_scores(leads=["=1+1", *(f"L{i}" for i in range(11))])
    file = tmp_path / f"scores.{kind}"
    assert compare_whole(scores, file).plan.n_new == 12
    write_target(scores.to_frame(), file)
    same = compare_whole(scores, file)
    assert (list(same.plan.changes), same.n_gone, same.foreign) == ([], 0, False)
    found = compare_whole(changed(scores, np.array([2, 5])), file)
    assert {one.lead_id for one in found.plan.changes} == {"L1", "L4"}
    fewer = compare_whole(scores.take(np.arange(9)), file)
    assert (list(fewer.plan.changes), fewer.n_gone) == ([], 3)


def test_a_probability_that_is_no_number_counts_as_none(tmp_path):
    scores, file = make_scores(4), tmp_path / "scores.csv"
    table = scores.to_frame().astype({"probability": object})
    table.loc[1, "probability"] = "many"
    write_target(table, file)
    (change,) = compare_whole(scores, file).plan.changes
    assert (change.lead_id, change.before["mmm_probability"]) == ("L00001", None)


@pytest.mark.parametrize("text", ["lead_id,name\nL1,Ann\n", "\x00\x01", ""])
def test_another_file_is_foreign(tmp_path, text):
    file = tmp_path / "scores.csv"
    file.write_text(text)
    found = compare_whole(make_scores(4), file)
    assert found.foreign
    assert found.plan.n_new == 4
