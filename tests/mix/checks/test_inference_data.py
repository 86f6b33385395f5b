"""The posterior in ArviZ: by a stand-in of its two interfaces, and by the library itself."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from mmm.errors import MissingLibraryError
from mmm.mix.checks.inference_data import to_arviz
from tests.mix.small_model import CHANNELS, small_model


def test_arviz_reads_the_posterior():
    arviz = pytest.importorskip("arviz")
    model = small_model()
    data = to_arviz(model)
    told = data["posterior"]
    assert told["contribution"].dims == ("chain", "draw", "channel")
    np.testing.assert_array_equal(told["channel"].values, CHANNELS)
    np.testing.assert_array_equal(told["contribution"][0], model.posterior_.contribution)
    np.testing.assert_array_equal(data["observed_data"]["outcome"], model.outcome_)
    assert told.attrs["r_hat"] == model.diagnostics_.r_hat
    assert len(arviz.summary(data, var_names=["contribution"])) == 3


def test_without_arviz_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "arviz", None)
    with pytest.raises(MissingLibraryError, match="pip install arviz"):
        to_arviz(small_model())


@pytest.mark.parametrize("old", [True, False])
def test_both_interfaces_are_given_all_draws(monkeypatch, old):
    given = {}

    def from_dict(*groups, **named):
        given.update(named if old else groups[0])
        return given

    library = SimpleNamespace(from_dict=from_dict, __version__="0.23.4" if old else "1.3.0")
    monkeypatch.setitem(sys.modules, "arviz", library)
    model = small_model()
    told = to_arviz(model)
    assert told["posterior"]["sigma"].shape == (1, len(model.posterior_.z))
    assert told["observed_data"]["outcome"].shape == (model.clock_.n_periods,)
