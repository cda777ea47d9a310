"""What the device can do, before hours are spent on it: ``python infra/gpu/probe.py [--device cpu] [--out FILE]``.

Prints name, memory and versions, and measures a matrix product and a copy. A device far below its data sheet is
shared, throttled or broken, and then the other figures mean nothing.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

ROUNDS, WARM_UPS = 10, 3
SIDE = {"cuda": 8192, "cpu": 512}
"""Rows and columns of the matrices."""
COPIED = {"cuda": 2**32, "cpu": 2**24}
"""Bytes of the copied tensor: far more than the caches."""


def probe(device: str) -> dict[str, Any]:
    """Return name, versions and measured rates of a device.

    Raises:
        RuntimeError: torch cannot use the device.
    """
    kind = torch.device(device).type
    side = SIDE[kind]
    left, right = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    matmul_s = _seconds(lambda: left @ right, kind)
    source = torch.zeros(COPIED[kind], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copy_s = _seconds(lambda: target.copy_(source), kind)
    return {
        "device": _described(device),
        "torch": torch.__version__,
        "cuda": torch.version.cuda or "",
        "python": platform.python_version(),
        "matmul_tflops": 2 * side**3 / matmul_s / 1e12,
        "copy_gb_s": 2 * COPIED[kind] / copy_s / 1e9,  # read and written
    }


def _described(device: str) -> dict[str, Any]:
    if torch.device(device).type == "cpu":
        return {"name": platform.processor() or platform.machine()}
    found = torch.cuda.get_device_properties(device)
    free, total = torch.cuda.mem_get_info(device)
    capability = f"{found.major}.{found.minor}"
    return {"name": found.name, "capability": capability, "memory_gb": total / 1e9, "free_gb": free / 1e9}


def _seconds(work: Callable[[], object], kind: str) -> float:
    """Return the mean seconds of some work, without the first rounds."""
    for _ in range(WARM_UPS):
        work()
    _wait(kind)
    began = time.perf_counter()
    for _ in range(ROUNDS):
        work()
    _wait(kind)
    return (time.perf_counter() - began) / ROUNDS


def _wait(kind: str) -> None:
    if kind == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    """Print the description of a device, and write it to a file."""
    parser = argparse.ArgumentParser(description="Describe and measure a device.")
    parser.add_argument("--device", default="cuda:0", help="default: cuda:0")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the description to a file, as JSON")
    options = parser.parse_args()
    found = probe(options.device)
    print(json.dumps(found, indent=2))
    if options.out:
        options.out.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
