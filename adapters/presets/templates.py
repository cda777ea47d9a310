"""Finish templates: the shipped ones and those of users."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

from adapters.presets.folders import PresetFile, read_presets
from manifests.errors import FinishError
from manifests.finish.design.template import FinishTemplate

SHIPPED = Path(__file__).parent / "finish"
FOLDER = "finish"
"""Name of the folder with users' templates, in the folder of the sheet or in the home."""
NONE = "none"
"""In the sheet's ``finish`` column: the clip is delivered as it was generated."""


def list_templates(folders: Iterable[Path] = ()) -> dict[str, PresetFile[FinishTemplate]]:
    """Return all templates by name, with their files.

    Args:
        folders: of users; a template in a later folder replaces those of the same name.

    Raises:
        InvalidPresetError: a file is invalid.
    """
    return read_presets([SHIPPED, *folders], FinishTemplate)


def load_templates(folders: Iterable[Path] = ()) -> dict[str, FinishTemplate]:
    """Return all templates by name. Arguments and errors are those of ``list_templates``."""
    return {name: file.preset for name, file in list_templates(folders).items()}


def template_named(name: str, templates: Mapping[str, FinishTemplate]) -> FinishTemplate:
    """Return a template.

    Raises:
        FinishError: there is none with this name.
    """
    if name in templates:
        return templates[name]
    near = difflib.get_close_matches(name, templates, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"The templates are {', '.join(templates)}."
    raise FinishError(f'No finish template is named "{name}". {hint} List them with `reelmill templates`.')
