"""The clips that a sheet continues: each is read once and checked against the model cards."""

import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from adapters.media.video_frames import VideoFile, last_frames
from manifests.brief import Brief
from manifests.errors import EncodingError
from manifests.sheet import CellIssue
from models.card import GeneratorCard
from tasks.runtime.files.earlier_clips import EarlierClips
from tasks.runtime.files.first_frames import FirstFrames
from tasks.runtime.files.staging import sha256_of

COLUMN = "continue_from"
MAX_BYTES = 512 * 2**20
_ID = re.compile(r"[0-9a-f]{32}")
LEAST_FRAMES = 33
"""Frames that a model needs which continues the movement of a clip: one chunk of Helios."""


class ContinuedClip(NamedTuple):
    """A clip that another one continues.

    Attributes:
        sha256: hash of its file.
        last_frame: its last frame as PNG, from which models that start from a picture continue it.
        num_frames: its length.
    """

    path: Path
    sha256: str
    last_frame: bytes
    num_frames: int


class ContinuedClips:
    """Reads each clip of a sheet once.

    Args:
        folder: the sheet's folder, to which paths are relative.
        confined: accept only names of files in this folder, because the sheet comes from another machine.
        staged: returns the file of a generated clip by its id; None if it is not stored here.
    """

    def __init__(
        self, folder: Path, *, confined: bool = False, staged: Callable[[str], Path | None] = lambda _: None
    ) -> None:
        self._folder = folder
        self._confined = confined
        self._staged = staged
        self._read: dict[str, ContinuedClip | str] = {}

    def check(self, cards: Mapping[str, GeneratorCard], default_card: str) -> Callable[[Brief], Iterator[CellIssue]]:
        """Return the check of a brief: whether its cards can continue a clip, and whether the clip is readable."""

        def check(brief: Brief) -> Iterator[CellIssue]:
            used = [cards[name] for name in brief.models or (default_card,) if name in cards]
            for name in dict.fromkeys(brief.continued):
                clip = self._look(name)
                if isinstance(clip, str):
                    yield CellIssue(COLUMN, name, clip)
                    continue
                for card in used:
                    yield from _unsuitable(name, clip, brief, card, cards)

        return check

    def hashed(self, brief: Brief) -> Brief:
        """Return a valid brief with the hashes of its clips and of their last frames."""
        clips = [clip for name in brief.continued if isinstance(clip := self._look(name), ContinuedClip)]
        hashes = (f"{clip.sha256}+{sha256_of_bytes(clip.last_frame)}" for clip in clips)
        return replace(brief, continued_hashes=tuple(hashes))

    def used_in(self, briefs: Iterable[Brief]) -> tuple[ContinuedClip, ...]:
        """Return the clips of valid briefs, each once."""
        found = (self._look(name) for brief in briefs for name in brief.continued)
        return tuple(dict.fromkeys(clip for clip in found if isinstance(clip, ContinuedClip)))

    def _look(self, name: str) -> ContinuedClip | str:
        if name not in self._read:
            self._read[name] = self._open(name)
        return self._read[name]

    def _open(self, name: str) -> ContinuedClip | str:
        """Return a clip, or why it cannot be used."""
        if _ID.fullmatch(name):
            path = self._staged(name)
            if path is None:
                return (
                    "is the id of a clip that is not stored on this machine. Save the published clip in the sheet's "
                    "folder and enter its file name."
                )
            return _read(path)
        if "://" in name:
            return "is a URL. Save the clip in the sheet's folder and enter its file name."
        if self._confined and ("/" in name or "\\" in name or name in (".", "..")):
            return "is a path on another machine. Enter the name of a clip in the folder of the sheet."
        path = self._folder / name
        if not path.is_file():
            where = "" if self._confined else f" in '{path.parent}'"  # the folder of an uploaded sheet is internal
            return (
                f"is not a file{where}. Enter the path of an MP4 file, relative to the folder of the sheet, or the id "
                "of a clip."
            )
        return _read(path)


def _read(path: Path) -> ContinuedClip | str:
    if path.stat().st_size > MAX_BYTES:
        return f"is larger than {MAX_BYTES // 2**20} MiB. Enter a shorter clip."
    try:
        frames = VideoFile(path)
        [last] = last_frames(path, 1)
    except EncodingError:
        return "is not a readable video. Enter an MP4 file, such as a clip that Reelmill has generated."
    png = io.BytesIO()
    Image.fromarray(last).save(png, "PNG")
    return ContinuedClip(path, sha256_of(path), png.getvalue(), frames.num_frames)


def sha256_of_bytes(data: bytes) -> str:
    """Return the hex SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def keep_clips(pictures: FirstFrames, clips: EarlierClips, used: Iterable[ContinuedClip]) -> None:
    """Copy clips and their last frames into the stores.

    Raises:
        PlanError: a clip was changed or deleted since it was checked.
    """
    for clip in used:
        clips.add(clip.path, clip.sha256)
        pictures.add_content(clip.last_frame)


def _unsuitable(
    name: str, clip: ContinuedClip, brief: Brief, card: GeneratorCard, cards: Mapping[str, GeneratorCard]
) -> Iterator[CellIssue]:
    if "earlier_frames" in card.accepts:
        if clip.num_frames < LEAST_FRAMES:
            yield CellIssue(
                COLUMN,
                name,
                f"has {clip.num_frames} frames, but {card.name} continues clips of at least {LEAST_FRAMES}. Enter a "
                "longer clip, or use a model that starts from a picture.",
            )
    elif not card.needs_first_frame:
        able = sorted(each for each, other in cards.items() if "earlier_frames" in other.accepts)
        others = f"{' or '.join(able)}, or one that starts from a picture" if able else "that starts from a picture"
        yield CellIssue(
            COLUMN, name, f"cannot be continued: {card.name} generates clips from text only. Use the model {others}."
        )
    elif brief.first_frames:
        yield CellIssue(
            COLUMN,
            name,
            f"cannot be combined with a first frame: {card.name} starts from one picture. Clear one of the two cells.",
        )
