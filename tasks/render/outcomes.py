"""What the threads of a shard pass on to each other: frames, outcomes, and jobs that ended without one."""

from pathlib import Path
from typing import NamedTuple

from adapters.catalogue import Lease
from manifests.clip import Clip
from manifests.scoring.score import Score
from manifests.scoring.verdict import Verdict
from manifests.variant import Variant
from models.protocols import Generated
from tasks.plan.shard import Job


class Fetched(NamedTuple):
    """A provider's file, complete and on this machine.

    Attributes:
        path: the file, on the file system of the staging folder. Postprocessing moves it.
        provider: name of the provider's account, such as ``runway``.
        job_id: the provider job in the catalogue. It is not disclosed.
        cost_micros, currency: what the clip cost, in micro-units; None if that is not known.
        cost_is_estimate: whether the cost is from the card's prices, not from the provider.
        revised_prompt: the prompt that the provider used instead of ours; empty if it used ours.
    """

    variant: Variant
    path: Path
    provider: str
    job_id: str
    cost_micros: int | None = None
    currency: str = ""
    cost_is_estimate: bool = False
    revised_prompt: str = ""


class RenderedJob(NamedTuple):
    """A leased job with its frames or its file; ``generated`` is None if an earlier run has staged the clip."""

    job: Job
    lease: Lease
    generated: Generated | Fetched | None


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
