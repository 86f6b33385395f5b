"""What a run says of the choices behind its answer, where it is asked."""

import numpy as np
import pandas as pd
import pytest

from mmm import datasets
from mmm.attribution import robustness
from mmm.report import brief_of, render_brief, write_results
from mmm.run import run
from mmm.run.demo import demo_config


@pytest.fixture(scope="module")
def config():
    """The configuration of the demo without mix and scoring, which take most of the time."""
    plain = demo_config()
    off = {"update": {"enabled": False}}
    audit = plain.attribution.model_copy(update={"robustness": True})
    parts = {name: getattr(plain, name).model_copy(**off) for name in ("mix", "scoring", "signal")}
    return plain.model_copy(update={**parts, "attribution": audit})


@pytest.fixture(scope="module")
def result(config):
    return run(config)


def test_it_is_the_audit_of_the_tables(config, result):
    names = ("touches", "deals", "leads", "contacts", "roles")
    given = {name: datasets.load(name) for name in names if getattr(config, name) is not None}
    own = robustness(**given, **config.journeys.model_dump())
    assert result.robustness.variations == own.variations
    np.testing.assert_allclose(result.robustness.share, own.share, rtol=1e-12)


@pytest.mark.parametrize("lang", ["en", "it"])
def test_the_file_and_the_sentence(config, result, lang, tmp_path):
    company = config.company.model_copy(update={"language": lang})
    written = write_results(result, config.model_copy(update={"company": company}), tmp_path)
    frame = pd.read_csv(written["robustness"])
    base = frame.drop_duplicates("channel").set_index("channel")["base"]
    assert base.sum() == pytest.approx(1)
    credit = pd.read_csv(written["credit"]).query("model == 'markov'").set_index("channel")
    pd.testing.assert_series_equal(base, credit["share"], check_like=True, check_names=False)
    page = render_brief(brief_of(result, config), lang=lang)
    said = result.robustness.finding().sentence(lang)
    assert said.split(" (")[0].replace("'", "&#39;") in page


def test_nothing_is_built_again_unless_asked(config, tmp_path):
    plain = config.attribution.model_copy(update={"robustness": False})
    config = config.model_copy(update={"attribution": plain})
    (tmp_path / "robustness.csv").write_text("of an earlier run", encoding="utf-8")
    result = run(config)
    assert result.robustness is None
    assert "robustness" not in write_results(result, config, tmp_path)
    assert not (tmp_path / "robustness.csv").exists()
