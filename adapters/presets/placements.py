"""Placement presets: the shipped ones and those of users."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

from adapters.presets.folders import PresetFile, read_presets
from manifests.errors import FinishError
from manifests.placement import OTHER_NAMES
from manifests.placements.preset import PlacementPreset

SHIPPED = Path(__file__).parent / "placements"
FOLDER = "placements"
"""Name of the folder with users' presets, in the folder of the sheet or in the home."""


def list_presets(folders: Iterable[Path] = ()) -> dict[str, PresetFile[PlacementPreset]]:
    """Return all placement presets by name, with their files.

    Args:
        folders: of users; a preset in a later folder replaces those of the same name.

    Raises:
        InvalidPresetError: a file is invalid.
    """
    return read_presets([SHIPPED, *folders], PlacementPreset)


def load_presets(folders: Iterable[Path] = ()) -> dict[str, PlacementPreset]:
    """Return all placement presets by name. Arguments and errors are those of ``list_presets``."""
    return {name: file.preset for name, file in list_presets(folders).items()}


def preset_named(name: str, presets: Mapping[str, PlacementPreset]) -> PlacementPreset:
    """Return a placement preset by its name, or by a channel of the sheet that uses it.

    Raises:
        FinishError: there is none with this name.
    """
    channel = OTHER_NAMES.get(name, name)
    by_channel = (preset for preset in presets.values() if channel in preset.channels)
    found = presets.get(name) or presets.get(channel) or next(by_channel, None)
    if found:
        return found
    channels = [channel for preset in presets.values() for channel in preset.channels]
    near = difflib.get_close_matches(name, dict.fromkeys([*presets, *channels]), n=1)
    hint = f"Did you mean {near[0]}?" if near else f"The presets are {', '.join(presets)}."
    raise FinishError(f'No placement preset or channel is named "{name}". {hint}')
