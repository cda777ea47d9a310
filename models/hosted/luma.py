"""Luma's agents API with its Ray models."""

import base64

from manifests.hosted.job import Cause, Progress
from manifests.hosted.wire import Wire
from models.hosted.table.contract import Contract, ErrorRow
from models.hosted.table.request_body import compact, seconds_of, with_options
from models.hosted.table.table_format import TableFormat
from models.hosted.wire_format import JobRequest, Picture


class Luma(TableFormat):
    """Wire format of Luma."""

    contract = Contract(
        states={
            "queued": Progress.WAITING,
            "processing": Progress.RUNNING,
            "completed": Progress.DONE,
            "failed": Progress.FAILED,
        },
        errors=(
            ErrorRow(Cause.INVALID, http=400),
            ErrorRow(Cause.AUTH, http=401),
            ErrorRow(Cause.MONEY, http=402),
            ErrorRow(Cause.RATE, "wait", http=429),
            ErrorRow(Cause.VENDOR, "uncertain", http=500),
            ErrorRow(Cause.MODERATION, code="content_moderated", at="job"),
            ErrorRow(Cause.VENDOR, "wait", code="generation_failed", at="job"),
            ErrorRow(Cause.MONEY, code="budget_exhausted", at="job"),
            ErrorRow(Cause.GONE, code="output_not_found", at="job"),
            ErrorRow(Cause.INVALID, code="image_too_large", at="job"),
            ErrorRow(Cause.INVALID, code="unsupported_format", at="job"),
            ErrorRow(Cause.INVALID, code="corrupt_input", at="job"),
            ErrorRow(Cause.INVALID, code="invalid_request", at="job"),
            ErrorRow(Cause.RATE, "wait", code="rate_limited", at="job"),
        ),
        poll_path="/generations/{ref}",
        state_at="state",
        url_at="output.type=video.url",
        ttl_s=3600,
        job_code_at="failure_code",
        job_message_at="failure_reason",
        facts_at={"model": "model"},
    )

    def submit(self, request: JobRequest) -> Wire:
        """Return the request that starts a job; our reference is its ``user_id``, which only a usage report shows."""
        size = request.card.hosted_size(request.variant)
        body = {
            "prompt": request.variant.prompt,
            "model": request.card.model,
            "type": "video",
            "aspect_ratio": size.word or None,
            "video": {
                "duration": f"{seconds_of(request.variant)}s",
                "resolution": size.resolution or None,
                "start_frame": _frame(request.first_frame),
                "end_frame": _frame(request.last_frame),
            },
            "user_id": request.reference,
        }
        return self.post(request.base_url, "/generations", with_options(compact(body), request.card.options))


def _frame(picture: Picture | None) -> dict[str, str] | None:
    if picture is None:
        return None
    return {"data": base64.b64encode(picture.content).decode(), "media_type": picture.media_type}
