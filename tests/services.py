"""Outside things that tests need."""

import os

import pytest


def missing_service(what: str) -> None:
    """Skip on a person's machine; fail where CI promised the service."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing")
