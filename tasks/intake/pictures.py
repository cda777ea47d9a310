"""The pictures that a sheet uses: each is read once and checked against the model cards."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from adapters.c2pa.verifier import verify
from adapters.media.picture import InvalidPictureError, Picture, read_picture
from manifests.brief import Brief, picture_list
from manifests.errors import CredentialError, GenerationError, PlanError
from manifests.sheet import CellIssue, Table, check_table
from manifests.sheet.cells import clean
from manifests.sheet.layout import Layout
from models.card import GeneratorCard
from models.hosted_card import HostedCard
from tasks.intake.remote_pictures import RemotePictures
from tasks.intake.remote_sources import UnavailablePictureError, is_remote
from tasks.runtime.files.first_frames import FirstFrames

COLUMN, LAST, REFERENCES = "first_frame", "last_frame", "reference_pictures"
OPTIONAL = (
    (LAST, "last_frame", "does not accept a last frame"),
    (REFERENCES, "references", "does not accept reference pictures"),
)
"""Columns of pictures that no model requires, what cards call them, and what to say of a model without them."""
_CONDITIONS = [(column, condition) for column, condition, _ in OPTIONAL]
MAX_ENLARGEMENT = 1.5
MIN_KEPT_AREA = 0.5
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
Cards = Mapping[str, GeneratorCard]


class Pictures:
    """Reads each picture of a sheet once.

    Args:
        folder: the sheet's folder, to which paths are relative.
        kept: copies that replace pictures that no longer exist.
        confined: accept only names of files in this folder, because the sheet comes from another machine.
        remote: pictures that the sheet names by URL; None if they cannot be used.
    """

    def __init__(
        self,
        folder: Path,
        kept: "KeptPictures | None" = None,
        *,
        confined: bool = False,
        remote: RemotePictures | None = None,
    ) -> None:
        self._folder = folder
        self._kept = kept
        self._confined = confined
        self._remote = remote
        self._read: dict[str, Picture | InvalidPictureError] = {}

    def download(self, table: Table) -> None:
        """Download the pictures that a sheet names by URL, before its rows are checked one after another."""
        if self._remote is None or not _names_urls(table):
            return
        named: dict[str, None] = {}

        def collect(brief: Brief) -> Iterator[CellIssue]:
            for names in brief.pictures.values():
                named.update(dict.fromkeys(filter(is_remote, names)))
            return iter(())

        check_table(table, [collect])
        self._remote.download(name for name in named if self._earlier_copy(name) is None)

    def check(self, cards: Cards, default_card: str) -> Callable[[Brief], Iterator[CellIssue]]:
        """Return the check of a brief's pictures: whether its cards use them, and whether they are valid."""

        def check(brief: Brief) -> Iterator[CellIssue]:
            used = [cards[name] for name in brief.models or (default_card,) if name in cards]
            yield from _misplaced(brief, used, cards)
            for column, names in brief.pictures.items():
                using = [card for card in used if _uses_column(card, column)]
                for name in names:
                    if using or not used:  # a picture that is not used is an error already
                        yield from self._issues(column, name, brief, using)

        return check

    def _issues(self, column: str, name: str, brief: Brief, using: Sequence[GeneratorCard]) -> Iterator[CellIssue]:
        picture = self._look(name)
        if isinstance(picture, InvalidPictureError):
            yield CellIssue(column, name, str(picture))
            return
        if note := self._note(name, picture):
            yield CellIssue(column, name, note, warning=True)
        if column != REFERENCES:  # those are scaled without cropping
            yield from _doubts(column, name, picture, brief, using)

    @property
    def unavailable(self) -> frozenset[str]:
        """The names of remote pictures that may be available later."""
        return frozenset(name for name, found in self._read.items() if isinstance(found, UnavailablePictureError))

    def hashed(self, brief: Brief) -> Brief:
        """Return a valid brief with the hashes of its pictures."""
        sha256 = {name: self._valid(name).sha256 for names in brief.pictures.values() for name in names}
        return replace(
            brief,
            first_frame_hashes=tuple(sha256[name] for name in brief.first_frames),
            last_frame_hashes=tuple(sha256[name] for name in brief.last_frames),
            reference_hashes=tuple("+".join(sha256[name] for name in picture_list(text)) for text in brief.references),
        )

    def used_in(self, briefs: Iterable[Brief]) -> tuple[Picture, ...]:
        """Return the pictures of valid briefs, each once."""
        named = (name for brief in briefs for names in brief.pictures.values() for name in names)
        return tuple(dict.fromkeys(map(self._valid, named)))

    def _valid(self, name: str) -> Picture:
        picture = self._look(name)
        if isinstance(picture, InvalidPictureError):
            raise picture
        return picture

    def _look(self, name: str) -> Picture | InvalidPictureError:
        if name not in self._read:
            try:
                self._read[name] = self._sound_picture(name, self._find(name))
            except InvalidPictureError as error:
                self._read[name] = error
        return self._read[name]

    def _sound_picture(self, name: str, path: Path) -> Picture:
        """Read a picture. A download that cannot be used is forgotten, because its owner may replace it."""
        try:
            return _sound(read_picture(path))
        except InvalidPictureError:
            if self._remote and is_remote(name):
                self._remote.forget(name)
            raise

    def _note(self, name: str, picture: Picture) -> str:
        """Return a warning if an older copy of a picture is used."""
        if self._remote and is_remote(name):
            return self._remote.note(name) if self._earlier_copy(name) is None else self._remote.reuse_note(name)
        if self._kept and self._kept.has(picture):
            return "no longer exists. The copy from an earlier run is used."
        return ""

    def _find(self, name: str) -> Path:
        """Return the path for a name in a cell; unusual spaces and accents in the file name do not matter."""
        if is_remote(name):
            return self._find_remote(name)
        if self._confined and ("/" in name or "\\" in name or name in (".", "..")):
            raise InvalidPictureError(
                "is a path on another machine. Upload the picture with the sheet and enter only its name, or enter its "
                "https:// URL."
            )
        path = self._folder / name
        if os.path.lexists(path):
            return path
        names = _names_in(path.parent)
        if alike := next((other for other in names if clean(other) == path.name), None):
            return path.with_name(alike)
        copy = self._kept.of(name) if self._kept else None
        if copy is None:
            raise InvalidPictureError(_missing(name, path, names, confined=self._confined))
        return copy

    def _find_remote(self, name: str) -> Path:
        if self._remote is None:
            raise InvalidPictureError(
                "is a URL, and no pictures are downloaded here. Save the picture in the sheet's folder and enter its "
                "file name."
            )
        self._remote.check(name)
        return self._earlier_copy(name) or self._remote.path(name)

    def _earlier_copy(self, name: str) -> Path | None:
        """Return the copy that an earlier campaign has kept of a remote picture, if this machine has not fetched it."""
        if self._kept is None or self._remote is None or self._remote.kept(name):
            return None
        return self._kept.of(name)


class KeptPictures:
    """Copies of the pictures of earlier campaigns.

    Args:
        briefs: returns the briefs of earlier campaigns, the latest last; called only if a picture does not exist.
    """

    def __init__(self, store: FirstFrames, briefs: Callable[[], Iterable[Brief]]) -> None:
        self._store = store
        self._briefs = briefs

    @cached_property
    def _hashes(self) -> dict[str, str]:
        return {name: sha256 for brief in self._briefs() for name, sha256 in brief.picture_hashes.items()}

    def of(self, name: str) -> Path | None:
        """Return the copy of a picture by its name in the sheet, or None if there is no intact copy."""
        try:
            return self._store.path(self._hashes[name])
        except (KeyError, GenerationError):
            return None

    def has(self, picture: Picture) -> bool:
        """Return whether a picture is one of these copies."""
        return picture.path.parent == self._store.root


def _names_urls(table: Table) -> bool:
    known = Layout.of(table).known
    indexes = [known[column] for column in (COLUMN, LAST, REFERENCES) if column in known]
    return any("://" in row.cell(index) for index in indexes for row in table.rows)


def keep_pictures(store: FirstFrames, pictures: Iterable[Picture]) -> None:
    """Copy pictures into the store.

    Raises:
        PlanError: a picture was changed or deleted since it was checked.
    """
    for picture in pictures:
        if store.add(picture.path) != picture.sha256:
            raise PlanError(
                f"The first frame '{picture.path}' was changed while the sheet was being read. Run the command again."
            )


def _misplaced(brief: Brief, used: Sequence[GeneratorCard], cards: Cards) -> Iterator[CellIssue]:
    for card in used:
        if card.needs_first_frame and not brief.first_frames and not brief.continued:
            yield CellIssue(
                COLUMN,
                "",
                f"is empty, but {card.name} generates clips from a picture. Enter the name of a PNG, JPEG or WebP "
                "file, or use a model that generates clips from text.",
            )
        if not card.needs_first_frame and brief.first_frames:
            instead = _instead(card, [other for other in cards.values() if other.needs_first_frame])
            yield CellIssue(
                COLUMN, brief.first_frames[0], f"cannot be used: {card.name} generates clips from text only. {instead}"
            )
        for column, condition, what in OPTIONAL:
            if brief.pictures[column] and condition not in card.accepts:
                instead = _instead(card, [other for other in cards.values() if condition in other.accepts])
                yield CellIssue(column, brief.pictures[column][0], f"cannot be used: {card.name} {what}. {instead}")


def _instead(card: GeneratorCard, fitting: Sequence[GeneratorCard]) -> str:
    """Return the advice to clear the cell or use a fitting model: of the same provider, if the model has one."""
    near = [each.name for each in fitting if _provider_of(each) == _provider_of(card)]
    names = sorted(near or [each.name for each in fitting])
    return f"Clear the cell, or use the model {' or '.join(names)}." if names else "Clear the cell."


def _provider_of(card: GeneratorCard) -> str:
    return card.provider if isinstance(card, HostedCard) else ""


def _uses_column(card: GeneratorCard, column: str) -> bool:
    return card.needs_first_frame if column == COLUMN else dict(_CONDITIONS)[column] in card.accepts


def _sound(picture: Picture) -> Picture:
    """Reject a picture whose own credential is invalid, because no clip from it would verify as trusted."""
    try:
        report = verify(picture.path)
    except CredentialError as error:
        raise InvalidPictureError(f"cannot be read ({error}). Save it again as PNG, JPEG or WebP.") from error
    if report.state == "invalid":
        reasons = "; ".join(dict.fromkeys(finding.sentence for finding in report.findings))
        raise InvalidPictureError(
            f"has an invalid Content Credential ({reasons}). Use the original, or save a copy without the credential."
        )
    return picture


def _doubts(
    column: str, name: str, picture: Picture, brief: Brief, cards: Sequence[GeneratorCard]
) -> Iterator[CellIssue]:
    if picture.is_transparent:
        yield CellIssue(column, name, "is partly transparent. Its transparent areas become white.", warning=True)
    for card in cards:
        for ratio in dict.fromkeys(brief.master_of(placement).aspect_ratio for placement in brief.placements):
            if ratio in card.sizes:
                height, width = card.sizes[ratio].rendered
                scale = max(width / picture.width, height / picture.height)
                kept = width * height / (picture.width * picture.height * scale**2)
                yield from _fitting(column, name, picture, f"{card.name} at {ratio}", scale, kept)


def _fitting(column: str, name: str, picture: Picture, shape: str, scale: float, kept: float) -> Iterator[CellIssue]:
    if scale > MAX_ENLARGEMENT:
        yield CellIssue(
            column,
            name,
            f"has {picture.width} × {picture.height} pixels and is enlarged {scale:.1f} times for {shape}. Use a "
            "larger picture for a sharper clip.",
            warning=True,
        )
    if kept < MIN_KEPT_AREA:
        yield CellIssue(
            column,
            name,
            f"loses {1 - kept:.0%} of its area at the edges for {shape}. Use a picture with this aspect ratio to keep "
            "all of it.",
            warning=True,
        )


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _missing(name: str, path: Path, names: Sequence[str], *, confined: bool) -> str:
    """Return the message for a missing picture; the folder of a confined sheet is internal, so it is not shown."""
    missing = "was not found" if confined else f"does not exist in '{path.parent}'"
    pictures = [other for other in names if other.lower().endswith(_SUFFIXES)]
    near = get_close_matches(path.name, pictures, 1, 0.7)
    advice = (
        "Save it in the sheet's folder, upload it with the sheet, or enter its https:// URL."
        if confined
        else "Enter its path relative to the folder of the sheet, or its full path."
    )
    hint = f"Did you mean {near[0]}?" if near else advice
    if "," in name or ";" in name:
        hint = "Separate several pictures with |."
    return f"{missing}. {hint}"
