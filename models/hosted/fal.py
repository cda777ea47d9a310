"""The queue of fal, which runs the models of several vendors."""

from typing import Any
from urllib.parse import quote

from manifests.hosted.job import Accepted, Cause, JobStatus, Progress, Refused, Unclear
from manifests.hosted.wire import Answer, KeyRule, Wire
from models.hosted.table.body import at, parse, text
from models.hosted.table.contract import Contract, ErrorRow
from models.hosted.table.errors import refusal
from models.hosted.table.links import own_link
from models.hosted.table.request_body import compact, data_uri, negative_prompt_of, seconds_of, seed_of, with_options
from models.hosted.table.table_format import TableFormat, join
from models.hosted.wire_format import JobRef, JobRequest

LINKS = {"status": "status_url", "result": "response_url", "cancel": "cancel_url"}
KEPT_S = 86400
"""How long fal keeps the file."""


class Fal(TableFormat):
    """Wire format of the queue: a status, and the result at a second address.

    ``X-Fal-Store-IO: 0`` is not sent: fal then keeps the result for an hour at most, and a job whose worker was killed
    could not be adopted.
    """

    contract = Contract(
        states={"IN_QUEUE": Progress.WAITING, "IN_PROGRESS": Progress.RUNNING, "COMPLETED": Progress.DONE},
        errors=(
            ErrorRow(Cause.AUTH, http=401),
            ErrorRow(Cause.MONEY, http=402),
            ErrorRow(Cause.MONEY, http=403),
            ErrorRow(Cause.MODERATION, http=422, code="content_policy_violation"),
            ErrorRow(Cause.INVALID, http=422),
            ErrorRow(Cause.CONCURRENCY, "wait", http=429),
            ErrorRow(Cause.VENDOR, "uncertain", http=503),
            ErrorRow(Cause.MODERATION, code="content_policy_violation", at="job"),
        ),
        key_rule=KeyRule(form="Key {key}"),
        ref_at="request_id",
        links_at=LINKS,
        url_at="video.url",
        ttl_s=KEPT_S,
        code_at="detail.0.type",
        message_at="detail.0.msg",
        job_code_at="error_type",
        job_message_at="error",
        facts_at={"seed": "seed"},
    )

    def submit(self, request: JobRequest) -> Wire:
        """Return the request that queues a job; fal's own repetitions are switched off."""
        size = request.card.hosted_size(request.variant)
        body = {
            "prompt": request.variant.prompt,
            "negative_prompt": negative_prompt_of(request),
            "image_url": data_uri(request.first_frame) if request.first_frame else None,
            "aspect_ratio": size.word or None,
            "resolution": size.resolution or None,
            "duration": seconds_of(request.variant),
            "seed": seed_of(request),
        }
        headers = {
            "X-Fal-No-Retry": "1",
            "X-Fal-Request-Timeout": f"{request.card.deadline_s:.0f}",
            "X-Fal-Object-Lifecycle-Preference": f'{{"expiration_duration_seconds": {KEPT_S}}}',
        }
        wire = self.post(request.base_url, f"/{request.card.model}", with_options(compact(body), request.card.options))
        return wire._replace(headers=headers)

    def read_submit(self, request: JobRequest, answer: Answer) -> Accepted | Refused | Unclear:
        """Return what an answer means; a refusal's sentence may be ``detail`` itself."""
        return _worded(super().read_submit(request, answer), answer)

    def poll(self, job: JobRef) -> Wire:
        """Return the request for the status."""
        return Wire("GET", job.links.get("status") or _link(job, "/status"))

    def read_poll(self, job: JobRef, answer: Answer) -> JobStatus | Wire:
        """Return the status; of a completed job, the request for its result; of the result, where the file is."""
        if answer.status == 422:  # the status has no such answer: it is the result of a job that was refused
            return _refused_result(_worded(refusal(self.contract, answer, "poll"), answer))
        body = parse(answer.body)
        is_status = isinstance(at(body, "status"), str)
        if not is_status and 200 <= answer.status < 300 and isinstance(body, dict):
            return self.status(job, body, Progress.DONE, "COMPLETED")
        if at(body, "status") == "COMPLETED" and 200 <= answer.status < 300:
            if at(body, "error") is not None or at(body, "error_type") is not None:
                return self.status(job, body, Progress.FAILED, "COMPLETED")
            return Wire("GET", job.links.get("result") or _link(job, ""))
        return super().read_poll(job, answer)

    def cancel(self, job: JobRef) -> Wire:
        """Return the request that cancels a job."""
        return Wire("PUT", job.links.get("cancel") or _link(job, "/cancel"))

    def _links(self, request: JobRequest, body: Any) -> dict[str, str]:
        """Return the addresses on the base address's own host only: they carry the key."""
        found = {name: own_link(at(body, path), request.base_url, ()) for name, path in LINKS.items()}
        return {name: link for name, link in found.items() if link}


def _link(job: JobRef, ending: str) -> str:
    """Return an address as fal forms it: owner and app without the rest of the model's path."""
    app = "/".join(job.card.model.split("/")[:2])
    return join(job.base_url, f"/{app}/requests/{quote(job.vendor_ref, safe='')}{ending}")


def _worded(found: Accepted | Refused | Unclear, answer: Answer) -> Accepted | Refused | Unclear:
    if isinstance(found, Refused) and not found.message:
        return found._replace(message=text(at(parse(answer.body), "detail")))
    return found


def _refused_result(found: Accepted | Refused | Unclear) -> JobStatus:
    failure = found if isinstance(found, Refused) else Refused(Cause.INVALID)
    return JobStatus(Progress.FAILED, "COMPLETED", failure=failure)
