"""Alibaba's Wan models through DashScope."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from manifests.costs.money import Money
from manifests.hosted.job import Accepted, Cause, Finding, Progress, Refused, Unclear
from manifests.hosted.wire import Answer, Wire
from models.hosted.table.body import at, number, parse, reference, text
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

CHINA = timezone(timedelta(hours=8))
"""DashScope writes times without an offset."""
BEFORE_S, AFTER_S = 60.0, 240.0
"""The window of a search, around the time at which the job was submitted. It is shorter than the time for which the
engine checks that no other job of ours was submitted (tasks/render/hosted/reconcile.py), so that clocks may differ."""
PAGE = 50


class DashScope(TableFormat):
    """Wire format of DashScope. Its answers with status 200 may be failures."""

    contract = Contract(
        states={
            "PENDING": Progress.WAITING,
            "RUNNING": Progress.RUNNING,
            "SUSPENDED": Progress.WAITING,
            "SUCCEEDED": Progress.DONE,
            "FAILED": Progress.FAILED,
            "CANCELED": Progress.CANCELLED,
            "UNKNOWN": Progress.GONE,  # older than 24 hours, or never there
        },
        errors=(
            ErrorRow(Cause.AUTH, http=401, code="InvalidApiKey"),
            ErrorRow(Cause.INVALID, http=400, code="InvalidParameter"),
            ErrorRow(Cause.MODERATION, http=400, code="DataInspectionFailed"),
            ErrorRow(Cause.MODERATION, http=400, code="IPInfringementSuspect"),
            ErrorRow(Cause.MONEY, http=400, code="Arrearage"),
            ErrorRow(Cause.RATE, "wait", http=429, code="Throttling.RateQuota"),
            ErrorRow(Cause.RATE, "wait", http=429, code="Throttling.BurstRate"),
            ErrorRow(Cause.MONEY, http=429, code="Throttling.AllocationQuota"),
            ErrorRow(Cause.VENDOR, "uncertain", http=500, code="InternalError"),
            ErrorRow(Cause.MODERATION, code="DataInspectionFailed", at="job"),
        ),
        ref_at="output.task_id",
        code_decides=True,
        poll_path="/api/v1/tasks/{ref}",
        cancel_path="/api/v1/tasks/{ref}/cancel",
        cancel_method="POST",
        key_path="/api/v1/tasks?page_no=1&page_size=1",
        state_at="output.task_status",
        url_at="output.video_url",
        ttl_s=86400,
        code_at="code",
        message_at="message",
        job_code_at="output.code",
        job_message_at="output.message",
        facts_at={"revised_prompt": "output.actual_prompt", "duration_s": "usage.duration"},
    )

    def submit(self, request: JobRequest) -> Wire:
        """Return the request that starts a job. Without ``prompt_extend: false``, another prompt would be used."""
        size = request.card.hosted_size(request.variant)
        frames = {"first_frame": request.first_frame, "last_frame": request.last_frame}
        body = {
            "model": request.card.model,
            "input": {
                "prompt": request.variant.prompt,
                "negative_prompt": negative_prompt_of(request),
                "media": [{"type": name, "url": data_uri(each)} for name, each in frames.items() if each] or None,
            },
            "parameters": {
                "resolution": size.resolution or None,
                "ratio": None if request.first_frame else size.word or None,
                "duration": seconds_of(request.variant),
                "audio": sound_of(request),
                "seed": seed_of(request, most=2**31 - 1),
                "prompt_extend": False,
                "watermark": False,
            },
        }
        path = "/api/v1/services/aigc/video-generation/video-synthesis"
        wire = self.post(request.base_url, path, with_options(compact(body), request.card.options))
        return wire._replace(headers={"X-DashScope-Async": "enable"})

    def read_submit(self, request: JobRequest, answer: Answer) -> Accepted | Refused | Unclear:
        """Return what an answer means; with status 200, a code of the table and no job is a refusal."""
        found = super().read_submit(request, answer)
        has_code = bool(text(at(parse(answer.body), "code")))
        return self.read_code(answer) if isinstance(found, Unclear) and has_code else found

    def cost_of(self, job: JobRef, item: Any) -> Money | None:
        """Return the price of the seconds that were billed, at the resolution that was billed."""
        seconds, lines = number(at(item, "usage.duration")), number(at(item, "usage.SR"))
        if seconds is None or job.card.prices is None:
            return None
        resolution = f"{lines:f}P" if lines else job.card.hosted_size(job.variant).resolution
        rate = job.card.prices.per_second.get(resolution)
        return None if rate is None else Money.of(rate * seconds * _count(item), job.card.prices.currency)

    def find(self, job: JobRef) -> Wire:
        """Return the request for the jobs of this model that were submitted about when this one was."""
        times = {"start_time": job.submitted_at - BEFORE_S, "end_time": job.submitted_at + AFTER_S}
        query = {name: datetime.fromtimestamp(at_s, UTC).astimezone(CHINA) for name, at_s in times.items()}
        words = {name: f"{time:%Y%m%d%H%M%S}" for name, time in query.items()}
        pages = {"model_name": job.card.model, "page_no": 1, "page_size": PAGE}
        return self.get(job.base_url, "/api/v1/tasks?" + urlencode({**words, **pages}))

    def read_find(self, job: JobRef, answer: Answer) -> Finding:
        """Return the only job of the window, or nothing: the list has no field of ours.

        The caller must not have submitted another job of this model in the window.
        """
        body = parse(answer.body)
        jobs, total = at(body, "data"), number(at(body, "total"))
        if answer.status != 200 or not isinstance(jobs, list) or len(jobs) != 1 or total not in (None, 1):
            return Finding()
        vendor_ref = reference(at(jobs[0], "task_id"))
        is_same_model = at(jobs[0], "model_name") in (None, job.card.model)
        return Finding(Accepted(vendor_ref)) if vendor_ref and is_same_model else Finding()


def _count(item: Any) -> Decimal:
    return number(at(item, "usage.video_count")) or Decimal(1)
