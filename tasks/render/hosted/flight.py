"""A job of the lane, from its lease to its outcome, and what happens to it next."""

import itertools
import time
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from adapters.catalogue import Lease
from manifests.hosted.job import ResultFile
from manifests.hosted.provider_job import ProviderJob
from tasks.plan.shard import Job
from tasks.render.hosted.provider import Submission


class Step(Enum):
    """The next step of a job."""

    BEGIN = "begin"
    SUBMIT = "submit"
    POST = "post"
    POLL = "poll"
    RECONCILE = "reconcile"


@dataclass(slots=True, eq=False)
class Flight:
    """A leased variant and its provider job; used by one thread at a time.

    Attributes:
        provider_job: None until it is reserved, or found.
        delays: number of delays in a row for the same reason, from which the next one follows.
        resubmissions: jobs that were submitted because an earlier one failed or was not accepted.
        not_taken: uncertain jobs in a row that the provider has certainly not accepted.
        gone: polls in a row that said that the provider does not know the job.
        renewals: addresses of the file that could not be used.
        waits: whether the account has no room for it yet.
        word: the last status word that was recorded.
        recorded_at: when, by the monotonic clock.
        accepted_at: when the provider accepted it from this process, by the monotonic clock.
        polled_at: when it was polled last by this process.
        unsent_id: id of a job that was reserved but surely not sent; it is used again.
        is_cancelling: whether the provider was asked to cancel it.
        submission: the request of a job that was reserved together with the end of another one.
    """

    job: Job
    lease: Lease
    provider_job: ProviderJob | None = None
    step: Step = Step.BEGIN
    delays: int = 0
    resubmissions: int = 0
    not_taken: int = 0
    gone: int = 0
    renewals: int = 0
    waits: bool = False
    word: str = ""
    recorded_at: float = field(default_factory=time.monotonic)
    accepted_at: float | None = None
    polled_at: float | None = None
    unsent_id: str = ""
    is_cancelling: bool = False
    submission: Submission | None = None

    @property
    def known_job(self) -> ProviderJob:
        """The provider job, which exists by now."""
        assert self.provider_job is not None
        return self.provider_job


class Later(NamedTuple):
    """Do the step in ``after_s`` seconds."""

    step: Step
    after_s: float = 0.0


SHARED = 5
"""Of this number of places, one is not given to the next job directly."""


class ReadyFlights:
    """Leased variants that wait for a place at the provider; threads may share it.

    Attributes:
        may_follow: whether a job that is done gives its place to the next one here at once.
    """

    def __init__(self) -> None:
        self._flights: deque[Flight] = deque()
        self._places = itertools.count(1)
        self.may_follow = False

    def __len__(self) -> int:
        return len(self._flights)

    def add(self, flight: Flight) -> None:
        """Add a variant."""
        self._flights.append(flight)

    def put_back(self, flight: Flight) -> None:
        """Put a variant back that was taken, as the next one."""
        self._flights.appendleft(flight)

    def take(self) -> Flight | None:
        """Remove and return the next variant; None if there is none."""
        try:
            return self._flights.popleft()
        except IndexError:
            return None

    def take_for_place(self) -> Flight | None:
        """Remove and return the next variant, if it may have the place of a job that is done.

        Every SHARED-th place becomes free instead, so that other campaigns and hosts that wait for the account get it.
        """
        return self.take() if self.may_follow and next(self._places) % SHARED else None


class ToFetch(NamedTuple):
    """Download the file, then check and score the clip.

    Attributes:
        successor: the job that has its place at the provider now, and that the same thread submits next.
    """

    file: ResultFile
    successor: Flight | None = None


class Staged(NamedTuple):
    """The clip already exists here and only needs checks and scores."""


class FailedFor(NamedTuple):
    """The variant has failed."""

    reason: str


class PutBack(NamedTuple):
    """Release the variant: a later run continues. An open provider job stays as it is."""

    problem: "Problem | None" = None


class ProblemKind(Enum):
    """Kinds of problems that may need a person."""

    UNCERTAIN = "uncertain"
    NOT_ACCEPTED = "not accepted"
    OVERDUE = "overdue"
    NOT_FETCHED = "not fetched"
    PAUSED = "paused"
    BUDGET = "budget"
    FULL = "full"
    MOVED = "moved"
    HIDDEN = "hidden"
    LIMIT = "limit"


class Problem(NamedTuple):
    """Why a variant, or the rest of the shard, is left.

    Attributes:
        detail: the provider's word or sentence.
    """

    kind: ProblemKind
    detail: str = ""


Next = Later | ToFetch | Staged | FailedFor | PutBack


class Halt(NamedTuple):
    """Why the lane submits no further jobs for this card.

    Attributes:
        error: raised when the lane ends.
        abandon: the jobs that were submitted are not followed either; the next run adopts them.
    """

    problem: Problem | None = None
    error: Exception | None = None
    abandon: bool = False


@dataclass(slots=True)
class LaneControl:
    """State that the steps of all jobs share: whether to stop, and the counts that decide this.

    Attributes:
        halt: None as long as jobs are submitted; the first reason counts.
        invalid: submissions in a row that the provider has refused as invalid.
        not_taken: uncertain jobs in a row that the provider has certainly not accepted.
        silent_since: when the provider could not be reached first since its last answer, by the monotonic clock.
        cancels: whether the provider is asked to cancel jobs, because a person has cancelled their campaign.
        is_closing: whether the lane ends, for whatever reason: steps that wait for a thread submit nothing.
    """

    halt: Halt | None = None
    invalid: int = 0
    not_taken: int = 0
    silent_since: float | None = None
    cancels: bool = False
    is_closing: bool = False

    @property
    def may_submit(self) -> bool:
        """Whether further jobs may be submitted."""
        return self.halt is None and not self.is_closing

    def stop(self, problem: Problem | None = None, error: Exception | None = None, *, abandon: bool = False) -> None:
        """Stop submitting jobs."""
        if self.halt is None or (abandon and not self.halt.abandon):
            self.halt = Halt(problem, error, abandon)
