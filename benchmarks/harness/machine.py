"""Machine and commit of a measurement. The host name is left out, because the page of results is public."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8", "bf16", "i8mm")
LIBRARIES = ("torch", "diffusers", "open_clip_torch", "av", "numpy", "pandas", "SQLAlchemy", "prefect")


def describe() -> dict[str, Any]:
    """Return processor, cores, relevant CPU flags, GPU, memory and versions."""
    cpu = _cpu()
    return {
        "cpu": cpu.get("model name", platform.processor() or platform.machine()),
        "cpu_family_model": f"{cpu.get('cpu family', '?')}/{cpu.get('model', '?')}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "flags": [flag for flag in FLAGS if flag in cpu.get("flags", cpu.get("Features", "")).split()],
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "gpu": _gpu(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "versions": {"python": platform.python_version()} | _versions(),
    }


def commit() -> str:
    """Return the short commit hash, with ``-dirty`` if code has changed, or ``unknown`` outside of git."""
    short = _git("rev-parse", "--short=12", "HEAD")
    if not short:
        return "unknown"
    changed = _git("status", "--porcelain", "--", ".", ":!docs")
    return f"{short}-dirty" if changed else short


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603, S607
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def _cpu() -> dict[str, str]:
    """Return the fields of the first processor in /proc/cpuinfo. Empty if the file does not exist."""
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _gpu() -> str:
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else ""


def _versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
