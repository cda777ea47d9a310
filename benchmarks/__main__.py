"""Command line, for the root of the repository: ``python -m benchmarks [NAME…] [--json] [--save]``."""

import argparse
import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.harness import machine, results_file
from benchmarks.harness.result import Limit, Result

BENCHMARKS = {
    "overlap": "benchmarks.render.overlap",
    "overhead": "benchmarks.campaign.overhead",
    "mp4": "benchmarks.render.mp4",
    "score8": "benchmarks.render.score8",
    "checks": "benchmarks.render.checks",
    "embed": "benchmarks.render.embed",
    "expand": "benchmarks.campaign.expand",
    "catalogue": "benchmarks.campaign.catalogue",
    "soak": "benchmarks.campaign.soak",
    "starter": "benchmarks.campaign.starter",
    "review": "benchmarks.review.dashboard",
    "load": "benchmarks.load.dashboard",
    "balance": "benchmarks.fanout.balance",
    "fanout": "benchmarks.fanout.scaling",
    "hosted": "benchmarks.hosted.slots",
    "finish": "benchmarks.finish.deliverable",
}
"""Name -> module with ``run()``, which returns one Result or yields several."""

GPU_BENCHMARKS = {
    "gpu-exact": "benchmarks.wan.gpu:exact",
    "gpu-night": "benchmarks.wan.gpu:night",
    "gpu-passing": "benchmarks.wan.gpu:passing",
    "gpu-kernels": "benchmarks.wan.kernels",
}
"""Run only if named. ``module:function`` if the function is not ``run``."""

PARTS = {"fanout-plan": "benchmarks.fanout.scaling:run_plan"}
"""A part of a benchmark, run only if named: ``fanout`` includes the simulation of ``fanout-plan``."""

NAMES = BENCHMARKS | GPU_BENCHMARKS | PARTS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run benchmarks. Return 0 if all limits are met, otherwise 1."""
    parser = _parser()
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in NAMES:
            parser.error(f"unknown benchmark {name!r}: choose from {', '.join(NAMES)}")
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
        help=f"benchmarks to run. Default: all that need no GPU, {', '.join(BENCHMARKS)}. "
        f"On a CUDA GPU also {', '.join(GPU_BENCHMARKS)}. Part of a benchmark: {', '.join(PARTS)}.",
    )
    parser.add_argument("--json", action="store_true", help="print the results as one JSON object")
    parser.add_argument("--save", action="store_true", help=f"save the results in {results_file.SHOWN}")
    return parser


def _run(names: Sequence[str]) -> Iterator[Result]:
    for name in names:
        module, _, function = NAMES[name].partition(":")
        if find_spec(module) is None:
            yield Result(name, "Not implemented yet.", not_measured="the benchmark is not implemented yet")
            continue
        found = getattr(importlib.import_module(module), function or "run")()
        yield from [found] if isinstance(found, Result) else found


def _outcome(result: Result) -> str:
    if result.not_measured:
        return f"not measured: {result.not_measured}"
    limits = "limits met" if result.met else "LIMITS MISSED"
    return f"{figure(result.ours)} {result.unit}, ratio {figure(result.ratio)}, {limits}"


def _print(results: Sequence[Result], commit: str, own: dict[str, Any]) -> None:
    table = Table("benchmark", "ours", "baseline", "unit", "ratio", "limits", "met", "other figures")
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
    """Return a limit such as ``ratio at least 5``, with the measured value if the table has no column for it."""
    found = "" if limit.figure in ("ratio", "ours") else f" ({figure(result.value_of(limit))})"
    return f"{limit.figure} {limit.direction} {figure(limit.bound)}{found}"


def figure(value: float | None) -> str:
    """Return a number with three significant digits, or ``–`` for None."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
