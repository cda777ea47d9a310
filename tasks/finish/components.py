"""Component ingredients of a deliverable: copies of the logo, the voice and the music that were used."""

import mimetypes
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from adapters.media.sound import write_sound
from adapters.media.soundtrack.samples import RATE
from manifests.finish.deliverable import Component, Edit
from manifests.finish.spec import DeliverableSpec
from tasks.finish.footage import PEOPLE
from tasks.finish.layers import logo_names
from tasks.finish.sound.soundtrack import Music, Tracks
from tasks.finish.sound.spoken import FindAsset, Spoken

FLAC = "audio/flac"
INGREDIENTS = frozenset((FLAC, "audio/mpeg", "audio/mp4", "audio/wav", "audio/x-wav"))
"""Formats of sounds that c2pa supports."""


class Sound(NamedTuple):
    """A sound that was used: its samples and its file, None if it was made here."""

    samples: np.ndarray
    path: Path | None
    media_type: str
    source_type: str


def components_of(spec: DeliverableSpec, tracks: Tracks, find_asset: FindAsset, folder: Path) -> list[Component]:
    """Copy the components to a folder, and return them."""
    found = list(_logos(spec, find_asset, folder))
    if tracks.voice:
        found.append(_voice(spec, tracks.voice, folder))
    if tracks.music:
        found.append(_music(spec, tracks.music, folder))
    return found


def _logos(spec: DeliverableSpec, find_asset: FindAsset, folder: Path) -> Iterator[Component]:
    for number, name in enumerate(logo_names(spec), 1):
        asset, own = spec.brand.logos[name], "logo" if number == 1 else f"logo-{number}"
        path = _copied(find_asset(asset), own, asset.media_type, folder)
        yield Component(name=own, title=asset.name, media_type=asset.media_type, path=path)


def _voice(spec: DeliverableSpec, voice: Spoken, folder: Path) -> Component:
    wanted = spec.sound.voice
    media_type = wanted.recording.media_type if wanted and wanted.recording else ""
    return _sound("voice", voice.title, Sound(voice.samples, voice.path, media_type, voice.source_type), folder)


def _music(spec: DeliverableSpec, music: Music, folder: Path) -> Component:
    wanted = spec.sound.music
    media_type = wanted.asset.media_type if wanted and wanted.asset else ""
    return _sound("music", music.title, Sound(music.samples, music.path, media_type, music.source_type), folder)


def _sound(name: str, title: str, sound: Sound, folder: Path) -> Component:
    """Copy a file, or write FLAC if there is none or its format cannot be an ingredient."""
    media_type, path = sound.media_type, sound.path
    if path is not None and media_type in INGREDIENTS:
        file_name = _copied(path, name, media_type, folder)
    else:
        media_type, file_name = FLAC, f"{name}.flac"
        write_sound(sound.samples, RATE, folder / file_name)
    return Component(name=name, title=title, media_type=media_type, path=file_name, source_type=sound.source_type)


def _copied(source: Path, name: str, media_type: str, folder: Path) -> str:
    """Copy a file, and return its name."""
    ending = source.suffix or mimetypes.guess_extension(media_type) or ""
    shutil.copyfile(source, folder / f"{name}{ending}")
    return f"{name}{ending}"


def sound_edits(tracks: Tracks, components: Sequence[Component]) -> list[Edit]:
    """Return the edits of the sound for the Content Credential."""
    names = {component.name for component in components}
    edits = []
    if tracks.voice and "voice" in names:
        text = "A synthesised voice was added." if tracks.voice.path is None else "A voice recording was added."
        edits.append(_placed("voice", text, tracks.voice.agent, tracks.voice.agent_version))
    if tracks.music and "music" in names:
        edits.append(_placed("music", "Music was added.", tracks.music.agent))
    if tracks.native is not None and edits:
        edits.append(
            Edit(action="c2pa.edited", source_type=PEOPLE, description="The clip's own sound was mixed with them.")
        )
    return edits


def _placed(name: str, text: str, agent: str, version: str = "") -> Edit:
    return Edit(
        action="c2pa.placed",
        source_type=PEOPLE,
        description=text,
        component=name,
        agent=agent,
        agent_version=version,
    )
