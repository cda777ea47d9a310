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
MILLISECONDS = 1e11
"""Larger times are in milliseconds: as seconds, this is the year 5138."""


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
        free_to_cancel=frozenset({Progress.WAITING}),
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
        """Return the only job of the window that agrees with ours in everything that the list contains.

        The list has no field of ours, and others may use the same key. A job is therefore ours only if the list
        contains its prompt, and no other job agrees. DashScope's list is not known to contain prompts, so that the
        jobs that agree in the rest are usually left to a person. The caller must not have submitted another job of
        this model in the window.
        """
        body = parse(answer.body)
        jobs, total = at(body, "data"), number(at(body, "total"))
        if answer.status != 200 or not isinstance(jobs, list):
            return Finding()
        similar = [each for each in jobs if _agrees(job, each) and reference(at(each, "task_id"))]
        refs = tuple(reference(at(each, "task_id")) for each in similar)
        is_whole = total is None or total <= len(jobs)
        if is_whole and len(similar) == 1 and _prompts(similar[0]):
            return Finding(Accepted(refs[0]))
        return Finding(candidates=refs)


def _agrees(job: JobRef, row: Any) -> bool:
    """Return whether a listed job may be ours: everything that the list contains of it is as it was submitted."""
    variant, times = job.variant, [_time(at(row, name)) for name in ("gmt_create", "submit_time")]
    expected = {
        "model_name": job.card.model,
        "resolution": job.card.hosted_size(variant).resolution,
        "size": f"{variant.width}*{variant.height}",
        "duration": str(seconds_of(variant)),
    }
    told = {name: at(row, name) for name in expected}
    is_same = all(value is None or str(value).lower() == expected[name].lower() for name, value in told.items())
    is_then = all(-BEFORE_S <= time - job.submitted_at <= AFTER_S for time in times if time is not None)
    return is_same and is_then and set(_prompts(row)) <= {job.variant.prompt}


def _prompts(row: Any) -> list[str]:
    found = [at(row, name) for name in ("prompt", "orig_prompt", "input.prompt")]
    return [each for each in found if isinstance(each, str) and each]


def _time(value: Any) -> float | None:
    """Return a time of the list in seconds since 1970: DashScope writes milliseconds, or China's time."""
    if (stamp := number(value)) is not None:
        return float(stamp) / (1000 if stamp > MILLISECONDS else 1)
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=CHINA).timestamp()
    except ValueError:
        return None


def _count(item: Any) -> Decimal:
    return number(at(item, "usage.video_count")) or Decimal(1)
