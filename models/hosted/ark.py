"""Seedance on BytePlus ModelArk, and on Volcengine Ark in China."""

from collections.abc import Mapping, Sequence
from typing import Any

from manifests.costs.money import Money
from manifests.hosted.job import Accepted, Cause, Finding, Progress
from manifests.hosted.wire import Answer, Wire
from models.hosted.table.body import at, money, number, parse, reference
from models.hosted.table.contract import Contract, ErrorRow
from models.hosted.table.request_body import compact, data_uri, seconds_of, seed_of, sound_of, with_options
from models.hosted.table.table_format import TableFormat
from models.hosted.wire_format import JobRef, JobRequest

TASKS = "/contents/generations/tasks"
PAGE = 100
LOOK_AGAIN_S = 60.0
"""It is not confirmed that the list shows a new job immediately, so absence is checked twice."""
CLOCK_S = 300.0
"""By how much the provider's clock may differ from ours."""
EXPIRY_S = (3600, 259200)
"""Shortest and longest time after which the provider may give up a job."""


class Ark(TableFormat):
    """Wire format of Ark. Our reference is the ``safety_identifier``, which the provider's list contains."""

    contract = Contract(
        states={
            "queued": Progress.WAITING,
            "running": Progress.RUNNING,
            "succeeded": Progress.DONE,
            "failed": Progress.FAILED,
            "cancelled": Progress.CANCELLED,
            "expired": Progress.FAILED,
        },
        errors=(
            ErrorRow(Cause.MODERATION, http=400, code="*SensitiveContentDetected*"),
            ErrorRow(Cause.INVALID, http=400),
            ErrorRow(Cause.AUTH, http=401),
            ErrorRow(Cause.MONEY, http=403),
            ErrorRow(Cause.NOT_FOUND, http=404),
            ErrorRow(Cause.RATE, "wait", http=429),
            ErrorRow(Cause.VENDOR, "uncertain", http=500),
            ErrorRow(Cause.MODERATION, code="*SensitiveContentDetected*", at="job"),
        ),
        poll_path=TASKS + "/{ref}",
        cancel_path=TASKS + "/{ref}",
        free_to_cancel=frozenset({Progress.WAITING}),
        key_path=f"{TASKS}?page_num=1&page_size=1",
        url_at="content.video_url",
        ttl_s=86400,
        facts_at={
            "seed": "seed",
            "revised_prompt": "revised_prompt",
            "model": "model",
            "duration_s": "duration",
            "fps": "framespersecond",
        },
    )

    def submit(self, request: JobRequest) -> Wire:
        """Return the request that starts a job; members without a value are left out, not null."""
        size = request.card.hosted_size(request.variant)
        body = {
            "model": request.card.model,
            "content": _content(request),
            "resolution": size.resolution or None,
            "ratio": size.word or None,
            "duration": seconds_of(request.variant),
            "seed": seed_of(request),
            "generate_audio": sound_of(request),
            "watermark": False,
            "execution_expires_after": min(max(int(request.card.deadline_s), EXPIRY_S[0]), EXPIRY_S[1]),
            "safety_identifier": request.reference,
        }
        return self.post(request.base_url, TASKS, with_options(compact(body), request.card.options))

    def cost_of(self, job: JobRef, item: Any) -> Money | None:
        """Return the price of the reported tokens; None if the card has no price of a token."""
        prices = job.card.prices
        tokens = at(item, "usage.completion_tokens")
        return money(tokens, prices.currency, prices.unit) if prices and prices.unit else None

    def cancel(self, job: JobRef) -> Wire | None:
        """Return the request that cancels a queued job; None otherwise.

        The same request deletes the record of a job that has started, which is then paid and lost.
        """
        return super().cancel(job) if job.word == "queued" else None

    def find(self, job: JobRef) -> Wire:
        """Return the request for the newest jobs of the account."""
        return self.get(job.base_url, f"{TASKS}?page_num=1&page_size={PAGE}")

    def read_find(self, job: JobRef, answer: Answer) -> Finding:
        """Return the job with our reference; it is absent if the list certainly covers the time of its submission."""
        body = parse(answer.body)
        items = at(body, "items")
        if answer.status != 200 or not isinstance(items, list):
            return Finding()
        ours = [reference(at(each, "id")) for each in items if at(each, "safety_identifier") == job.reference]
        if len(ours) == 1 and ours[0]:
            return Finding(Accepted(ours[0]))
        is_covered = not ours and _covers(body, items, job.submitted_at - CLOCK_S)
        return Finding(is_absent=is_covered, look_again_s=LOOK_AGAIN_S)


def _covers(body: Any, items: Sequence[Any], since: float) -> bool:
    """Return whether a page contains all jobs since a time: it is the only one, or begins with the newest ones."""
    total = number(at(body, "total"))
    if total is not None and total <= len(items):
        return True
    created = [number(at(each, "created_at")) for each in items]
    times = [float(each) for each in created if each is not None]
    return bool(times) and len(times) == len(items) and times == sorted(times, reverse=True) and times[-1] < since


def _content(request: JobRequest) -> list[dict[str, Any]]:
    frames: Mapping[str, Any] = {"first_frame": request.first_frame, "last_frame": request.last_frame}
    pictures = [
        {"type": "image_url", "image_url": {"url": data_uri(frame)}, "role": role}
        for role, frame in frames.items()
        if frame is not None
    ]
    return [{"type": "text", "text": request.variant.prompt}, *pictures]
