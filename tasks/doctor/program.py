"""The program itself: versions, devices, weights."""

import os
import sys
from collections.abc import Collection, Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from models.memory import capacity_bytes
from models.registry import find_devices, get_any_card, weights_problem
from tasks.doctor.check import FAIL, OK, WARN, Finding
from tasks.runtime.resources import Resources, card_of

PROGRAM = "reelmill"
SHOWN = ("torch", "torchvision", "prefect", "fastapi")
"""Named when all is well: these are the ones whose wrong pairs have cost people days."""
NVIDIA = Path("/proc/driver/nvidia/version")
GIB = 2**30


def check_versions(extras: Collection[str] = ()) -> Finding:
    """Compare what is installed with what the program asks for; ``pip check`` does so for all of its own."""
    try:
        asked, python = requires(PROGRAM) or [], metadata(PROGRAM)["Requires-Python"] or ""
    except PackageNotFoundError:
        return Finding(
            WARN,
            "Reelmill is not installed as a package, so that its requirements are not known.",
            "Run `pip install -e . -c constraints.txt` in its folder.",
        )
    here = "{}.{}.{}".format(*sys.version_info)
    if not SpecifierSet(python).contains(here):
        return Finding(
            FAIL,
            f"This is Python {here}, and Reelmill asks for {python}.",
            "Make a new environment with a fitting Python.",
        )
    needed = [each for each in map(Requirement, asked) if _applies(each, extras)]
    if wrong := list(_unmet(needed)):
        return Finding(
            FAIL,
            "; ".join(wrong) + ".",
            f"Run `pip install -c constraints.txt 'reelmill{_named(extras)}'` in an environment of its own.",
        )
    known = ", ".join(f"{name} {version(name)}" for name in SHOWN)
    return Finding(OK, f"Python {here}, Reelmill {version(PROGRAM)}, {known}; {len(needed)} requirements are met.")


def check_devices(wanted: Collection[str]) -> Finding:
    """Look whether the devices of the settings are there; none wanted means all GPUs, or the CPU."""
    found = find_devices()
    missing = [name for name in wanted if name not in (*found, "cpu") and not (name == "cuda" and found != ("cpu",))]
    if missing:
        return Finding(
            FAIL,
            f"REELMILL_DEVICE names {', '.join(missing)}, and this machine has {', '.join(found)}.",
            "Name one that is there, or `auto`; see whether the NVIDIA driver is loaded (`nvidia-smi`).",
        )
    if found == ("cpu",) and NVIDIA.is_file():
        return Finding(
            WARN,
            "This machine has an NVIDIA driver, and torch sees no GPU; clips are made on the CPU.",
            "Install the torch that is built for CUDA, and let CUDA_VISIBLE_DEVICES name the GPU.",
        )
    return Finding(OK, ", ".join(_described(name) for name in wanted or found) + ".")


def check_weights(resources: Resources, model: str, here: bool = True) -> Finding:
    """Look whether the weights of the default card and of its scorer can be loaded.

    Args:
        here: this machine makes clips; else its lack is only worth a warning.
    """
    card = card_of(resources, model)
    for each in (card, get_any_card(card.scorer, resources.model_folders)):
        if problem := weights_problem(each, resources.weights_root):
            return Finding(
                FAIL if here else WARN,
                problem,
                "Fetch them, or let REELMILL_WEIGHTS_ROOT name the folder "
                f"that holds them; `reelmill models show {each.name}` says where they are looked for.",
            )
    return Finding(OK, f"{model} and its scorer {card.scorer} are complete.")


def _applies(requirement: Requirement, extras: Collection[str]) -> bool:
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))


def _unmet(needed: Collection[Requirement]) -> Iterator[str]:
    for each in needed:
        try:
            there = version(each.name)
        except PackageNotFoundError:
            yield f"{each.name} is not installed"
            continue
        if not each.specifier.contains(there, prereleases=True):
            yield f"{each.name} is {there}, and Reelmill asks for {each.specifier}"


def _named(extras: Collection[str]) -> str:
    return f"[{','.join(extras)}]" if extras else ""


def _described(device: str) -> str:
    size = f"{capacity_bytes(device) / GIB:.0f} GiB"
    return f"{device} ({os.cpu_count()} cores, {size})" if device == "cpu" else f"{device} ({size})"
