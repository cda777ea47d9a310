"""The OpenAI videos protocol, as self-hosted servers and ``reelmill serve-models`` offer it.

Dialects decide the fields and the encoding of a request:

- ``openai``: multipart with prompt, model, seconds and size; with a card that takes seeds, as ``reelmill serve-models``
  does, also seed, num_frames and fps.
- ``vllm-omni``: multipart with its own fields, which include these.
- ``sglang``: JSON, or multipart with a first frame, which its multipart form requires.
"""

import json
from typing import Any

from manifests.hosted.job import Cause, Progress, ResultFile
from manifests.hosted.wire import Part, Wire
from models.hosted.table.contract import Contract, ErrorRow
from models.hosted.table.request_body import compact, negative_prompt_of, seconds_of, seed_of, sound_of, with_options
from models.hosted.table.table_format import TableFormat, join
from models.hosted.wire_format import JobRef, JobRequest, Picture

ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
PATH = "/v1/videos"


class OpenAiVideos(TableFormat):
    """Wire format of the OpenAI videos protocol."""

    contract = Contract(
        states={
            "queued": Progress.WAITING,
            "in_progress": Progress.RUNNING,
            "completed": Progress.DONE,
            "failed": Progress.FAILED,
            "deleted": Progress.CANCELLED,
        },
        # The servers keep jobs in memory: 404 means that one has been restarted, and the job may be submitted again.
        errors=(
            ErrorRow(Cause.INVALID, http=400),
            ErrorRow(Cause.AUTH, http=401),
            ErrorRow(Cause.GONE, "wait", http=404, at="poll"),
            ErrorRow(Cause.INVALID, http=422),
            ErrorRow(Cause.RATE, "wait", http=429),
            ErrorRow(Cause.VENDOR, "uncertain", http=503),
        ),
        poll_path=PATH + "/{ref}",
        cancel_path=PATH + "/{ref}",
        key_path="/v1/models",
        share_at="progress",
        facts_at={"seed": "seed", "model": "model", "duration_s": "seconds"},
    )

    def submit(self, request: JobRequest) -> Wire:
        """Return the request that starts a job, in the card's dialect."""
        if request.card.dialect == "sglang" and request.first_frame is None:
            return self.post(request.base_url, PATH, with_options(_sglang(request), request.card.options))
        fields = with_options(_fields(request), request.card.options)
        parts = [Part(name, _form_text(value).encode()) for name, value in fields.items()]
        if request.first_frame is not None:
            parts.append(_file("input_reference", request.first_frame))
        return Wire("POST", join(request.base_url, PATH), self.contract.headers, parts=tuple(parts))

    def file_of(self, job: JobRef, item: Any) -> ResultFile | None:
        """Return the address of the content, which needs the key."""
        return ResultFile(self.poll(job).url + "/content", needs_key=True)


def _fields(request: JobRequest) -> dict[str, Any]:
    """Return the fields of a multipart body."""
    variant, card = request.variant, request.card
    is_extended = card.dialect != "openai" or card.takes_seed
    return compact(
        {
            "prompt": variant.prompt,
            "model": card.model,
            "seconds": seconds_of(variant),
            "size": f"{variant.width}x{variant.height}",
            "negative_prompt": negative_prompt_of(request),
            "seed": seed_of(request),
            "num_frames": variant.num_frames if is_extended else None,
            "fps": variant.fps if is_extended else None,
            "generate_sound": sound_of(request) if card.dialect == "vllm-omni" else None,
        }
    )


def _sglang(request: JobRequest) -> dict[str, Any]:
    """Return the members of SGLang's JSON body; those that it has no name for are in ``extra_body``."""
    fields = _fields(request)
    negative_prompt = fields.pop("negative_prompt", None)
    return compact({**fields, "extra_body": {"negative_prompt": negative_prompt}})


def _form_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _file(name: str, picture: Picture) -> Part:
    return Part(name, picture.content, f"{name}.{ENDINGS[picture.media_type]}", picture.media_type)
