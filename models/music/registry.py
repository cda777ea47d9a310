"""Get background music from a file, the library, code, or the model of a card."""

import difflib

from manifests.errors import ModelError
from manifests.finish.spec import MusicSpec
from models.music import library, procedural
from models.music.result import RATE, FindAsset, MusicResult, ReadSound
from models.registry import sound_cards
from models.sound_card import MusicCard
from models.sound_tools import NO_TOOLS, SoundTools

FILE, LIBRARY, PROCEDURAL = "file", "library", "procedural"


def music(
    spec: MusicSpec, seconds: float, find_asset: FindAsset, read_sound: ReadSound, tools: SoundTools = NO_TOOLS
) -> MusicResult:
    """Return the music of a specification.

    Args:
        seconds: length of the deliverable. Files and tracks have their own length; the mix trims or loops them.
        read_sound: ``adapters.media.soundtrack.decode.decode``.

    Raises:
        ModelError: the source, track or mood is unknown, or what makes the music is not on this machine.
    """
    if spec.source == FILE:
        return _file(spec, find_asset, read_sound)
    if spec.source == LIBRARY:
        track = library.find_track(spec.track, spec.mood, spec.seed)
        return MusicResult(
            read_sound(track.path), RATE, track.title, library.SOURCE_TYPE, library.AGENT, path=track.path
        )
    if spec.source == PROCEDURAL:
        return procedural.procedural_music(spec.mood, seconds, spec.seed)
    return _generated(spec, seconds, tools)


def music_cards(tools: SoundTools = NO_TOOLS) -> dict[str, MusicCard]:
    """Return all music cards by name, the bundled ones and the user's; invalid cards are left out."""
    found = sound_cards(tools.card_folders)
    return {name: card for name, card in found.items() if isinstance(card, MusicCard)}


def music_problem(spec: MusicSpec, tools: SoundTools = NO_TOOLS) -> str:
    """Return why the music of a specification cannot be made on this machine, one sentence; empty if it can.

    Nothing is loaded, generated or read, so that a sheet can be checked quickly. Files are not checked.
    """
    try:
        if spec.source == LIBRARY:
            library.find_track(spec.track, spec.mood, spec.seed)
        elif spec.source == PROCEDURAL:
            procedural.mood_named(spec.mood)
        elif spec.source != FILE:
            return _weights_problem(_card(spec.source, tools), tools) or tools.unattested(spec.source)
    except ModelError as error:
        return str(error)
    return ""


def _file(spec: MusicSpec, find_asset: FindAsset, read_sound: ReadSound) -> MusicResult:
    if spec.asset is None:
        raise ModelError("The music source is file, but no file is given. Name it in the column music or brand.yaml.")
    path = find_asset(spec.asset)
    return MusicResult(read_sound(path), RATE, spec.asset.name, path=path)


def _generated(spec: MusicSpec, seconds: float, tools: SoundTools) -> MusicResult:
    card = _card(spec.source, tools)
    from models.music.pipeline import generated_music

    return generated_music(card, spec.mood, seconds, spec.seed, tools)


def _card(name: str, tools: SoundTools) -> MusicCard:
    cards = music_cards(tools)
    if name in cards:
        return cards[name]
    known = [FILE, LIBRARY, PROCEDURAL, *cards]
    near = difflib.get_close_matches(name.lower(), known, n=1)
    advice = f"Did you mean {near[0]}?" if near else f"Use one of: {', '.join(known)}."
    raise ModelError(f"There is no music source {name!r}. {advice}")


def _weights_problem(card: MusicCard, tools: SoundTools) -> str:
    from models.weights import weights_problem

    return weights_problem(card, tools.weights_root, quick=True) or ""
