"""Several panels, such as regions: told apart before the fit, sampled together, put together."""

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError, name_rows, quoted
from mmm.mix.calibration import LiftTest, conflicting_tests, place_together
from mmm.mix.inference.diagnostics import Diagnostics, diagnose, prior_conflicts
from mmm.mix.inference.joint import join_panels
from mmm.mix.inference.sampler import Sampling
from mmm.mix.inference.sampling import sample_mix
from mmm.mix.priors import Priors
from mmm.mix.transforms import Floats

Rows = dict[str, npt.NDArray[np.intp]]


def split_panels(X: Any, panel: str) -> tuple[pd.DataFrame, Rows]:
    """Return the frame without the column of panels, and the rows of each, in order of name.

    Parameters
    ----------
    X : pandas.DataFrame
    panel : str
        Column of names.

    Raises
    ------
    InputError
        If there is no such column, or a name is missing.

    Examples
    --------
    >>> frame = pd.DataFrame({"region": ["south", "north", "south"], "tv": [1.0, 2.0, 3.0]})
    >>> rest, rows = split_panels(frame, "region")
    >>> list(rest), {name: at.tolist() for name, at in rows.items()}
    (['tv'], {'north': [1], 'south': [0, 2]})
    """
    if not isinstance(X, pd.DataFrame):
        raise InputError(
            f"panel={panel!r} names a column, and X is of the type {type(X).__name__}; pass a "
            "frame of pandas, pyarrow or Polars (collected)."
        )
    if panel not in X.columns:
        raise InputError(
            f"There is no panel column {panel!r} among {quoted(X.columns)}; name one with panel=."
        )
    names = X[panel]
    missing = np.flatnonzero(names.isna())
    if len(missing):
        raise InputError(f"The panel is missing in {name_rows(missing.tolist())}; fill it in.")
    labels = names.astype(str).to_numpy()
    rows = {str(name): np.flatnonzero(labels == name) for name in np.unique(labels)}
    return X.drop(columns=panel), rows


def set_up_panels(
    X: Any, y: Any, whole: Any, make: Callable[[], Any]
) -> tuple[dict[str, Any], list[str]]:
    """Make a model of each panel, with its problem scaled, and say what to know of the data.

    Parameters
    ----------
    X, y
        As for `MixModel.fit`.
    whole : MixModel
        Names the column of panels, and the tests.
    make : callable
        Returns a new model of one panel.

    Raises
    ------
    InputError
        As `MixModel.fit`, naming the panel.
    ConfigError
        If a test names a panel that there is none of, or priors a channel without spend.
    """
    frame, rows = split_panels(X, str(whole.panel))
    tests: Sequence[LiftTest] = whole.tests or ()
    _check_panels(tests, list(rows))
    priors = _priors_of(whole.priors or Priors(), frame, rows)
    outcome = np.asarray(y)
    if outcome.shape != (len(frame),):
        raise InputError(
            f"X has {len(frame)} rows and y the shape {outcome.shape}; pass one number a row."
        )
    panels: dict[str, Any] = {}
    notes: list[str] = []
    for name, at in rows.items():
        own = panels[name] = make()
        own.tests = [test for test in tests if test.panel == name] or None
        own.priors = None if whole.priors is None else priors[name]
        try:
            found = own.set_up(frame.iloc[at], outcome[at])
        except InputError as error:
            raise InputError(f"In the panel {name!r}: {error}") from error
        notes += [f"In the panel {name!r}: {note}" for note in found]
    return panels, notes


def _priors_of(priors: Priors, frame: pd.DataFrame, rows: Rows) -> dict[str, Priors]:
    """Return what is believed of each panel: of the channels that it spends on."""
    stated = list(priors.intervals())
    spent = {
        name: [one for one in stated if one in frame and np.any(frame[one].to_numpy()[at] > 0)]
        for name, at in rows.items()
    }
    strange = sorted(set(stated).difference(*spent.values()))
    if strange:
        raise ConfigError(
            f"Priors name {quoted(strange)}, on which no panel spends. Correct the name, or leave "
            "it out."
        )
    return {name: priors.of_panel(names) for name, names in spent.items()}


def tests_together(model: Any) -> list[LiftTest]:
    """Return the tests of all panels together; none without panels, which tests may not name.

    Raises
    ------
    ConfigError
        If a model without panels has a test that names one.
    """
    if model.panel is None:
        _check_panels(model.tests or (), [])
        return []
    return [test for test in model.tests or () if test.panel is None]


def _check_panels(tests: Sequence[LiftTest], names: Sequence[str]) -> None:
    strange = sorted({test.panel for test in tests if test.panel is not None} - set(names))
    if strange:
        raise ConfigError(
            f"tests name the panel {quoted(strange)}; there are {quoted(names, 20) or 'none'}. "
            "Correct the name, or leave panel= out where all panels were tested together."
        )


def by_panel(X: Any, panel: str, models: Mapping[str, Any], ask: Callable[..., Any]) -> Floats:
    """Ask the model of each panel about its rows; return the answers in the order of the rows.

    Parameters
    ----------
    X : pandas.DataFrame
    panel : str
    models : mapping of str to MixModel
    ask : callable
        From a model and its rows to an array whose last dimension is the rows.

    Returns
    -------
    ndarray, shape (..., n_rows)

    Raises
    ------
    InputError
        If a panel was not in the fit.
    """
    frame, rows = split_panels(X, panel)
    strange = sorted(set(rows) - set(models))
    if strange:
        raise InputError(
            f"The fit has no panel {quoted(strange)}; it has {quoted(models)}. Fit again "
            "with it, or leave these rows out."
        )
    parts = [np.asarray(ask(models[name], frame.iloc[at])) for name, at in rows.items()]
    result = np.empty((*parts[0].shape[:-1], len(frame)))
    for part, at in zip(parts, rows.values(), strict=True):
        result[..., at] = part
    return result


def sample_together(
    models: Sequence[Any],
    likelihood: str,
    sampling: Sampling,
    seed: int,
    tests: Sequence[LiftTest] = (),
) -> tuple[Diagnostics, list[str]]:
    """Sample the models of all panels in one, and give each its posterior.

    Parameters
    ----------
    models : sequence of MixModel
        Set up.
    likelihood, sampling, seed
        As for `mmm.mix.inference.sampling.sample_mix`.
    tests : sequence of LiftTest
        Of all panels together, as `tests_together` finds them.

    Returns
    -------
    diagnostics : Diagnostics
        Of all.
    notes : list of str
        Where data, prior and tests disagree.
    """
    names = [
        [name for name, on in zip(model.channels_, model.active_, strict=True) if on]
        for model in models
    ]
    panels = [model.scaled_ for model in models]
    joint = join_panels([scaled.problem for scaled in panels], names, place_together(tests, models))
    draws, posteriors = sample_mix(panels, joint, likelihood, sampling, seed)
    notes: list[str] = []
    for model, posterior, channels in zip(models, posteriors, names, strict=True):
        model.posterior_ = posterior
        notes += prior_conflicts(model.scaled_.problem.media, posterior, channels)
        notes += conflicting_tests(model)
    if tests:
        notes += conflicting_tests(SimpleNamespace(tests=tests, panels_=dict(enumerate(models))))
    return diagnose(panels, draws, posteriors), list(dict.fromkeys(notes))
