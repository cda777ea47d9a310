"""The device of the tests: a CUDA device, or the one of GPU_TEST_DEVICE.

``GPU_TEST_DEVICE=cpu pytest -m gpu tests/gpu`` runs those tests that can run on a CPU, to test the tests themselves.
"""

import os

import pytest
import torch

DEVICE = os.environ.get("GPU_TEST_DEVICE", "cuda:0")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests whose device this machine lacks."""
    for item in items:
        if item.get_closest_marker("gpu") is None:
            continue
        needs_cuda = DEVICE.startswith("cuda") or "device" not in getattr(item, "fixturenames", ())
        if needs_cuda and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture
def device() -> str:
    """The device to test."""
    return DEVICE
