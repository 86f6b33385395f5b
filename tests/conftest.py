"""What all tests share: hypothesis profiles, reference data, and the rule for missing tools."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

SHARED = Path(__file__).resolve().parents[2] / "shared"

settings.register_profile("fast", max_examples=40, deadline=None, derandomize=True, print_blob=True)
settings.register_profile(
    "nightly",
    max_examples=2000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of reference data, which lies beside the project where it is present at all."""
    if not SHARED.is_dir():
        pytest.skip("reference data (../shared) is absent")
    return SHARED


def missing(what: str) -> None:
    """Fail where everything must be there (CI=true); elsewhere skip and say what is missing."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI=true asks for it")
    pytest.skip(f"{what} is missing")
