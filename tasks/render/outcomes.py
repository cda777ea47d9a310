"""What the threads of a shard pass on to each other: frames, outcomes, and jobs that ended without one."""

from typing import NamedTuple

from adapters.catalogue import Lease
from manifests.clip import Clip
from manifests.score import Score
from manifests.verdict import Verdict
from models.protocols import Generated
from tasks.plan.shard import Job


class RenderedJob(NamedTuple):
    """A leased job with its frames; ``generated`` is None if an earlier run has staged the clip."""

    job: Job
    lease: Lease
    generated: Generated | None


class Judged(NamedTuple):
    """A clip with its verdict."""

    job: Job
    lease: Lease
    clip: Clip
    score: Score
    verdict: Verdict


class Failed(NamedTuple):
    """A job that failed; ``clip`` is set if the clip was generated before the failure."""

    job: Job
    lease: Lease
    clip: Clip | None
    reason: str


class Unprocessed(NamedTuple):
    """A job whose frames were dropped because an error stops the shard; its lease is released."""

    job: Job
    lease: Lease


class NotLeased(NamedTuple):
    """A chosen job that was not generated: another worker has it, or the run stopped first."""

    job: Job


Outcome = Judged | Failed
Ended = Judged | Failed | Unprocessed | NotLeased
