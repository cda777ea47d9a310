"""Placements in the spellings that people use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.placement import ASPECT_RATIOS, CHANNELS, OTHER_NAMES, Placement, parse_placement


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
        ("16:9 2,5s", Placement("generic", "16:9", 2.5)),
    ],
)
def test_accepted_spellings(text, placement):
    assert parse_placement(text) == placement


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("7:3", "is not a supported aspect ratio. Use 16:9, 9:16 or 1:1, or one of youtube, "),
        ("4:5", "is not a supported aspect ratio. Use 16:9, 9:16 or 1:1, or one of youtube, "),
        ("tiktok 4:5", "is not a supported aspect ratio. Use 16:9, 9:16 or 1:1, or one of youtube, "),
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
@pytest.mark.parametrize("ratio", ASPECT_RATIOS)
def test_a_label_parses_back_to_its_placement(channel, ratio):
    placement = Placement(channel, ratio)
    assert parse_placement(placement.label) == placement


@given(st.text(max_size=30))
def test_any_text_gives_a_placement_or_a_value_error(text):
    try:
        placement = parse_placement(text)
    except ValueError:
        return
    assert placement.aspect_ratio in ASPECT_RATIOS
    assert placement.channel in (*CHANNELS, "generic")
