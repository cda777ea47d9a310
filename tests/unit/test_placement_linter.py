"""The pure linter: properties that hold for any file and any placement, and its messages."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.presets.placements import load_presets
from manifests.placements.facts import DrawnBox, FileFacts
from manifests.placements.fix_plan import plan_fix
from manifests.placements.linter import lint
from manifests.placements.preset import FrameSize, PlacementPreset
from manifests.placements.ratios import nearest_ratio, quotient, ratio_of
from manifests.placements.wording import file_size, seconds

PRESETS = load_presets()
ANY = PlacementPreset(name="any", title="Any", sizes={"16:9": FrameSize(width=1280, height=720)})
FITS = FileFacts("mp4", "h264", "yuv420p", 1280, 720, Fraction(24), 6.0, 3_000_000, audio_codec="aac")
numbers = st.floats(0.01, 1e6, allow_nan=False)
facts = st.builds(
    FileFacts,
    container=st.sampled_from(["mp4", "mov", "webm", "mkv", "", "avi"]),
    codec=st.sampled_from(["h264", "hevc", "vp9", "mjpeg", ""]),
    pixel_format=st.sampled_from(["yuv420p", "yuv444p10le", ""]),
    width=st.integers(1, 8192),
    height=st.integers(1, 8192),
    fps=st.fractions(0, 240, max_denominator=1001),
    duration_s=st.one_of(st.just(0.0), numbers),
    size_bytes=st.integers(0, 10**12),
    sample_aspect=st.fractions(Fraction(1, 4), 4, max_denominator=64),
    constant_fps=st.booleans(),
    audio_codec=st.sampled_from(["", "aac", "mp3"]),
    loudness_lufs=st.one_of(st.none(), st.floats(-70, 5)),
    true_peak_dbtp=st.one_of(st.none(), st.floats(-90, 12)),
    caption_files=st.lists(st.sampled_from(["srt", "vtt"]), max_size=2).map(tuple),
    boxes=st.lists(
        st.builds(DrawnBox, st.just("logo"), *[st.floats(-500, 9000)] * 2, *[st.floats(0, 9000)] * 2), max_size=2
    ).map(tuple),
)
presets = st.sampled_from(sorted(PRESETS))


@given(facts, presets)
def test_any_file_gives_whole_sentences_that_name_the_placement(found: FileFacts, name: str) -> None:
    for violation in lint(found, PRESETS[name]):
        assert name in violation.message
        assert violation.message.endswith(".")
        assert not re.search(r"\bnan\b|\binf\b|\bNone\b", violation.message)


@given(facts, presets)
def test_the_same_file_gives_the_same_violations(found: FileFacts, name: str) -> None:
    assert lint(found, PRESETS[name]) == lint(found, PRESETS[name])


@given(facts, presets)
def test_a_planned_fix_has_an_accepted_shape_and_length(found: FileFacts, name: str) -> None:
    preset = PRESETS[name]
    plan = plan_fix(found, preset, lint(found, preset))
    assert plan.width % 2 == plan.height % 2 == 0
    if plan.pads:
        assert ratio_of(plan.width / plan.height, preset.sizes)
    if plan.duration_s is not None:
        assert plan.duration_s in preset.lengths_s


@given(st.floats(0.05, 20), presets)
def test_the_nearest_ratio_is_the_exact_one_if_there_is_one(ratio: float, name: str) -> None:
    sizes = PRESETS[name].sizes
    assert nearest_ratio(ratio, sizes) in sizes
    for exact in sizes:
        assert ratio_of(quotient(exact), sizes) == nearest_ratio(quotient(exact), sizes) == exact


@given(st.integers(0, 10**13), st.floats(0, 1e7))
def test_numbers_are_readable(size: int, length: float) -> None:
    assert re.fullmatch(r"[\d.e+]+ (GB|MB|kB|bytes)", file_size(size))
    assert re.fullmatch(r"[\d.,e+-]+ s", seconds(length))


def rules(preset: PlacementPreset, **changes: object) -> list[tuple[str, str]]:
    return [(violation.rule, violation.fix) for violation in lint(FITS._replace(**changes), preset)]


def changed(**limits: object) -> PlacementPreset:
    return ANY.model_copy(update=limits)


@pytest.mark.parametrize(
    ("limits", "changes", "expected"),
    [
        ({"min_s": 6}, {}, []),
        ({"min_s": 6.01}, {}, [("duration", "extend")]),
        ({"max_s": 6}, {}, []),
        ({"max_s": 5.99}, {}, [("duration", "trim")]),
        ({"min_s": 5, "max_s": 10, "lengths_s": (5, 10)}, {}, [("duration", "trim")]),
        ({"min_s": 5, "max_s": 10, "lengths_s": (5, 6, 10)}, {}, []),
        ({"min_kbps": 4000}, {}, []),
        ({"min_kbps": 4001}, {}, [("bitrate", "encode")]),
        ({"max_kbps": 3999}, {}, [("bitrate", "encode")]),
        ({"min_bytes": 3_000_001}, {}, [("file size", "encode")]),
        ({"max_bytes": 2_999_999}, {}, [("file size", "encode")]),
        ({"max_fps": 23.99}, {}, [("frame rate", "encode")]),
        ({"min_fps": 24.01}, {}, [("frame rate", "encode")]),
        ({"constant_fps": True}, {"constant_fps": False}, [("frame rate", "encode")]),
        ({"needs_audio": True}, {"audio_codec": ""}, [("audio", "")]),
        ({"needs_audio": True}, {"is_silent": True}, [("audio", "")]),
        ({}, {"is_silent": True}, []),
        ({"audio_codecs": ("opus",)}, {}, [("audio", "encode")]),
        ({}, {"loudness_lufs": -14.5}, []),
        ({}, {"loudness_lufs": -14.6}, [("loudness", "loudness")]),
        ({}, {"true_peak_dbtp": -1.0}, []),
        ({}, {"true_peak_dbtp": -0.9}, [("true peak", "loudness")]),
        ({"captions": "required"}, {}, [("captions", "")]),
        ({"captions": "required"}, {"burnt_captions": True}, []),
        ({"captions": "required"}, {"caption_tracks": ("de",)}, []),
        ({"captions": "required", "caption_files": ("srt",)}, {"caption_files": ("srt",)}, []),
        ({"captions": "recommended"}, {}, []),
        ({"caption_files": ("srt",)}, {"caption_files": ("vtt",)}, [("captions", "")]),
        ({"caption_files": ("srt",)}, {"caption_files": ("srt", "vtt")}, []),
        ({"square_pixels": True}, {"sample_aspect": Fraction(4, 3), "width": 960}, [("size", "scale")]),
        ({}, {"sample_aspect": Fraction(4, 3), "width": 960}, []),
        ({}, {"sample_aspect": Fraction(4, 3)}, [("ratio", "pad")]),
        ({"pixel_formats": ("yuv420p",)}, {"pixel_format": "yuv422p"}, [("codec", "encode")]),
        ({}, {"codec": "mjpeg"}, [("codec", "encode")]),
        ({}, {"container": "avi"}, [("container", "container")]),
    ],
)
def test_limits_are_exact(limits: dict[str, object], changes: dict[str, object], expected: list[str]) -> None:
    assert rules(changed(**limits), **changes) == expected


def test_a_box_inside_the_safe_zone_is_accepted_and_one_outside_is_named_with_its_side() -> None:
    preset = PRESETS["meta-reels"]
    vertical = FITS._replace(width=1080, height=1920)
    inside = DrawnBox("button", 0.06 * 1080, 0.14 * 1920, 0.88 * 1080, 0.51 * 1920)
    assert lint(vertical._replace(boxes=(inside,)), preset) == ()
    (violation,) = lint(vertical._replace(boxes=(inside._replace(y=inside.y + 40),)), preset)
    assert violation.rule == "safe zone"
    assert "button is covered" in violation.message
    assert "40 px at the bottom" in violation.message


def test_messages_name_the_measured_value_and_the_limit() -> None:
    (violation,) = lint(FITS, changed(min_kbps=5000))
    assert "4,000 kbit/s" in violation.message
    assert "at least 5,000 kbit/s" in violation.message
