"""Placements in the spellings that people use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.placement import (
    ASPECT_RATIOS,
    CHANNELS,
    OTHER_NAMES,
    RATIOS,
    Placement,
    nearest_ratio,
    parse_placement,
    reading_of,
)


@pytest.mark.parametrize(
    ("text", "placement"),
    [
        ("16:9", Placement("generic", "16:9")),
        (" 9:16 ", Placement("generic", "9:16")),
        ("16x9", Placement("generic", "16:9")),
        ("16/9", Placement("generic", "16:9")),
        ("09:16", Placement("generic", "9:16")),
        ("01:01:00", Placement("generic", "1:1")),
        ("16:09:00", Placement("generic", "16:9")),
        ("Vertical", Placement("generic", "9:16")),
        ("TikTok", Placement("tiktok", "9:16")),
        ("Tik Tok", Placement("tiktok", "9:16")),
        ("tiktok 1:1", Placement("tiktok", "1:1")),
        ("1:1 tiktok", Placement("tiktok", "1:1")),
        ("Instagram Feed", Placement("instagram-feed", "1:1")),
        ("instagram_feed", Placement("instagram-feed", "1:1")),
        ("YouTube Shorts 6s", Placement("shorts", "9:16", 6.0)),
        ("meta-feed", Placement("instagram-feed", "1:1")),
        ("meta-reels", Placement("reels", "9:16")),
        ("generic 4:5", Placement("generic", "4:5")),
        ("16:9 2,5s", Placement("generic", "16:9", 2.5)),
        ("4:5", Placement("generic", "4:5")),
        ("4x5", Placement("generic", "4:5")),
        ("4/5", Placement("generic", "4:5")),
        ("4 : 5", Placement("generic", "4:5")),
        ("04:05:00", Placement("generic", "4:5")),
        ("tiktok 4:5", Placement("tiktok", "4:5")),
        ("21:9", Placement("generic", "21:9")),
        ("3:2", Placement("generic", "3:2")),
        ("2:3", Placement("generic", "2:3")),
        ("4:3", Placement("generic", "4:3")),
        ("square", Placement("generic", "1:1")),
        ("portrait", Placement("generic", "9:16")),
        ("1080x1350", Placement("generic", "4:5")),
        ("1080 × 1350 px", Placement("generic", "4:5")),
        ("1080px x 1920px", Placement("generic", "9:16")),
        ("1920*1080", Placement("generic", "16:9")),
        ("832x480", Placement("generic", "16:9")),
        ("2560x1080", Placement("generic", "21:9")),
        ("instagram feed 1080x1350 6s", Placement("instagram-feed", "4:5", 6.0)),
        ("\u200f16:9\u200e", Placement("generic", "16:9")),
        ("\u206616\u200e:\u061c9\u2069", Placement("generic", "16:9")),
    ],
)
def test_accepted_spellings(text, placement):
    assert parse_placement(text) == placement


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("7:3", "is not a supported aspect ratio. The nearest is 16:9. Use 16:9, 9:16 or 1:1, or one of youtube, "),
        ("tiktok 5:9", "is not a supported aspect ratio. The nearest is 9:16. Use 16:9, 9:16 or 1:1, or one of "),
        ("1200x628", "is not a supported aspect ratio. The nearest is 16:9. "),
        ("0:9", "is not a channel or an aspect ratio. Use "),
        ("tiktoc", "is not a channel or an aspect ratio. Did you mean tiktok? "),
        ("insta", "is not a channel or an aspect ratio. "),
        ("16:9 1:1", "is not a single placement."),
        ("", "is not a single placement."),
        ("6s", "is not a single placement."),
        ("16:9 6s 8s", "is not a single placement."),
    ],
)
def test_an_invalid_placement_is_refused_with_an_alternative(text, advice):
    with pytest.raises(ValueError, match=advice.replace("?", r"\?")):
        parse_placement(text)


def test_alternative_names_map_to_channels():
    assert set(OTHER_NAMES.values()) <= set(CHANNELS)
    assert set(CHANNELS.values()) <= set(ASPECT_RATIOS)


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("ratio", RATIOS)
def test_a_label_parses_back_to_its_placement(channel, ratio):
    placement = Placement(channel, ratio)
    assert parse_placement(placement.label) == placement


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("1080x1350", "is read as the aspect ratio 4:5. The model decides the size in pixels."),
        ("portrait", "is read as 9:16. Enter that ratio, or another one that the model makes."),
        ("tiktok landscape", "is read as 16:9. Enter that ratio, or another one that the model makes."),
        ("square", None),
        ("vertical", None),
        ("4:5", None),
    ],
)
def test_what_could_mean_another_ratio_is_reported(text, reading):
    assert reading_of(text) == reading


@pytest.mark.parametrize(
    ("ratio", "nearest"), [("4:5", "1:1"), ("2:3", "9:16"), ("21:9", "16:9"), ("4:3", "16:9"), ("9:21", "9:16")]
)
def test_the_nearest_ratio(ratio, nearest):
    assert nearest_ratio(ratio, ASPECT_RATIOS) == nearest


@given(st.integers(100, 9999), st.integers(100, 9999))
def test_a_size_in_pixels_is_a_ratio_close_to_it_or_refused(width, height):
    try:
        placement = parse_placement(f"{width}x{height}")
    except ValueError:
        return
    across, down = map(int, placement.aspect_ratio.split(":"))
    assert abs(width / height / (across / down) - 1) < 0.035


@given(st.text(max_size=30))
def test_any_text_gives_a_placement_or_a_value_error(text):
    try:
        placement = parse_placement(text)
    except ValueError:
        return
    assert placement.aspect_ratio in RATIOS
    assert placement.channel in (*CHANNELS, "generic")
