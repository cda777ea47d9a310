"""Stage a provider's file: it is the master, or what the master is transcoded from."""

import hashlib
import os
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from adapters.c2pa.verifier import credential_state
from adapters.files.durable import sync_folder
from adapters.media.transcode import transcode
from adapters.media.video import write_poster
from adapters.media.video_facts import VideoFacts, probe
from adapters.media.video_frames import VideoFile
from manifests.clip import Clip
from tasks.render.outcomes import Fetched
from tasks.runtime.files.staging import MASTER, ORIGINAL, POSTER, disk_full_errors, sha256_of


class StagedFile(NamedTuple):
    """A staged clip with its video."""

    clip: Clip
    video: VideoFile


def stage_fetched(fetched: Fetched, variant_id: str, folder: Path, machine: str, campaign_id: str) -> StagedFile:
    """Move a provider's file into a variant's staging folder, write the poster, and describe the clip.

    An MP4 that players decode becomes the master byte for byte, because every change would break the provider's own
    Content Credential. Any other file is kept as the original, and the master is transcoded from it.

    Raises:
        EncodingError: the file is not a readable video; it is not moved.
        DiskFullError: the disk is full.
    """
    facts = probe(fetched.path)
    credential = credential_state(fetched.path)
    master = folder / MASTER
    if not facts.can_be_master:
        transcode(fetched.path, facts, master)
    with disk_full_errors(folder):
        _move(fetched.path, master if facts.can_be_master else folder / ORIGINAL)
        if facts.can_be_master:
            (folder / ORIGINAL).unlink(missing_ok=True)  # of an earlier attempt
    video = VideoFile(master, facts if facts.can_be_master else None)
    write_poster(video.at([video.num_frames // 2])[0], folder / POSTER)
    original_sha256 = "" if facts.can_be_master else sha256_of(folder / ORIGINAL)
    return StagedFile(
        Clip(
            variant_id=variant_id,
            path=master,
            poster=folder / POSTER,
            sha256=sha256_of(master),
            size=master.stat().st_size,
            height=video.facts.height,
            width=video.facts.width,
            num_frames=video.num_frames,
            fps=whole_fps(video.facts),
            device_seconds=0.0,
            machine=machine,
            profile=fetched.variant.profile,
            campaign_id=campaign_id,
            provider=fetched.provider,
            job_id=fetched.job_id,
            cost_micros=fetched.cost_micros,
            currency=fetched.currency,
            cost_is_estimate=fetched.cost_is_estimate,
            has_audio=video.facts.has_audio,
            codec=video.facts.codec,
            frame_rate=str(video.facts.fps),
            file_duration_s=video.duration_s,
            original_sha256=original_sha256,
            parent_credential=credential,
            revised_prompt_sha256=_digest(fetched.revised_prompt),
        ),
        video,
    )


def whole_fps(facts: VideoFacts) -> int:
    """Return the nearest whole frame rate, at least 1; a file of one frame has none."""
    return max(1, round(facts.fps or Fraction(1)))


def _move(source: Path, target: Path) -> None:
    """Rename the file, which is already on the disk; both folders are on the same file system."""
    os.replace(source, target)
    sync_folder(target.parent)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() if text else ""
