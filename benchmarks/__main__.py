"""``python -m benchmarks [NAME…] [--json] [--save]``, from the root of the repository."""

import argparse
import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import machine, results_file
from benchmarks.result import Limit, Result

BENCHMARKS = {
    "overlap": "benchmarks.overlap",
    "overhead": "benchmarks.overhead",
    "mp4": "benchmarks.mp4",
    "score8": "benchmarks.score8",
    "checks": "benchmarks.checks",
    "embed": "benchmarks.embed",
    "expand": "benchmarks.expand",
    "catalogue": "benchmarks.catalogue",
    "drafts": "benchmarks.drafts",
    "soak": "benchmarks.soak",
    "starter": "benchmarks.starter",
    "review": "benchmarks.review",
    "fanout": "benchmarks.fanout",
}
"""Name -> module with ``run() -> Result``, or several results."""

GPU_BENCHMARKS = {
    "gpu-exact": "benchmarks.gpu:exact",
    "gpu-night": "benchmarks.gpu:night",
    "gpu-passing": "benchmarks.gpu:passing",
}
"""Run when they are named; ``module:function`` where the function is not ``run``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run benchmarks; return 0 where all limits hold, 1 where one does not."""
    parser = _parser()
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in BENCHMARKS | GPU_BENCHMARKS:
            parser.error(f"there is no benchmark {name!r}; use {', '.join(BENCHMARKS | GPU_BENCHMARKS)}")
    results = []
    commit, about_machine = machine.commit(), machine.describe()
    for result in _run(options.names or list(BENCHMARKS)):
        results.append(result)
        print(f"{result.name}: {_outcome(result)}", file=sys.stderr, flush=True)
        if options.save:
            results_file.save(result, commit, about_machine)
    if options.json:
        found = [result.to_json() for result in results]
        print(json.dumps({"commit": commit, "machine": about_machine, "results": found}, indent=2))
    else:
        _print(results, commit, about_machine)
    return 0 if all(result.met for result in results) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description="Measure both sides of each speed claim.")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"without names, all that need no GPU: {', '.join(BENCHMARKS)}; "
        f"on a CUDA GPU also {', '.join(GPU_BENCHMARKS)}",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--save", action="store_true", help=f"keep the results in {results_file.SHOWN}")
    return parser


def _run(names: Sequence[str]) -> Iterator[Result]:
    for name in names:
        module, _, function = (BENCHMARKS | GPU_BENCHMARKS)[name].partition(":")
        if find_spec(module) is None:
            yield Result(name, "Not written yet.", not_measured="this benchmark is not written yet")
            continue
        found = getattr(importlib.import_module(module), function or "run")()
        yield from [found] if isinstance(found, Result) else found


def _outcome(result: Result) -> str:
    if result.not_measured:
        return f"not measured, {result.not_measured}"
    limits = "limits hold" if result.met else "LIMITS MISSED"
    return f"{figure(result.ours)} {result.unit}, ratio {figure(result.ratio)}, {limits}"


def _print(results: Sequence[Result], commit: str, own: dict[str, Any]) -> None:
    table = Table("benchmark", "ours", "baseline", "unit", "ratio", "limits", "met", "further figures")
    for result in results:
        if result.not_measured:
            table.add_row(result.name, "–", "–", result.unit, "–", "–", "–", f"not measured: {result.not_measured}")
            continue
        limits = "\n".join(limit_text(result, limit) for limit in result.limits)
        further = "\n".join(f"{name} {figure(value)}" for name, value in result.figures.items())
        numbers = (figure(result.ours), figure(result.baseline), result.unit, figure(result.ratio))
        table.add_row(result.name, *numbers, limits, "yes" if result.met else "NO", further)
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    console.print(
        f"{own['cpu']}, {own['cores']} cores ({' '.join(own['flags'])}), {own['gpu'] or 'no GPU'}; commit {commit}",
        highlight=False,
    )


def limit_text(result: Result, limit: Limit) -> str:
    """Such as ``ratio at least 5``, with the value where it is not the ratio that the table shows."""
    found = "" if limit.figure in ("ratio", "ours") else f" ({figure(result.value_of(limit))})"
    return f"{limit.figure} {limit.direction} {figure(limit.bound)}{found}"


def figure(value: float | None) -> str:
    """Three digits that count; ``–`` for what there is not."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
