"""All that is said of one lead: it adds up, and says what was written of it."""

import numpy as np
import pytest
from scipy.special import expit

from mmm.errors import ConfigError
from mmm.prediction.recipe import Recipe
from mmm.prediction.writeback import Change, Draft, finish, open_ledger
from mmm.prediction.writeback.entries import WRITTEN
from mmm.run.explaining import explain_lead
from mmm.run.training import train_ready
from tests.test_cli_score import some_leads


@pytest.fixture(scope="module")
def trained():
    leads = some_leads().drop(columns="signed_by")
    return train_ready(leads, Recipe("", "lead_id", outcome="converted"), seed=0, allow=[])


@pytest.fixture
def new():
    return some_leads(60, seed=4).drop(columns=["converted", "signed_by"])


@pytest.mark.parametrize("lang", ["en", "it"])
def test_the_columns_add_up_to_the_probability(trained, new, lang):
    found = explain_lead(trained, new, "L0007", lang=lang)
    log_odds = found["base"] + sum(row["adds"] for row in found["columns"])
    assert expit(log_odds) == pytest.approx(found["probability"], abs=1e-3)
    sizes = [abs(row["adds"]) for row in found["columns"]]
    assert sizes == sorted(sizes, reverse=True)
    shown = {row["column"]: row["value"] for row in found["columns"]}
    assert shown["pages"] == new.loc[7, "pages"]
    past = found["past_of_grade"]
    assert past["n"] == 0 or past["lower"] <= past["rate"] <= past["upper"]
    assert ("chance" in found["reasons"][0]) == (lang == "en")
    assert found["written"] == []


def test_what_was_written_of_a_lead_is_listed_by_system(trained, new, tmp_path):
    path = tmp_path / "ledger.sqlite"
    assert explain_lead(trained, new, "L0007", ledger=path)["written"] == []
    ledger = open_ledger(path)
    for system in ("a:crm", "b:crm"):
        draft = Draft(f"to-{system}", system, "v1", "d", "2025-03-01", ("mmm_grade",))
        lead = "L0007" if system == "a:crm" else "L0008"
        batch = ledger.plan(draft, [Change(lead, {"mmm_grade": None}, {"mmm_grade": "B"})], 10)
        for chunk in ledger.chunks(batch):
            ledger.answer(batch, chunk, (), others=WRITTEN)
        finish(ledger, batch)
    ledger.connection.close()
    found = explain_lead(trained, new, "L0007", ledger=path)["written"]
    assert found == [{"system": "a:crm", "fields": {"mmm_grade": "B"}}]


def test_a_lead_that_cannot_be_scored_is_refused(trained, new):
    with pytest.raises(ConfigError, match=r"no lead 'L9999' to score.*Check the id"):
        explain_lead(trained, new, "L9999")
    new["pages"] = new["pages"].astype("float64")
    new.loc[7, "pages"] = np.inf
    with pytest.raises(
        ConfigError, match=r"'L0007' cannot be scored: 'pages' of it cannot be read"
    ):
        explain_lead(trained, new, "L0007")
    assert explain_lead(trained, new, "L0008")["lead_id"] == "L0008"
    alone = explain_lead(trained, new.loc[[8]], "L0008")
    assert alone == explain_lead(trained, new, "L0008") | {"scored_at": alone["scored_at"]}
