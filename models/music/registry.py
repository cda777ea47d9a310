"""Get background music from a file, the library, or code."""

from manifests.errors import ModelError
from manifests.finish.spec import MusicSpec
from models.music import library, procedural
from models.music.result import RATE, FindAsset, MusicResult, ReadSound

FILE, LIBRARY, PROCEDURAL = "file", "library", "procedural"


def music(spec: MusicSpec, seconds: float, find_asset: FindAsset, read_sound: ReadSound) -> MusicResult:
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
    raise ModelError(f"There is no music source {spec.source!r}. Use {FILE}, {LIBRARY} or {PROCEDURAL}.")


def _file(spec: MusicSpec, find_asset: FindAsset, read_sound: ReadSound) -> MusicResult:
    if spec.asset is None:
        raise ModelError(
            "The music source is file, but no file is given. Name it in the column music or in brand.yaml."
        )
    path = find_asset(spec.asset)
    return MusicResult(read_sound(path), RATE, spec.asset.name, path=path)
