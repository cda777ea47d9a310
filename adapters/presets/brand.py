"""Read ``brand.yaml``. It names files by their paths; in the brand kit, they are assets of the asset store."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from adapters.presets.errors import InvalidPresetError
from adapters.presets.problems import problem_text, record_of
from adapters.presets.yaml_file import YamlFile, read_yaml
from manifests.finish.asset import Asset, InvalidAssetError
from manifests.finish.brand import BrandKit
from manifests.finish.design.colour import parse_colour
from manifests.finish.record import FinishRecord

NAME = "brand.yaml"
Use = Literal["logo", "font", "music"]
AddFile = Callable[[Path, Use], Asset]
"""Checks a file, stores a copy and returns its asset; raises InvalidAssetError."""
MAX_ENTRIES = 100
"""Entries of each part of a brand kit."""
_Key = Annotated[str, Field(pattern=r"^[^\s{}][^\n{}]{0,63}$")]


def _checked_colour(text: str) -> str:
    parse_colour(text)
    return text


_Colour = Annotated[str, AfterValidator(_checked_colour)]


class BrandFile(FinishRecord):
    """The fields of ``brand.yaml``: those of BrandKit, with paths relative to the YAML file instead of assets."""

    name: Annotated[str, Field(max_length=100)] = ""
    logos: Annotated[dict[_Key, str], Field(max_length=MAX_ENTRIES)] = Field(default_factory=dict)
    colours: Annotated[dict[_Key, _Colour], Field(max_length=MAX_ENTRIES)] = Field(default_factory=dict)
    fonts: dict[Literal["heading", "body"], tuple[str, ...]] = Field(default_factory=dict)
    voices: Annotated[dict[_Key, str], Field(max_length=MAX_ENTRIES)] = Field(default_factory=dict)
    music: Annotated[dict[_Key, str], Field(max_length=MAX_ENTRIES)] = Field(default_factory=dict)
    legal: Annotated[dict[_Key, str], Field(max_length=MAX_ENTRIES)] = Field(default_factory=dict)

    @field_validator("fonts", mode="before")
    @classmethod
    def _one_font_is_a_list(cls, fonts: object) -> object:
        if not isinstance(fonts, dict):
            return fonts
        return {role: (value,) if isinstance(value, str) else value for role, value in fonts.items()}


def find_brand(folders: Iterable[Path]) -> Path | None:
    """Return the ``brand.yaml`` of the first folder that has one."""
    paths = (folder / NAME for folder in folders)
    return next((path for path in paths if path.is_file()), None)


def misnamed_brand(folder: Path) -> Path | None:
    """Return a file whose name differs from ``brand.yaml`` in its case or is ``brand.yml``; None if there is none."""
    try:
        names = sorted(path for path in folder.iterdir() if path.name.casefold() in (NAME, "brand.yml"))
    except OSError:
        return None
    return next((path for path in names if path.name != NAME), None)


def load_brand(path: Path, add: AddFile) -> BrandKit:
    """Return the brand kit of a ``brand.yaml``, with all its files added to the asset store.

    Raises:
        InvalidPresetError: the file is invalid, or one of its files is missing or not what it should be.
    """
    file = read_yaml(path)
    written = record_of(file, BrandFile)
    made = {name: text for name, text in written.music.items() if _is_made(file, text)}
    files = {name: text for name, text in written.music.items() if name not in made}
    return BrandKit(
        name=written.name,
        logos=_assets(file, "logos", written.logos, "logo", add),
        colours={name: parse_colour(text).hex for name, text in written.colours.items()},
        fonts={role: _fonts(file, role, paths, add) for role, paths in written.fonts.items()},
        voices=written.voices,
        music=_assets(file, "music", files, "music", add),
        made_music=made,
        legal=written.legal,
    )


def _is_made(file: YamlFile, text: str) -> bool:
    """Return whether a text is ``library:NAME`` or a mood instead of the path of a file."""
    return bool(text.strip()) and not set("./\\") & set(text) and not (file.path.parent / text).exists()


def _assets(file: YamlFile, field: str, paths: Mapping[str, str], use: Use, add: AddFile) -> dict[str, Asset]:
    return {name: _asset(file, (field, name), path, use, add) for name, path in paths.items()}


def _fonts(file: YamlFile, role: str, paths: Iterable[str], add: AddFile) -> tuple[Asset, ...]:
    return tuple(_asset(file, ("fonts", role, number), path, "font", add) for number, path in enumerate(paths))


def _asset(file: YamlFile, location: tuple[str | int, ...], name: str, use: Use, add: AddFile) -> Asset:
    try:
        return add(file.path.parent / name, use)
    except InvalidAssetError as error:
        raise InvalidPresetError(problem_text(file, location, f'"{name}" {error.problem}')) from error
