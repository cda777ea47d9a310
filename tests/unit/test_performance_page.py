import pytest

from benchmarks import results_file
from benchmarks.page import PATH, page


@pytest.mark.skipif(not results_file.PATH.exists(), reason="nothing was measured yet")
def test_the_page_says_what_the_results_say():
    assert PATH.read_text(encoding="utf-8") == page(results_file.load())
