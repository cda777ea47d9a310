"""Crops that are set by hand in the column ``reframe``."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.finish.crop_by_hand import crop_points, parse_places, places_text
from manifests.sheet.finish_cells import parse_reframe


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("30%", ((0.0, 0.3),)),
        ("62.5 %", ((0.0, 0.625),)),
        ("62,5%", ((0.0, 0.625),)),
        ("0s:30% 2.5s:60%", ((0.0, 0.3), (2.5, 0.6))),
        ("0 s: 30 %, 2.5 s: 60 %", ((0.0, 0.3), (2.5, 0.6))),
        ("1s:0% 2s:100%", ((1.0, 0.0), (2.0, 1.0))),
    ],
)
def test_places_are_read(text, places):
    assert parse_places(text) == places


@pytest.mark.parametrize(
    "text", ["", "30", "left", "30% 60%", "0s:30% and 2s:60%", "130%", "2s:10% 1s:20%", "1s:1% 1s:2%"]
)
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match=r"such as crop 30%, or with times in seconds, such as crop 0s:30% 2\.5s:60%"):
        parse_places(text)


@given(
    st.lists(st.tuples(st.integers(0, 9_990), st.integers(0, 1000)), min_size=1, max_size=9, unique_by=lambda x: x[0])
)
def test_the_text_of_places_is_read_as_the_same_places(numbers):
    places = tuple((seconds / 10, place / 1000) for seconds, place in sorted(numbers))
    if len(places) == 1:
        places = ((0.0, places[0][1]),)
    read = parse_places(places_text(places))
    assert read == tuple((seconds, pytest.approx(place)) for seconds, place in places)


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ("9:16=crop 30%", ("9:16", "crop 30%")),
        ("Crop at 30 %", ("", "crop 30%")),
        ("tiktok=crop: 0s:30% 2s:60%", ("tiktok", "crop 0s:30% 2s:60%")),
        ("crop", ("", "crop")),
    ],
)
def test_cells_are_read(cell, read):
    assert parse_reframe(cell) == read


def test_places_are_those_of_the_side_that_is_cropped():
    assert crop_points(((0.0, 0.3),), wide=True) == ((0.0, 0.3, 0.5),)
    assert crop_points(((0.0, 0.3),), wide=False) == ((0.0, 0.5, 0.3),)
