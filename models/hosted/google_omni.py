"""Gemini Omni through the interactions of the Gemini API."""

import base64
import binascii
import re
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from manifests.costs.money import Money
from manifests.hosted.job import Cause, JobStatus, Progress, Refused, ResultFile
from manifests.hosted.wire import Answer, KeyRule, Wire
from models.hosted.table.body import at, money, number, parse, text
from models.hosted.table.contract import Contract, ErrorRow
from models.hosted.table.errors import failure
from models.hosted.table.request_body import compact, seconds_of, with_options
from models.hosted.table.table_format import TableFormat, join
from models.hosted.wire_format import JobRef, JobRequest, Picture

FILES = "/v1beta/files"
_FILE = re.compile(r"(?:^|/)files/([A-Za-z0-9_-]{1,100})(?:$|[:?])")
TOKENS = "video_tokens"
"""Name under which the number of tokens is kept while the state of the file is asked."""
FILE_STATES = {"PROCESSING": Progress.RUNNING, "ACTIVE": Progress.DONE, "FAILED": Progress.FAILED}


class GoogleOmni(TableFormat):
    """Wire format of the interactions.

    A finished interaction names a file of the Files API, whose state is a second request; small clips are in the
    answer itself.
    """

    contract = Contract(
        states={
            "queued": Progress.WAITING,
            "idle": Progress.WAITING,
            "in_progress": Progress.RUNNING,
            "completed": Progress.DONE,
            "failed": Progress.FAILED,
            "requires_action": Progress.FAILED,
            "requires_continuation": Progress.FAILED,
            "incomplete": Progress.FAILED,
            "budget_exceeded": Progress.FAILED,
            "cancelled": Progress.CANCELLED,
        },
        errors=(
            ErrorRow(Cause.INVALID, http=400),
            ErrorRow(Cause.AUTH, http=401),
            ErrorRow(Cause.AUTH, http=403),
            ErrorRow(Cause.RATE, "wait", http=429),
            ErrorRow(Cause.VENDOR, "uncertain", http=503),
            # The codes are URLs. No list of them is known, only the word in the example of a blocked prompt.
            ErrorRow(Cause.MODERATION, code="*blocked*", at="job"),
            ErrorRow(Cause.MODERATION, code="*safety*", at="job"),
            ErrorRow(Cause.MONEY, code="budget_exceeded", at="job"),
        ),
        key_rule=KeyRule("x-goog-api-key", "{key}"),
        poll_path="/v1/interactions/{ref}",
        cancel_path="/v1/interactions/{ref}/cancel",
        cancel_method="POST",
        key_path="/v1beta/models?pageSize=1",
        ttl_s=172800,
        fetch_needs_key=True,
        job_code_at="errors.0.code",
        job_message_at="errors.0.message",
        facts_at={"model": "model"},
    )

    def submit(self, request: JobRequest) -> Wire:
        """Return the request that starts an interaction in the background."""
        size = request.card.hosted_size(request.variant)
        body = {
            "model": request.card.model,
            "input": _input(request),
            "background": True,
            "store": True,
            "response_format": {
                "type": "video",
                "aspect_ratio": size.word or None,
                "resolution": size.resolution or None,
                "duration": f"{seconds_of(request.variant)}s",
                "delivery": "uri",
            },
            "generation_config": {"video_config": {"task": "image_to_video"}} if request.first_frame else None,
        }
        return self.post(request.base_url, "/v1/interactions", with_options(compact(body), request.card.options))

    def read_poll(self, job: JobRef, answer: Answer) -> JobStatus | Wire:
        """Return the status, or the request for the state of the finished file."""
        body = parse(answer.body)
        if 200 <= answer.status < 300 and text(at(body, "name")).startswith("files/"):
            return self._file_status(job, body)
        found = super().read_poll(job, answer)
        is_elsewhere = (
            isinstance(found, JobStatus) and found.progress is Progress.DONE and found.file and found.file.url
        )
        if not is_elsewhere:
            return found
        keeps = {TOKENS: str(tokens)} if (tokens := _video_tokens(body)) is not None else {}
        return self.get(job.base_url, f"{FILES}/{_file_name(_video(body))}")._replace(keeps=keeps)

    def status(self, job: JobRef, item: Any, progress: Progress, word: str) -> JobStatus:
        """Return the status; a failure without a code of its own has the status word as its code."""
        found = super().status(job, item, progress, word)
        if progress is Progress.FAILED and found.failure is not None and not found.failure.code:
            reason = failure(self.contract, {"errors": [{"code": word}]}, is_free=False)
            return found._replace(failure=reason._replace(message=found.failure.message))
        return found

    def file_of(self, job: JobRef, item: Any) -> ResultFile | None:
        """Return the file: its content if that is in the answer, otherwise the address of the Files API."""
        video = _video(item)
        if (content := decoded(at(video, "data"))) is not None:
            return ResultFile(content=content)
        name = _file_name(video)
        return self._download(job, name) if name else None

    def cost_of(self, job: JobRef, item: Any) -> Money | None:
        """Return the price of the video tokens; None if the card has no price of a token."""
        return _price(job, _video_tokens(item))

    def _file_status(self, job: JobRef, body: Any) -> JobStatus:
        """Return the status of a job whose file is being prepared; the key goes to the base address only."""
        word, name = text(at(body, "state"), 60), _file_name({"uri": text(at(body, "name"))})
        found = JobStatus(FILE_STATES.get(word, Progress.UNKNOWN), word, cost=_price(job, job.links.get(TOKENS)))
        if found.progress is Progress.FAILED:
            return found._replace(failure=Refused(Cause.VENDOR, word, text(at(body, "error.message"))))
        if found.progress is not Progress.DONE:
            return found
        return found._replace(file=self._download(job, name)) if name else found._replace(progress=Progress.UNKNOWN)

    def _download(self, job: JobRef, name: str) -> ResultFile:
        url = join(job.base_url, f"{FILES}/{quote(name, safe='')}:download?alt=media")
        return ResultFile(url, needs_key=True, expires_in_s=self.contract.ttl_s)


def decoded(value: Any) -> bytes | None:
    """Return the bytes of a base64 text; None if it is none."""
    if not isinstance(value, str) or not value:
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None


def encoded(picture: Picture) -> str:
    """Return a picture as base64."""
    return base64.b64encode(picture.content).decode()


def _input(request: JobRequest) -> str | list[dict[str, str]]:
    prompt = request.variant.prompt
    if request.first_frame is None:
        return prompt
    picture = {
        "type": "image",
        "data": encoded(request.first_frame),
        "mime_type": request.first_frame.media_type,
    }
    return [picture, {"type": "text", "text": prompt}]


def _video(item: Any) -> Any:
    """Return the last content of type ``video`` in the last step of type ``model_output``."""
    steps = at(item, "steps")
    outputs = [each for each in steps if at(each, "type") == "model_output"] if isinstance(steps, list) else []
    parts = at(outputs[-1], "content") if outputs else None
    videos = [each for each in parts if at(each, "type") == "video"] if isinstance(parts, list) else []
    return videos[-1] if videos else at(item, "output_video")


def _file_name(video: Any) -> str:
    uri = at(video, "uri")
    found = _FILE.search(uri[:2000]) if isinstance(uri, str) else None
    return found[1] if found else ""


def _video_tokens(item: Any) -> Decimal | None:
    return number(at(item, "usage.output_tokens_by_modality.modality=video.tokens"))


def _price(job: JobRef, tokens: Decimal | str | None) -> Money | None:
    prices = job.card.prices
    return money(tokens, prices.currency, prices.unit) if prices and prices.unit else None
