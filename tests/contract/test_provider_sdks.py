"""The providers' own libraries read the server of the contract tests, so that stub and adapter cannot share an error.

Each library submits a job, reads every state, and meets a 503. The last shows why Reelmill uses none of them: all send
the same paid request several times.
"""

import asyncio
import base64
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from vendor_contract import load_contract
from vendor_server import Fault, VendorServer, always, scripted, unavailable

from models.hosted import FORMATS

PROMPT = "a red ball"
PICTURE = base64.b64encode(b"picture").decode()


class Sdk(NamedTuple):
    """A library, how it starts a job, and how it reads one.

    Attributes:
        start: returns the provider's reference.
        read: returns status word, address of the file (empty if it has none), and the provider's reason of a failure.
        posts_on_503: measured with the library's defaults, on loopback.
        posts_without_retries: the same with the library's retries switched off.
    """

    contract: str
    package: str
    open: Callable[[str, bool], Any]
    start: Callable[[Any], str]
    read: Callable[[Any, str], tuple[str, str, str]]
    posts_on_503: int
    posts_without_retries: int | None = 1


def _text(value: Any) -> str:
    return "" if value is None else str(getattr(value, "value", value))


def _openai(url: str, repeats: bool) -> Any:
    import openai

    return openai.OpenAI(base_url=f"{url}/v1", api_key="k", **{} if repeats else {"max_retries": 0})


def _openai_read(client: Any, ref: str) -> tuple[str, str, str]:
    job = client.videos.retrieve(ref)
    return job.status, "", _text(job.error and job.error.message)


def _runway(url: str, repeats: bool) -> Any:
    import runwayml

    return runwayml.RunwayML(base_url=url, api_key="k", **{} if repeats else {"max_retries": 0})


def _runway_start(client: Any) -> str:
    return client.text_to_video.create(model="gen4.5", prompt_text=PROMPT, ratio="1280:720", duration=5).id


def _runway_read(client: Any, ref: str) -> tuple[str, str, str]:
    job = client.tasks.retrieve(ref)
    output = getattr(job, "output", None) or [""]
    return job.status, output[0], _text(getattr(job, "failure_code", ""))


def _luma(url: str, repeats: bool) -> Any:
    import luma_agents

    return luma_agents.Luma(base_url=url, auth_token="k", **{} if repeats else {"max_retries": 0})


def _luma_start(client: Any) -> str:
    return client.generations.create(type="video", model="ray-3.2", prompt=PROMPT).id


def _luma_read(client: Any, ref: str) -> tuple[str, str, str]:
    job = client.generations.get(ref)
    output = job.output or []
    return job.state, output[0].url if output else "", _text(job.failure_code)


def _ark(url: str, repeats: bool) -> Any:
    from byteplussdkarkruntime import Ark

    return Ark(base_url=url, api_key="k", **{} if repeats else {"max_retries": 0})


def _ark_start(client: Any) -> str:
    content = [{"type": "text", "text": PROMPT}]
    return client.content_generation.tasks.create(model="m", content=content, safety_identifier="0" * 32).id


def _ark_read(client: Any, ref: str) -> tuple[str, str, str]:
    job = client.content_generation.tasks.get(task_id=ref)
    return job.status, _text(job.content and job.content.video_url), _text(job.error and job.error.code)


def _google(url: str, repeats: bool) -> Any:
    from google import genai

    options: dict[str, Any] = {"base_url": url}
    if not repeats:
        options["retry_options"] = {"attempts": 1}
    return genai.Client(api_key="k", http_options=options)


def _google_start(client: Any) -> str:
    made = client.interactions.create(
        model="gemini-omni-1.2-flash",
        input=PROMPT,
        background=True,
        store=True,
        response_format={"type": "video", "aspect_ratio": "16:9", "resolution": "720p", "duration": "5s"},
    )
    return made.id


def _google_read(client: Any, ref: str) -> tuple[str, str, str]:
    job = client.interactions.get(ref)
    parts = [part for step in job.steps or () for part in getattr(step, "content", None) or ()]
    uris = [part.uri for part in parts if getattr(part, "type", "") == "video"]
    errors = getattr(job, "errors", None) or []
    return _text(job.status), uris[-1] if uris else "", _text(errors[0].code) if errors else ""


def _fal(url: str, repeats: bool) -> Any:
    import fal_client

    return fal_client.SyncClient(key="k")


def _fal_start(client: Any) -> str:
    return client.submit("fal-ai/pika/v2.2/text-to-video", {"prompt": PROMPT}).request_id


def _fal_read(client: Any, ref: str) -> tuple[str, str, str]:
    app = "fal-ai/pika/v2.2/text-to-video"
    status = client.status(app, ref)
    word = {"Queued": "IN_QUEUE", "InProgress": "IN_PROGRESS", "Completed": "COMPLETED"}[type(status).__name__]
    error = _text(getattr(status, "error_type", ""))
    url = client.result(app, ref)["video"]["url"] if word == "COMPLETED" and not error else ""
    return word, url, error


def _dashscope(url: str, repeats: bool) -> Any:
    import dashscope

    dashscope.base_http_api_url = f"{url}/api/v1"
    dashscope.api_key = "k"
    return dashscope.VideoSynthesis


def _dashscope_start(client: Any) -> str:
    made = client.async_call(model="wan3.0-video", prompt=PROMPT)
    if made.status_code != 200:
        raise RuntimeError(f"{made.status_code} {made.code}")
    return made.output.task_id


def _dashscope_read(client: Any, ref: str) -> tuple[str, str, str]:
    output = client.fetch(ref).output
    return output.task_status, _text(output.get("video_url")), _text(output.get("code"))
