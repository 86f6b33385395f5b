"""A fitted model comes back to the bit, and nothing foreign is read."""

import io
import json
import pickle
import shutil
import warnings
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError, DataWarning, SourceError
from mmm.mix import storage
from mmm.mix.calibration import LiftTest
from mmm.mix.families import GeometricAdstock, HillSaturation, RootSaturation
from mmm.mix.inference.design import Baseline, Event
from mmm.mix.inference.sampler import Sampling
from mmm.mix.model import MixModel
from mmm.tables.sealed import as_bytes, checksum

QUICK = Sampling(n_warmup=60, n_draws=60, n_starts=1, max_rounds=1)


class OwnSaturation(HillSaturation):
    """A family that no file may name."""


def table(dates=True):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.gamma(2, 100, (60, 3)), columns=["Search", "Fairs", "Radio"])
    frame["Radio"] = 0.0
    frame["price"] = rng.normal(10, 1, 60)
    if dates:
        frame.insert(0, "week", pd.date_range("2024-01-01", periods=60, freq="7D"))
    outcome = 3000 + 2 * frame["Search"] + frame["Fairs"] + rng.normal(0, 50, 60)
    return frame, outcome.to_numpy()


def fit(model, frame, outcome):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return model.fit(frame, outcome)


@pytest.fixture(scope="module")
def model():
    frame, outcome = table()
    own = MixModel(
        date="week",
        controls=["price"],
        adstock={"Search": GeometricAdstock(max_lag=5)},
        saturation={"Fairs": RootSaturation()},
        baseline=Baseline(events=(Event("fair", ("2024-06-03",)),)),
        likelihood="student_t",
        sampler=QUICK,
        tests=[LiftTest("Fairs", "2024-03-04", "2024-04-01", 500.0, 500.0, 200.0)],
        on_nonconvergence="warn",
        seed=3,
    )
    return fit(own, frame, outcome)


@pytest.fixture
def folder(model, tmp_path):
    return model.save(tmp_path / "model")


def test_a_model_comes_back_to_the_bit(model, folder):
    back = MixModel.load(folder)
    frame, _ = table()
    later = pd.concat([frame, frame.tail(4).assign(week=lambda f: f["week"] + pd.Timedelta("28D"))])
    np.testing.assert_array_equal(back.predict(later), model.predict(later))
    np.testing.assert_array_equal(back.predict_interval(frame), model.predict_interval(frame))
    pd.testing.assert_frame_equal(back.contributions(), model.contributions(), check_exact=True)
    np.testing.assert_array_equal(back.response_curves().response, model.response_curves().response)
    assert repr(back.get_params()) == repr(model.get_params())
    assert back.diagnostics_ == model.diagnostics_


def test_an_array_without_names_or_dates(tmp_path):
    frame, outcome = table(dates=False)
    data = frame[["Search", "Fairs"]].to_numpy()
    own = fit(MixModel(sampler=QUICK, on_nonconvergence="warn"), data, outcome)
    back = MixModel.load(own.save(tmp_path / "model"))
    assert not hasattr(back, "feature_names_in_")
    np.testing.assert_array_equal(back.predict(data), own.predict(data))


def test_every_attribute_is_kept(model):
    kept = {*model.get_params(deep=False), *storage.ATTRIBUTES}
    assert set(vars(model)) <= kept


def test_saving_over_a_model_replaces_it(model, folder):
    assert model.save(folder) == folder
    assert MixModel.load(folder).seed == 3


def test_a_folder_of_something_else_is_not_overwritten(model, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SourceError, match="something else"):
        model.save(tmp_path)


def test_a_family_of_ones_own_is_not_written(model, tmp_path):
    frame, outcome = table()
    own = MixModel(date="week", saturation=OwnSaturation(), sampler=QUICK, on_nonconvergence="warn")
    with pytest.raises(ConfigError, match="OwnSaturation"):
        fit(own, frame, outcome).save(tmp_path / "model")


def change(folder, edit):
    """Edit the manifest and make its sum right again, as a forger would."""
    file = folder / storage.SEAL.manifest
    manifest = json.loads(file.read_text())
    edit(manifest)
    manifest["body_sum"] = checksum(as_bytes(manifest["body"]))
    file.write_text(json.dumps(manifest))


def cut(folder, name):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])


def smuggle(folder):
    """Put a pickled object among the arrays."""
    trap = np.array([print], dtype=object)
    memory = io.BytesIO()
    np.savez(memory, a0=trap)
    (folder / storage.ARRAYS).write_bytes(memory.getvalue())
    change(folder, lambda m: m["files"].update({storage.ARRAYS: checksum(memory.getvalue())}))


HARMS = {
    "absent": (lambda f: shutil.rmtree(f), "holds no mix model"),
    "manifest cut": (lambda f: cut(f, storage.SEAL.manifest), "truncated"),
    "arrays cut": (lambda f: cut(f, storage.ARRAYS), "truncated"),
    "arrays gone": (lambda f: (f / storage.ARRAYS).unlink(), "missing"),
    "foreign": (lambda f: change(f, lambda m: m.update(format="other")), "not a mix model"),
    "newer": (lambda f: change(f, lambda m: m.update(version=99)), "Install a newer mmm"),
    "unknown class": (
        lambda f: change(f, lambda m: m["body"]["state"].update(clock_={"Popen": {"args": "ls"}})),
        "damaged",
    ),
    "attribute too many": (
        lambda f: change(f, lambda m: m["body"]["state"].update(fit=1)),
        "'fit'",
    ),
    "attribute missing": (
        lambda f: change(f, lambda m: m["body"]["state"].pop("spend_")),
        "'spend_'",
    ),
    "setting of another": (
        lambda f: change(f, lambda m: m["body"]["settings"].update(colour=1)),
        "'colour'",
    ),
    "value refused": (
        lambda f: change(
            f, lambda m: m["body"]["settings"]["sampler"]["Sampling"].update(n_draws=0)
        ),
        "damaged",
    ),
    "pickle": (smuggle, "damaged"),
    "pickled file": (
        lambda f: (f / storage.SEAL.manifest).write_bytes(pickle.dumps({"format": 1})),
        "no JSON",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("harm", "match"), HARMS.values(), ids=HARMS.keys())
def test_bad_input_43_is_refused_and_nothing_executed(folder, harm, match):
    harm(folder)
    with pytest.raises(SourceError, match=match):
        MixModel.load(folder)


def test_bad_input_43_an_altered_number_is_noticed(folder):
    file = folder / storage.SEAL.manifest
    file.write_text(file.read_text().replace('"seed": 3', '"seed": 4'))
    with pytest.raises(SourceError, match="altered"):
        MixModel.load(folder)


def test_a_bomb_is_not_unpacked(folder, monkeypatch):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a0.npy", b"0" * 2_000_000)
    (folder / storage.ARRAYS).write_bytes(memory.getvalue())
    change(folder, lambda m: m["files"].update({storage.ARRAYS: checksum(memory.getvalue())}))
    monkeypatch.setattr(storage, "SEAL", replace(storage.SEAL, limit=1_000_000))
    with pytest.raises(SourceError, match="unpacks to more"):
        MixModel.load(folder)
