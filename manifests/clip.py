"""A generated file."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Clip:
    """An encoded video with its poster, as it lies on this machine.

    Attributes:
        sha256: hex digest of the video file's bytes.
        size: bytes of the video file.
        device_seconds: time that the device spent on it (denoise and decode).
        machine: id of the installation on whose disk the files lie: the same path on another
            machine is another file.
        profile: speed profile under which it was made.
        rung: what it took to fit into the device's memory, such as ``tiled``; empty where nothing.
        draft_seconds: device time of drafts that led to it.
    """

    variant_id: str
    path: Path
    poster: Path
    sha256: str
    size: int
    height: int
    width: int
    num_frames: int
    fps: int
    device_seconds: float
    machine: str = ""
    profile: str = "exact"
    rung: str = ""
    draft_seconds: float = 0.0

    @property
    def all_device_seconds(self) -> float:
        """What it cost, its drafts included."""
        return self.device_seconds + self.draft_seconds

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.num_frames / self.fps
