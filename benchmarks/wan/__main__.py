"""Run one GPU benchmark: ``python -m benchmarks.wan NAME [--tiny] [--device cpu] [--out FILE]``.

``infra/gpu/session.py`` runs each benchmark like this, with a time limit.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.__main__ import figure
from benchmarks.harness import machine
from benchmarks.wan.tiny import BENCHMARKS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a benchmark. Return 0 if all limits are met; with ``--tiny``, if it was measured."""
    options = _parser().parse_args(arguments)
    found = BENCHMARKS[options.name]
    setting = replace(found.tiny if options.tiny else found.real, device=options.device)
    result = found.measure(setting)
    content = {"machine": machine.describe(), "result": result.to_json()}
    if options.out:
        options.out.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    print(f"{result.name}: {figure(result.ours)} {result.unit}, ratio {figure(result.ratio)}")
    for limit in result.limits:
        met = "met" if limit.met_by(result.value_of(limit)) else "MISSED"
        print(f"  {limit.figure} {limit.direction} {limit.bound:g}: {figure(result.value_of(limit))}, {met}")
    return 0 if result.met or options.tiny else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.wan", description="Run one GPU benchmark.")
    parser.add_argument("name", choices=BENCHMARKS)
    parser.add_argument("--tiny", action="store_true", help="use tiny networks, to test the code")
    parser.add_argument("--device", default="cuda:0", help="default: cuda:0")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the result to a file, as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
