"""One card's provider, as the lane uses it: requests of its protocol, sent with the key of the account."""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

from adapters.hosted.download import Downloader, ResultFileFetched, store_content
from adapters.hosted.errors import ExpiredAddressError
from adapters.hosted.result_address import ResultAddresses
from adapters.hosted.tokens import AccountKey
from adapters.hosted.transport import MAX_BODY, TIMEOUTS, Timeouts, Transport
from manifests.hosted.job import Accepted, Finding, JobStatus, Progress, Refused, ResultFile, Unclear
from manifests.hosted.provider_job import KEY, JobLimits, ProviderJob
from manifests.hosted.wire import Answer, Wire
from manifests.variant import Variant
from models.hosted import format_of
from models.hosted.wire_format import JobRef, JobRequest, Picture
from models.hosted_card import HostedCard
from tasks.render.hosted.pace import Pace
from tasks.runtime.cancellation import stopping
from tasks.runtime.files.first_frames import MEDIA_TYPES
from tasks.runtime.providers.provider_accounts import ProviderAccount, account_for
from tasks.runtime.resources import Resources, first_frames_of

MEGABYTE = 1_000_000
KEY_DIGITS = 12
"""Digits of a key's digest: they identify a key and say nothing about it."""
MAX_HOPS = 3
"""Requests in one poll: for the status and the result."""


class Submission(NamedTuple):
    """A request that is ready to be sent."""

    request: JobRequest
    wire: Wire

    @property
    def digest(self) -> str:
        """Hex digest of the request, without our own reference and without pictures' bytes in it."""
        sent = json.dumps(self.wire.json, sort_keys=True, default=str) if self.wire.json is not None else ""
        parts = b"".join(part.name.encode() + b"\0" + part.content + b"\0" for part in self.wire.parts)
        return hashlib.sha256(f"{self.wire.method} {self.wire.url} {sent}".encode() + parts).hexdigest()


class Provider:
    """One card with its account; threads may share it."""

    def __init__(self, card: HostedCard, account: ProviderAccount, timeouts: Timeouts = TIMEOUTS) -> None:
        self.card = card
        self.account = account
        self.format = format_of(card)
        self.base_url = account.base_url(card)
        self.pace = Pace(card.poll_s)
        self.key_digest = hashlib.sha256(f"{account.provider}\0{account.key}".encode()).hexdigest()[:KEY_DIGITS]
        self._key = AccountKey(self.format.key_rule, account.key, account.values)
        self._transport = Transport(self.base_url, plain_http=card.plain_http, timeouts=timeouts)
        self._max_file = round(card.max_mb * MEGABYTE)
        addresses = ResultAddresses(self.base_url, card.result_hosts)
        self._downloader = Downloader(addresses, self._max_file, is_stopped=stopping.is_set)

    @property
    def limits(self) -> JobLimits:
        """The limits of the account: those of its settings, or those of the card."""
        of_card, own = self.card.limits_of_account, self.account
        return JobLimits(
            own.concurrency or of_card.concurrency,
            own.per_minute or of_card.per_minute,
            own.per_day or of_card.per_day,
        )

    def may_see(self, job: ProviderJob) -> bool:
        """Return whether the key is the one that submitted a job; another one may be of another organisation."""
        return job.links.get(KEY, self.key_digest) == self.key_digest

    def is_at(self, job: ProviderJob) -> bool:
        """Return whether a job is at the server for which the key is meant."""
        return self.account.is_at(self.card, job.base_url or self.base_url)

    def prepare(self, variant: Variant, reference: str, resources: Resources) -> Submission:
        """Return the request for one variant, and obtain a token for it if necessary.

        Raises:
            TokenError: the key gives no token.
            GenerationError: a picture is missing or was changed.
        """
        self._key.headers()  # before money is reserved
        pictures = [_picture(resources, each) for each in (variant.first_frame_sha256, variant.last_frame_sha256)]
        request = JobRequest(self.card, variant, reference, self.base_url, self.account.values, *pictures)
        return Submission(request, self.format.submit(request))

    def submit(self, submission: Submission) -> Accepted | Refused | Unclear:
        """Send a request once and return what the answer means; raises as ``Transport.send`` does."""
        return self.format.read_submit(submission.request, self._send(submission.wire))

    def poll(self, job: ProviderJob, variant: Variant) -> JobStatus:
        """Ask for a job's status; raises as ``Transport.send`` does."""
        ref = self.ref_of(job, variant)
        wire = self.format.poll(ref)
        for _ in range(MAX_HOPS):
            found = self.format.read_poll(ref, self._send(wire, self._max_answer))
            if isinstance(found, JobStatus):
                return found
            wire, ref = found, ref._replace(links={**ref.links, **found.keeps})
        return JobStatus(Progress.UNKNOWN, "too many requests for one status")

    def cancel(self, job: ProviderJob, variant: Variant, status: JobStatus) -> bool:
        """Ask for the cancellation of a job that was polled just now, if it is not billed then; return whether it was.

        Raises as ``Transport.send`` does.
        """
        ref = self.ref_of(job, variant)._replace(word=status.word)
        is_free = not self.card.costs_money
        wire = self.format.cancel(ref) if is_free else self.format.free_cancel(ref, status.progress)
        return wire is not None and 200 <= self._send(wire).status < 300

    def find(self, job: ProviderJob, variant: Variant) -> Finding | None:
        """Search for a job that may have been submitted; None if the provider has no way to do it.

        Raises as ``Transport.send`` does.
        """
        ref = self.ref_of(job, variant)
        wire = self.format.find(ref)
        return None if wire is None else self.format.read_find(ref, self._send(wire))

    def fetch(self, file: ResultFile, target: Path) -> ResultFileFetched:
        """Fetch a result file; raises as ``Downloader.fetch`` does."""
        if file.content:
            return store_content(file.content, target, self._max_file)
        if not file.needs_key:
            return self._downloader.fetch(file.url, target)
        try:
            return self._downloader.fetch(file.url, target, self._key.headers())
        except ExpiredAddressError:
            if not self._key.forget_token():
                raise
            return self._downloader.fetch(file.url, target, self._key.headers())

    def ref_of(self, job: ProviderJob, variant: Variant) -> JobRef:
        """Return what the protocol needs to know of a job."""
        return JobRef(
            self.card,
            variant,
            job.job_id,
            job.base_url or self.base_url,
            job.submitted_at or job.created_at,
            self.account.values,
            job.vendor_ref,
            job.links,
            job.word,
        )

    @property
    def _max_answer(self) -> int:
        """Largest answer to a poll: some providers send the file in it, in base64."""
        return max(MAX_BODY, self._max_file * 4 // 3 + MEGABYTE)

    def _send(self, wire: Wire, max_body: int = MAX_BODY) -> Answer:
        """Send a request; if it was refused because of an old token, send it again with a new one.

        Status 401 says that the provider has not done anything, so that a job cannot be submitted twice by this.
        """
        answer = self._transport.send(wire, self._key.headers(), max_body)
        if answer.status == 401 and wire.sends_key and self._key.forget_token():
            return self._transport.send(wire, self._key.headers(), max_body)
        return answer


def provider_of(resources: Resources, card: HostedCard) -> Provider:
    """Return this process's connection to a card's provider.

    Raises:
        SettingsError: there is no account for it, or its address must not be used.
    """
    return _provider(_Card(card), account_for(resources.providers, card))


class _Card(NamedTuple):
    """A card as a key: cards contain mappings, so they are compared by their content."""

    card: HostedCard

    def __hash__(self) -> int:
        return hash((self.card.name, self.card.revision, self.card.base_url))


@cache
def _provider(card: _Card, account: ProviderAccount) -> Provider:
    return Provider(card.card, account, TIMEOUTS)


def _picture(resources: Resources, sha256: str) -> Picture | None:
    if not sha256:
        return None
    path = first_frames_of(resources).path(sha256)
    return Picture(path.read_bytes(), MEDIA_TYPES[path.suffix])
