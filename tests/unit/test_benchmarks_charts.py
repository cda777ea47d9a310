"""The charts of docs/performance.md: one for each series of the saved results."""

import numpy as np
import pytest
from PIL import Image

from benchmarks.harness import charts
from benchmarks.harness.result import Limit, Result
from benchmarks.harness.results_file import SavedResult

SPANS = [
    {"lane": "device", "start_s": 0.0, "end_s": 1.0},
    {"lane": "score_frames", "start_s": 1.0, "end_s": 1.7},
    {"lane": "device", "start_s": 1.0, "end_s": 2.0},
    {"lane": "encode", "start_s": 30.0, "end_s": 31.0},
]
SURFACE = {
    "x_name": "pass rate",
    "x": [0.1, 0.5],
    "y_name": "correlation",
    "y": [0.0, 0.3, 0.9],
    "z_name": "gain",
    "z": [[1.0, 1.0], [1.2, 1.1], [2.7, 1.3]],
}
FAST = Result("fast", "", ours=1.0, baseline=20.0, limits=(Limit("ratio", "at least", 10),), series={"timeline": SPANS})
SLOW = Result("slow", "", ours=1.0, baseline=2.0, limits=(Limit("ratio", "at least", 5),), series={"surface": SURFACE})
ALONE = Result(
    "alone",
    "",
    ours=1.0,
    series={"line": {"x_name": "clips", "x": [10, 20], "y_name": "RSS in MB", "y": [900.0, 901.0]}},
)
SAVED = {one.name: SavedResult(one, "c0ffee", {}) for one in (FAST, SLOW, ALONE)}


def test_each_series_and_all_ratios_are_drawn(tmp_path):
    charts.write(SAVED, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "ratios.png",
        "fast-timeline.png",
        "slow-surface.png",
        "alone-line.png",
    }
    for path in tmp_path.iterdir():
        with Image.open(path) as picture:
            assert picture.width > 600
            assert np.asarray(picture.convert("L")).std() > 10


def test_the_same_results_are_the_same_bytes(tmp_path):
    for name in ("first", "second"):
        charts.write(SAVED, tmp_path / name)
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def test_the_alternative_text_names_missed_limits():
    alt = next(charts.charts(SAVED)).alt
    assert "fast 20" in alt
    assert "slow 2 (limit missed)" in alt
    assert "alone" not in alt


def test_lanes_are_in_order_of_appearance_with_readable_labels():
    axes = charts.timeline(SPANS).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["device", "score", "encode"]
    assert axes.get_xlim() == (0, charts.SHOWN_S)


def test_a_surface_shows_each_value_in_its_cell():
    texts = {text.get_position(): text.get_text() for text in charts.surface(SURFACE).axes[0].texts}
    assert texts[0, 2] == "2.70"
    assert texts[1, 1] == "1.10"
    assert len(texts) == 6


def test_a_flat_line_looks_flat():
    axes = charts.line(ALONE.series["line"]).axes[0]
    assert axes.get_lines()[0].get_ydata().tolist() == [900.0, 901.0]
    assert axes.get_ylim()[0] == 0


def test_bars_are_as_long_as_their_ratios():
    bars = charts.ratios([FAST, SLOW]).axes[0].patches
    assert [bar.get_x() + bar.get_width() for bar in bars] == pytest.approx([20, 2])
    assert bars[0].get_facecolor() != bars[1].get_facecolor()


def test_without_results_there_are_no_charts():
    assert not list(charts.charts({}))
