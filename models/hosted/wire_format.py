"""The interface of a provider's protocol: pure functions between jobs and HTTP requests."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from manifests.hosted.job import Accepted, Finding, JobStatus, Progress, Refused, Unclear
from manifests.hosted.wire import Answer, KeyRule, Wire
from manifests.variant import Variant
from models.hosted_card import HostedCard


class Picture(NamedTuple):
    """A picture that is sent with a request; ``media_type`` is ``image/png``, ``image/jpeg`` or ``image/webp``."""

    content: bytes
    media_type: str


class JobRequest(NamedTuple):
    """The inputs of one job.

    Attributes:
        reference: our own reference, 32 random hex digits: the id of the provider job.
        account: fields of the account that are not secret, such as ``project`` and ``location``.
        base_url: the card's, or the account's own.
    """

    card: HostedCard
    variant: Variant
    reference: str
    base_url: str
    account: Mapping[str, str] = {}
    first_frame: Picture | None = None
    last_frame: Picture | None = None


class JobRef(NamedTuple):
    """A job that was submitted, or may have been.

    Attributes:
        vendor_ref: the provider's reference; empty while the job is uncertain.
        links: addresses that the provider returned with it.
        submitted_at: seconds since 1970.
        word: the provider's last status word; empty if no poll was answered.
    """

    card: HostedCard
    variant: Variant
    reference: str
    base_url: str
    submitted_at: float
    account: Mapping[str, str] = {}
    vendor_ref: str = ""
    links: Mapping[str, str] = {}
    word: str = ""


class WireFormat(Protocol):
    """One protocol. Its functions do not open connections, and raise no errors for answers of any content."""

    @property
    def key_rule(self) -> KeyRule:
        """How requests send the key."""
        ...

    def submit(self, request: JobRequest) -> Wire:
        """Return the request that starts a job; it is sent once."""
        ...

    def read_submit(self, request: JobRequest, answer: Answer) -> Accepted | Refused | Unclear:
        """Return what an answer to ``submit`` means."""
        ...

    def poll(self, job: JobRef) -> Wire:
        """Return the request for a job's status."""
        ...

    def read_poll(self, job: JobRef, answer: Answer) -> JobStatus | Wire:
        """Return the status in an answer, or one more request whose answer is read next (``result`` of a queue).

        An answer that is no status (429, 5xx) is ``Progress.UNKNOWN``: the failure of a poll is not that of a job.
        """
        ...

    def find(self, job: JobRef) -> Wire | None:
        """Return the request that searches for an uncertain job; None if the provider has no way to do it."""
        ...

    def read_find(self, job: JobRef, answer: Answer) -> Finding:
        """Return whether an answer to ``find`` contains the job."""
        ...

    def cancel(self, job: JobRef) -> Wire | None:
        """Return the request that cancels a job; None if the provider has no way to do it."""
        ...

    def free_cancel(self, job: JobRef, progress: Progress) -> Wire | None:
        """Return the request that cancels a job with this progress, if the provider does not bill it then."""
        ...

    def check_key(self, card: HostedCard, base_url: str, account: Mapping[str, str]) -> Wire | None:
        """Return a free request that succeeds only with a valid key; None if there is none."""
        ...
