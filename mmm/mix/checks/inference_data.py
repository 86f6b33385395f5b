"""The posterior for ArviZ, an optional library."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from mmm.errors import MissingLibraryError
from mmm.mix.fitted import check_one

if TYPE_CHECKING:
    from mmm.mix.model import MixModel


def to_arviz(model: "MixModel") -> Any:
    """Hand the posterior to ArviZ.

    The draws of all chains stand in one, thinned as they are kept: convergence was judged on all
    chains, and stands in the attributes.

    Parameters
    ----------
    model : MixModel
        Fitted.

    Returns
    -------
    arviz.InferenceData, or xarray.DataTree from ArviZ 1 on
        Group ``posterior``: contribution (per period, channel), elasticity (channel), coefficient
        (column), sigma, rho, freedom; group ``observed_data``: outcome (period). Contributions,
        coefficients and sigma in units of the outcome. Channels without spend are left out.

    Raises
    ------
    MissingLibraryError
        If ArviZ is not installed.
    ConfigError
        If the model has panels; ask each of them.
    """
    check_one(model)
    try:
        arviz = import_module("arviz")
    except ImportError as error:
        raise MissingLibraryError("ArviZ is needed for to_arviz. Run: pip install arviz") from error
    posterior, found = model.posterior_, model.diagnostics_
    names = ("contribution", "elasticity", "coefficient", "sigma", "rho", "freedom")
    groups = {
        "posterior": {name: np.asarray(getattr(posterior, name))[None] for name in names},
        "observed_data": {"outcome": model.outcome_},
    }
    named: dict[str, Any] = {
        "coords": {
            "channel": [
                name for name, on in zip(model.channels_, model.active_, strict=True) if on
            ],
            "column": list(model.recipe_.columns),
        },
        "dims": {
            "contribution": ["channel"],
            "elasticity": ["channel"],
            "coefficient": ["column"],
            "outcome": ["period"],
        },
    }
    facts = {
        "r_hat": found.r_hat,
        "ess_bulk": found.ess_bulk,
        "ess_tail": found.ess_tail,
        "divergences": found.divergences,
    }
    if int(arviz.__version__.split(".")[0]) < 1:
        return arviz.from_dict(**groups, **named, posterior_attrs=facts)
    return arviz.from_dict(groups, **named, attrs={"posterior": facts})
