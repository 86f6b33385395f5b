"""scikit-learn's own checks of an estimator."""

import warnings

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from mmm.errors import MmmWarning
from mmm.mix.inference.sampler import Sampling
from mmm.mix.model import MixModel

SHORT = Sampling(n_chains=2, n_warmup=20, n_draws=20, n_starts=1, max_rounds=1)
ORDERED = "spend carries over from row to row, so that rows are not exchangeable"
EXPECTED_FAILURES = {
    "check_methods_sample_order_invariance": ORDERED,
    "check_methods_subset_invariance": ORDERED,
}
CHECKS = list(
    estimator_checks_generator(
        MixModel(sampler=SHORT, on_nonconvergence="warn"),
        expected_failed_checks=EXPECTED_FAILURES,
        mark="xfail",
    )
)


@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        pytest.param(
            getattr(case, "values", case)[0],
            getattr(case, "values", case)[1],
            marks=getattr(case, "marks", ()),
            id=getattr(case, "values", case)[1].func.__name__,
        )
        for case in CHECKS
    ],
)
def test_scikit_learn(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MmmWarning)  # 20 draws agree on nothing
        check(estimator)
