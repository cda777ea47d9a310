"""Make a deliverable: one file for one placement and locale, from its masters and the complete description."""

import os
from collections.abc import Sequence
from pathlib import Path

from adapters.media.compose.master import Master
from adapters.media.compose.mux import CaptionTrack
from adapters.media.subtitles import to_srt, to_vtt
from adapters.media.video import write_poster
from adapters.media.video_facts import probe
from adapters.media.video_frames import frames_at
from manifests.finish.cue import Cue
from manifests.finish.deliverable import Component, Edit, FinishedFile
from manifests.finish.language_codes import iso_639_2
from manifests.finish.spec import DeliverableSpec
from tasks.finish.components import components_of, sound_edits
from tasks.finish.encode import Encoded, encode
from tasks.finish.footage import ALGORITHM, Footage, footage_of, frame_of, masters_of, plan_of
from tasks.finish.layers import Layers, cues_for, layer_edits, layers_of
from tasks.finish.requirements import violations_of
from tasks.finish.soundtrack import Tracks, keeps_sound, sha256_of, tracks_of
from tasks.finish.spoken import LEAD_S, FindAsset, spoken_of
from tasks.finish.workspace import POSTER, SRT, VIDEO, VTT, workspace


def make(
    spec: DeliverableSpec, masters: Sequence[Path], find_asset: FindAsset, folder: Path, *, machine: str = ""
) -> FinishedFile:
    """Make a deliverable in a folder: ``deliverable.mp4``, ``poster.jpg``, caption files and components.

    The same spec and masters give the same video. The folder is replaced when all files are complete.

    Args:
        masters: the files of ``spec.shots``, in order.
        find_asset: returns the path of an asset of the spec.
        folder: staging folder of this deliverable alone.
        machine: id of this installation.

    Raises:
        FinishError: text, sound or footage do not fit the placement.
        ModelError: a voice or music is not available on this machine.
        EncodingError: a master cannot be read, or the video cannot be written.
        DiskFullError: the disk is full.
    """
    started = sum(os.times()[:4])
    with workspace(folder) as work:
        finished = _made(spec, masters_of(masters), find_asset, work)
    return finished.model_copy(update={"machine": machine, "cpu_seconds": round(sum(os.times()[:4]) - started, 3)})


def _made(spec: DeliverableSpec, masters: Sequence[Master], find_asset: FindAsset, work: Path) -> FinishedFile:
    voice = spoken_of(spec, find_asset)
    plan = plan_of(spec, masters, LEAD_S + voice.seconds if voice else 0.0, keeps_sound(spec, masters))
    frame = frame_of(spec, plan)
    cues = cues_for(spec, frame, voice)
    layers = layers_of(spec, frame, cues, find_asset)
    footage = footage_of(spec, masters, plan)
    tracks = tracks_of(spec, masters, plan, voice, find_asset)
    code = iso_639_2(spec.locale)
    track = CaptionTrack(cues, code) if spec.captions and spec.captions.track else None
    encoded = encode(spec, footage, layers, tracks, track, code, work / VIDEO)
    components = components_of(spec, tracks, find_asset, work)
    return _finished(spec, footage, layers, tracks, encoded, components, _sidecars(spec, cues, work), work)


def _sidecars(spec: DeliverableSpec, cues: Sequence[Cue], work: Path) -> dict[str, str]:
    """Write the caption files, and return their hashes by ending."""
    if not cues or spec.captions is None or not spec.captions.sidecar:
        return {}
    (work / SRT).write_text(to_srt(cues), encoding="utf-8")
    (work / VTT).write_text(to_vtt(cues), encoding="utf-8")
    return {"srt": sha256_of(work / SRT), "vtt": sha256_of(work / VTT)}


def _finished(
    spec: DeliverableSpec,
    footage: Footage,
    layers: Layers,
    tracks: Tracks,
    encoded: Encoded,
    components: Sequence[Component],
    sidecars: dict[str, str],
    work: Path,
) -> FinishedFile:
    facts = probe(work / VIDEO)
    [middle] = frames_at(work / VIDEO, [_poster_index(footage)])
    write_poster(middle, work / POSTER)
    loudness = encoded.loudness
    return FinishedFile(
        sha256=sha256_of(work / VIDEO),
        size=(work / VIDEO).stat().st_size,
        width=facts.width,
        height=facts.height,
        num_frames=facts.num_frames,
        fps=str(facts.fps),
        duration_s=facts.duration_s,
        loudness_lufs=loudness.lufs if loudness else None,
        true_peak_dbtp=loudness.true_peak_dbtp if loudness else None,
        sidecars=sidecars,
        edits=_edits(spec, footage, layers, tracks, components),
        components=tuple(components),
        crop_paths=tuple(tuple(path) for path in footage.paths),
        violations=violations_of(spec, work / VIDEO, layers, encoded, sidecars),
        notes=_notes(footage, tracks, encoded),
    )


def _poster_index(footage: Footage) -> int:
    """Return the middle of the footage, where the layers are in place."""
    return footage.plan.intro + footage.plan.footage // 2


def _edits(
    spec: DeliverableSpec, footage: Footage, layers: Layers, tracks: Tracks, components: Sequence[Component]
) -> tuple[Edit, ...]:
    logos = [component.name for component in components if component.name.startswith("logo")]
    transcoded = Edit(
        action="c2pa.transcoded",
        source_type=ALGORITHM,
        description=f"The deliverable was encoded as H.264 for {spec.preset.title}.",
    )
    return (*footage.edits, *layer_edits(spec, layers, logos), *sound_edits(tracks, components), transcoded)


def _notes(footage: Footage, tracks: Tracks, encoded: Encoded) -> tuple[str, ...]:
    """Return what people should know, each sentence once."""
    own = [tracks.voice.note if tracks.voice else "", tracks.music.note if tracks.music else ""]
    return tuple(dict.fromkeys(note for note in (*footage.notes, *own, *encoded.notes) if note))
