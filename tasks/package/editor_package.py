"""The package for editing programs: the clips, and timelines of sequences and of all clips of a shape."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from adapters.bucket import Bucket
from adapters.media.video_facts import VideoFacts, probe
from adapters.packages.edl import write_edl
from adapters.packages.otio import write_otio
from manifests.packages.errors import PackageError
from manifests.packages.file_names import file_name
from manifests.packages.item import PackageItem
from manifests.packages.timeline import Source, Timeline, timeline_of
from manifests.placement import RATIOS
from manifests.placements.ratios import ratio_of
from tasks.package.fetch import fetch
from tasks.package.items import Published
from tasks.package.result import Package

MEDIA = "media"


def write_editor_package(bucket: Bucket, published: Published, folder: Path) -> Package:
    """Write the clips without logos, captions and sound, and their timelines.

    Raises:
        PackageError: the campaign has no published clips, or OpenTimelineIO is not installed.
    """
    if not published.clips:
        raise PackageError("The campaign has no published clips. Publish some, then run the command again.")
    made = _EditorPackage(bucket, folder, published.clips)
    files = []
    for timeline in (*made.sequences(published.deliverables), *made.assemblies()):
        write_otio(timeline, folder / f"{timeline.name}.otio")
        write_edl(timeline, folder / f"{timeline.name}.edl")
        files += [f"{timeline.name}.otio", f"{timeline.name}.edl"]
    return Package(folder, len(published.clips), tuple(files), notes=tuple(made.notes))


SIZE_TOLERANCE = 0.03
"""Sizes of 16:9 that models make, such as 832x480, are up to 2.5 % off."""


class _EditorPackage:
    """The clips of a package in its folder."""

    def __init__(self, bucket: Bucket, folder: Path, clips: Sequence[PackageItem]) -> None:
        self.notes: list[str] = []
        self._clips = {clip.item_id: clip for clip in clips}
        self._media = {clip.item_id: f"{MEDIA}/{file_name((clip.brief_id,), clip.item_id)}" for clip in clips}
        for clip in clips:
            fetch(bucket, clip.key, clip.sha256, folder / self._media[clip.item_id])
        self._facts = {key: probe(folder / name, is_limited=False) for key, name in self._media.items()}

    def sequences(self, deliverables: Sequence[PackageItem]) -> Iterator[Timeline]:
        """Yield a timeline for each sequence of shots; those of other languages are the same."""
        seen = set[tuple[str, ...]]()
        for item in deliverables:
            key = (*item.shots, str(item.transition_s))
            if len(item.shots) < 2 or key in seen or not set(item.shots) <= set(self._clips):
                continue
            seen.add(key)
            rates = {self._facts[shot].fps for shot in item.shots}
            if len(rates) > 1:
                self.notes.append(f"{item.label} has no timeline, because its shots have different frame rates.")
                continue
            name = file_name(("sequence", item.brief_id), item.item_id).removesuffix(".mp4")
            yield self._timeline(name, [self._clips[shot] for shot in item.shots], item.transition_s)

    def assemblies(self) -> Iterator[Timeline]:
        """Yield a timeline of all clips of each shape and frame rate."""
        groups = defaultdict[tuple[str, Fraction], list[PackageItem]](list)
        for clip in self._clips.values():
            facts = self._facts[clip.item_id]
            groups[_shape(facts), facts.fps].append(clip)
        for (shape, fps), clips in sorted(groups.items()):
            yield self._timeline(f"all-{shape}-{float(fps):.5g}fps", clips, 0.0)

    def _timeline(self, name: str, clips: Sequence[PackageItem], transition_s: float) -> Timeline:
        sources = [self._source(clip, self._facts[clip.item_id]) for clip in clips]
        return timeline_of(name, self._facts[clips[0].item_id].fps, sources, transition_s)

    def _source(self, clip: PackageItem, facts: VideoFacts) -> Source:
        media = self._media[clip.item_id]
        name = media.removeprefix(f"{MEDIA}/").removesuffix(".mp4")
        return Source(name, media, facts.num_frames, clip.item_id, clip.sha256, clip.prompt)


def _shape(facts: VideoFacts) -> str:
    """Return the shape of a clip, which is that of its master and not of the placement it is fitted to: ``16x9``."""
    ratio = ratio_of(facts.width / facts.height, RATIOS, SIZE_TOLERANCE)
    return ratio.replace(":", "x") if ratio else f"{facts.width}x{facts.height}"
