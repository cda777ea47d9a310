"""Find the preset files of some folders; a later folder replaces files of the same name."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from adapters.presets.errors import InvalidPresetError
from adapters.presets.problems import problem_text, record_of
from adapters.presets.yaml_file import read_yaml
from manifests.finish.record import FinishRecord

ENDINGS = (".yaml", ".yml")
MAX_FILES = 500
"""Files in one folder. A folder with more is probably not one of presets."""


Preset = TypeVar("Preset", bound=FinishRecord)


class PresetFile(NamedTuple, Generic[Preset]):
    """A preset and where it comes from.

    Attributes:
        replaces: the file with the same name in an earlier folder; None if there is none.
    """

    preset: Preset
    path: Path
    replaces: Path | None = None


def read_presets(folders: Iterable[Path], kind: type[Preset]) -> dict[str, PresetFile[Preset]]:
    """Return the presets of the folders by name, in alphabetical order; folders that do not exist have none.

    Args:
        folders: later ones replace presets of earlier ones.

    Raises:
        InvalidPresetError: a file is invalid, or its name is not that of its preset.
    """
    found: dict[str, PresetFile[Preset]] = {}
    for folder in folders:
        for path in _files_of(folder):
            preset = _read(path, kind)
            earlier = found.get(path.stem)
            if earlier and earlier.path.parent == folder:
                raise InvalidPresetError(f"{path}: {earlier.path.name} has the same name. Delete one of them.")
            found[path.stem] = PresetFile(preset, path, earlier.path if earlier else None)
    return dict(sorted(found.items()))


def _files_of(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    paths = sorted(path for path in folder.iterdir() if path.suffix in ENDINGS and not path.name.startswith("."))
    if len(paths) > MAX_FILES:
        raise InvalidPresetError(f"{folder}: contains more than {MAX_FILES} presets. Move some to another folder.")
    yield from paths


def _read(path: Path, kind: type[Preset]) -> Preset:
    file = read_yaml(path)
    preset = record_of(file, kind)
    name = str(getattr(preset, "name", ""))
    if name != path.stem:
        fix = f'Rename the file to {name}{path.suffix}, or change the name to "{path.stem}".'
        raise InvalidPresetError(problem_text(file, ("name",), f'"{name}" is not the name of the file. {fix}'))
    return preset
