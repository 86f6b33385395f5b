"""Columns are named as people read them, and only ours in other words."""

import numpy as np
import pandas as pd
import pytest

from mmm import datasets
from mmm.prediction import LeadScorer, build_features
from mmm.prediction.learning.naming import column_name, opening_name
from mmm.wording import LANGUAGES


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_feature_of_ours_has_a_name_of_its_own(lang):
    leads, touches, deals = (datasets.load(name) for name in ("leads", "touches", "deals"))
    frame = build_features(leads, touches, deals, as_of="2025-06-30")
    ours = [*frame.attrs["engagement"], "channel"]
    names = [column_name(name, lang, numeric=name != "channel") for name in ours]
    assert len(set(names)) == len(names) > 20
    assert not any("_" in name for name in names)
    if lang == "it":
        english = [column_name(name, numeric=name != "channel") for name in ours]
        assert not set(names) & set(english)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("job_level", "job level"),
        ("Job level", "Job level"),
        ("jobLevel", "jobLevel"),
        ("_score_", "score"),
        ("__", "__"),
        ("share", "share"),
        ("share_", "share"),
        ("recent", "recent"),
        ("n_touches_14d", "contacts in the last 14 days"),
    ],
)
def test_columns_of_the_company_keep_their_words(name, said):
    assert column_name(name) == said


@pytest.mark.parametrize("name", ["activity", "n_form", "recent", "share_Web"])
def test_a_category_that_bears_the_name_of_a_count_is_not_ours(name):
    assert column_name(name, numeric=False) == name.replace("_", " ")


def test_reasons_name_columns_in_words():
    rng = np.random.default_rng(0)
    n = 600
    frame = pd.DataFrame(
        {
            "job_level": rng.choice(["director", "clerk"], n),
            "n_webinar": rng.poisson(1.0, n).astype(float),
            "is_sql": rng.integers(0, 2, n).astype(float),
        }
    )
    odds = 1.5 * (frame["job_level"] == "director") + frame["n_webinar"] + 1.5 * frame["is_sql"]
    won = (rng.random(n) < 1 / (1 + np.exp(3 - odds))).astype(int)
    scorer = LeadScorer().fit(frame, won)
    new = pd.DataFrame({"lead_id": ["a"], "job_level": ["director"], "n_webinar": [4.0],
                        "is_sql": [1.0]})  # fmt: skip
    english, italian = (
        " ".join(scorer.score_leads(new, lang=lang).reasons[0]) for lang in LANGUAGES
    )
    for part in ("job level: director.", "Webinars attended: 4.", "Accepted by sales (SQL): yes."):
        assert part in english
    assert "livello in azienda: director. A" in italian
    assert "Webinar seguiti: 4." in italian
    assert "Accettato dalle vendite (SQL): sì." in italian
    assert "_" not in english + italian
    advice = scorer.next_grade(new.drop(columns="lead_id").assign(job_level="clerk", n_webinar=0.0))
    assert advice["column"].isin(["job_level", "n_webinar"]).all()
    assert "_" not in advice["sentence"].iloc[0]


def test_only_our_own_words_get_a_capital():
    assert opening_name("n_form") == "Forms filled in"
    assert opening_name("n_form", "it") == "Moduli compilati"
    assert opening_name("iPhone_model", numeric=False) == "iPhone model"
    assert opening_name("share_Events", "it") == "Quota di contatti tramite Fiere ed eventi"
    assert opening_name("was_contacted", "it") == "Contattato dalle vendite"
