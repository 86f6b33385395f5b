"""What is to be written: against a definition by plain loops, and values as systems hold them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.crm.target import FIELDS, GRADE, PROBABILITY, REASONS, SCORED_AT
from mmm.errors import ConfigError, InputError
from mmm.prediction import LeadScores
from mmm.prediction.writeback import (
    Guards,
    check_missing,
    check_plan,
    choose_fields,
    digest_of,
    make_plan,
    same,
)
from mmm.prediction.writeback.values import columns_of
from tests.prediction.writeback.fakes import make_scores

fields_there = st.fixed_dictionaries(
    {},
    optional={
        PROBABILITY: st.none() | st.sampled_from([0.1, 0.5, 0.505, 0.9]),
        GRADE: st.none() | st.sampled_from("ABCD"),
    },
)


@given(
    there=st.dictionaries(st.sampled_from([f"L{i:05d}" for i in range(12)]), fields_there),
    seed=st.integers(0, 100),
    step=st.sampled_from([0.0, 0.01, 0.3]),
    out=st.sets(st.sampled_from([f"X{i}" for i in range(3)])),
    limit=st.none() | st.integers(1, 20),
)
def test_the_plan_is_what_its_definition_says(there, seed, step, out, limit):
    scores = make_scores(12, seed=seed)
    there |= {lead: {GRADE: "A"} for lead in out if lead != "X0"}
    plan = make_plan(scores, there, step=step, opted_out=out, limit=limit)
    wanted = [(lead, None) for lead in sorted(out - {"X0"})]
    for row, lead in enumerate(scores.lead_id):
        old, p = there.get(lead, {}), round(float(scores.probability[row]), 4)
        moved = old.get(PROBABILITY) is None or (
            p != old[PROBABILITY] and abs(p - old[PROBABILITY]) >= step - 1e-9
        )
        if moved or old.get(GRADE) != scores.grade[row]:
            wanted.append((lead, p))
    found = [(change.lead_id, change.after.get(PROBABILITY)) for change in plan.changes]
    assert found == wanted[:limit]
    for change in plan.changes:
        assert change.before.keys() == change.after.keys()
        old = there.get(change.lead_id, {})
        assert all(value == old.get(name) for name, value in change.before.items())
    assert plan.n_emptied + plan.n_new <= len(plan.changes)
    assert plan.n_moved <= plan.n_known <= plan.n_leads == 12


def test_the_fingerprint_knows_the_scores_and_not_their_order():
    scores = make_scores(30)
    order = np.random.default_rng(1).permutation(30)
    mixed = LeadScores(
        scores.lead_id[order], scores.probability[order], scores.grade[order],
        scores.reasons[order], make_scores(1, day="2026-01-01").scored_at, "v1",
    )  # fmt: skip
    assert digest_of(mixed) == digest_of(scores)
    assert digest_of(make_scores(30, seed=1)) != digest_of(scores)
    assert digest_of(make_scores(29)) != digest_of(scores)


def test_values_are_what_every_system_can_hold():
    scores = make_scores(1)
    reasons = np.empty(1, dtype=object)
    reasons[:] = [("x" * 400, "")]
    one = LeadScores(
        scores.lead_id, np.array([0.123456]), scores.grade, reasons, scores.scored_at, "v1"
    )
    values = {name: cell for name, (cell,) in columns_of(one, FIELDS, [0]).items()}
    assert values[PROBABILITY] == 0.1235
    assert len(values[REASONS[0]]) == 255
    assert values[REASONS[1]] is values[REASONS[2]] is None
    assert list(values) == [PROBABILITY, GRADE, *REASONS, "mmm_model", SCORED_AT]


@pytest.mark.parametrize(
    ("present", "wanted", "alike"),
    [
        ({PROBABILITY: 0.12345678}, {PROBABILITY: 0.1235}, True),
        ({PROBABILITY: 0.1236}, {PROBABILITY: 0.1235}, False),
        ({PROBABILITY: "0.1235"}, {PROBABILITY: 0.1235}, True),
        ({PROBABILITY: "much"}, {PROBABILITY: 0.1235}, False),
        ({SCORED_AT: "2025-03-01T06:00:00+01:00"}, {SCORED_AT: "2025-03-01T05:00:00+00:00"}, True),
        ({SCORED_AT: "2025-03-01 05:00:00"}, {SCORED_AT: "2025-03-01T05:00:00+00:00"}, True),
        ({SCORED_AT: "2025-03-01"}, {SCORED_AT: "2025-03-01T05:00:00+00:00"}, False),
        ({GRADE: ""}, {GRADE: None}, True),
        ({}, {GRADE: None}, True),
        ({GRADE: None}, {GRADE: "A"}, False),
    ],
)
def test_what_counts_as_the_same(present, wanted, alike):
    assert same(present, wanted) is alike


def test_guards_and_fields():
    assert choose_fields(None) == FIELDS
    with pytest.raises(ConfigError, match="neither"):
        choose_fields(["reason_1"])
    with pytest.raises(ConfigError, match="max_moved"):
        Guards(max_moved=2.0)
    scores = make_scores(40)
    turned = {str(lead): {GRADE: "A"} for lead in scores.lead_id}
    plan = make_plan(scores, turned)
    with pytest.raises(InputError, match="more than one grade"):
        check_plan(plan, Guards())
    check_plan(plan, Guards(insist=True))
    few = make_plan(make_scores(19), turned)
    check_plan(few, Guards())  # of so few a share says nothing
    check_missing(["a"], 19, Guards())
    with pytest.raises(InputError):
        check_missing(["a"], 1, Guards())
