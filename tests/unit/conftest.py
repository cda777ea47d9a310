"""Fixtures of the unit tests."""

from collections.abc import Iterator

import pytest
from sheets.in_process import parse_here
from tls_server import tls_server

from adapters.sheets import sandbox


@pytest.fixture
def default_matmul() -> Iterator[None]:
    """Use torch's default matrix products: opening a generator or scorer selects oneDNN for the whole process."""
    import torch

    matmul = torch.backends.mkldnn.matmul
    before, matmul.fp32_precision = matmul.fp32_precision, "none"
    yield
    matmul.fp32_precision = before


@pytest.fixture(scope="module")
def tls_pages(tmp_path_factory):
    """A TLS server on loopback for all tests of a file."""
    with tls_server(tmp_path_factory.mktemp("tls")) as server:
        yield server


@pytest.fixture
def server(tls_pages):
    """The TLS server, without pages and requests of earlier tests."""
    tls_pages.pages.clear()
    tls_pages.asked.clear()
    return tls_pages


@pytest.fixture(scope="module")
def sheets_in_this_process() -> Iterator[None]:
    """Parse sheets without the child process, which takes most of the time of tests that read many small sheets.

    The messages and rows are the same; an unexpected error becomes the death of a child. The limits of the child are
    the subject of test_sheet_hostile.py and test_sheet_fuzz.py, which do not use this fixture.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox, "_answer", parse_here)
        yield
