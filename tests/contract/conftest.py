"""A catalogue on each engine in turn."""

from collections.abc import Iterator

import pytest

from adapters.catalogue import Catalogue, open_catalogue


@pytest.fixture
def catalogue(catalogue_url: str) -> Iterator[Catalogue]:
    with open_catalogue(catalogue_url) as opened:
        yield opened
