"""Storage: what is read is what was written, and nothing foreign is executed (bad input 43)."""

import io
import json
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError, SourceError
from mmm.prediction.scorer import LeadScorer
from mmm.prediction.storage import ARRAYS, SEAL
from mmm.tables.sealed import as_bytes, checksum


def make(n=800, learner=None, **dates):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "pages": rng.poisson(3, n).astype(float),
            "source": rng.choice(["fair", "web", None], n),
            "seen": pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 90, n), "D"),
            "empty": None,
        }
    )
    won = (rng.random(n) < 0.1 + 0.05 * frame["pages"].clip(upper=9)).astype(int)
    return LeadScorer(learner=learner).fit(frame, won, **dates), frame, won


@pytest.fixture(scope="module")
def model():
    return make()


@pytest.fixture
def folder(model, tmp_path):
    return model[0].save(tmp_path / "model")


def test_a_model_comes_back_as_it_was(model, folder):
    scorer, frame, _ = model
    back = LeadScorer.load(folder)
    assert (back.predict_proba(frame) == scorer.predict_proba(frame)).all()
    assert back.model_version_ == scorer.model_version_
    assert back.card_.to_html() == scorer.card_.to_html()
    pd.testing.assert_frame_equal(back.leakage_, scorer.leakage_)
    new = frame.assign(lead_id=range(len(frame)))
    assert (back.score_leads(new).reasons == scorer.score_leads(new).reasons).all()
    again = back.save(folder)
    assert LeadScorer.load(again).model_version_ == scorer.model_version_


def test_hazards_and_whole_learners_come_back(tmp_path):
    from sklearn.ensemble import RandomForestClassifier

    created = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(800) // 8, unit="D")
    _, frame, won = make()
    ended = pd.Series(created + pd.Timedelta(days=20)).where(won == 1)
    forest = RandomForestClassifier(5, max_depth=3)
    scorer, frame, _ = make(learner=forest, created_at=created, ended_at=ended)
    back = LeadScorer.load(scorer.save(tmp_path / "m"))
    new = frame.assign(lead_id=range(800))
    for within in (None, 10):
        one, two = (s.score_leads(new, within_days=within) for s in (scorer, back))
        assert (one.probability == two.probability).all()


def test_files_are_json_and_plain_arrays(folder):
    assert sorted(file.name for file in folder.iterdir()) == [ARRAYS, SEAL.manifest]
    json.loads((folder / SEAL.manifest).read_text())
    with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays.files)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("something in the file was executed",))


def altered(folder, change):
    manifest = json.loads((folder / SEAL.manifest).read_text())
    change(manifest)
    (folder / SEAL.manifest).write_text(json.dumps(manifest))


def swap_arrays(folder, data):
    (folder / ARRAYS).write_bytes(data)
    altered(folder, lambda m: m["files"].update({ARRAYS: checksum(data)}))


def pickled_npz():
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        array = io.BytesIO()
        np.lib.format.write_array(array, np.array([Bomb()], dtype=object), allow_pickle=True)
        archive.writestr("slopes.npy", array.getvalue())
    return memory.getvalue()


def cut(folder):
    manifest = folder / SEAL.manifest
    manifest.write_text(manifest.read_text()[:900])


@pytest.mark.parametrize(
    ("harm", "match"),
    [
        (lambda f: (f / SEAL.manifest).unlink(), "holds no model"),
        (
            lambda f: (f / SEAL.manifest).write_text((f / SEAL.manifest).read_text()[:900]),
            "truncated",
        ),
        (lambda f: (f / SEAL.manifest).write_bytes(pickle.dumps(Bomb())), "truncated or no JSON"),
        (lambda f: (f / SEAL.manifest).write_text("{}"), "not a model of mmm"),
        (lambda f: altered(f, lambda m: m.update(version=2)), "Install a newer mmm"),
        (lambda f: altered(f, lambda m: m["body"].update(base=9.0)), "was altered"),
        (lambda f: altered(f, lambda m: m.update(files={})), "parts are missing"),
        (
            lambda f: altered(f, lambda m: m["files"].update({"../../evil": "0"})),
            "parts are missing",
        ),
        (lambda f: (f / ARRAYS).unlink(), "is missing"),
        (lambda f: (f / ARRAYS).write_bytes((f / ARRAYS).read_bytes()[:500]), "truncated"),
        (lambda f: swap_arrays(f, pickled_npz()), "damaged"),
        (lambda f: swap_arrays(f, b"no zip at all"), "damaged"),
    ],
)
def test_bad_input_43_is_refused_and_nothing_executed(folder, harm, match):
    harm(folder)
    with pytest.raises(SourceError, match=match):
        LeadScorer.load(folder)


def test_bad_input_43_a_learner_of_a_foreign_kind(tmp_path):
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import FunctionTransformer
    from skops import io as skops_io

    scorer, *_ = make(learner=LogisticRegression())
    folder = scorer.save(tmp_path / "m")
    evil = skops_io.dumps(FunctionTransformer(Bomb))
    (folder / "learner_0.skops").write_bytes(evil)
    altered(folder, lambda m: m["files"].update({"learner_0.skops": checksum(evil)}))
    with pytest.raises(SourceError, match=r"not read|damaged"):
        LeadScorer.load(folder)


def test_bad_input_44_a_bomb_is_not_unpacked(folder, monkeypatch):
    monkeypatch.setattr("mmm.prediction.storage.SEAL", replace(SEAL, limit=10_000_000))
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("slopes.npy", b"0" * 20_000_000)
    swap_arrays(folder, memory.getvalue())
    with pytest.raises(SourceError, match="more than any model"):
        LeadScorer.load(folder)


def test_tables_and_features_have_to_agree(folder):
    with np.load(folder / ARRAYS) as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["table_0"] = arrays["table_0"][:1]
    memory = io.BytesIO()
    np.savez(memory, **arrays)
    swap_arrays(folder, memory.getvalue())
    with pytest.raises(SourceError, match="differ"):
        LeadScorer.load(folder)


def test_a_folder_of_something_else_is_not_overwritten(model, tmp_path):
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(SourceError, match="something else"):
        model[0].save(tmp_path)


def test_what_only_pickle_could_hold_is_refused(tmp_path):
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Own(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.unique(y)
            return self

        def predict_proba(self, X):
            p = 1 / (1 + np.exp(1.0 - X[:, 0]))
            return np.column_stack([1 - p, p])

    scorer, *_ = make(learner=Own())
    with pytest.raises(ConfigError, match="learner of scikit-learn"):
        scorer.save(tmp_path / "m")


def test_the_sum_of_a_body_does_not_depend_on_the_order_of_keys():
    assert as_bytes({"a": 1, "b": 2}) == as_bytes({"b": 2, "a": 1})


@pytest.mark.filterwarnings("ignore:Held out, the model ranks")  # nothing is left to chance
def test_boosting_with_categories_comes_back(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.choice(["x", "y", "z"], 800), "b": rng.normal(size=800)})
    won = ((frame["a"] == "x") ^ (frame["b"] > 0)).astype(int)  # no column says anything alone
    scorer = LeadScorer().fit(frame, won)
    assert any(candidate.family == "full" for candidate in scorer.choice_.weights)
    back = LeadScorer.load(scorer.save(tmp_path / "model"))
    assert (back.predict_proba(frame) == scorer.predict_proba(frame)).all()
