"""Gemini Omni: requests, statuses and failures."""

import pytest
from hosted_requests import FIRST, answer, hosted_card, job_of, request_of

from manifests.costs.money import Money
from manifests.hosted.job import Accepted, Cause, JobStatus, Progress, Refused, ResultFile, Unclear
from manifests.hosted.wire import Wire
from models.hosted import format_of

CARD = hosted_card("gemini-omni-1.2-flash")
OMNI = format_of(CARD)
HOST = "https://generativelanguage.googleapis.com"
DONE = {
    "id": "int-1",
    "status": "completed",
    "steps": [
        {"type": "user_input"},
        {"type": "model_output", "content": [{"type": "video", "uri": f"{HOST}/v1beta/files/f1"}]},
    ],
    "usage": {"output_tokens_by_modality": [{"modality": "text", "tokens": 5}, {"modality": "video", "tokens": 28960}]},
}


def video(**part: str) -> dict:
    return DONE | {"steps": [{"type": "model_output", "content": [{"type": "video", **part}]}]}


def test_a_text_is_submitted_in_the_background():
    wire = OMNI.submit(request_of(CARD))
    assert wire == Wire(
        "POST",
        f"{HOST}/v1/interactions",
        json={
            "model": "gemini-omni-1.2-flash",
            "input": "a red ball",
            "background": True,
            "store": True,
            "response_format": {
                "type": "video",
                "aspect_ratio": "16:9",
                "resolution": "720p",
                "duration": "5s",
                "delivery": "uri",
            },
        },
    )
    assert (OMNI.key_rule.header, OMNI.key_rule.form) == ("x-goog-api-key", "{key}")


def test_a_first_frame_comes_before_the_text():
    card = hosted_card("gemini-omni-1.2-flash-i2v")
    body = OMNI.submit(request_of(card, first_frame=FIRST)).json
    assert body["input"] == [
        {"type": "image", "data": "Zmlyc3Q=", "mime_type": "image/png"},
        {"type": "text", "text": "a red ball"},
    ]
    assert body["generation_config"] == {"video_config": {"task": "image_to_video"}}


def test_answers_to_a_submission():
    request = request_of(CARD)
    assert OMNI.read_submit(request, answer({"id": "int-1", "status": "queued"})) == Accepted("int-1")
    slow = answer({"error": {"code": "rate_limit_exceeded", "message": "slow down"}}, 429, retry_after="7")
    assert OMNI.read_submit(request, slow) == Refused(Cause.RATE, "rate_limit_exceeded", "slow down", 7.0, True)
    assert isinstance(OMNI.read_submit(request, answer({}, 503)), Unclear)
    assert isinstance(OMNI.read_submit(request, answer(b'{"id": "int', 200)), Unclear)


@pytest.mark.parametrize(
    ("word", "progress", "cause"),
    [
        ("queued", Progress.WAITING, None),
        ("in_progress", Progress.RUNNING, None),
        ("requires_action", Progress.FAILED, Cause.VENDOR),
        ("requires_continuation", Progress.FAILED, Cause.VENDOR),
        ("incomplete", Progress.FAILED, Cause.VENDOR),
        ("budget_exceeded", Progress.FAILED, Cause.MONEY),
        ("cancelled", Progress.CANCELLED, Cause.CANCELLED),
        ("meditating", Progress.UNKNOWN, None),
    ],
)
def test_every_status_word(word, progress, cause):
    found = OMNI.read_poll(job_of(CARD), answer({"id": "int-1", "status": word}))
    assert isinstance(found, JobStatus)
    assert (found.progress, found.word, found.failure and found.failure.cause) == (progress, word, cause)


def test_a_blocked_prompt_is_moderation():
    body = {"status": "failed", "errors": [{"code": "https://example/errors/blocked", "message": "blocked"}]}
    found = OMNI.read_poll(job_of(CARD), answer(body))
    assert found.failure == Refused(Cause.MODERATION, "https://example/errors/blocked", "blocked")


def test_the_file_is_asked_for_until_it_is_active_and_the_tokens_are_kept():
    job = job_of(CARD, "int-1")
    second = OMNI.read_poll(job, answer(DONE))
    assert second == Wire("GET", f"{HOST}/v1beta/files/f1", keeps={"video_tokens": "28960"})
    job = job._replace(links={**job.links, **second.keeps})

    waiting = OMNI.read_poll(job, answer({"name": "files/f1", "state": "PROCESSING"}))
    assert (waiting.progress, waiting.file) == (Progress.RUNNING, None)

    ready = OMNI.read_poll(job, answer({"name": "files/f1", "state": "ACTIVE"}))
    url = f"{HOST}/v1beta/files/f1:download?alt=media"
    assert (ready.progress, ready.file) == (Progress.DONE, ResultFile(url, needs_key=True, expires_in_s=172800))
    assert ready.cost == Money.of("0.34752", "USD")  # 28,960 tokens at 12 USD per million

    broken = OMNI.read_poll(job, answer({"name": "files/f1", "state": "FAILED", "error": {"message": "no"}}))
    assert broken.failure == Refused(Cause.VENDOR, "FAILED", "no")


@pytest.mark.parametrize("uri", ["https://evil.example/v1beta/files/f1", "files/f1", "https://x/v1beta/files/f1?a=b"])
def test_the_key_goes_only_to_the_base_address(uri):
    assert OMNI.read_poll(job_of(CARD), answer(video(uri=uri))).url == f"{HOST}/v1beta/files/f1"


def test_a_small_clip_is_in_the_answer():
    found = OMNI.read_poll(job_of(CARD), answer(video(data="AAEC", uri="")))
    assert (found.progress, found.file) == (Progress.DONE, ResultFile(content=b"\x00\x01\x02"))
    assert found.cost == Money.of("0.34752", "USD")


@pytest.mark.parametrize("part", [{}, {"data": "no base64!"}, {"uri": "https://host/../../secret"}])
def test_completed_without_a_file_is_unknown(part):
    assert OMNI.read_poll(job_of(CARD), answer(video(**part))).progress is Progress.UNKNOWN


def test_an_uncertain_submission_cannot_be_looked_up():
    assert OMNI.find(job_of(CARD, "")) is None


def test_cancel_and_key_check():
    assert OMNI.cancel(job_of(CARD, "int-1")) == Wire("POST", f"{HOST}/v1/interactions/int-1/cancel")
    assert OMNI.check_key(CARD, HOST, {}) == Wire("GET", f"{HOST}/v1beta/models?pageSize=1")
