"""List all sources of music, whether they work on this machine, and how to get those that do not."""

from typing import NamedTuple

from manifests.finish.spec import MusicSpec
from models.music import library, procedural
from models.music.registry import LIBRARY, PROCEDURAL, music_cards, music_problem
from models.sound_tools import NO_TOOLS, SoundTools


class MusicEntry(NamedTuple):
    """A source of music.

    Attributes:
        source: ``library``, ``procedural`` or the name of a card.
        description: what it is.
        moods: those that it has.
        tracks: names of its tracks, for the library.
        problem: why it cannot be used on this machine, and how to fix it; empty if it can.
    """

    source: str
    description: str
    moods: tuple[str, ...]
    tracks: tuple[str, ...]
    problem: str


def music_entries(tools: SoundTools = NO_TOOLS) -> tuple[MusicEntry, ...]:
    """Return all sources of music besides files."""
    missing = "" if library.is_installed() else library.MISSING
    made = f"Tracks made with {library.AGENT} (MIT licence)"
    return (
        MusicEntry(LIBRARY, made, library.moods(), tuple(library.tracks()), missing),
        MusicEntry(PROCEDURAL, "Simple music made by code", tuple(procedural.MOODS), (), ""),
        *(
            MusicEntry(name, card.title, tuple(card.moods), (), music_problem(MusicSpec(source=name), tools))
            for name, card in music_cards(tools).items()
        ),
    )
