"""Check the installation itself: versions, devices and weights."""

import os
import sys
from collections.abc import Collection, Iterator
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from models.card import LocalCard, ModelCard
from models.memory import capacity_bytes
from models.placement import Rung, choose, refusal, rungs_for, sizes_of, working_of
from models.registry import find_devices, free_memory_gb, get_scorer_card, load_cards, local_cards, weights_problem
from models.speed import Speed
from models.weights import download_command, hub_weights_of, unread_bytes
from tasks.doctor.check import FAIL, OK, WARN, Finding
from tasks.runtime.resources import Resources, card_of

PROGRAM = "reelmill"
SHOWN = ("torch", "torchvision", "prefect", "fastapi")
"""Shown if the check passes: incompatible pairs of these packages are a frequent cause of trouble."""
NVIDIA = Path("/proc/driver/nvidia/version")
GIB = 2**30


def check_versions(extras: Collection[str] = ()) -> Finding:
    """Compare the installed packages with the requirements of Reelmill."""
    try:
        asked, python = requires(PROGRAM) or [], metadata(PROGRAM)["Requires-Python"] or ""
    except PackageNotFoundError:
        return Finding(
            WARN,
            "Reelmill is not installed as a package, so its requirements are unknown.",
            "Run `pip install -e . -c constraints.txt` in its folder.",
        )
    here = "{}.{}.{}".format(*sys.version_info)
    if not SpecifierSet(python).contains(here):
        return Finding(
            FAIL,
            f"This is Python {here}, but Reelmill requires {python}.",
            "Create a new environment with a supported Python version.",
        )
    needed = [each for each in map(Requirement, asked) if _applies(each, extras)]
    if wrong := list(_unmet(needed)):
        return Finding(
            FAIL,
            "; ".join(wrong) + ".",
            f"Run `pip install -c constraints.txt 'reelmill{_bracketed(extras)}'` in a separate environment.",
        )
    known = ", ".join(f"{name} {version(name)}" for name in SHOWN)
    return Finding(OK, f"Python {here}, Reelmill {version(PROGRAM)}, {known}; all {len(needed)} requirements are met.")


def check_devices(wanted: Collection[str]) -> Finding:
    """Check that the configured devices exist; an empty collection stands for all GPUs, or the CPU."""
    found = find_devices()
    missing = [name for name in wanted if name not in (*found, "cpu") and not (name == "cuda" and found != ("cpu",))]
    if missing:
        return Finding(
            FAIL,
            f"REELMILL_DEVICE names {', '.join(missing)}, but this machine has {', '.join(found)}.",
            "Set it to an existing device or to `auto`, and check that the NVIDIA driver is loaded (`nvidia-smi`).",
        )
    if found == ("cpu",) and NVIDIA.is_file():
        return Finding(
            WARN,
            "This machine has an NVIDIA driver, but torch finds no GPU; clips are generated on the CPU.",
            "Install a torch build for CUDA, and check that CUDA_VISIBLE_DEVICES includes the GPU.",
        )
    return Finding(OK, ", ".join(_described(name) for name in wanted or found) + ".")


def check_weights(resources: Resources, model: str, here: bool = True, profile: str = "exact") -> Finding:
    """Check that the weights of the default model, in a profile, and of its scorer are complete and safe to load.

    Large files that were never compared with their hashes are reported, because reading them may take minutes.

    Args:
        here: whether this machine generates clips; if not, missing weights are only a warning.
    """
    card = card_of(resources, model).with_profile(profile)
    scorer = get_scorer_card(card.scorer, resources.model_folders)
    cards: tuple[LocalCard, ...] = (card, scorer) if isinstance(card, ModelCard) else (scorer,)
    for each in cards:
        if finding := missing_weights(resources, each):
            return replace(finding, level=FAIL if here else WARN)
    unread = sum(unread_bytes(each, resources.weights_root) for each in cards)
    later = f" The next run compares {unread / 1e9:.1f} GB with their hashes." if unread else ""
    return Finding(OK, f"The weights of {model} and its scorer {card.scorer} are complete.{later}")


def missing_weights(resources: Resources, card: LocalCard) -> Finding | None:
    """Return that the weights of a card are missing or must not be loaded, or None. No large file is read."""
    problem = weights_problem(card, resources.weights_root, quick=True)
    return Finding(FAIL, problem, _fix_of(card)) if problem else None


def check_memory(resources: Resources, model: str, here: bool = True, profile: str = "exact") -> Finding:
    """Check that the default model fits on each device, and name its memory rung there.

    Args:
        here: whether this machine generates clips.
        profile: the profile of the settings.
    """
    there = find_devices() if here else ()
    wanted = ["cuda:0" if name == "cuda" else name for name in resources.devices] or there
    free = {name: free_memory_gb(name) for name in wanted if name in there and name != "cpu"}
    if not free:
        return Finding(OK, "Not needed: clips are generated on the CPU or on a Ray cluster.")
    card = card_of(resources, model)
    if not isinstance(card, ModelCard):
        return Finding(OK, f"Not needed: {card.title} is a hosted model.")
    speed = card.speed_of(card.profile_for(profile))
    findings = [_memory_finding(resources, card, speed, name, gb) for name, gb in free.items() if gb]
    return max(findings, key=lambda finding: (OK, WARN, FAIL).index(finding.level))


def _memory_finding(resources: Resources, card: ModelCard, speed: Speed, device: str, free_gb: float) -> Finding:
    sizes = sizes_of(card, resources.weights_root, speed)
    if not sizes:
        text = f"{device} has {free_gb:.1f} GB free. The needs of {card.name} are not known until its weights are here."
        return Finding(OK, text)
    rungs = rungs_for(card, speed, sizes)
    choice = choose(rungs, sizes, working_of(card), free_gb)
    if choice is None:
        others = local_cards(load_cards(resources.model_folders)).values()
        message = refusal(card, device, rungs[-1], sizes, free_gb, others, resources.weights_root)
        if choose(rungs, sizes, working_of(card), capacity_bytes(device) / 1e9):
            return Finding(WARN, message, "Check whether a run or another program uses the device (`nvidia-smi`).")
        return Finding(FAIL, message, "Set REELMILL_MODEL to a card that fits.")
    text = (
        f"{card.name} needs about {choice.needed_gb:.1f} GB on {device} at the memory rung {choice.rung}; "
        f"{free_gb:.1f} GB are free."
    )
    if choice.rung in (Rung.WHOLE, Rung.TEXT_ENCODER_FREED):
        return Finding(OK, text)
    return Finding(
        WARN,
        text,
        "Generation takes longer, because weights are copied meanwhile. A device with more memory avoids this.",
    )


def _fix_of(card: LocalCard) -> str:
    if hub_weights_of(card):
        return f"Run `{download_command(card)}`, which downloads what is missing or damaged."
    return (
        "Restore the files, or set REELMILL_WEIGHTS_ROOT to the folder that contains them; "
        f"`reelmill models show {card.name}` shows the expected path."
    )


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
            yield f"{each.name} is {there}, but Reelmill requires {each.specifier}"


def _bracketed(extras: Collection[str]) -> str:
    return f"[{','.join(extras)}]" if extras else ""


def _described(device: str) -> str:
    size = f"{capacity_bytes(device) / GIB:.0f} GiB"
    return f"{device} ({os.cpu_count()} cores, {size})" if device == "cpu" else f"{device} ({size})"
