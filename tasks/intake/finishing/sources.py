"""Where the templates, presets, brand kit and sound files of a sheet come from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from adapters.presets.brand import NAME as BRAND
from adapters.presets.brand import find_brand, load_brand, misnamed_brand
from adapters.presets.placements import FOLDER as PLACEMENTS
from adapters.presets.placements import load_presets
from adapters.presets.templates import FOLDER as TEMPLATES
from adapters.presets.templates import load_templates
from manifests.brief import NO_FINISH
from manifests.errors import FinishError
from manifests.finish.asset import Asset, InvalidAssetError
from manifests.finish.brand import BrandKit
from manifests.finish.design.template import FinishTemplate
from manifests.placements.preset import PlacementPreset
from models.sound_tools import NO_TOOLS, SoundTools
from tasks.runtime.files.assets import AssetStore

SOUNDS = (".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".opus")
CAPTIONS = (".srt", ".vtt")
MAX_CAPTIONS = 256 * 2**10
"""Bytes of a file of captions: about two hours of speech."""


@dataclass
class FinishSources:
    """Files of a sheet's finishing; each is read once.

    Attributes:
        folder: the sheet's folder, to which paths are relative.
        home: folder with the user's own templates, presets and brand kit.
        store: keeps copies of logos, fonts and sounds.
        brand_path: the setting ``brand``; None to look in the folder of the sheet and in the home.
        finish: the setting ``finish``, for rows without a template.
        confined: use nothing of the sheet's folder but files that it names, because it comes from another machine.
        tools: cards, weights and accounts of voices and music.
        earlier: returns the files that earlier campaigns of the sheet used, by their names; files that no longer exist
            are replaced by these copies.
    """

    folder: Path
    home: Path
    store: AssetStore
    brand_path: Path | None = None
    finish: str = NO_FINISH
    confined: bool = False
    tools: SoundTools = NO_TOOLS
    earlier: Callable[[], Mapping[str, Asset]] = dict
    files: dict[str, Asset] = field(default_factory=dict)
    captions: dict[str, str] = field(default_factory=dict)

    @property
    def _folders(self) -> list[Path]:
        return [self.home] if self.confined else [self.home, self.folder]

    @cached_property
    def templates(self) -> dict[str, FinishTemplate]:
        """All finish templates by name; those next to the sheet come before those of the home."""
        return load_templates(folder / TEMPLATES for folder in self._folders)

    @cached_property
    def presets(self) -> dict[str, PlacementPreset]:
        """All placement presets by name."""
        return load_presets(folder / PLACEMENTS for folder in self._folders)

    @cached_property
    def brand(self) -> BrandKit:
        """The brand kit; an empty one if there is none.

        Raises:
            FinishError: it is invalid, or the file of the setting does not exist.
        """
        if self.brand_path and not self.brand_path.is_file():
            raise FinishError(f"The brand kit {self.brand_path} does not exist. Correct the setting brand.")
        path = self.brand_path or find_brand(reversed(self._folders))
        return load_brand(path, self.store.add) if path else BrandKit()

    @property
    def no_brand(self) -> str:
        """Why there is no brand kit, in whole sentences; empty if there is one."""
        if self.brand_path or find_brand(self._folders):
            return ""
        near = next(filter(None, map(misnamed_brand, reversed(self._folders))), None)
        where = f"in {self.home}" if self.confined else f"next to the sheet or in {self.home}"
        advice = (
            f"{near.name} is not read. Did you mean {BRAND}? Rename {near}."
            if near
            else f"Write {BRAND}, as docs/finishing.md shows, or choose a file with the setting brand."
        )
        return f"There is no {BRAND} {where}, so the ads have no logo and use default colours. {advice}"

    def sound(self, name: str, use: str) -> Asset | str:
        """Return a sound file as an asset of the store, or why it cannot be used.

        Args:
            use: ``music`` or ``voice``.
        """
        if name in self.files:
            return self.files[name]
        problem, path = self._misplaced(name), self.folder / name
        if (problem or not path.exists()) and (copy := self.earlier().get(name)):
            self.files[name] = copy
            return copy
        if problem:
            return problem
        try:
            self.files[name] = self.store.add(path, "music" if use == "music" else "voice")
        except InvalidAssetError as error:
            return self._missing(name, SOUNDS) if not path.exists() else error.problem
        return self.files[name]

    def caption_file(self, name: str) -> tuple[str, str]:
        """Return the text of a file of captions, and why it cannot be used; one of them is empty."""
        if name in self.captions:
            return self.captions[name], ""
        if problem := self._misplaced(name):
            return "", problem
        try:
            data = (self.folder / name).read_bytes()
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return "", "is not UTF-8 text. Save it as UTF-8."
        except (OSError, ValueError):
            return "", self._missing(name, CAPTIONS)
        if len(data) > MAX_CAPTIONS:
            return "", f"is larger than {MAX_CAPTIONS // 2**10} KiB. Use captions of this video alone."
        self.captions[name] = text
        return text, ""

    def _misplaced(self, name: str) -> str:
        if "://" in name:
            return "is a URL. Save the file in the sheet's folder and enter its name."
        if self.confined and ("/" in name or "\\" in name or name in (".", "..")):
            return "is a path on another machine. Enter the name of a file in the folder of the sheet."
        return ""

    def _missing(self, name: str, endings: tuple[str, ...]) -> str:
        where = "" if self.confined else f" in '{(self.folder / name).parent.absolute()}'"
        try:
            names = [path.name for path in (self.folder / name).parent.iterdir() if path.suffix.lower() in endings]
        except OSError:
            names = []
        near = get_close_matches(Path(name).name, names, 1, 0.7)
        hint = f"Did you mean {near[0]}?" if near else "Enter its path relative to the folder of the sheet."
        return f"does not exist{where}. {hint}"


def is_file_name(text: str, endings: tuple[str, ...]) -> bool:
    """Return whether a cell names a file: one line with one of the endings."""
    return "\n" not in text and len(text) < 400 and text.strip().lower().endswith(endings)
