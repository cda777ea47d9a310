"""Positions of boxes: always inside the safe zone, at any size of the frame."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from manifests.finish.design.frame import Frame
from manifests.finish.design.geometry import (
    Rect,
    Size,
    is_right_to_left,
    largest_size,
    mirrored,
    place,
    safe_rect,
    stack_height,
    stacked,
)
from manifests.finish.design.template import Box, Motion, Stack, shape_of
from manifests.placements.preset import SafeZone

ANCHORS = ["top-left", "top", "top-right", "left", "centre", "right", "bottom-left", "bottom", "bottom-right"]
fractions = st.floats(0, 1)
margins = st.floats(0, 0.45)
boxes = st.builds(Box, anchor=st.sampled_from(ANCHORS), x=fractions, y=fractions, width=fractions, height=fractions)
frames = st.builds(
    lambda width, height, zone: Frame(2 * width, 2 * height, "1:1", 24.0, 0.0, 5.0, 0.0, zone),
    st.integers(8, 2000),
    st.integers(8, 2000),
    st.builds(SafeZone, top=margins, right=margins, bottom=margins, left=margins),
)


def frame(width: int, height: int, **zone: float) -> Frame:
    return Frame(width, height, "16:9", 24.0, 0.0, 5.0, 0.0, SafeZone(**zone))


@given(frames, boxes, st.floats(0, 0.3), fractions, fractions)
def test_what_fits_into_a_box_lies_inside_the_safe_zone(
    frame: Frame, box: Box, margin: float, part_across: float, part_down: float
):
    safe = safe_rect(frame, margin)
    room = largest_size(box, safe)
    size = Size(int(room.width * part_across), int(room.height * part_down))
    assert safe.contains(place(box, size, safe))


@given(frames, boxes, st.lists(st.tuples(fractions, fractions), max_size=5), st.integers(0, 50))
def test_stacks_lie_inside_the_safe_zone_and_their_layers_do_not_overlap(
    frame: Frame, box: Box, parts: list[tuple[float, float]], gap: int
):
    safe = safe_rect(frame)
    room = largest_size(box, safe)
    heights = max(1, len(parts))
    sizes = [Size(int(room.width * across), int(room.height * down / heights)) for across, down in parts]
    if stack_height(sizes, gap) > room.height:
        gap = 0
    rects = stacked(box, sizes, gap, safe)
    assert all(safe.contains(rect) for rect in rects)
    assert [Size(rect.width, rect.height) for rect in rects] == sizes
    assert all(lower.y == upper.bottom + gap for upper, lower in itertools.pairwise(rects))


@given(frames, st.floats(0, 0.3))
def test_the_safe_zone_has_at_least_the_margins_of_placement_and_template(frame: Frame, margin: float):
    safe, zone = safe_rect(frame, margin), frame.safe_zone
    least = margin * min(frame.width, frame.height)
    if safe.width and safe.height:
        assert safe.x >= max(least, zone.left * frame.width)
        assert safe.y >= max(least, zone.top * frame.height)
        assert frame.width - safe.right >= max(least, zone.right * frame.width)
        assert frame.height - safe.bottom >= max(least, zone.bottom * frame.height)


def test_anchors_and_offsets_are_counted_from_the_safe_zone():
    wide = frame(1000, 500, top=0.1, bottom=0.2)
    safe = safe_rect(wide)
    assert safe == Rect(0, 50, 1000, 350)
    at = {
        anchor: place(Box(anchor=anchor, x=0.01, y=0.02), Size(100, 50), safe)[:2]
        for anchor in ("top-left", "bottom-right", "bottom", "centre")
    }
    assert at == {"top-left": (10, 57), "bottom-right": (890, 343), "bottom": (460, 343), "centre": (460, 207)}


def test_columns_are_aligned_to_the_side_of_their_anchor():
    wide, sizes = frame(1000, 500), [Size(200, 50), Size(100, 30)]
    assert [rect[:2] for rect in stacked(Box(anchor="bottom-left"), sizes, 10, safe_rect(wide))] == [
        (0, 410),
        (0, 470),
    ]
    assert stacked(Box(anchor="right"), sizes, 10, safe_rect(wide))[1].right == 1000
    assert stacked(Box(anchor="top"), sizes, 10, safe_rect(wide))[1].x == 450


@given(boxes)
def test_mirroring_twice_changes_nothing(box: Box):
    assert mirrored(mirrored(box)) == box


def test_boxes_are_found_by_ratio_then_by_shape():
    stack = Stack(boxes={"4:5": {"y": 0.1}, "vertical": {"y": 0.2}})
    assert [stack.box_for(ratio).y for ratio in ("4:5", "9:16", "1:1", "1.91:1")] == [0.1, 0.2, 0.0, 0.0]
    assert [shape_of(ratio) for ratio in ("4:5", "1:1", "1.91:1")] == ["vertical", "square", "horizontal"]


def test_right_to_left_languages():
    assert [is_right_to_left(tag) for tag in ("ar-EG", "he", "fa_IR", "UR", "de", "")] == [True] * 4 + [False] * 2


def test_a_progress_bar_may_last_as_long_as_the_longest_ad():
    assert Motion(kind="wipe", seconds=600).seconds == 600
