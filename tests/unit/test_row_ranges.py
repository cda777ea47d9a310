"""Row numbers as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.sheet.row_ranges import row_ranges


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([], ""),
        ([5], "5"),
        ([5, 7, 8, 9], "5 and 7 to 9"),
        ([1, 3, 5, 7, 9, 11, 13], "1, 3, 5, 7, 9 and 2 more"),
        ([2, *range(4, 1500)], "2 and 4 to 1,499"),
    ],
)
def test_successive_numbers_are_one_range(numbers, text):
    assert row_ranges(numbers) == text


def test_blank_rows_do_not_divide_a_range():
    assert row_ranges([3, 5, 8], [2, 3, 5, 6, 8]) == "3 to 5 and 8"


@given(st.sets(st.integers(1, 60), min_size=1))
def test_no_row_is_lost(numbers):
    found: set[int] = set()
    text, _, more = row_ranges(sorted(numbers)).partition(" more")
    parts = text.replace(" and ", ", ").split(", ")
    rest = int(parts.pop()) if text != row_ranges(sorted(numbers)) else 0
    for part in parts:
        low, _, high = part.partition(" to ")
        found |= set(range(int(low), int(high or low) + 1))
    assert found <= numbers
    assert len(found) + rest == len(numbers)
    assert not more
