"""Make a deliverable: one file for one placement and locale, from its masters and the complete description."""

import os
from collections.abc import Sequence
from pathlib import Path

from adapters.media.compose.master import Master
from adapters.media.compose.yuv import rgb_of
from adapters.media.subtitles import to_srt, to_vtt
from adapters.media.video import write_poster
from manifests.finish.deliverable import Component, Edit, FinishedFile
from manifests.finish.length import LEAD_S
from manifests.finish.spec import DeliverableSpec
from manifests.placements.linter import lint
from models.sound_tools import NO_TOOLS, SoundTools
from tasks.finish.components import components_of, sound_edits
from tasks.finish.encode import Encoded, encode
from tasks.finish.footage import ALGORITHM, footage_of, frame_of, masters_of, plan_of
from tasks.finish.layers import cues_for, layer_edits, layers_of
from tasks.finish.parts import Parts
from tasks.finish.requirements import facts_of
from tasks.finish.sound.soundtrack import keeps_sound, sha256_of, tracks_of
from tasks.finish.sound.spoken import FindAsset, Sounds, spoken_of
from tasks.finish.workspace import POSTER, SRT, VIDEO, VTT, workspace


def make(
    spec: DeliverableSpec,
    masters: Sequence[Path],
    find_asset: FindAsset,
    folder: Path,
    *,
    machine: str = "",
    tools: SoundTools = NO_TOOLS,
) -> FinishedFile:
    """Make a deliverable in a folder: ``deliverable.mp4``, ``poster.jpg``, caption files and components.

    The same spec and masters give the same video. The folder is replaced when all files are complete.

    Args:
        masters: the files of ``spec.shots``, in order.
        find_asset: returns the path of an asset of the spec.
        folder: staging folder of this deliverable alone.
        machine: id of this installation.
        tools: cards, weights and accounts of voices and music.

    Raises:
        FinishError: text, sound or footage do not fit the placement.
        ModelError: a voice or music is not available on this machine.
        EncodingError: a master cannot be read, or the video cannot be written.
        DiskFullError: the disk is full.
    """
    started = sum(os.times()[:4])
    with workspace(folder) as work:
        finished = _made(spec, masters_of(masters), Sounds(find_asset, tools), work)
    return finished.model_copy(update={"machine": machine, "cpu_seconds": round(sum(os.times()[:4]) - started, 3)})


def _made(spec: DeliverableSpec, masters: Sequence[Master], sounds: Sounds, work: Path) -> FinishedFile:
    parts = _parts(spec, masters, sounds)
    encoded = encode(parts, work / VIDEO)
    write_poster(rgb_of(encoded.poster), work / POSTER)
    components = components_of(spec, parts.tracks, sounds.find_asset, work)
    return _finished(parts, encoded, components, _sidecars(parts, work), work)


def _parts(spec: DeliverableSpec, masters: Sequence[Master], sounds: Sounds) -> Parts:
    voice = spoken_of(spec, sounds)
    plan = plan_of(spec, masters, LEAD_S + voice.seconds if voice else 0.0, keeps_sound(spec, masters))
    frame = frame_of(spec, plan)
    cues = cues_for(spec, frame, voice)
    layers = layers_of(spec, frame, cues, sounds.find_asset)
    tracks = tracks_of(spec, masters, plan, voice, sounds)
    return Parts(spec, footage_of(spec, masters, plan), layers, tracks, tuple(cues))


def _sidecars(parts: Parts, work: Path) -> dict[str, str]:
    """Write the caption files, and return their hashes by ending."""
    if not parts.cues or parts.spec.captions is None or not parts.spec.captions.sidecar:
        return {}
    (work / SRT).write_text(to_srt(parts.cues), encoding="utf-8")
    (work / VTT).write_text(to_vtt(parts.cues), encoding="utf-8")
    return {"srt": sha256_of(work / SRT), "vtt": sha256_of(work / VTT)}


def _finished(
    parts: Parts, encoded: Encoded, components: Sequence[Component], sidecars: dict[str, str], work: Path
) -> FinishedFile:
    facts = facts_of(parts, work / VIDEO, encoded, sidecars)
    return FinishedFile(
        sha256=sha256_of(work / VIDEO),
        size=facts.size_bytes,
        width=facts.width,
        height=facts.height,
        num_frames=encoded.num_frames,
        fps=str(facts.fps),
        duration_s=facts.duration_s,
        loudness_lufs=facts.loudness_lufs,
        true_peak_dbtp=facts.true_peak_dbtp,
        sidecars=sidecars,
        edits=_edits(parts, components),
        components=tuple(components),
        crop_paths=tuple(tuple(path) for path in parts.footage.paths),
        violations=lint(facts, parts.spec.preset),
        notes=_notes(parts, encoded),
    )


def _edits(parts: Parts, components: Sequence[Component]) -> tuple[Edit, ...]:
    logos = [component.name for component in components if component.name.startswith("logo")]
    drawn = layer_edits(parts.spec, parts.layers, logos)
    transcoded = Edit(
        action="c2pa.transcoded",
        source_type=ALGORITHM,
        description=f"The deliverable was encoded as H.264 for {parts.spec.preset.title}.",
    )
    return (*parts.footage.edits, *drawn, *sound_edits(parts.tracks, components), transcoded)


def _notes(parts: Parts, encoded: Encoded) -> tuple[str, ...]:
    """Return what people should know, each sentence once."""
    voice, music = parts.tracks.voice, parts.tracks.music
    own = [voice.note if voice else "", music.note if music else ""]
    return tuple(dict.fromkeys(note for note in (*parts.footage.notes, *own, *encoded.notes) if note))
