"""Veo on Vertex AI: long-running predictions."""

import re
from typing import Any
from urllib.parse import quote, urlsplit

from manifests.errors import CardRuleError
from manifests.hosted.job import Accepted, Cause, Finding, JobStatus, Progress, Refused, ResultFile
from manifests.hosted.wire import Answer, KeyRule, Wire
from models.hosted.google_omni import decoded, encoded
from models.hosted.table.body import at, number, parse, text
from models.hosted.table.contract import Contract, ErrorRow
from models.hosted.table.request_body import (
    compact,
    negative_prompt_of,
    seconds_of,
    seed_of,
    sound_of,
    with_options,
)
from models.hosted.table.table_format import TableFormat, join
from models.hosted.wire_format import JobRef, JobRequest, Picture

STORAGE = "https://storage.googleapis.com"
LOCATION = "us-central1"
"""Location of the cards' base address, and the default of accounts without the field ``location``."""
_BUCKET = re.compile(r"(?:gs://)?([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(/[^?#]*)?")
_OBJECT = re.compile(r"gs://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])/(.{1,1000})")


class VertexVeo(TableFormat):
    """Wire format of Veo. With a bucket, files are written under a prefix that is our reference."""

    contract = Contract(
        states={"absent": Progress.RUNNING, "false": Progress.RUNNING, "true": Progress.DONE},
        errors=(
            ErrorRow(Cause.INVALID, http=400),
            ErrorRow(Cause.AUTH, "wait", http=401),
            ErrorRow(Cause.AUTH, http=403),
            ErrorRow(Cause.GONE, http=404),
            ErrorRow(Cause.RATE, "wait", http=429),
            ErrorRow(Cause.VENDOR, "uncertain", http=503),
        ),
        key_rule=KeyRule(token="google"),  # noqa: S106
        ref_at="name",
        state_at="done",
        fetch_needs_key=True,
    )

    def submit(self, request: JobRequest) -> Wire:
        """Return the request that starts one prediction.

        Raises:
            CardRuleError: the account has no project.
        """
        size = request.card.hosted_size(request.variant)
        prefix = _prefix(request)
        body = {
            "instances": [_instance(request)],
            "parameters": {
                "aspectRatio": size.word or None,
                "resolution": size.resolution or None,
                "durationSeconds": seconds_of(request.variant),
                "sampleCount": 1,
                "seed": seed_of(request),
                "negativePrompt": negative_prompt_of(request),
                "generateAudio": sound_of(request),
                "storageUri": f"gs://{prefix[0]}/{prefix[1]}" if prefix else None,
            },
        }
        return self._call(request, "predictLongRunning", with_options(compact(body), request.card.options))

    def poll(self, job: JobRef) -> Wire:
        """Return the request for the state of the operation; a job that was found by its file asks for the file."""
        if stored := _OBJECT.fullmatch(job.vendor_ref):
            return self.get(STORAGE, f"/storage/v1/b/{stored[1]}/o/{quote(stored[2], safe='')}")
        return self._call(job, "fetchPredictOperation", {"operationName": job.vendor_ref})

    def read_item(self, job: JobRef, item: Any) -> JobStatus:
        """Return the status: an operation that is done may have an error, or only clips that were filtered out."""
        if _OBJECT.fullmatch(job.vendor_ref):
            file = _stored(job.vendor_ref)
            is_there = at(item, "bucket") is not None and at(item, "name") is not None
            return JobStatus(Progress.DONE if is_there else Progress.UNKNOWN, "stored", file=file if is_there else None)
        is_done = at(item, "done") is True
        if is_done and at(item, "error") is not None:
            return self.status(job, item, Progress.FAILED, "error")
        filtered = number(at(item, "response.raiMediaFilteredCount"))
        if is_done and filtered and self.file_of(job, item) is None:
            reason = text(at(item, "response.raiMediaFilteredReasons.0"))
            refused = Refused(Cause.MODERATION, "raiMediaFiltered", reason)
            return JobStatus(Progress.FAILED, "filtered", failure=refused)
        return super().read_item(job, item)

    def file_of(self, job: JobRef, item: Any) -> ResultFile | None:
        """Return the file: its content if that is in the answer, otherwise the address in the bucket."""
        video = at(item, "response.videos.0")
        if (content := decoded(at(video, "bytesBase64Encoded"))) is not None:
            return ResultFile(content=content)
        return _stored(at(video, "gcsUri"))

    def find(self, job: JobRef) -> Wire | None:
        """Return the request for the files under our reference; None without a bucket."""
        prefix = _prefix(job)
        if prefix is None:
            return None
        return self.get(STORAGE, f"/storage/v1/b/{prefix[0]}/o?maxResults=10&prefix={quote(prefix[1], safe='')}%2F")

    def read_find(self, job: JobRef, answer: Answer) -> Finding:
        """Return the job if its file is there; that it is not there shows nothing, since it may still be made."""
        prefix, items = _prefix(job), at(parse(answer.body), "items")
        if answer.status != 200 or prefix is None or not isinstance(items, list):
            return Finding()
        names = [name for each in items if (name := text(at(each, "name"), 1000)).endswith((".mp4", ".mov"))]
        mine = [name for name in names if name.startswith(f"{prefix[1]}/")]
        return Finding(Accepted(f"gs://{prefix[0]}/{mine[0]}")) if mine else Finding()

    def _call(self, job: JobRequest | JobRef, method: str, body: dict[str, Any]) -> Wire:
        project, location = job.account.get("project", ""), job.account.get("location", "") or LOCATION
        if not project:
            raise CardRuleError(
                f"{job.card.name} needs the Google Cloud project of the account. Set REELMILL_PROVIDER_"
                f"{job.card.provider.upper()}_PROJECT."
            )
        path = f"/v1beta1/projects/{quote(project, safe='')}/locations/{quote(location, safe='')}/publishers/google"
        return self.post(_base(job.base_url, location), f"{path}/models/{job.card.model}:{method}", body)


def _base(base_url: str, location: str) -> str:
    """Return the address of a location, if the base address is Google's own of the default location."""
    own = f"{LOCATION}-aiplatform.googleapis.com"
    if urlsplit(base_url).hostname != own or not re.fullmatch(r"[a-z0-9-]{1,40}", location):
        return base_url
    return base_url.replace(own, f"{location}-aiplatform.googleapis.com")


def _prefix(job: JobRequest | JobRef) -> tuple[str, str] | None:
    """Return the bucket and the prefix of a job's files; None if the account has no bucket."""
    found = _BUCKET.fullmatch(job.account.get("bucket", ""))
    if found is None:
        return None
    folder = (found[2] or "").strip("/")
    return found[1], f"{folder}/{job.reference}" if folder else job.reference


def _stored(uri: Any) -> ResultFile | None:
    found = _OBJECT.fullmatch(uri) if isinstance(uri, str) else None
    return ResultFile(join(STORAGE, f"/{found[1]}/{quote(found[2])}"), needs_key=True) if found else None


def _instance(request: JobRequest) -> dict[str, Any]:
    frames = {"image": request.first_frame, "lastFrame": request.last_frame}
    pictures = {name: _picture(frame) for name, frame in frames.items() if frame is not None}
    return {"prompt": request.variant.prompt, **pictures}


def _picture(frame: Picture) -> dict[str, str]:
    return {"bytesBase64Encoded": encoded(frame), "mimeType": frame.media_type}
