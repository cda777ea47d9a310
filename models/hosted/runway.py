"""Runway's API, which also sells models of other makers."""

from typing import Any

from manifests.costs.money import Money
from manifests.hosted.job import Cause, Progress
from manifests.hosted.wire import Wire
from models.hosted.table.body import at, money
from models.hosted.table.contract import Contract, ErrorRow
from models.hosted.table.request_body import (
    compact,
    data_uri,
    negative_prompt_of,
    seconds_of,
    seed_of,
    sound_of,
    with_options,
)
from models.hosted.table.table_format import TableFormat
from models.hosted.wire_format import JobRef, JobRequest
from models.hosted_card import HostedCard

MOST_DATA_URI = 5 * 1024 * 1024


class Runway(TableFormat):
    """Wire format of Runway."""

    contract = Contract(
        states={
            "PENDING": Progress.WAITING,
            "THROTTLED": Progress.WAITING,  # the account is at its limit; the job starts when another one ends
            "RUNNING": Progress.RUNNING,
            "SUCCEEDED": Progress.DONE,
            "FAILED": Progress.FAILED,
            "CANCELLED": Progress.CANCELLED,
        },
        errors=(
            ErrorRow(Cause.INVALID, http=400),
            ErrorRow(Cause.AUTH, http=401),
            ErrorRow(Cause.NOT_FOUND, http=404),
            ErrorRow(Cause.RATE, "wait", http=429),
            ErrorRow(Cause.VENDOR, "uncertain", http=502),
            ErrorRow(Cause.VENDOR, "uncertain", http=503),
            ErrorRow(Cause.VENDOR, "uncertain", http=504),
            ErrorRow(Cause.MODERATION, code="SAFETY.INPUT.*", at="job"),
            ErrorRow(Cause.MODERATION, code="SAFETY.OUTPUT.*", at="job"),
            ErrorRow(Cause.VENDOR, "wait", code="INTERNAL.BAD_OUTPUT.*", at="job"),
            ErrorRow(Cause.INVALID, code="ASSET.INVALID", at="job"),
            ErrorRow(Cause.VENDOR, code="THIRD_PARTY.*", at="job"),
        ),
        headers={"X-Runway-Version": "2024-11-06"},
        poll_path="/v1/tasks/{ref}",
        cancel_path="/v1/tasks/{ref}",
        free_to_cancel=frozenset({Progress.WAITING}),
        key_path="/v1/organization",
        share_at="progress",
        share_most=1,
        url_at="output.0",
        ttl_s=86400,
        code_at="code",
        message_at="error",
        job_code_at="failureCode",
        job_message_at="failure",
    )

    def submit(self, request: JobRequest) -> Wire:
        """Return the request that starts a job.

        Raises:
            CardRuleError: a picture is larger than a request may contain.
        """
        body = compact(
            {
                "model": request.card.model,
                "promptText": request.variant.prompt,
                "promptImage": _frames(request),
                "ratio": request.card.hosted_size(request.variant).word,
                "duration": seconds_of(request.variant),
                "seed": seed_of(request),
                "audio": sound_of(request),
                "negativePrompt": negative_prompt_of(request),
            }
        )
        path = "/v1/image_to_video" if request.first_frame else "/v1/text_to_video"
        return self.post(request.base_url, path, with_options(body, request.card.options))

    def cost_of(self, job: JobRef, item: Any) -> Money | None:
        """Return the credits of a job, also of a failed or cancelled one."""
        return _credits(job.card, at(item, "cost.credits"))

    def estimate_of(self, card: HostedCard, body: Any) -> Money | None:
        """Return the credits that Runway expects a job to cost."""
        return _credits(card, at(body, "estimatedCost.credits"))


def _credits(card: HostedCard, value: Any) -> Money | None:
    if card.prices is None or card.prices.unit is None:
        return None
    return money(value, card.prices.currency, card.prices.unit)


def _frames(request: JobRequest) -> str | list[dict[str, str]] | None:
    """Return the first frame, or the frames with their positions if there is a last one."""
    if request.first_frame is None:
        return None
    first = data_uri(request.first_frame, MOST_DATA_URI)
    if request.last_frame is None:
        return first
    last = data_uri(request.last_frame, MOST_DATA_URI)
    return [{"uri": first, "position": "first"}, {"uri": last, "position": "last"}]
