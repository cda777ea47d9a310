"""Charts of the saved results for docs/performance.md: timelines, lines, surfaces and all ratios."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from benchmarks.harness.result import Limit, Result
from benchmarks.harness.results_file import SavedResult

BLUE, ORANGE, GREEN, PURPLE, VERMILION = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00"
"""Distinguishable with colour blindness too (Okabe and Ito 2008, Color Universal Design)."""
LANE_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, VERMILION)
LANES = {"write_poster": "poster", "score_frames": "score"}
"""Function name -> label in a chart."""
SHOWN_S = 10.0
"""Seconds of a timeline that are drawn. The rest looks the same."""
NARROW_S = 0.05
"""Shorter bars get no white edge, because it would hide them."""
DPI = 110


class Chart(NamedTuple):
    """A chart of one benchmark, or of all of them.

    Attributes:
        file_name: Name of the PNG file.
        alt: Alternative text for screen readers.
        about: Name of the benchmark. Empty for the chart of all ratios.
        figure: Draws the chart.
    """

    file_name: str
    alt: str
    about: str
    figure: Callable[[], Figure]


def charts(saved: Mapping[str, SavedResult]) -> Iterator[Chart]:
    """Yield the charts of the saved results, the ratios first."""
    results = [one.result for one in saved.values()]
    compared = [result for result in results if result.ratio]
    if compared:
        yield Chart("ratios.png", _alt_of_ratios(compared), "", lambda: ratios(compared))
    for result in results:
        if "timeline" in result.series:
            yield _of(result, "timeline", f"when each part of the work ran, first {SHOWN_S:g} seconds", timeline)
        if "surface" in result.series:
            surface_of = result.series["surface"]
            alt = f"{surface_of['z_name']}, by {surface_of['x_name']} and {surface_of['y_name']}"
            yield _of(result, "surface", alt, surface)
        if "line" in result.series:
            points = result.series["line"]
            yield _of(result, "line", f"{points['y_name']} over {points['x_name']}", line)


def write(saved: Mapping[str, SavedResult], folder: Path) -> None:
    """Write all charts to the folder. The same results give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for chart in charts(saved):
        chart.figure().savefig(folder / chart.file_name, dpi=DPI, metadata={"Software": None})


def timeline(spans: list[dict[str, Any]]) -> Figure:
    """Draw one lane for each part of the work, in order of first appearance. Gaps are idle time."""
    lanes = list(dict.fromkeys(span["lane"] for span in spans))
    picture, axes = _picture(1.0 + 0.42 * len(lanes))
    for number, lane in enumerate(lanes):
        bars = [
            (span["start_s"], span["end_s"] - span["start_s"])
            for span in spans
            if span["lane"] == lane and span["start_s"] < SHOWN_S
        ]
        axes.broken_barh(
            bars,
            (number - 0.35, 0.7),
            facecolors=LANE_COLOURS[number % len(LANE_COLOURS)],
            edgecolor="white",
            linewidths=[0.8 if seconds > NARROW_S else 0 for _, seconds in bars],
        )
    axes.set_yticks(range(len(lanes)), [LANES.get(lane, lane) for lane in lanes])
    axes.invert_yaxis()
    axes.set_xlim(0, min(SHOWN_S, max(span["end_s"] for span in spans)))
    axes.set_xlabel("seconds")
    return picture


def surface(values: dict[str, Any]) -> Figure:
    """Draw one labelled cell for each pair of x and y."""
    z = np.array(values["z"], dtype=float)
    picture, axes = _picture(1.3 + 0.5 * len(z))
    axes.imshow(z, cmap="cividis", aspect="auto", origin="lower")
    middle = (z.min() + z.max()) / 2
    for (row, column), value in np.ndenumerate(z):
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color="white" if value < middle else "black")
    axes.set_xticks(range(len(values["x"])), [f"{value:g}" for value in values["x"]])
    axes.set_yticks(range(len(values["y"])), [f"{value:g}" for value in values["y"]])
    axes.set_xlabel(values["x_name"])
    axes.set_ylabel(values["y_name"])
    axes.set_title(values["z_name"], fontsize=11)
    return picture


def line(values: dict[str, Any]) -> Figure:
    """Draw connected points. The y axis starts at zero, so that a flat line looks flat."""
    picture, axes = _picture(3.0)
    axes.plot(values["x"], values["y"], marker="o", markersize=3, color=BLUE)
    axes.set_ylim(0, 1.15 * max(values["y"]))
    axes.set_xlabel(values["x_name"])
    axes.set_ylabel(values["y_name"])
    return picture


def ratios(results: list[Result]) -> Figure:
    """Draw one bar for each ratio on a logarithmic scale, with a line at its limit."""
    picture, axes = _picture(1.3 + 0.36 * len(results))
    for row, result in enumerate(results):
        ratio = result.ratio or 1.0
        axes.barh(row, ratio - 1, left=1, height=0.6, color=BLUE if result.met else VERMILION)
        axes.annotate(
            f"{ratio:.3g}",
            (max(ratio, 1), row),
            (5, 0),
            textcoords="offset points",
            va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )
        for limit in _of_ratio(result):
            axes.plot([limit.bound] * 2, [row - 0.42, row + 0.42], color="black", linewidth=2)
    axes.axvline(1, color="grey", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(
        min(0.9, *(0.9 * (result.ratio or 1) for result in results)), 2 * max(result.ratio or 1 for result in results)
    )
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_yticks(range(len(results)), [result.name for result in results])
    axes.invert_yaxis()
    axes.set_xlabel("times better than the baseline (black line: required minimum)")
    axes.legend(
        handles=[Patch(color=BLUE, label="all limits met"), Patch(color=VERMILION, label="limit missed")],
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=2,
        frameon=False,
    )
    return picture


def _of(result: Result, series: str, alt: str, draw: Callable[[Any], Figure]) -> Chart:
    return Chart(
        f"{result.name}-{series}.png", f"{result.name}: {alt}", result.name, lambda: draw(result.series[series])
    )


def _alt_of_ratios(results: list[Result]) -> str:
    return "How many times better than the baseline: " + ", ".join(
        f"{result.name} {result.ratio:.3g}{'' if result.met else ' (limit missed)'}" for result in results
    )


def _of_ratio(result: Result) -> list[Limit]:
    return [limit for limit in result.limits if limit.figure == "ratio"]


def _picture(height: float) -> tuple[Figure, Axes]:
    """Return an empty figure, 8 inches wide. Without pyplot, Figure draws with Agg and needs no display."""
    picture = Figure(figsize=(8, height), layout="constrained")
    axes = picture.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return picture, axes
