"""From frames to a verdict, in threads, while the device is at the next clip."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import NamedTuple

from adapters.catalogue import Lease
from adapters.media.video import encode, read_frames, write_poster
from manifests.clip import Clip
from manifests.errors import EncodingError, ReelmillError
from manifests.gate import Gate
from models.protocols import FrameScorer, Generated
from tasks.plan.shard import Job, Shard
from tasks.render.result_writer import Failed, Judged, Outcome
from tasks.runtime.log_context import scope
from tasks.runtime.resources import Resources
from tasks.runtime.shared_staging import brought_here, share
from tasks.runtime.staging import Staging, sha256_of
from tasks.score.score import score_frames

THREADS = 2
"""Encoder, scaler and scorer leave Python's lock, so that two threads use two cores."""
MOST_AT_ONCE = 4
"""Clips whose frames are held at a time, those in work included: 81 frames of 480p are 97 MB."""


class Made(NamedTuple):
    """A job's frames, or the clip that an earlier run has staged."""

    job: Job
    lease: Lease
    generated: Generated | None
    draft_seconds: float = 0.0


class PostprocessPool:
    """Takes jobs from the device to the writer; holds the device back only when it is MOST_AT_ONCE clips ahead.

    Attributes:
        failure: what stops the whole shard, such as a full disk; jobs after it are given back.
    """

    def __init__(
        self, finish: Callable[[Made], Outcome], put: Callable[[Outcome], None], give_back: Callable[[Made], None]
    ) -> None:
        self._finish = finish
        self._put = put
        self._give_back = give_back
        self._room = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="tail")
        self.failure: BaseException | None = None

    def put(self, made: Made) -> None:
        """Hand over a job's frames; waits while too many are held."""
        self._room.acquire()
        self._pool.submit(copy_context().run, self._work, made)

    def close(self) -> None:
        """Return once all that was handed over has its outcome."""
        self._pool.shutdown()

    def _work(self, made: Made) -> None:
        try:
            if self.failure is not None:
                return self._give_back(made)
            with scope(variant_id=made.lease.variant_id, brief_id=",".join(made.job.brief_ids)):
                self._put(self._finish(made))
        except BaseException as error:  # noqa: BLE001 - the thread of the shard raises it
            self.failure = self.failure or error
            self._give_back(made)
        finally:
            self._room.release()


class Postprocessor:
    """Stages and judges one job at a time; threads share it."""

    def __init__(self, resources: Resources, shard: Shard, scorer: Callable[[], FrameScorer]) -> None:
        self._resources = resources
        self._shard = shard
        self._staging = Staging(resources.staging)
        self._scorer = scorer

    def __call__(self, made: Made) -> Outcome:
        """Encode, stage, measure, score and judge.

        Raises:
            ReelmillError: what no clip is to blame for, such as a full disk.
        """
        clip = None
        try:
            clip, generated = self._staged(made) if made.generated is None else self._stage(made, made.generated)
            gate = Gate(made.job.min_adherence, self._shard.max_rank_share)
            score = score_frames(generated, self._scorer(), self._shard.prompts, gate)
            return Judged(made.job, made.lease, clip, score, gate.judge(score))
        except EncodingError as error:
            return Failed(made.job, made.lease, clip, str(error))
        except ReelmillError:
            raise
        except Exception as error:  # noqa: BLE001 - a scorer may fail in any way on one clip, and the rest goes on
            what = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
            return Failed(
                made.job,
                made.lease,
                clip,
                f"The clip was made and could not be scored ({what}); "
                "retry it, and it is scored without being made again.",
            )

    def _staged(self, made: Made) -> tuple[Clip, Generated]:
        clip = made.lease.row.clip
        assert clip is not None
        here = brought_here(self._resources, clip)
        if here is None:
            raise EncodingError(f"The staged file of variant {clip.variant_id} is gone; retry it.")
        return clip, Generated(made.lease.variant, read_frames(here.path), 0.0, clip.device_seconds)

    def _stage(self, made: Made, generated: Generated) -> tuple[Clip, Generated]:
        variant, frames = generated.variant, generated.frames
        folder = self._staging.folder(made.lease.variant_id)
        master, poster = folder / "master.mp4", folder / "poster.jpg"
        encode(frames, variant.fps, master, self._resources.master_crf)
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
            rung=generated.rung,
            draft_seconds=made.draft_seconds,
        )
        return share(self._resources, clip) if self._resources.shared else clip, generated
