"""A deliverable, its states, and the file that finishing makes of it."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from manifests.finish.record import FinishRecord


class DeliverableState(StrEnum):
    """The state of a deliverable, as the catalogue stores it."""

    PLANNED = "planned"
    FINISHED = "finished"
    SIGNING = "signing"
    PUBLISHED = "published"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


DELIVERABLE_TRANSITIONS: dict[DeliverableState, frozenset[DeliverableState]] = {
    DeliverableState.PLANNED: frozenset(
        {DeliverableState.FINISHED, DeliverableState.FAILED, DeliverableState.WITHDRAWN}
    ),
    DeliverableState.FINISHED: frozenset(
        {DeliverableState.PLANNED, DeliverableState.SIGNING, DeliverableState.FAILED, DeliverableState.WITHDRAWN}
    ),
    DeliverableState.SIGNING: frozenset(
        {
            DeliverableState.PLANNED,
            DeliverableState.SIGNING,
            DeliverableState.PUBLISHED,
            DeliverableState.FAILED,
            DeliverableState.WITHDRAWN,
        }
    ),
    DeliverableState.PUBLISHED: frozenset({DeliverableState.WITHDRAWN}),
    DeliverableState.FAILED: frozenset({DeliverableState.PLANNED, DeliverableState.WITHDRAWN}),
    DeliverableState.WITHDRAWN: frozenset(),
}
"""For each state, the states that may follow it. A failed deliverable is planned again by ``reelmill retry``."""
UNDELIVERED = frozenset({DeliverableState.PLANNED, DeliverableState.FINISHED, DeliverableState.SIGNING})
"""Still to be finished, signed or published."""


class Edit(FinishRecord):
    """One change that finishing made, for the Content Credential.

    Attributes:
        action: C2PA action, such as ``c2pa.cropped``, ``c2pa.placed`` or ``c2pa.transcoded``.
        source_type: last part of the IPTC digital source type, such as ``humanEdits``; empty for none.
        description: one plain sentence.
        component: name of the component that was placed; empty for none.
        agent, agent_version: the software, if it was not Reelmill; empty otherwise.
    """

    action: str
    source_type: str = ""
    description: str = ""
    component: str = ""
    agent: str = ""
    agent_version: str = ""


class Component(FinishRecord):
    """A logo, a piece of music or a voice that was placed: a component ingredient of the Content Credential.

    Attributes:
        name: unique within the deliverable: ``logo``, ``music``, ``voice``.
        title: for people, such as the file's name.
        media_type: of the file.
        path: file name inside the deliverable's staging folder.
        source_type: last part of the IPTC digital source type of the component; empty if not known.
    """

    name: str
    title: str
    media_type: str
    path: str
    source_type: str = ""


class Violation(FinishRecord):
    """A requirement of the placement that a file does not meet.

    Attributes:
        rule: ``ratio``, ``size``, ``duration``, ``container``, ``codec``, ``bitrate``, ``file size``, ``frame rate``,
            ``loudness``, ``true peak``, ``audio``, ``safe zone`` or ``captions``.
        message: what is wrong, and how to fix it.
        fix: ``encode``, ``scale``, ``pad``, ``extend``, ``trim``, ``loudness``, ``container`` or empty if it cannot be
            fixed automatically.
    """

    rule: str
    message: str
    fix: Literal["", "encode", "scale", "pad", "extend", "trim", "loudness", "container"] = ""


class FinishedFile(FinishRecord):
    """A finished file that is not signed yet, in the staging folder of its deliverable.

    Attributes:
        sha256, size: of the MP4 file.
        width, height, num_frames, fps, duration_s: of its video; ``fps`` is exact, such as ``24`` or ``24000/1001``.
        loudness_lufs, true_peak_dbtp: measured on the final file; None if it is silent.
        sidecars: SHA-256 by ending, ``srt`` and ``vtt``.
        edits, components: for the Content Credential.
        crop_paths: for each shot, the path of the crop: (seconds, centre x, centre y) as fractions of the master.
        violations: requirements of the placement that could not be met.
        notes: what people should know, such as a voice of low quality; one sentence each.
        machine: id of the installation that stores the file.
        cpu_seconds: CPU time of the process while it was made, which includes other work at the same time.
    """

    sha256: str
    size: int
    width: int
    height: int
    num_frames: int
    fps: str
    duration_s: float
    loudness_lufs: float | None = None
    true_peak_dbtp: float | None = None
    sidecars: dict[str, str] = Field(default_factory=dict)
    edits: tuple[Edit, ...] = ()
    components: tuple[Component, ...] = ()
    crop_paths: tuple[tuple[tuple[float, float, float], ...], ...] = ()
    violations: tuple[Violation, ...] = ()
    notes: tuple[str, ...] = ()
    machine: str = ""
    cpu_seconds: float = 0.0
