"""Kling, the API with the model in the path."""

from typing import Any
from urllib.parse import quote

from manifests.costs.money import Money
from manifests.hosted.job import Accepted, Cause, Finding, JobStatus, Progress, Refused, Unclear
from manifests.hosted.wire import Answer, Wire
from models.hosted.table.body import at, money, parse, reference, text
from models.hosted.table.contract import Contract, ErrorRow
from models.hosted.table.errors import refusal
from models.hosted.table.request_body import compact, data_uri, seconds_of, sound_of, with_options
from models.hosted.table.table_format import TableFormat
from models.hosted.wire_format import JobRef, JobRequest

LOOK_AGAIN_S = 60.0
"""It is not confirmed that a new job can be found by its reference immediately, so absence is checked twice."""
OK = "0"


class Kling(TableFormat):
    """Wire format of Kling. The code in the body decides: status 429 alone has three meanings."""

    contract = Contract(
        states={
            "submitted": Progress.WAITING,
            "processing": Progress.RUNNING,
            "succeeded": Progress.DONE,
            "failed": Progress.FAILED,
        },
        errors=(
            ErrorRow(Cause.AUTH, http=401, code="1000..1004"),
            ErrorRow(Cause.MONEY, http=429, code="1100"),
            ErrorRow(Cause.MONEY, http=429, code="1101"),
            ErrorRow(Cause.MONEY, http=429, code="1102"),
            ErrorRow(Cause.AUTH, http=403, code="1103"),
            ErrorRow(Cause.INVALID, http=400, code="1200..1201"),
            ErrorRow(Cause.NOT_FOUND, http=404, code="1202..1203"),
            ErrorRow(Cause.MODERATION, http=400, code="1300..1301"),
            ErrorRow(Cause.RATE, "wait", http=429, code="1302"),
            ErrorRow(Cause.CONCURRENCY, "wait", http=429, code="1303"),
            ErrorRow(Cause.AUTH, http=429, code="1304"),
            ErrorRow(Cause.VENDOR, "uncertain", http=500, code="5000..5999"),
        ),
        ref_at="data.id",
        ok_code=OK,
        code_decides=True,
        poll_path="/tasks?task_ids={ref}",
        key_path="/tasks?external_task_ids=reelmill-key-check",
        item_at="data.0",
        url_at="outputs.type=video.url",
        ttl_s=30 * 86400,
        code_at="code",
        message_at="message",
        job_code_at="code",
        job_message_at="message",
        facts_at={"duration_s": "outputs.type=video.duration"},
    )

    def submit(self, request: JobRequest) -> Wire:
        """Return the request that starts a job; our reference is its ``external_task_id``."""
        size, sound = request.card.hosted_size(request.variant), sound_of(request)
        settings = {
            "audio": None if sound is None else "native" if sound else "off",
            "resolution": size.resolution or None,
            "aspect_ratio": None if request.first_frame else size.word or None,
            "duration": seconds_of(request.variant),
            "multi_shot": False,
        }
        options = {"external_task_id": request.reference, "watermark_info": {"enabled": False}}
        body = compact({**_content(request), "settings": settings, "options": options})
        kind = "image-to-video" if request.first_frame else "text-to-video"
        path = f"/{kind}/{quote(request.card.model, safe='')}"
        return self.post(request.base_url, path, with_options(body, request.card.options))

    def read_submit(self, request: JobRequest, answer: Answer) -> Accepted | Refused | Unclear:
        """Return what an answer means; a refusal of the reference may mean that the job was accepted before."""
        found = super().read_submit(request, answer)
        if isinstance(found, Refused) and "external_task_id" in found.message:
            return Unclear(found.message)
        return found

    def read_code(self, answer: Answer) -> Refused | Unclear:
        """Return what a code other than 0 means; with status 200, it is always a refusal."""
        found = refusal(self.contract, answer)
        body = parse(answer.body)
        code = text(at(body, "code"), 100)
        if isinstance(found, Refused) or code.startswith("5"):
            return found
        return Refused(Cause.INVALID, code, text(at(body, "message")))

    def read_poll(self, job: JobRef, answer: Answer) -> JobStatus | Wire:
        """Return the status: of this job only, since the answer is a list, and its filter may be ignored."""
        body = parse(answer.body)
        jobs = at(body, "data")
        if isinstance(jobs, list) and jobs and 200 <= answer.status < 300:
            ours = [each for each in jobs if reference(at(each, "id")) in ("", job.vendor_ref)]
            return self.read_item(job, ours[0]) if ours else JobStatus(Progress.UNKNOWN, "a list of other jobs")
        return super().read_poll(job, answer)

    def cost_of(self, job: JobRef, item: Any) -> Money | None:
        """Return the amounts that were billed in money; units of a resource pack have no price of their own."""
        rows = at(item, "billing")
        if not isinstance(rows, list) or not rows or any(at(row, "charge_type") != "cash" for row in rows):
            return None
        currencies = {text(at(row, "currency"), 10).upper() for row in rows}
        currency = currencies.pop()
        amounts = [money(at(row, "amount"), currency) for row in rows]
        known = [amount.micros for amount in amounts if amount]
        is_whole = (
            not currencies
            and len(known) == len(amounts)
            and currency.isascii()
            and currency.isalpha()
            and len(currency) == 3
        )
        return Money(sum(known), currency) if is_whole else None

    def find(self, job: JobRef) -> Wire:
        """Return the request for the job with our reference."""
        return self.get(job.base_url, f"/tasks?external_task_ids={quote(job.reference, safe='')}")

    def read_find(self, job: JobRef, answer: Answer) -> Finding:
        """Return the job with our reference; an empty list, seen twice, means that there is none."""
        body = parse(answer.body)
        jobs = at(body, "data")
        if answer.status != 200 or text(at(body, "code")) != OK or not isinstance(jobs, list):
            return Finding()
        ours = [reference(at(each, "id")) for each in jobs if at(each, "external_id") == job.reference]
        if len(ours) == 1 and ours[0]:
            return Finding(Accepted(ours[0]))
        return Finding(is_absent=not jobs, look_again_s=LOOK_AGAIN_S)


def _content(request: JobRequest) -> dict[str, Any]:
    """Return the prompt, or with a first frame the list of prompt and frames."""
    if request.first_frame is None:
        return {"prompt": request.variant.prompt}
    frames = {"first_frame": request.first_frame, "last_frame": request.last_frame}
    pictures = [{"type": name, "url": data_uri(picture)} for name, picture in frames.items() if picture]
    return {"contents": [{"type": "prompt", "text": request.variant.prompt}, *pictures]}
