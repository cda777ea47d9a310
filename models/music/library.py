"""Tracks of the package immich-memories-music: 28 tracks in five moods, made with ACE-Step 1.5, under the MIT licence.

Nobody has listened to them for this program. ``tests/unit/test_music_library.py`` measures that none is silent,
clipped or interrupted, and that none contains words that a speech recogniser understands.
"""

import difflib
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from manifests.errors import ModelError

PACKAGE = "immich_memories_music"
AGENT = "ACE-Step 1.5"
SOURCE_TYPE = "trainedAlgorithmicMedia"
MISSING = "The music library is not installed. Install it with: pip install 'reelmill[finish]'"
LEFT_OUT: frozenset[str] = frozenset()
"""Tracks with faults that were measured."""


class Track(NamedTuple):
    """A track of the library: its name, such as ``calm_acoustic_1``, its mood and its file."""

    name: str
    mood: str
    path: Path

    @property
    def title(self) -> str:
        """The title for people."""
        return f"{self.name.replace('_', ' ').capitalize()} (immich-memories-music)"


def is_installed() -> bool:
    """Return whether the package is installed. Does not import it."""
    return find_spec(PACKAGE) is not None


def tracks() -> dict[str, Track]:
    """Return all tracks by name, in alphabetical order; empty if the package is not installed."""
    if not is_installed():
        return {}
    from immich_memories_music import tracks_dir

    found = sorted(Path(tracks_dir()).glob("*/*.opus"), key=lambda path: path.stem)
    return {path.stem: Track(path.stem, path.parent.name, path) for path in found if path.stem not in LEFT_OUT}


def moods() -> tuple[str, ...]:
    """Return the moods of all tracks."""
    return tuple(sorted({track.mood for track in tracks().values()}))


def find_track(name: str, mood: str = "", seed: int = 0) -> Track:
    """Return the track with this name, or one of a mood: the same seed gives the same track.

    Raises:
        ModelError: the library is not installed, or has no such track or mood.
    """
    known = tracks()
    if not known:
        raise ModelError(MISSING)
    if name:
        if name in known:
            return known[name]
        raise ModelError(f"The music library has no track {name!r}. {_advice(name, tuple(known))}")
    fitting = [track for track in known.values() if not mood or track.mood == mood]
    if not fitting:
        raise ModelError(f"The music library has no mood {mood!r}. Use one of: {', '.join(moods())}.")
    return fitting[seed % len(fitting)]


def _advice(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.4)
    return f"Did you mean {', '.join(near)}?" if near else "List the tracks with `reelmill voices --music`."
