"""Write docs/performance.md and its pictures from the kept results: ``python -m benchmarks.page``."""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks import charts, results_file
from benchmarks.__main__ import BENCHMARKS, GPU_BENCHMARKS, figure, limit_text
from benchmarks.charts import Chart
from benchmarks.machine import ROOT
from benchmarks.results_file import Kept

PATH = ROOT / "docs" / "performance.md"
PICTURES = PATH.with_suffix("")
"""The folder of the page's pictures, beside it."""
HEAD = """# Performance
Written by `python -m benchmarks.page` from `docs/performance/results.json`; each figure is put there by
`python -m benchmarks NAME --save`, which measures both sides in one process tree. Ratios are what counts: how many
times better ours is. A benchmark is no test; `python -m benchmarks` says whether its limits hold.
"""


def page(kept: Mapping[str, Kept]) -> str:
    """Return the page's text."""
    return "\n".join(_lines(kept)) + "\n"


def _lines(kept: Mapping[str, Kept]) -> Iterator[str]:
    yield HEAD
    yield "| benchmark | ours | baseline | unit | ratio | limits | met |"
    yield "|---|---|---|---|---|---|---|"
    for benchmark in BENCHMARKS | GPU_BENCHMARKS:
        rows = [_row(one) for name, one in kept.items() if name == benchmark or name.startswith(f"{benchmark}-")]
        yield from rows or [f"| {benchmark} | – | – | – | – | – | **not measured** |"]
    pictures = list(charts.charts(kept))
    yield from _images(pictures, "")
    for name, one in kept.items():
        yield from _section(name, one)
        yield from _images(pictures, name)


def _images(pictures: Sequence[Chart], about: str) -> Iterator[str]:
    for chart in pictures:
        if chart.about == about:
            yield f"\n![{chart.alt}]({PICTURES.name}/{chart.file_name})"


def _row(kept: Kept) -> str:
    result = kept.result
    limits = "; ".join(limit_text(result, limit) for limit in result.limits)
    cells = (
        result.name,
        figure(result.ours),
        figure(result.baseline),
        result.unit,
        figure(result.ratio),
        limits,
        "yes" if result.met else "**no**",
    )
    return f"| {' | '.join(cells)} |"


def _section(name: str, kept: Kept) -> Iterator[str]:
    result = kept.result
    yield f"\n## {name}"
    yield result.what
    if result.figures:
        figures = [f"{label.replace('_', ' ')} {figure(value)}" for label, value in result.figures.items()]
        yield f"\n{', '.join(figures)}."
    if result.held_back_by:
        yield f"\n**What holds it back:** {result.held_back_by}"
    for note in result.notes:
        yield f"\n{note}"
    machine = kept.machine
    flags = " ".join(machine["flags"])
    yield f"\nMeasured on {machine['cpu']}, {machine['cores']} cores ({flags}), commit {kept.commit}."


if __name__ == "__main__":
    found = results_file.load()
    PATH.write_text(page(found), encoding="utf-8")
    charts.write(found, PICTURES)
