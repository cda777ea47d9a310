"""The providers' own libraries read the server of the contract tests, so that stub and adapter cannot share an error.

Each library submits a job, reads every state and every error row, and meets faults with its default settings. The
last shows why Reelmill uses none of them: they send the same paid request several times. Libraries that are not
installed are skipped; see the extra ``sdks`` in pyproject.toml. That a library reads an example does not prove that the
provider sends it.
"""

import importlib.util
import json
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from vendor_contract import VendorContract, load_contract
from vendor_server import Fault, VendorServer, always, too_fast, unavailable

PROMPT = "a red ball"
TOO_LARGE = frozenset({"byteplussdkarkruntime"})
"""Libraries that are not in the extra ``sdks``: 199 MB."""


def _text(value: Any) -> str:
    return "" if value is None else str(getattr(value, "value", value))


def _openai(url: str, repeats: bool) -> Any:
    import openai

    return openai.OpenAI(base_url=f"{url}/v1", api_key="k", **{} if repeats else {"max_retries": 0})


def _openai_start(client: Any) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return client.videos.create(model="sora-2", prompt=PROMPT, seconds="4").id


def _openai_read(client: Any, ref: str) -> tuple[str, str, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        job = client.videos.retrieve(ref)
    is_file = job.status == "completed" and b"ftyp" in client.videos.download_content(ref).read()[:12]
    return job.status, client.base_url.path if is_file else "", _text(job.error and job.error.code)


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
    return client.content_generation.tasks.create(model="m", content=content).id


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
    import fal_client.client

    fal_client.client.QUEUE_URL_FORMAT = f"{url}/"  # the library has no setting for it
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
        error = RuntimeError(made.message)
        error.status_code = made.status_code  # type: ignore[attr-defined]
        raise error
    return made.output.task_id


def _dashscope_read(client: Any, ref: str) -> tuple[str, str, str]:
    output = client.fetch(ref).output
    return output.task_status, _text(output.get("video_url")), _text(output.get("code"))


def _veo(url: str, repeats: bool) -> Any:
    from google import genai
    from google.auth.credentials import Credentials

    class Fixed(Credentials):
        """A token that does not expire."""

        def refresh(self, request: Any) -> None:
            self.token = "k"

    options = {"base_url": url, **({} if repeats else {"retry_options": {"attempts": 1}})}
    return genai.Client(vertexai=True, project="p", location="l", credentials=Fixed(), http_options=options)


def _veo_start(client: Any) -> str:
    return client.models.generate_videos(model="m", source={"prompt": PROMPT}, config={"duration_seconds": 4}).name


def _veo_read(client: Any, ref: str) -> tuple[str, str, str]:
    from google.genai import types

    job = client.operations.get(types.GenerateVideosOperation(name=ref))
    videos = (job.response and job.response.generated_videos) or []
    word = "absent" if job.done is None else str(job.done).lower()
    return word, _text(videos[0].video.uri) if videos else "", _text((job.error or {}).get("code"))


class Sdk(NamedTuple):
    """A library: how it starts a job, and how it reads one.

    Attributes:
        open: returns a client for an address, with its default retries or without retries.
        start: returns the provider's reference.
        read: returns the status word, the address of the file, and the code of a failure; empty without one.
        posts: POSTs of one submission with default settings, by fault, as measured here.
    """

    contract: str
    package: str
    open: Callable[[str, bool], Any]
    start: Callable[[Any], str]
    read: Callable[[Any, str], tuple[str, str, str]]
    posts: dict[str, int]


FAULTS = {"503": unavailable(), "429": too_fast("0"), "closed": Fault("close")}
THRICE = {"503": 3, "429": 3, "closed": 3}
SDKS = (
    Sdk("openai_videos", "openai", _openai, _openai_start, _openai_read, THRICE),
    Sdk("runway", "runwayml", _runway, _runway_start, _runway_read, THRICE),
    Sdk("luma", "luma_agents", _luma, _luma_start, _luma_read, THRICE),
    Sdk("ark_seedance", "byteplussdkarkruntime", _ark, _ark_start, _ark_read, THRICE),
    Sdk("google_omni", "google.genai", _google, _google_start, _google_read, {"503": 5, "429": 5, "closed": 1}),
    Sdk("vertex_veo", "google.genai", _veo, _veo_start, _veo_read, {"503": 1, "429": 1, "closed": 1}),
    Sdk("fal_pika", "fal_client", _fal, _fal_start, _fal_read, {"503": 1, "429": 10, "closed": 10}),
    Sdk("dashscope_wan", "dashscope", _dashscope, _dashscope_start, _dashscope_read, {"503": 1, "429": 1, "closed": 2}),
)
ALWAYS_REPEATS = frozenset({"fal_pika", "dashscope_wan"})
"""Libraries without a setting that stops their retries."""


@pytest.fixture(params=SDKS, ids=lambda sdk: sdk.contract)
def sdk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Sdk:
    try:
        is_there = importlib.util.find_spec(request.param.package) is not None
    except ModuleNotFoundError:  # the parent package is missing
        is_there = False
    if not is_there:
        pytest.skip(f"{request.param.package} is not installed")
    monkeypatch.setattr(time, "sleep", lambda _: None)  # libraries wait up to a minute between their attempts
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return request.param


def expected(contract: VendorContract, word: str) -> tuple[str, bool, str]:
    """Return what a library should read for a status word: the word, whether there is a file, the code of a failure."""
    body: Any = contract.examples["poll"][word]
    for step in contract.facts["errors"]["shape"].get("job_code_at", "error.code").split("."):
        body = (
            body[int(step)] if isinstance(body, list) and body else body.get(step) if isinstance(body, dict) else None
        )
    failed = contract.states[word] in ("failed", "refused", "gone")
    return word, contract.states[word] == "done", str(body) if failed and body is not None else ""


def test_the_library_reads_every_state(sdk: Sdk):
    contract = load_contract(sdk.contract)
    with VendorServer(sdk.contract) as vendor:
        client = sdk.open(vendor.base_url, False)
        ref = sdk.start(client)
        assert ref == next(iter(vendor.jobs))
        assert vendor.jobs[ref].prompt == PROMPT
        for word in contract.examples["poll"]:
            vendor.behaviour = always(poll=Fault(word=word))
            found, url, code = sdk.read(client, ref)
            assert (found, bool(url), code) == expected(contract, word)


def test_the_library_reads_every_error(sdk: Sdk):
    contract = load_contract(sdk.contract)
    rows = [row for row in contract.error_rows if row.get("http", 200) >= 400 and row.get("at", "submit") == "submit"]
    assert rows or sdk.contract == "dashscope_wan"
    for row in rows:
        fault = Fault(status=row["http"], body=json.dumps(contract.error_body(row)).encode())
        with VendorServer(sdk.contract, always(submit=fault)) as vendor:
            client = sdk.open(vendor.base_url, False)
            with pytest.raises(Exception) as caught:  # noqa: PT011 - each library has its own
                sdk.start(client)
            assert (getattr(caught.value, "status_code", None) or getattr(caught.value, "code", None)) == row["http"]
            assert vendor.billed == {}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_library_repeats_a_paid_request(sdk: Sdk, fault: str):
    with VendorServer(sdk.contract, always(submit=FAULTS[fault])) as vendor:
        client = sdk.open(vendor.base_url, True)
        with pytest.raises(Exception):  # noqa: B017, PT011 - each library has its own
            sdk.start(client)
        assert vendor.count("submit") == sdk.posts[fault]
        if fault == "closed":  # the provider has taken, and bills, each of them
            assert vendor.billed == {PROMPT: sdk.posts[fault]}


@pytest.mark.parametrize("fault", FAULTS)
def test_without_retries_the_library_sends_one_request(sdk: Sdk, fault: str):
    if sdk.contract in ALWAYS_REPEATS:
        pytest.skip("the library has no setting that stops its retries")
    with VendorServer(sdk.contract, always(submit=FAULTS[fault])) as vendor:
        client = sdk.open(vendor.base_url, False)
        with pytest.raises(Exception):  # noqa: B017, PT011 - each library has its own
            sdk.start(client)
        assert vendor.count("submit") == 1
