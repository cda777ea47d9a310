"""A generated file."""

from dataclasses import dataclass
from pathlib import Path

UNKNOWN = Path()
"""Path of a file that is not located yet."""


@dataclass(frozen=True, slots=True)
class Clip:
    """An encoded video and its poster on this machine.

    Attributes:
        path, poster: the files. UNKNOWN in rows of the catalogue, because a path in a database is not trusted;
            ``Staging.located`` fills them in.
        sha256: hex digest of the video file's bytes.
        size: size of the video file in bytes.
        device_seconds: device time of the generation (denoise and decode).
        machine: id of the installation that stores the files.
        profile: speed profile used for the generation.
        rung: memory rung on a GPU and memory fallback, such as ``model_offload, tiled``; on a CPU the fallback, or
            empty.
        sound_sha256: hex digest of the sound that the model generated, a FLAC file next to the video; empty if there is
            none. The video itself is silent.
        campaign_id: the campaign that has caused this device time; empty for clips of earlier versions.
        device_kind: name of the device, such as ``NVIDIA H200`` or ``cpu``; empty for clips of earlier versions.
        provider, job_id: the provider's account and the provider job that made it; empty for a clip of a device.
        cost_micros, currency: what the provider job cost, in millionths of the currency's unit; None and empty if it is
            not known.
        cost_is_estimate: the provider has not reported the cost, so it is the expected one.
        has_audio: whether the video file itself contains sound.
        codec: of the video, such as ``h264``; empty for clips of earlier versions.
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
    sound_sha256: str = ""
    campaign_id: str = ""
    device_kind: str = ""
    provider: str = ""
    job_id: str = ""
    cost_micros: int | None = None
    currency: str = ""
    cost_is_estimate: bool = False
    has_audio: bool = False
    codec: str = ""

    def seconds_for(self, campaign_id: str) -> float:
        """Return the device time that a campaign has caused: none if another campaign has made the clip."""
        return self.device_seconds if self.campaign_id in ("", campaign_id) else 0.0

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.num_frames / self.fps
