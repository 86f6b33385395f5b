"""Storage: a folder of JSON and plain arrays; what is read back is checked, never executed."""

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, MmmError, MmmWarning, SourceError, quoted
from mmm.prediction.card import Card
from mmm.prediction.columns.contract import DataContract
from mmm.prediction.columns.drift import FeatureBins
from mmm.prediction.columns.types import Column
from mmm.prediction.handover.grades import Grades
from mmm.prediction.learning.encoding import Encoded, Feature
from mmm.prediction.learning.forest import Forest
from mmm.prediction.learning.hazard import Hazards
from mmm.prediction.learning.learners import Additive, Candidate, Whole
from mmm.prediction.learning.model import Model
from mmm.prediction.learning.stacking import Choice
from mmm.tables.sealed import (
    Seal,
    as_bytes,
    check_unpacked,
    pack_arrays,
    read_folder,
    unpack_arrays,
    write_folder,
)

SEAL = Seal(
    what="model",
    format="mmm lead scorer",
    version=1,
    manifest="model.json",
    cure="Train again, or restore the model from its copy.",
)
ARRAYS = "arrays.npz"

# What skops does not trust by itself: classes of scikit-learn that hold arrays of trees, and the
# check of numbers that boosting with categories puts before them.
TRUSTED = (
    "functools.partial",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
)


@dataclass(frozen=True, eq=False)
class Trained:
    """All that a fitted scorer knows.

    Attributes
    ----------
    settings : mapping
        Arguments of the scorer.
    classes : ndarray, shape (2,)
    named : bool
        Whether training had named columns.
    names : tuple of str
        Columns of the table of training, where named.
    n_features : int
        Columns of the table of training.
    model, choice, contract, drift_bins, leakage, grades, card
        As the attributes of `LeadScorer`.
    """

    settings: Mapping[str, Any]
    classes: npt.NDArray[Any]
    named: bool
    names: tuple[str, ...]
    n_features: int
    model: Model
    choice: Choice
    contract: DataContract
    drift_bins: tuple[FeatureBins, ...]
    leakage: pd.DataFrame
    grades: Grades
    card: Card


@dataclass(frozen=True, eq=False)
class Packed:
    """A model as plain values, arrays, and learners written by skops."""

    body: dict[str, Any]
    arrays: dict[str, npt.NDArray[Any]]
    learners: tuple[bytes, ...]


def version_of(trained: Trained) -> str:
    """Return a fingerprint of what scores, 12 hexadecimal digits.

    The same leads give the same one, whatever the order of rows and columns.
    """
    packed = _pack(trained, learners=False)
    digest = hashlib.sha256(as_bytes({name: packed.body[name] for name in _SCORES}))
    for name in sorted(packed.arrays):
        array = packed.arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:12]


def write_model(folder: Path, trained: Trained) -> Path:
    """Write a model; the manifest comes last, so that a folder cut short is no model.

    Raises
    ------
    SourceError
        If the folder holds something that is no model.
    ConfigError
        If a learner cannot be written without pickle.
    """
    packed = _pack(trained)
    files = {ARRAYS: pack_arrays(packed.arrays)}
    files |= {f"learner_{i}.skops": data for i, data in enumerate(packed.learners)}
    facts = {"scikit-learn": _sklearn_version(), "model_version": version_of(trained)}
    return write_folder(folder, SEAL, packed.body, files, **facts)


def read_model(folder: Path) -> Trained:
    """Read a model, checking every part before it is used.

    Raises
    ------
    SourceError
        If it is absent, foreign, of a newer version, truncated or altered.
    """
    manifest, files = read_folder(folder, SEAL)
    if set(files) != {ARRAYS, *(f"learner_{i}.skops" for i in range(len(files) - 1))}:
        raise SourceError(f"The model in {folder} is damaged: parts are missing. {SEAL.cure}")
    try:
        arrays = unpack_arrays(files.pop(ARRAYS), SEAL)
        learners = [_learner(files[f"learner_{i}.skops"]) for i in range(len(files))]
        if learners and manifest.get("scikit-learn") != _sklearn_version():
            warnings.warn(
                f"The model in {folder} was trained with scikit-learn "
                f"{manifest.get('scikit-learn')} and is read with {_sklearn_version()}; its "
                "learner may behave differently. Train again.",
                MmmWarning,
                stacklevel=4,
            )
        return _unpack(manifest["body"], arrays, learners)
    except MmmError:
        raise
    except Exception as error:  # whatever a damaged file makes a reader stumble over
        raise SourceError(f"The model in {folder} is damaged ({error!r}). {SEAL.cure}") from error


def _learner(data: bytes) -> Any:
    from skops import io as skops_io

    check_unpacked(data, SEAL)
    strange = set(skops_io.get_untrusted_types(data=data)) - set(TRUSTED)
    if strange:
        raise SourceError(f"The model holds {quoted(sorted(strange))}; it is not read. {SEAL.cure}")
    learner = skops_io.loads(data, trusted=list(TRUSTED))
    if not hasattr(learner, "predict_proba"):
        raise SourceError(f"The model holds a learner that is none. {SEAL.cure}")
    return learner


def _write_learner(estimator: Any) -> bytes:
    from skops import io as skops_io

    name = type(estimator).__name__
    try:
        data: bytes = skops_io.dumps(estimator)
        strange = set(skops_io.get_untrusted_types(data=data)) - set(TRUSTED)
    except Exception as error:  # skops names what it cannot write in many ways
        raise ConfigError(
            f"{name} cannot be written without pickle ({error}). Use a learner of scikit-learn."
        ) from error
    if strange:
        raise ConfigError(
            f"{name} holds {quoted(sorted(strange))}, which no model file may hold. Use a learner "
            "of scikit-learn."
        )
    return data


def _pack(trained: Trained, *, learners: bool = True) -> Packed:
    model, choice = trained.model, trained.choice
    arrays: dict[str, npt.NDArray[Any]] = {
        "slopes": model.additive.slopes,
        "middle": model.middle,
        "spread": model.spread,
        "typical_codes": model.typical.codes,
        "typical_values": model.typical.values,
        "choice_rows": choice.rows,
        "choice_z": choice.z,
        "choice_fold": choice.fold,
    }
    for j, feature in enumerate(model.features):
        arrays[f"edges_{j}"] = feature.edges
        arrays[f"table_{j}"] = model.additive.tables[j]
    for i, (_, whole) in enumerate(model.wholes):
        if isinstance(whole, Forest):
            arrays |= {f"forest_{i}_{name}": getattr(whole, name) for name in _FOREST}
    if model.hazards is not None:
        arrays |= {f"hazard_{name}": getattr(model.hazards, name) for name in _HAZARD}
    body = {
        "settings": dict(trained.settings),
        "classes": [trained.classes.dtype.str, trained.classes.tolist()],
        "named": trained.named,
        "names": list(trained.names),
        "n_features": trained.n_features,
        "features": [_feature(feature) for feature in model.features],
        "base": model.additive.base,
        "wholes": [_whole(weight, whole) for weight, whole in model.wholes],
        "hazards": None
        if model.hazards is None
        else {"centre": model.hazards.centre, "follow_up": model.hazards.follow_up},
        "choice": _choice(choice),
        "contract": trained.contract.to_dict(),
        "drift_bins": [bins.to_dict() for bins in trained.drift_bins],
        "leakage": trained.leakage.to_numpy().tolist(),
        "grades": list(trained.grades.edges),
        "card": trained.card.to_dict(),
    }
    body = json.loads(json.dumps(body))
    foreign = [whole.estimator for _, whole in model.wholes if isinstance(whole, Whole)]
    kept = tuple(_write_learner(estimator) for estimator in foreign) if learners else ()
    return Packed(body, arrays, kept)


_SCORES = ("classes", "features", "base", "wholes", "hazards", "choice", "grades")
_FOREST = ("start", "feature", "masks", "values")
_HAZARD = ("times", "rates", "powers")


def _choice(choice: Choice) -> dict[str, Any]:
    return {
        "base": choice.base,
        "weights": [[c.family, float(c.setting), w] for c, w in choice.weights.items()],
        "memory": choice.memory,
        "moves": choice.moves,
        "level_half_life": choice.level_half_life,
        "losses": dict(choice.losses),
        "kept": choice.kept,
    }


def _whole(weight: float, whole: Forest | Whole) -> dict[str, Any]:
    if isinstance(whole, Forest):
        return {"weight": weight, "kind": "forest", "base": whole.base}
    return {"weight": weight, "kind": whole.reads, "design": [list(d) for d in whole.design]}


def _read_whole(
    i: int,
    plain: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]],
    learners: Iterator[Any],
    n_features: int,
) -> Forest | Whole:
    if plain["kind"] != "forest":
        design = tuple((int(j), int(code)) for j, code in plain["design"])
        return Whole(next(learners), str(plain["kind"]), design)
    forest = Forest(float(plain["base"]), *(arrays[f"forest_{i}_{name}"] for name in _FOREST))
    if not forest.fits(n_features):
        raise SourceError(f"Trees and features of the model differ. {SEAL.cure}")
    return forest


def _feature(feature: Feature) -> dict[str, Any]:
    plain = {f.name: getattr(feature, f.name) for f in fields(feature) if f.name != "edges"}
    return {**plain, "column": asdict(feature.column), "levels": list(feature.levels)}


def _unpack(
    body: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], learners: list[Any]
) -> Trained:
    features = tuple(
        _read_feature(plain, arrays[f"edges_{j}"]) for j, plain in enumerate(body["features"])
    )
    tables = tuple(np.asarray(arrays[f"table_{j}"], np.float64) for j in range(len(features)))
    if [len(table) for table in tables] != [feature.n_codes for feature in features]:
        raise SourceError(f"Tables and features of the model differ. {SEAL.cure}")
    left = iter(learners)
    wholes = tuple(
        (float(plain["weight"]), _read_whole(i, plain, arrays, left, len(features)))
        for i, plain in enumerate(body["wholes"])
    )
    model = Model(
        features,
        Additive(float(body["base"]), tables, np.asarray(arrays["slopes"], np.float64)),
        wholes,
        Encoded(arrays["typical_codes"], arrays["typical_values"]),
        np.asarray(arrays["middle"], np.float64),
        np.asarray(arrays["spread"], np.float64),
        _read_hazards(body["hazards"], arrays),
    )
    kind, classes = body["classes"]
    return Trained(
        settings=dict(body["settings"]),
        classes=np.array(classes, dtype=np.dtype(str(kind))),
        named=bool(body["named"]),
        names=tuple(map(str, body["names"])),
        n_features=int(body["n_features"]),
        model=model,
        choice=_read_choice(body["choice"], arrays),
        contract=DataContract.from_dict(body["contract"]),
        drift_bins=tuple(FeatureBins.from_dict(plain) for plain in body["drift_bins"]),
        leakage=pd.DataFrame(
            body["leakage"], columns=["column", "reason", "evidence"], dtype="str"
        ),
        grades=Grades(tuple(body["grades"])),
        card=Card.from_dict(body["card"]),
    )


def _read_hazards(
    plain: Mapping[str, Any] | None, arrays: Mapping[str, npt.NDArray[Any]]
) -> Hazards | None:
    if plain is None:
        return None
    if "hazard_powers" not in arrays:
        raise SourceError(f"The model is of an earlier mmm, whose hazards differ. {SEAL.cure}")
    times, rates, powers = (np.asarray(arrays[f"hazard_{name}"], np.float64) for name in _HAZARD)
    return Hazards(times, rates, powers, float(plain["centre"]), float(plain["follow_up"]))


def _read_feature(plain: Mapping[str, Any], edges: npt.NDArray[Any]) -> Feature:
    column = {**plain["column"], "levels": tuple(map(str, plain["column"]["levels"]))}
    rest = {name: float(plain[name]) for name in ("centre", "scale", "low", "high")}
    levels = tuple(map(str, plain["levels"]))
    return Feature(Column(**column), np.asarray(edges, np.float64), levels, **rest)


def _read_choice(plain: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Choice:
    weights = {Candidate(str(f), float(s)): float(w) for f, s, w in plain["weights"]}
    rows, z, fold = (arrays[f"choice_{name}"] for name in ("rows", "z", "fold"))
    return Choice(
        plain["base"],
        weights,
        plain["memory"],
        bool(plain["moves"]),
        plain["level_half_life"],
        rows,
        z,
        fold,
        plain["losses"],
        plain["kept"],
    )


def _sklearn_version() -> str:
    import sklearn

    return str(sklearn.__version__)
