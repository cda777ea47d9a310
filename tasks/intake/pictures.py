"""The pictures that a sheet names: found, looked through once each, and checked against the model cards."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from adapters.c2pa.verifier import verify
from adapters.media.picture import InvalidPictureError, Picture, read_picture
from manifests.brief import Brief
from manifests.errors import CredentialError, GenerationError, PlanError
from manifests.sheet import Complaint
from manifests.sheet.cells import clean
from models.card import ModelCard
from tasks.runtime.first_frames import FirstFrames

COLUMN = "first_frame"
MOST_ENLARGED = 1.5
LEAST_KEPT = 0.5
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
Cards = Mapping[str, ModelCard]


class Pictures:
    """Reads each picture of a sheet once.

    Args:
        folder: the sheet's own; names start from it.
        kept: copies that stand in for pictures that are gone.
        confined: only names of files in that very folder are looked at: the sheet came from elsewhere.
    """

    def __init__(self, folder: Path, kept: "KeptPictures | None" = None, *, confined: bool = False) -> None:
        self._folder = folder
        self._kept = kept
        self._confined = confined
        self._read: dict[str, Picture | InvalidPictureError] = {}

    def check(self, cards: Cards, default_card: str) -> Callable[[Brief], Iterator[Complaint]]:
        """Return the check of a brief's first frames: whether its cards take any, and whether they can be used."""

        def check(brief: Brief) -> Iterator[Complaint]:
            used = [cards[name] for name in brief.models or (default_card,) if name in cards]
            yield from _misplaced(brief, used, cards)
            for name in dict.fromkeys(brief.first_frames):
                picture = self._look(name)
                if isinstance(picture, InvalidPictureError):
                    yield Complaint(COLUMN, name, str(picture))
                else:
                    if self._kept and self._kept.has(picture):
                        yield Complaint(COLUMN, name, "is gone. The copy of an earlier run is used.", warning=True)
                    yield from _doubts(name, picture, brief, [card for card in used if card.needs_first_frame])

        return check

    def hashed(self, brief: Brief) -> Brief:
        """Return a brief that passed the check with the hashes of its pictures."""
        return replace(brief, first_frame_hashes=tuple(picture.sha256 for picture in self._used(brief)))

    def used_in(self, briefs: Iterable[Brief]) -> tuple[Picture, ...]:
        """Return the pictures of briefs that passed the check, each once."""
        return tuple(dict.fromkeys(picture for brief in briefs for picture in self._used(brief)))

    def _used(self, brief: Brief) -> Iterator[Picture]:
        for picture in map(self._look, brief.first_frames):
            if isinstance(picture, InvalidPictureError):
                raise picture
            yield picture

    def _look(self, name: str) -> Picture | InvalidPictureError:
        if name not in self._read:
            try:
                self._read[name] = _sound(read_picture(self._find(name)))
            except InvalidPictureError as error:
                self._read[name] = error
        return self._read[name]

    def _find(self, name: str) -> Path:
        """Return the path of a name, also where the cell was cleaned of odd spaces and accents that the name has."""
        if "://" in name or name.lower().startswith(("data:", "file:", "www.")):
            raise InvalidPictureError(
                "is an address, and nothing is fetched. Save the picture beside the sheet and name its file."
            )
        if self._confined and ("/" in name or "\\" in name or name in (".", "..")):
            raise InvalidPictureError(
                "is a path on another machine. Name the picture's file alone, and upload it with the sheet."
            )
        path = self._folder / name
        if os.path.lexists(path):
            return path
        beside = _names_in(path.parent)
        if alike := next((other for other in beside if clean(other) == path.name), None):
            return path.with_name(alike)
        copy = self._kept.of(name) if self._kept else None
        if copy is None:
            raise InvalidPictureError(_missing(name, path, beside, confined=self._confined))
        return copy


class KeptPictures:
    """Copies that were kept of the pictures that some briefs name.

    Args:
        briefs: of earlier campaigns, the latest last; only asked where a picture is gone.
    """

    def __init__(self, store: FirstFrames, briefs: Callable[[], Iterable[Brief]]) -> None:
        self._store = store
        self._briefs = briefs

    @cached_property
    def _hashes(self) -> dict[str, str]:
        return {
            name: sha256
            for brief in self._briefs()
            for name, sha256 in zip(brief.first_frames, brief.first_frame_hashes, strict=True)
        }

    def of(self, name: str) -> Path | None:
        """Return the copy of a picture by its name in the sheet, if there is one that is whole."""
        try:
            return self._store.path(self._hashes[name])
        except (KeyError, GenerationError):
            return None

    def has(self, picture: Picture) -> bool:
        """True where a picture is such a copy."""
        return picture.path.parent == self._store.root


def keep_pictures(store: FirstFrames, pictures: Iterable[Picture]) -> None:
    """Copy pictures into the store.

    Raises:
        PlanError: one was changed since it was looked at, or is gone.
    """
    for picture in pictures:
        if store.add(picture.path) != picture.sha256:
            raise PlanError(f"The first frame '{picture.path}' was changed while the sheet was read; run it again.")


def _misplaced(brief: Brief, used: Sequence[ModelCard], cards: Cards) -> Iterator[Complaint]:
    for card in used:
        if card.needs_first_frame and not brief.first_frames:
            yield Complaint(
                COLUMN,
                "",
                f"is empty, but {card.name} makes clips from a picture. Name a PNG, JPEG "
                "or WebP file, or take a model that makes them from text.",
            )
        if not card.needs_first_frame and brief.first_frames:
            takers = ", ".join(sorted(name for name, other in cards.items() if other.needs_first_frame))
            instead = f"Use {takers} as the model, or empty the cell." if takers else "Empty the cell."
            yield Complaint(
                COLUMN, brief.first_frames[0], f"can't be used: {card.name} makes clips from text alone. {instead}"
            )


def _sound(picture: Picture) -> Picture:
    """Refuse a picture whose own credential is broken: no clip made from it would read as trusted."""
    try:
        report = verify(picture.path)
    except CredentialError as error:
        raise InvalidPictureError(f"cannot be read ({error}). Save it anew as PNG, JPEG or WebP.") from error
    if report.state == "invalid":
        raise InvalidPictureError(
            f"carries a Content Credential that doesn't hold ({report.sentence}). Take the original, "
            "or save a copy without the credential."
        )
    return picture


def _doubts(name: str, picture: Picture, brief: Brief, cards: Sequence[ModelCard]) -> Iterator[Complaint]:
    if picture.is_transparent:
        yield Complaint(COLUMN, name, "is transparent in places. White is laid behind it.", warning=True)
    for card in cards:
        for ratio in dict.fromkeys(placement.aspect_ratio for placement in brief.placements):
            if ratio in card.sizes:
                size = card.sizes[ratio]
                scale = max(size.render_width / picture.width, size.render_height / picture.height)
                kept = size.render_width * size.render_height / (picture.width * picture.height * scale**2)
                yield from _fitting(name, picture, f"{card.name} at {ratio}", scale, kept)


def _fitting(name: str, picture: Picture, shape: str, scale: float, kept: float) -> Iterator[Complaint]:
    if scale > MOST_ENLARGED:
        yield Complaint(
            COLUMN,
            name,
            f"has {picture.width} × {picture.height} pixels and is enlarged {scale:.1f} "
            f"times for {shape}. A larger one gives a sharper clip.",
            warning=True,
        )
    if kept < LEAST_KEPT:
        yield Complaint(
            COLUMN,
            name,
            f"loses {1 - kept:.0%} of itself at its edges for {shape}. A picture of that shape is kept whole.",
            warning=True,
        )


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _missing(name: str, path: Path, beside: Sequence[str], *, confined: bool) -> str:
    """Return where a picture is missed; a confined sheet is read from a folder that nobody knows but us."""
    where = "isn't there" if confined else f"isn't there: '{path.parent}' holds no such file"
    pictures = [other for other in beside if other.lower().endswith(_SUFFIXES)]
    near = get_close_matches(path.name, pictures, 1, 0.7)
    lies = (
        "Put it beside the sheet, or upload both together."
        if confined
        else ("Name it from the sheet's folder on, or by its whole path.")
    )
    hint = f"Did you mean {near[0]}?" if near else lies
    if "," in name or ";" in name:
        hint = "Several pictures need a | between their names."
    return f"{where}. {hint}"
