"""Fixtures of the unit tests."""

from collections.abc import Iterator

import pytest


@pytest.fixture
def default_matmul() -> Iterator[None]:
    """Use torch's default matrix products: opening a generator or scorer selects oneDNN for the whole process."""
    import torch

    matmul = torch.backends.mkldnn.matmul
    before, matmul.fp32_precision = matmul.fp32_precision, "none"
    yield
    matmul.fp32_precision = before
