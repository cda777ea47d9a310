"""Provider jobs: their states, and the provider's answers."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from manifests.costs.money import Money


class JobState(StrEnum):
    """The state of a provider job, as the catalogue stores it."""

    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    UNCERTAIN = "uncertain"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    LOST = "lost"


OPEN = frozenset({JobState.SUBMITTING, JobState.SUBMITTED, JobState.UNCERTAIN, JobState.DONE})
"""A variant has at most one open job: while it has one, no other is submitted. A job that is done stays open until its
file has been fetched, and while its clip may be fetched again."""
BUSY = frozenset({JobState.SUBMITTING, JobState.SUBMITTED, JobState.UNCERTAIN})
"""States of jobs that count towards the account's limit of concurrent jobs until their deadline, and whose price is
reserved."""

TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    JobState.SUBMITTING: frozenset(
        {JobState.SUBMITTED, JobState.REFUSED, JobState.CANCELLED, JobState.UNCERTAIN},
    ),
    JobState.UNCERTAIN: frozenset({JobState.SUBMITTED, JobState.REFUSED, JobState.CANCELLED, JobState.LOST}),
    JobState.SUBMITTED: frozenset(
        {JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.LOST, JobState.UNCERTAIN},
    ),
    JobState.DONE: frozenset({JobState.LOST}),
    JobState.LOST: frozenset({JobState.CANCELLED}),
    JobState.CANCELLED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.REFUSED: frozenset(),
}
"""For each state, the states that may follow it, with two exceptions. A job that was cancelled because it seemed not to
be accepted may be accepted later: it becomes submitted, or lost if its variant has another open job by then. A person
may discard a job that is submitting as lost, if it was billed, and adopt a lost job that the provider still has."""


class Cause(StrEnum):
    """Why a request was refused or a job failed.

    ``auth`` and ``money`` pause the account, ``rate`` and ``concurrency`` slow it down, ``moderation`` and ``invalid``
    fail the variant, ``vendor`` is a fault of the provider.
    """

    AUTH = "auth"
    MONEY = "money"
    RATE = "rate"
    CONCURRENCY = "concurrency"
    MODERATION = "moderation"
    INVALID = "invalid"
    NOT_FOUND = "not_found"
    VENDOR = "vendor"
    GONE = "gone"
    CANCELLED = "cancelled"


class Accepted(NamedTuple):
    """The provider accepted the job.

    Attributes:
        vendor_ref: the provider's reference.
        links: addresses that the provider returned for this job, by name: ``status``, ``result``, ``cancel``.
        estimate: expected cost that the provider reports.
    """

    vendor_ref: str
    links: Mapping[str, str] = {}
    estimate: Money | None = None


class Refused(NamedTuple):
    """The provider did not accept the job, or the job failed.

    Attributes:
        code: the provider's own code.
        message: the provider's sentence, at most 500 characters.
        retry_after_s: when the same request may be sent again; None if the provider does not state it.
        may_retry: the provider did not accept the job, or did not bill it, and the same request may be sent again.
    """

    cause: Cause
    code: str = ""
    message: str = ""
    retry_after_s: float | None = None
    may_retry: bool = False


class Unclear(NamedTuple):
    """The answer does not show whether the provider accepted the job."""

    why: str


class Progress(StrEnum):
    """What a provider's status word means."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    GONE = "gone"
    UNKNOWN = "unknown"


class ResultFile(NamedTuple):
    """Where the provider's file is.

    Attributes:
        url: address of the file; empty if it was in the answer.
        content: the file itself, if it was in the answer.
        needs_key: whether the download needs the account's key.
        expires_in_s: how long the address is valid; None if it is not known.
    """

    url: str = ""
    content: bytes = b""
    needs_key: bool = False
    expires_in_s: float | None = None


class JobStatus(NamedTuple):
    """A job's status as the provider reports it.

    Attributes:
        word: the provider's own status word.
        share: progress, 0..1; None if it is not reported.
        file: set if ``progress`` is done.
        failure: set if the job failed, was cancelled or is gone. With ``unknown``, it is the error of the poll itself,
            such as a bad key or too many requests, and says nothing about the job.
        cost: the actual cost, if the provider reports it.
        facts: what the provider says about the clip: ``seed``, ``revised_prompt``, ``model``, ``duration_s``, ``fps``.
    """

    progress: Progress
    word: str = ""
    share: float | None = None
    file: ResultFile | None = None
    failure: Refused | None = None
    cost: Money | None = None
    facts: Mapping[str, Any] = {}


class Finding(NamedTuple):
    """What a search for an uncertain job found.

    Attributes:
        accepted: the job, if it was found.
        is_absent: the provider certainly has no such job; False if this is not known.
        look_again_s: look a second time after this many seconds before the job counts as absent; 0 for at once.
        candidates: references of jobs that may be ours, if the list does not show which one is; for a person.
    """

    accepted: Accepted | None = None
    is_absent: bool = False
    look_again_s: float = 0.0
    candidates: tuple[str, ...] = ()
