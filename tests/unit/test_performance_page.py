import pytest

from benchmarks.harness import results_file
from benchmarks.page import PATH, page


@pytest.mark.skipif(not results_file.PATH.exists(), reason="no saved results")
def test_the_page_matches_the_saved_results():
    assert PATH.read_text(encoding="utf-8") == page(results_file.load())
