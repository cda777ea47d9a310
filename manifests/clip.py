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
            none. The video has it as AAC.
        campaign_id: the campaign that has caused this device time; empty for clips of earlier versions.
        device_kind: name of the device, such as ``NVIDIA H200`` or ``cpu``; empty for clips of earlier versions.
        fps: frames per second; the nearest whole number for a provider's file, whose exact rate is ``frame_rate``.
        has_audio: whether the video has sound.
        provider: the provider that generated the clip; empty for local models. The fields below are about its file.
        job_id: the provider job.
        cost_micros, currency: what the clip cost, in micro-units; None if that is not known.
        cost_is_estimate: whether the cost is from the card's prices, not from the provider.
        codec: ``h264`` or ``hevc``.
        frame_rate: exact frame rate, such as ``24000/1001``.
        file_duration_s: length of the file in seconds.
        original_sha256: hex digest of the provider's file, if the master was transcoded from it; empty if the
            provider's file is the master.
        parent_credential: Content Credential of the provider's file: ``valid`` (intact, but this installation does not
            trust its signer), ``invalid``, or empty for none.
        revised_prompt_sha256: hex digest of the prompt that the provider used instead of ours; empty if it used ours.
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
    frame_rate: str = ""
    file_duration_s: float | None = None
    original_sha256: str = ""
    parent_credential: str = ""
    revised_prompt_sha256: str = ""

    def seconds_for(self, campaign_id: str) -> float:
        """Return the device time that a campaign has caused: none if another campaign has made the clip."""
        return self.device_seconds if self.campaign_id in ("", campaign_id) else 0.0

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.num_frames / self.fps if self.file_duration_s is None else self.file_duration_s

    @property
    def transcoded(self) -> bool:
        """Whether the master was transcoded from a provider's file, which is kept next to it."""
        return bool(self.original_sha256)
