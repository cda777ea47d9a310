"""Drafts on a device: choose the jobs of a shard to draft, and those to finish now."""

import logging
from collections.abc import Iterable, Sequence

from manifests.errors import ReelmillError
from manifests.gate import Gate
from models.card import ModelCard
from models.protocols import FrameScorer, Generated, Generator
from tasks.plan.shard import Job, Shard
from tasks.render.draft_policy import DraftPolicy
from tasks.render.outcomes import Judged, Outcome
from tasks.runtime.cancellation import stopping
from tasks.score.score import score_frames

log = logging.getLogger(__name__)

MAX_FAILURES = 3
"""Consecutive failed drafts after which drafting stops, since each may cost as much as a clip."""


class Drafter:
    """Draft state of one shape group for the lifetime of a worker: later shards use what earlier ones measured.

    Used by the device's thread alone.
    """

    def __init__(self, card: ModelCard) -> None:
        draft = card.draft
        assert draft is not None
        steps = draft.num_inference_steps or card.defaults.num_inference_steps
        self.policy = DraftPolicy(draft.cost or steps / card.defaults.num_inference_steps, draft.correlation)
        self._jobs: dict[str, Job] = {}
        self._drafted: set[str] = set()
        self._seconds = 0.0
        self._failures = 0

    def observe(self, outcome: Outcome) -> None:
        """Use an outcome: the margin and the device time of a judged clip."""
        if isinstance(outcome, Judged):
            self._jobs[outcome.job.variant_id] = outcome.job
            margin = _margin(outcome.score.prompt_adherence, outcome.job, outcome.verdict.passed)
            prompt = outcome.job.variant.prompt
            self.policy.record_final(outcome.job.variant_id, prompt, margin, outcome.clip.device_seconds)

    def take_seconds(self) -> float:
        """Return the device time of drafts since the last call.

        They are recorded on the next generated clip; what is left at the end of a shard goes to the campaign.
        """
        seconds, self._seconds = self._seconds, 0.0
        return seconds

    def make_drafts(
        self, waiting: Sequence[Job], lacking: dict[str, int], generator: Generator, scorer: FrameScorer, shard: Shard
    ) -> None:
        """Draft waiting jobs until each prompt for which drafts pay off has a promising draft or no seed left."""
        jobs = [job for job in waiting if _is_counted(job, shard)]
        prompts = list(dict.fromkeys(job.variant.prompt for job in jobs))
        for key in () if self._is_disabled else self.policy.probe(prompts):
            if stopping.is_set() or self._is_disabled:
                return
            self._draft(self._jobs[str(key)], generator, scorer, shard)
        for prompt in prompts:
            own = [job for job in jobs if job.variant.prompt == prompt]
            fresh = [job for job in own if job.variant_id not in self._drafted]
            for index, job in enumerate(fresh):
                if any(self._is_promising(other) for other in own) or not self._pays_off(
                    job, lacking, len(fresh) - index
                ):
                    break
                if stopping.is_set():
                    return
                self._draft(job, generator, scorer, shard)

    def may_finish(self, waiting: Iterable[Job], lacking: dict[str, int], shard: Shard) -> set[str]:
        """Return the ids of the jobs to generate now; poor drafts once all seeds of their prompt are drafted."""
        waiting = list(waiting)
        fresh: dict[str, int] = {}
        for job in waiting:
            fresh[job.variant.prompt] = fresh.get(job.variant.prompt, 0) + (job.variant_id not in self._drafted)
        return {
            job.variant_id
            for job in waiting
            if not _is_counted(job, shard)
            or not fresh[job.variant.prompt]
            or self._is_promising(job)
            or not self._pays_off(job, lacking, fresh[job.variant.prompt])
        }

    def rank(self, job: Job) -> float:
        """Return the sort key of a job, low first: likely drafts, then jobs without a draft, then unlikely drafts."""
        if job.variant_id not in self._drafted:
            return 0.0
        chance = self.policy.chance(job.variant_id, job.variant.prompt)
        return -1.0 - chance if self._is_promising(job) else 1.0 - chance

    @property
    def _is_disabled(self) -> bool:
        return self._failures >= MAX_FAILURES

    def _pays_off(self, job: Job, lacking: dict[str, int], left: int) -> bool:
        if self._is_disabled:
            return False
        most = max(lacking[goal] for goal in job.wanted_by)
        return self.policy.pays_off(job.variant.prompt, most, left)

    def _is_promising(self, job: Job) -> bool:
        return job.variant_id in self._drafted and self.policy.is_promising(job.variant_id, job.variant.prompt)

    def _draft(self, job: Job, generator: Generator, scorer: FrameScorer, shard: Shard) -> None:
        """Generate and score a draft; if it fails, it has no score and its final is generated last."""
        [made] = generator.generate([job.variant], draft=True)
        seconds = made.device_seconds if isinstance(made, Generated) else 0.0
        try:
            margin = _margin_of_draft(made, job, scorer, shard)
        except ReelmillError:
            raise
        except Exception as error:  # noqa: BLE001 - a scorer error on one draft must not stop the shard
            margin, made = None, error
        self._failures = self._failures + 1 if isinstance(made, Exception) else 0
        if isinstance(made, Exception):
            log.warning("The draft of variant %s failed; its clip is generated last: %s", job.variant_id, made)
        if self._is_disabled:
            log.warning("This worker stops making drafts: %d in a row failed.", self._failures)
        self._drafted.add(job.variant_id)
        self._seconds += seconds
        self.policy.record_draft(job.variant_id, job.variant.prompt, margin, seconds)


def _margin_of_draft(made: Generated | Exception, job: Job, scorer: FrameScorer, shard: Shard) -> float | None:
    if isinstance(made, Exception):
        return None
    gate = Gate(job.min_adherence, shard.max_rank_share)
    score = score_frames(made, scorer, shard.prompts, gate)
    return _margin(score.prompt_adherence, job, gate.judge(score).passed)


def _is_counted(job: Job, shard: Shard) -> bool:
    """Return whether all its goals want a number of clips; for others every seed is generated anyway."""
    return all(goal in shard.wants for goal in job.wanted_by)


def _margin(adherence: float | None, job: Job, passed: bool) -> float | None:
    """Return the score minus the gate's threshold; at most 0 if another rule of the gate failed the clip."""
    if adherence is None:
        return None
    margin = adherence - job.min_adherence
    return margin if passed else min(margin, 0.0)
