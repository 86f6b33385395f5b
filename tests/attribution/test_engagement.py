"""Which content engages: by hand, against plain loops, and honest where chance explains it."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from mmm.attribution import engagement, first_touch, linear
from mmm.attribution.engagement import wilson
from mmm.datasets import load
from mmm.journeys import Journeys, build_journeys
from mmm.wording import LANGUAGES


@pytest.fixture(scope="module")
def journeys():
    tables = {name: load(name) for name in ("touches", "deals", "leads", "contacts")}
    return build_journeys(**tables, by="account", dimension="content")


def test_by_hand():
    journeys = Journeys.from_paths(
        ["Guide > Guide > Demo", "Guide > Guide", "Demo", "Demo > Guide"],
        conversions=[1, 0, 1, 0],
        value=[100.0, 0.0, 40.0, 0.0],
        nulls=[0, 2, 0, 1],
    )
    told = engagement(journeys).to_frame().set_index("channel")
    assert told["touches"].to_dict() == {"Guide": 2 + 4 + 1, "Demo": 3}
    assert told["journeys"].to_dict() == {"Guide": 4, "Demo": 3}
    # After the guide: the demo once; twice nothing; at the end of the last one nothing.
    assert told["progression"].to_dict() == {"Guide": 1 / 4, "Demo": 1.0}
    assert told["won"].to_dict() == pytest.approx({"Guide": 1 / 4, "Demo": 2 / 3})
    assert told["influenced_value"].to_dict() == {"Guide": 100.0, "Demo": 140.0}
    assert told["credit"].to_dict() == pytest.approx({"Guide": 200 / 3, "Demo": 100 / 3 + 40})
    assert told["people"].isna().all()
    assert not told["enough"].any()


def test_figures_equal_plain_loops(journeys):
    told = engagement(journeys)
    frame = told.to_frame().set_index("content")
    held, went, won, people, accounts = {}, {}, {}, {}, {}
    for j, path in enumerate(journeys.paths()):
        ended = journeys.conversions[j] > 0
        first = journeys.start[j]
        for label in set(path):
            later = path[path.index(label) + 1 :]
            held[label] = held.get(label, 0) + 1
            went[label] = went.get(label, 0) + (ended or any(name != label for name in later))
            won[label] = won.get(label, 0) + ended
            accounts.setdefault(label, set()).add(journeys.cluster[j])
        for k, label in enumerate(path):
            if journeys.person[first + k] >= 0:
                people.setdefault(label, set()).add(journeys.person[first + k])
    for label in held:
        row = frame.loc[label]
        assert row["journeys"] == held[label]
        assert row["progression"] == pytest.approx(went[label] / held[label])
        assert row["won"] == pytest.approx(won[label] / held[label])
        assert row["people"] == len(people[label])
        assert told.clusters[told.labels.index(label)] == len(accounts[label])
    assert frame["touches"].sum() == len(journeys.touch)
    np.testing.assert_allclose(frame["credit"].reindex(told.labels), linear(journeys).credit)


def test_wilson_equals_statsmodels():
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    for count, n in ((0, 10), (3, 10), (97, 100), (5, 5)):
        low, high = wilson(np.array([count / n]), np.array([float(n)]), 0.9)
        expected = proportion.proportion_confint(count, n, alpha=0.1, method="wilson")
        assert (low[0], high[0]) == pytest.approx(expected)
    low, high = wilson(np.array([np.nan]), np.array([0.0]), 0.9)
    assert (low[0], high[0]) == (0.0, 1.0)


def random_content(rng, n, engaging):
    """Draw journeys of two contents; after the engaging one something follows more often."""
    paths, won = [], []
    for _ in range(n):
        path = [rng.choice(["Case", "Guide", "News"])]
        rate = 0.7 if engaging and path[0] == "Guide" else 0.3
        while rng.random() < rate and len(path) < 6:
            path.append(
                rng.choice([name for name in ("Case", "Guide", "News") if name != path[-1]])
            )
            rate = 0.7 if engaging and path[-1] == "Guide" else 0.3
        paths.append(path)
        won.append(int(rng.random() < 0.1))
    nulls = [1 - w for w in won]
    return Journeys.from_paths(paths, conversions=won, nulls=nulls)


def test_the_engaging_content_is_found():
    told = engagement(random_content(np.random.default_rng(1), 400, engaging=True))
    assert told.labels[told.leader] == "Guide"
    said = {lang: told.finding().sentence(lang) for lang in LANGUAGES}
    assert said["en"].startswith("Guide engages most: after it ")
    assert "not what causes it" in said["en"]
    assert said["it"].startswith("Guide è il contenuto che coinvolge di più")


def test_where_nothing_engages_a_leader_is_rare():
    """Level 90%, three contents compared, one side: at most about 5% of these are false."""
    rng = np.random.default_rng(2)
    named = [
        engagement(random_content(rng, 150, engaging=False)).leader is not None for _ in range(100)
    ]
    assert np.mean(named) <= 0.1


def test_chance_is_called_chance():
    journeys = random_content(np.random.default_rng(4), 60, engaging=False)
    finding = engagement(journeys).finding()
    assert finding.metric == "attribution.content_no_leader"
    assert "differences are within chance" in finding.sentence()
    assert "dovute al caso" in finding.sentence("it")


def test_few_accounts_are_too_few_to_judge():
    few = Journeys.from_paths(["Guide > Demo"] * 3, conversions=[1, 0, 0], nulls=[0, 1, 1])
    told = engagement(few)
    assert told.leader is None
    assert told.finding().metric == "attribution.content_few"
    assert any("2 of 2 labels were met by fewer than 5 accounts" in note for note in told.notes)
    for lang in LANGUAGES:
        assert told.finding().sentence(lang)


def test_journeys_of_one_account_are_not_independent():
    paths = ["Guide > Demo"] * 40 + ["News"] * 40
    journeys = Journeys.from_paths(paths, conversions=[1, 0] * 40, nulls=[0, 1] * 40)
    alone = engagement(journeys)
    together = engagement(replace(journeys, cluster=np.repeat([1, 2], 40)))
    assert alone.leader is not None
    assert together.leader is None
    assert (together.clusters <= 2).all()
    assert (together.lower < alone.lower).all()


def test_content_without_a_name_is_never_the_leader():
    paths = ["(not set) > Demo"] * 60 + ["News"] * 60 + ["News > Demo"] * 2
    told = engagement(Journeys.from_paths(paths, conversions=[0] * 122, nulls=[1] * 122))
    assert told.leader is None or told.labels[told.leader] != "(not set)"
    nothing = Journeys.from_paths(["(not set)"], conversions=[1])
    finding = engagement(nothing).finding()
    assert finding.metric == "attribution.content_unknown"
    assert "column channel" in finding.sentence()


def test_any_model_any_column_any_stage(journeys):
    told = engagement(journeys, model=first_touch, measure="conversions")
    assert told.dimension == "content"
    assert told.result.model == "first_touch"
    empty = engagement(Journeys.from_paths([]))
    assert empty.to_frame().empty
    assert empty.finding().metric == "attribution.content_unknown"


def test_every_sentence_of_content_can_be_said(journeys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for lang in LANGUAGES:
            assert engagement(journeys).finding().sentence(lang)
