"""A wire format that reads answers with its contract's table. A protocol adds its requests and special cases."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from manifests.costs.money import Money
from manifests.hosted.job import Accepted, Cause, Finding, JobStatus, Progress, Refused, ResultFile, Unclear
from manifests.hosted.wire import Answer, KeyRule, Wire
from models.hosted.table.body import MOST_WORD, address, at, fact, number, parse, reference, text
from models.hosted.table.contract import Contract
from models.hosted.table.errors import failure, refusal
from models.hosted.table.links import own_link
from models.hosted.wire_format import JobRef, JobRequest
from models.hosted_card import HostedCard

ENDED = {Cause.GONE: Progress.GONE, Cause.NOT_FOUND: Progress.GONE, Cause.CANCELLED: Progress.CANCELLED}
"""Error statuses of a poll that end the job; with all others, only the poll failed."""


class TableFormat(ABC):
    """One protocol.

    Subclasses set ``contract`` and define ``submit``. They override ``read_submit`` and ``read_poll`` only for what the
    table cannot express, ``cost_of`` and ``estimate_of`` if the provider reports costs, and ``find`` with
    ``read_find`` if it lists jobs.
    """

    contract: ClassVar[Contract]

    @property
    def key_rule(self) -> KeyRule:
        """How requests send the key."""
        return self.contract.key_rule

    @abstractmethod
    def submit(self, request: JobRequest) -> Wire:
        """Return the request that starts a job."""

    def read_submit(self, request: JobRequest, answer: Answer) -> Accepted | Refused | Unclear:
        """Return what an answer to ``submit`` means."""
        if not 200 <= answer.status < 300:
            return refusal(self.contract, answer)
        body = parse(answer.body)
        vendor_ref, code = reference(at(body, self.contract.ref_at)), text(at(body, self.contract.code_at), 100)
        is_refusal = bool(self.contract.ok_code and code and code != self.contract.ok_code)
        if vendor_ref and not is_refusal:
            return Accepted(vendor_ref, self._links(request, body), self.estimate_of(request.card, body))
        if is_refusal and not vendor_ref:
            return self.read_code(answer)
        return Unclear(f"HTTP {answer.status} without a valid reference of a job")

    def read_code(self, answer: Answer) -> Refused | Unclear:
        """Return the meaning of a success status with an error code; unknown codes are unclear."""
        return refusal(self.contract, answer)

    def poll(self, job: JobRef) -> Wire:
        """Return the request for a job's status."""
        return self.get(job.base_url, self.contract.poll_path.format(ref=quote(job.vendor_ref, safe="")))

    def read_poll(self, job: JobRef, answer: Answer) -> JobStatus | Wire:
        """Return the status in an answer."""
        if not 200 <= answer.status < 300:
            return self.failed_poll(answer)
        item = at(parse(answer.body), self.contract.item_at)
        if not isinstance(item, dict):
            return JobStatus(Progress.UNKNOWN, f"HTTP {answer.status} with an unreadable body")
        return self.read_item(job, item)

    def read_item(self, job: JobRef, item: Any) -> JobStatus:
        """Return the status of a job in an answer."""
        value = at(item, self.contract.state_at)
        word = "absent" if value is None else text(value, MOST_WORD)
        return self.status(job, item, self.contract.states.get(word, Progress.UNKNOWN), word)

    def status(self, job: JobRef, item: Any, progress: Progress, word: str) -> JobStatus:
        """Return the status of a job whose word is known; a finished one without a file is unknown."""
        table, share = self.contract, number(at(item, self.contract.share_at)) if self.contract.share_at else None
        found = JobStatus(
            progress,
            word,
            share=None if share is None else min(float(share) / table.share_most, 1.0),
            cost=self.cost_of(job, item),
            facts={name: value for name, path in table.facts_at.items() if (value := fact(at(item, path))) is not None},
        )
        if progress is Progress.DONE:
            file = self.file_of(job, item)
            return (
                found._replace(file=file)
                if file
                else found._replace(progress=Progress.UNKNOWN, word=f"{word}, no file")
            )
        return found._replace(failure=self._failure(job, item, progress))

    def failed_poll(self, answer: Answer) -> JobStatus:
        """Return the status if a poll was answered with an error; ``failure`` then holds the poll's own error."""
        found = refusal(self.contract, answer, "poll")
        if isinstance(found, Unclear):
            return JobStatus(Progress.UNKNOWN, f"HTTP {answer.status}")
        return JobStatus(ENDED.get(found.cause, Progress.UNKNOWN), f"HTTP {answer.status}", failure=found)

    def file_of(self, job: JobRef, item: Any) -> ResultFile | None:
        """Return where the file of a finished job is."""
        url = address(at(item, self.contract.url_at)) if self.contract.url_at else ""
        needs_key = self.contract.fetch_needs_key
        return ResultFile(url, needs_key=needs_key, expires_in_s=self.contract.ttl_s) if url else None

    def cost_of(self, job: JobRef, item: Any) -> Money | None:
        """Return the actual cost in an answer; None if it is not in it."""
        return None

    def estimate_of(self, card: HostedCard, body: Any) -> Money | None:
        """Return the cost that the provider expects; None if it does not say."""
        return None

    def find(self, job: JobRef) -> Wire | None:
        """Return None: the provider has no way to search for a job."""
        return None

    def read_find(self, job: JobRef, answer: Answer) -> Finding:
        """Return that nothing is known."""
        return Finding()

    def cancel(self, job: JobRef) -> Wire | None:
        """Return the request that cancels a job; None if there is none."""
        if not (self.contract.cancel_path and job.vendor_ref):
            return None
        path = self.contract.cancel_path.format(ref=quote(job.vendor_ref, safe=""))
        return Wire(self.contract.cancel_method, join(job.base_url, path), self.contract.headers)

    def free_cancel(self, job: JobRef, progress: Progress) -> Wire | None:
        """Return the request that cancels a job with this progress, if the provider does not bill it then."""
        return self.cancel(job) if progress in self.contract.free_to_cancel else None

    def check_key(self, card: HostedCard, base_url: str, account: Mapping[str, str]) -> Wire | None:
        """Return a free request that succeeds only with a valid key; None if there is none."""
        return self.get(base_url, self.contract.key_path) if self.contract.key_path else None

    def get(self, base_url: str, path: str) -> Wire:
        """Return a GET request with the contract's headers."""
        return Wire("GET", join(base_url, path), self.contract.headers)

    def post(self, base_url: str, path: str, body: Mapping[str, Any]) -> Wire:
        """Return a POST request of a JSON body with the contract's headers."""
        return Wire("POST", join(base_url, path), self.contract.headers, json=dict(body))

    def _links(self, request: JobRequest, body: Any) -> dict[str, str]:
        found = {
            name: own_link(at(body, path), request.base_url, request.card.result_hosts)
            for name, path in self.contract.links_at.items()
        }
        return {name: link for name, link in found.items() if link}

    def _failure(self, job: JobRef, item: Any, progress: Progress) -> Refused | None:
        if progress is Progress.FAILED:
            return failure(self.contract, item, is_free=not job.card.costs_money)
        causes = {Progress.CANCELLED: Cause.CANCELLED, Progress.GONE: Cause.GONE}
        if progress not in causes:
            return None
        return Refused(causes[progress], message=text(at(item, self.contract.job_message_at)))


def join(base_url: str, path: str) -> str:
    """Return the address of a path under a base address."""
    return base_url.rstrip("/") + path
