"""Turn frames or a provider's file into a staged, judged clip in background threads."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from pathlib import Path

from adapters.media.clip_with_sound import encode_with_sound
from adapters.media.sound import write_sound
from adapters.media.video import encode, write_poster
from adapters.media.video_frames import VideoFile
from manifests.clip import Clip
from manifests.errors import EncodingError, ReelmillError
from manifests.scoring.gate import Gate
from manifests.variant import Variant
from models.card import GeneratorCard
from models.hosted_card import HostedCard
from models.protocols import FrameScorer, Generated, Sound
from tasks.plan.shard import Job, Shard
from tasks.render.fetched_file import stage_fetched
from tasks.render.outcomes import Failed, Fetched, Judged, Outcome, RenderedJob, Unprocessed
from tasks.runtime.files.shared_staging import fetch_staged, share
from tasks.runtime.files.staging import MASTER, POSTER, SOUND, Staging, disk_full_errors, sha256_of
from tasks.runtime.logs.log_context import scope
from tasks.runtime.resources import Resources, card_of
from tasks.score.score import ScoredClip, score_frames
from tasks.score.technical_checks import EXACT, Tolerance

THREADS = 2
"""Encoder, scaler and scorer release the GIL, so two threads use two cores."""
MAX_PENDING = 4
"""Clips that are pending at a time, including those being processed. Generated clips have their frames in memory: 81
frames of 480p are 97 MB. Files of providers are decoded frame by frame."""


class PostprocessPool:
    """Postprocesses jobs between the device and the writer; blocks the device only when MAX_PENDING clips are pending.

    Attributes:
        failure: an error that stops the whole shard, such as a full disk; later jobs are passed on unprocessed.
    """

    def __init__(
        self,
        finish: Callable[[RenderedJob], Outcome],
        put: Callable[[Outcome | Unprocessed], None],
    ) -> None:
        self._finish = finish
        self._put = put
        self._room = threading.BoundedSemaphore(MAX_PENDING)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="postprocess")
        self.failure: BaseException | None = None

    def put(self, made: RenderedJob) -> None:
        """Submit a job's frames; blocks while too many are pending."""
        self._room.acquire()
        self._pool.submit(copy_context().run, self._work, made)

    def close(self) -> None:
        """Wait until every submitted job has its outcome."""
        self._pool.shutdown()

    def _work(self, made: RenderedJob) -> None:
        try:
            if self.failure is not None:
                return self._put(Unprocessed(made.job, made.lease))
            with scope(variant_id=made.lease.variant_id, brief_id=",".join(made.job.brief_ids)):
                self._put(self._finish(made))
        except BaseException as error:  # noqa: BLE001 - raised again in the shard's thread
            self.failure = self.failure or error
            self._put(Unprocessed(made.job, made.lease))
        finally:
            self._room.release()


class Postprocessor:
    """Stages and judges one job per call. Thread-safe."""

    def __init__(
        self, resources: Resources, shard: Shard, scorer: Callable[[], FrameScorer], device_kind: str = ""
    ) -> None:
        self._device_kind = device_kind
        self._resources = resources
        self._shard = shard
        self._staging = Staging(resources.staging)
        self._scorer = scorer
        self._distilled = card_of(resources, shard.card).with_profile(shard.profile).distilled

    def __call__(self, made: RenderedJob) -> Outcome:
        """Encode, stage, measure, score and judge a clip.

        Raises:
            ReelmillError: an error that is not specific to this clip, such as a full disk.
        """
        clip = None
        try:
            clip, scored = self._clip_of(made)
            gate = Gate(made.job.min_adherence, self._shard.max_rank_share)
            score = score_frames(scored, self._scorer(), self._shard.prompts, gate, self._distilled)
            return Judged(made.job, made.lease, clip, score, gate.judge(score))
        except EncodingError as error:
            return Failed(made.job, made.lease, clip, str(error))
        except ReelmillError:
            raise
        except Exception as error:  # noqa: BLE001 - a scorer error on one clip must not stop the shard
            what = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
            return Failed(
                made.job,
                made.lease,
                clip,
                f"The clip was generated but could not be scored ({what}). "
                "Retry it: the clip is kept, and only scoring is repeated.",
            )

    def _clip_of(self, made: RenderedJob) -> tuple[Clip, ScoredClip]:
        if made.generated is None:
            return self._staged(made)
        if isinstance(made.generated, Fetched):
            return self._stage_file(made, made.generated)
        return self._stage(made, made.generated)

    def _staged(self, made: RenderedJob) -> tuple[Clip, ScoredClip]:
        clip = made.lease.row.clip
        assert clip is not None
        here = fetch_staged(self._resources, clip)
        if here is None:
            raise EncodingError(
                f"The staged file of variant {clip.variant_id} is missing. Retry the variant to generate it again."
            )
        return clip, self._scored_file(made, VideoFile(here.path))

    def _stage_file(self, made: RenderedJob, fetched: Fetched) -> tuple[Clip, ScoredClip]:
        folder = self._staging.folder(made.lease.variant_id)
        clip, video = stage_fetched(
            fetched, made.lease.variant_id, folder, self._resources.machine, self._shard.campaign_id
        )
        if not self._resources.shared:
            return clip, self._scored_file(made, video)
        shared = share(self._resources, clip)
        return self._staged(made._replace(lease=replace(made.lease, row=replace(made.lease.row, clip=shared))))

    def _scored_file(self, made: RenderedJob, video: VideoFile) -> ScoredClip:
        variant = made.lease.variant
        return ScoredClip(variant, video, tolerance=tolerance_of(card_of(self._resources, self._shard.card), variant))

    def _stage(self, made: RenderedJob, generated: Generated) -> tuple[Clip, ScoredClip]:
        variant, frames = generated.variant, generated.frames
        folder = self._staging.folder(made.lease.variant_id)
        master, poster = folder / MASTER, folder / POSTER
        self._write_master(generated, master, self._crf_of(made.job))
        write_poster(frames[len(frames) // 2], poster)
        number, height, width, _ = frames.shape
        clip = Clip(
            variant_id=made.lease.variant_id,
            path=master,
            poster=poster,
            sha256=sha256_of(master),
            size=master.stat().st_size,
            height=height,
            width=width,
            num_frames=number,
            fps=variant.fps,
            device_seconds=generated.device_seconds,
            machine=self._resources.machine,
            profile=variant.profile,
            rung=generated.fallback_step,
            sound_sha256=_write_sound(generated.sound, folder / SOUND) if generated.sound else "",
            campaign_id=self._shard.campaign_id,
            device_kind=self._device_kind,
            has_audio=generated.sound is not None,
        )
        return share(self._resources, clip) if self._resources.shared else clip, ScoredClip.of(generated)

    def _crf_of(self, job: Job) -> int:
        """Return the quality of a master; one of which deliverables are made is encoded again."""
        crf = self._resources.master_crf
        return min(crf, self._resources.finish_master_crf) if job.is_finished else crf

    @staticmethod
    def _write_master(generated: Generated, master: Path, crf: int) -> None:
        fps, sound = generated.variant.fps, generated.sound
        if sound is None:
            encode(generated.frames, fps, master, crf)
        else:
            encode_with_sound(generated.frames, fps, sound.samples, sound.rate, master, crf)


def tolerance_of(card: GeneratorCard, variant: Variant) -> Tolerance:
    """Return by how much a card's clips may differ from the variant; those of local models may not."""
    if not isinstance(card, HostedCard):
        return EXACT
    return Tolerance(card.hosted_size(variant).tolerance, card.durations.tolerance_s)


def _write_sound(sound: Sound, path: Path) -> str:
    """Keep a clip's sound without the losses of AAC; return the hash of its file."""
    with disk_full_errors(path):
        write_sound(sound.samples, sound.rate, path)
    return sha256_of(path)
