"""External services that tests need."""

import os

import pytest


def missing_service(what: str) -> None:
    """Skip the test locally; fail it in CI, where the service must be present."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, but CI must provide it")
    pytest.skip(f"{what} is missing")
