"""Drafts on a device: which jobs of a shard are drafted, and which of them may be finished now."""

import logging
import queue
from collections.abc import Iterable, Sequence

from manifests.errors import ReelmillError
from manifests.gate import Gate
from models.card import ModelCard
from models.protocols import FrameScorer, Generated, Generator
from tasks.plan.shard import Job, Shard
from tasks.render.draft_policy import DraftPolicy
from tasks.render.result_writer import Judged, Outcome
from tasks.runtime.cancellation import stopping
from tasks.score.score import score_frames

log = logging.getLogger(__name__)

MOST_FAILURES = 3
"""Drafts that may fail one after the other; no more are made then, for each may cost as much as a clip."""


class Drafter:
    """Of one bucket, for as long as its worker lives: what was learnt in one shard helps the next.

    All but ``heard`` is called by the device's thread.
    """

    def __init__(self, card: ModelCard) -> None:
        draft = card.draft
        assert draft is not None
        steps = draft.num_inference_steps or card.defaults.num_inference_steps
        self.policy = DraftPolicy(draft.cost or steps / card.defaults.num_inference_steps, draft.correlation)
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._jobs: dict[str, Job] = {}
        self._drafted: set[str] = set()
        self._seconds = 0.0
        self._failures = 0

    def heard(self, outcome: Outcome) -> None:
        """Take note of a verdict; any thread may call it."""
        self._outcomes.put(outcome)

    def take_seconds(self) -> float:
        """Return the device time of drafts since the last call.

        The next clip that is made carries it; what is left at a shard's end is booked on the campaign.
        """
        seconds, self._seconds = self._seconds, 0.0
        return seconds

    def look_ahead(
        self, waiting: Sequence[Job], lacking: dict[str, int], generator: Generator, scorer: FrameScorer, shard: Shard
    ) -> None:
        """Draft waiting jobs until each prompt where that pays has one that promises enough, or no seed left."""
        self._learn()
        jobs = [job for job in waiting if _is_counted(job, shard)]
        prompts = list(dict.fromkeys(job.variant.prompt for job in jobs))
        for key in () if self._is_given_up else self.policy.probe(prompts):
            if stopping.is_set() or self._is_given_up:
                return
            self._draft(self._jobs[str(key)], generator, scorer, shard)
        for prompt in prompts:
            own = [job for job in jobs if job.variant.prompt == prompt]
            fresh = [job for job in own if job.variant_id not in self._drafted]
            for index, job in enumerate(fresh):
                if any(self._promises(other) for other in own) or not self._pays(job, lacking, len(fresh) - index):
                    break
                if stopping.is_set():
                    return
                self._draft(job, generator, scorer, shard)

    def may_finish(self, waiting: Iterable[Job], lacking: dict[str, int], shard: Shard) -> set[str]:
        """Return the ids of those to make now; of a prompt whose seeds are all drafted, also the poor ones."""
        waiting = list(waiting)
        fresh: dict[str, int] = {}
        for job in waiting:
            fresh[job.variant.prompt] = fresh.get(job.variant.prompt, 0) + (job.variant_id not in self._drafted)
        return {
            job.variant_id
            for job in waiting
            if not _is_counted(job, shard)
            or not fresh[job.variant.prompt]
            or self._promises(job)
            or not self._pays(job, lacking, fresh[job.variant.prompt])
        }

    def rank(self, job: Job) -> float:
        """Return how soon a job is made, low first: by its draft's chance; one without a draft lies in the middle."""
        if job.variant_id not in self._drafted:
            return 0.0
        chance = self.policy.chance(job.variant_id, job.variant.prompt)
        return -1.0 - chance if self._promises(job) else 1.0 - chance

    def _learn(self) -> None:
        while not self._outcomes.empty():
            outcome = self._outcomes.get()
            variant = outcome.job.variant
            if isinstance(outcome, Judged):
                self._jobs[outcome.job.variant_id] = outcome.job
                margin = _margin(outcome.score.prompt_adherence, outcome.job, outcome.verdict.passed)
                self.policy.made(outcome.job.variant_id, variant.prompt, margin, outcome.clip.device_seconds)

    @property
    def _is_given_up(self) -> bool:
        return self._failures >= MOST_FAILURES

    def _pays(self, job: Job, lacking: dict[str, int], left: int) -> bool:
        if self._is_given_up:
            return False
        most = max(lacking[brief_id] for brief_id in job.brief_ids)
        return self.policy.pays(job.variant.prompt, most, left)

    def _promises(self, job: Job) -> bool:
        return job.variant_id in self._drafted and self.policy.promises(job.variant_id, job.variant.prompt)

    def _draft(self, job: Job, generator: Generator, scorer: FrameScorer, shard: Shard) -> None:
        """Make and score a draft; one that fails has no score, and its final is made last."""
        [made] = generator.generate([job.variant], draft=True)
        seconds = made.device_seconds if isinstance(made, Generated) else 0.0
        try:
            margin = _margin_of_draft(made, job, scorer, shard)
        except ReelmillError:
            raise
        except Exception as error:  # noqa: BLE001 - a scorer may fail in any way on one draft, and the rest goes on
            margin, made = None, error
        self._failures = self._failures + 1 if isinstance(made, Exception) else 0
        if isinstance(made, Exception):
            log.warning("The draft of %s failed and says nothing of its clip: %s", job.variant_id, made)
        if self._is_given_up:
            log.warning("Drafts are given up on this worker: %d failed one after the other.", self._failures)
        self._drafted.add(job.variant_id)
        self._seconds += seconds
        self.policy.drafted(job.variant_id, job.variant.prompt, margin, seconds)


def _margin_of_draft(made: Generated | Exception, job: Job, scorer: FrameScorer, shard: Shard) -> float | None:
    if isinstance(made, Exception):
        return None
    gate = Gate(job.min_adherence, shard.max_rank_share)
    score = score_frames(made, scorer, shard.prompts, gate)
    return _margin(score.prompt_adherence, job, gate.judge(score).passed)


def _is_counted(job: Job, shard: Shard) -> bool:
    """True where all its briefs want a number of clips: others get every seed in any case."""
    return all(brief_id in shard.wants for brief_id in job.brief_ids)


def _margin(adherence: float | None, job: Job, passed: bool) -> float | None:
    """How far a score lies above the gate; what other rules turn down lies at it at best."""
    if adherence is None:
        return None
    margin = adherence - job.min_adherence
    return margin if passed else min(margin, 0.0)
