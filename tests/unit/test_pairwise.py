"""Pairwise combinations: every pair of values of two axes occurs."""

from math import prod
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.brief import Brief
from manifests.pairwise import covers, is_too_large, pairwise
from manifests.sheet import Row, Table, check_table
from models.registry import load_cards
from tasks.plan.expand import check_cap, expand

CARDS = load_cards()


@given(st.lists(st.integers(1, 6), min_size=1, max_size=6).map(tuple))
def test_every_pair_occurs_and_never_more_rows_than_combinations(lengths):
    rows = pairwise(lengths)
    assert covers(rows, lengths)
    assert len(rows) == len(set(rows)) <= prod(lengths)
    assert all(0 <= index < length for row in rows for index, length in zip(row, lengths, strict=True))


@pytest.mark.parametrize(("lengths", "most"), [((3, 3, 3, 3), 9), ((2, 2, 2), 4), ((5, 4, 3, 2), 20), ((2,) * 15, 12)])
def test_there_are_few_rows(lengths, most):
    assert len(pairwise(lengths)) <= most


def test_a_large_array_is_refused_before_it_is_built():
    assert is_too_large((101, 101, 2))
    assert not is_too_large((100_000, 100_000))
    assert not is_too_large((100, 100, 100))


def test_a_row_with_pairwise_axes():
    columns = ("prompt", "colour", "shape", "aspect", "axes")
    row = Row(2, ("a {colour} {shape}", "red|blue|pink", "circle|square|star", "16:9|9:16|1:1", "Pairwise"))
    [brief] = check_table(Table(Path("p"), "p", "ab" * 32, columns, 1, (row,))).briefs
    planned = list(expand([brief], CARDS, "starter"))
    assert len(planned) == brief.combinations == check_cap([brief], 9) == 9
    pairs = {(dict(item.labels)["colour"], dict(item.labels)["placements"]) for item in planned}
    assert len(pairs) == 9


def test_two_axes_give_every_combination():
    brief = Brief(2, "b", ("a {c}", "b {c}"), axes="pairwise", metadata={"c": ("x", "y")}, placeholders=("c",))
    assert len(list(expand([brief], CARDS, "starter"))) == brief.combinations == 4
