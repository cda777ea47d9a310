"""Adobe Firefly video."""

from typing import Any
from urllib.parse import quote

from manifests.hosted.job import Cause, JobStatus, Progress
from manifests.hosted.wire import Answer, KeyRule, Wire
from models.hosted.table.body import at
from models.hosted.table.contract import Contract, ErrorRow
from models.hosted.table.links import own_link
from models.hosted.table.request_body import compact, data_uri, negative_prompt_of, seed_of, with_options
from models.hosted.table.table_format import TableFormat, join
from models.hosted.wire_format import JobRef, JobRequest

LINKS = {"status": "statusUrl", "cancel": "cancelUrl"}
HOSTS = ("*.adobe.io",)
"""Status and cancellation are on other hosts than submissions, such as firefly-epo855230.adobe.io."""
REFUSED_JOBS = frozenset({Cause.MODERATION, Cause.INVALID})
"""If a poll is answered with one of these, the job itself was refused."""


class AdobeFirefly(TableFormat):
    """Wire format of Firefly. A job's addresses are valid for one hour."""

    contract = Contract(
        states={
            "pending": Progress.WAITING,
            "running": Progress.RUNNING,
            "succeeded": Progress.DONE,
            "failed": Progress.FAILED,
            "canceled": Progress.CANCELLED,
        },
        errors=(
            ErrorRow(Cause.INVALID, http=400),
            ErrorRow(Cause.AUTH, "wait", http=401),
            ErrorRow(Cause.AUTH, http=403),
            ErrorRow(Cause.GONE, http=404, code="unknown_job_id"),
            # An empty body: the account has no video model.
            ErrorRow(Cause.AUTH, http=404, code="", at="submit"),
            ErrorRow(Cause.VENDOR, "uncertain", http=408),
            ErrorRow(Cause.GONE, http=410),
            ErrorRow(Cause.INVALID, http=422),
            ErrorRow(Cause.RATE, "wait", http=429),
            ErrorRow(Cause.MODERATION, http=451),
            ErrorRow(Cause.CANCELLED, http=499),
            ErrorRow(Cause.VENDOR, "wait", http=503, code="model_not_loaded"),
            ErrorRow(Cause.MODERATION, code="*unsafe*", at="job"),
            ErrorRow(Cause.INVALID, code="input_media_indecipherable", at="job"),
        ),
        key_rule=KeyRule(token="adobe", also={"x-api-key": "{client_id}"}),  # noqa: S106
        ref_at="jobId",
        links_at=LINKS,
        share_at="progress",
        url_at="result.outputs.0.video.url",
        ttl_s=3600,
        code_at="error_code",
        message_at="message",
        job_code_at="error_code",
        job_message_at="message",
        facts_at={"seed": "result.outputs.0.seed"},
    )

    def submit(self, request: JobRequest) -> Wire:
        """Return the request that starts a job; the length is not part of it."""
        seed = seed_of(request)
        body = {
            "prompt": request.variant.prompt,
            "negativePrompt": negative_prompt_of(request),
            "seeds": None if seed is None else [seed],
            "sizes": [{"width": request.variant.width, "height": request.variant.height}],
            "image": {"conditions": _conditions(request) or None},
        }
        wire = self.post(request.base_url, "/v3/videos/generate", with_options(compact(body), request.card.options))
        return wire._replace(headers={"x-model-version": request.card.model})

    def poll(self, job: JobRef) -> Wire:
        """Return the request for the status."""
        return Wire("GET", job.links.get("status") or _link(job, "status"))

    def failed_poll(self, answer: Answer) -> JobStatus:
        """Return the status if a poll was answered with an error: refused content ends the job."""
        found = super().failed_poll(answer)
        if found.failure is not None and found.failure.cause in REFUSED_JOBS and answer.status in (422, 451):
            return found._replace(progress=Progress.FAILED)
        return found

    def cancel(self, job: JobRef) -> Wire:
        """Return the request that cancels a job."""
        return Wire("PUT", job.links.get("cancel") or _link(job, "cancel"))

    def _links(self, request: JobRequest, body: Any) -> dict[str, str]:
        found = {name: own_link(at(body, path), request.base_url, HOSTS) for name, path in LINKS.items()}
        return {name: link for name, link in found.items() if link}


def _link(job: JobRef, what: str) -> str:
    return join(job.base_url, f"/v3/{what}/{quote(job.vendor_ref, safe='')}")


def _conditions(request: JobRequest) -> list[dict[str, Any]]:
    """Return the first and the last frame with their positions, 0 and 1."""
    frames = enumerate((request.first_frame, request.last_frame))
    return [
        {"source": {"url": data_uri(frame)}, "placement": {"position": position}}
        for position, frame in frames
        if frame is not None
    ]
