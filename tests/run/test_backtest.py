"""The forecasts of the mix are held against what came, where that is asked for."""

import numpy as np
import pandas as pd

from mmm.mix import MixModel
from mmm.mix.inference.sampler import Sampling
from mmm.run.backtest import look_back
from mmm.run.outcome import Weeks
from mmm.wording import LANGUAGES


def known(n_weeks):
    rng = np.random.default_rng(0)
    spend = rng.gamma(2.0, 50.0, n_weeks)
    days = pd.date_range("2023-01-02", periods=n_weeks, freq="7D")
    came = 900 + 3 * spend + rng.normal(0, 30, n_weeks)
    frame = pd.DataFrame({"date": days, "Fairs": spend, "won_value": came})
    weeks = Weeks(frame, ("Fairs",), (), "won_value", "date", "week", 1.0)
    quick = Sampling(n_warmup=150, n_draws=200)
    return MixModel(["Fairs"], date="date", sampler=quick, on_nonconvergence="warn"), weeks


def test_the_page_says_how_well_the_mix_forecast():
    findings, gaps = look_back(*known(80), periods=13, origins=2)
    assert gaps == ()
    assert len(findings) == 2
    for lang in LANGUAGES:
        said = [one.sentence(lang) for one in findings]
        assert len(set(said)) == 2
    assert all(one.value < 0.2 for one in findings)
    assert "of 2 tries" in findings[0].sentence()


def test_nothing_is_fitted_where_nothing_is_asked():
    assert look_back(*known(80), periods=13, origins=0) == ((), ())


def test_too_little_to_look_back_on_is_a_gap():
    findings, gaps = look_back(*known(40), periods=13, origins=2)
    assert findings == ()
    assert gaps[0].answer == "backtest"
    assert all("26" in gap.sentence(lang) for gap in gaps for lang in LANGUAGES)
