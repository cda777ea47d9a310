"""Write timelines with OpenTimelineIO, which editing programs import with names, files and crossfades."""

from pathlib import Path
from typing import Any

from adapters.files.durable import write_shared
from manifests.packages.errors import PackageError
from manifests.packages.timeline import Cut, Timeline


def write_otio(timeline: Timeline, path: Path) -> None:
    """Write a timeline as ``.otio``; media paths are relative to the file.

    Raises:
        PackageError: OpenTimelineIO is not installed.
        OSError: the file cannot be written.
    """
    try:
        import opentimelineio as otio
    except ImportError as error:
        raise PackageError("Timelines need OpenTimelineIO. Install it with: pip install 'reelmill[finish]'") from error
    made = otio.schema.Timeline(timeline.name)
    track = otio.schema.Track(name="V1", kind=otio.schema.TrackKind.Video)
    for cut in timeline.cuts:
        if cut.fade:
            track.append(_transition(otio, cut, timeline))
        track.append(_clip(otio, cut, timeline))
    made.tracks.append(track)
    write_shared(path, otio.adapters.write_to_string(made, "otio_json").encode())


def _transition(otio: Any, cut: Cut, timeline: Timeline) -> Any:
    before, after = (_time(otio, frames, timeline) for frames in (cut.fade_before, cut.fade_after))
    dissolve = otio.schema.TransitionTypes.SMPTE_Dissolve
    return otio.schema.Transition("crossfade", transition_type=dissolve, in_offset=before, out_offset=after)


def _clip(otio: Any, cut: Cut, timeline: Timeline) -> Any:
    whole = otio.opentime.TimeRange(_time(otio, 0, timeline), _time(otio, cut.frames, timeline))
    used = otio.opentime.TimeRange(_time(otio, cut.start, timeline), _time(otio, cut.length, timeline))
    return otio.schema.Clip(
        name=cut.name,
        media_reference=otio.schema.ExternalReference(target_url=cut.media, available_range=whole),
        source_range=used,
        metadata={"reelmill": {"id": cut.item_id, "sha256": cut.sha256, "prompt": cut.prompt}},
    )


def _time(otio: Any, frames: int, timeline: Timeline) -> Any:
    return otio.opentime.RationalTime(frames, float(timeline.fps))
