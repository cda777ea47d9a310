"""The queue of fal: requests, links, results and failures."""

import pytest
from hosted_requests import FIRST, FIRST_URI, answer, hosted_card, job_of, request_of

from manifests.hosted.job import Accepted, Cause, JobStatus, Progress, Refused, ResultFile, Unclear
from manifests.hosted.wire import Wire
from models.hosted import format_of

CARD = hosted_card("pika-2.2")
FAL = format_of(CARD)
HOST = "https://queue.fal.run"
LINKS = {
    "status": f"{HOST}/fal-ai/pika/requests/r1/status",
    "result": f"{HOST}/fal-ai/pika/requests/r1",
    "cancel": f"{HOST}/fal-ai/pika/requests/r1/cancel",
}
TAKEN = {
    "request_id": "r1",
    "status_url": LINKS["status"],
    "response_url": LINKS["result"],
    "cancel_url": LINKS["cancel"],
}
JOB = job_of(CARD, "r1", links=LINKS)


def refused(kind: str) -> dict:
    return {"detail": [{"loc": ["body", "prompt"], "msg": "refused", "type": kind}]}


def test_a_job_is_queued_once():
    wire = FAL.submit(request_of(CARD, "9:16"))
    assert wire == Wire(
        "POST",
        f"{HOST}/fal-ai/pika/v2.2/text-to-video",
        {
            "X-Fal-No-Retry": "1",
            "X-Fal-Request-Timeout": "3600",
            "X-Fal-Object-Lifecycle-Preference": '{"expiration_duration_seconds": 86400}',
        },
        json={
            "prompt": "a red ball",
            "negative_prompt": "blur",
            "aspect_ratio": "9:16",
            "resolution": "720p",
            "duration": 5,
            "seed": 7,
        },
    )
    assert FAL.key_rule.form == "Key {key}"


def test_the_clip_of_a_picture_has_the_pictures_ratio():
    card = hosted_card("pika-2.2-i2v")
    wire = FAL.submit(request_of(card, first_frame=FIRST))
    assert wire.url == f"{HOST}/fal-ai/pika/v2.2/image-to-video"
    assert wire.json["image_url"] == FIRST_URI
    assert "aspect_ratio" not in wire.json


def test_the_links_of_an_accepted_job_are_kept():
    assert FAL.read_submit(request_of(CARD), answer(TAKEN)) == Accepted("r1", LINKS)


@pytest.mark.parametrize(
    "link", ["https://evil.example/r1/status", "https://v3.fal.media/r1", "http://queue.fal.run/r1", 5, None]
)
def test_links_to_other_hosts_are_replaced(link):
    found = FAL.read_submit(request_of(CARD), answer(TAKEN | {"status_url": link}))
    assert found == Accepted("r1", {name: url for name, url in LINKS.items() if name != "status"})
    assert FAL.poll(job_of(CARD, "r1", links=found.links)).url == LINKS["status"]


@pytest.mark.parametrize(
    ("status", "body", "cause", "may_retry"),
    [
        (401, {"detail": "no key"}, Cause.AUTH, False),
        (402, {"detail": "pay"}, Cause.MONEY, False),
        (403, {"detail": "locked"}, Cause.MONEY, False),
        (422, refused("content_policy_violation"), Cause.MODERATION, False),
        (422, refused("missing"), Cause.INVALID, False),
        (429, {"detail": "full"}, Cause.CONCURRENCY, True),
    ],
)
def test_refusals(status, body, cause, may_retry):
    found = FAL.read_submit(request_of(CARD), answer(body, status))
    assert (found.cause, found.may_retry) == (cause, may_retry)
    assert found.message in ("no key", "pay", "locked", "refused", "full")


def test_a_503_may_have_been_taken():
    assert isinstance(FAL.read_submit(request_of(CARD), answer({}, 503)), Unclear)


@pytest.mark.parametrize(
    ("word", "progress"),
    [("IN_QUEUE", Progress.WAITING), ("IN_PROGRESS", Progress.RUNNING), ("DREAMING", Progress.UNKNOWN)],
)
def test_status_words(word, progress):
    found = FAL.read_poll(JOB, answer({"status": word, "request_id": "r1"}, 202))
    assert isinstance(found, JobStatus)
    assert (found.progress, found.word) == (progress, word)


def test_completed_with_an_error_has_failed():
    body = {"status": "COMPLETED", "request_id": "r1", "error": "runner died", "error_type": "runner_error"}
    found = FAL.read_poll(JOB, answer(body))
    assert found.progress is Progress.FAILED
    assert found.failure == Refused(Cause.VENDOR, "runner_error", "runner died")


def test_the_result_is_a_second_request():
    second = FAL.read_poll(JOB, answer({"status": "COMPLETED", "request_id": "r1"}))
    assert second == Wire("GET", LINKS["result"])
    found = FAL.read_poll(JOB, answer({"video": {"url": "https://v3.fal.media/o.mp4"}, "seed": 7}))
    assert found.file == ResultFile("https://v3.fal.media/o.mp4", expires_in_s=86400)
    assert (found.progress, found.facts) == (Progress.DONE, {"seed": 7})


@pytest.mark.parametrize(
    ("kind", "cause"), [("content_policy_violation", Cause.MODERATION), ("value_error", Cause.INVALID)]
)
def test_a_result_may_still_be_refused(kind, cause):
    found = FAL.read_poll(JOB, answer(refused(kind), 422))
    assert (found.progress, found.failure) == (Progress.FAILED, Refused(cause, kind, "refused"))


@pytest.mark.parametrize(("body", "status"), [({}, 200), (b"<html>", 200), ({"detail": "x"}, 500), ({}, 429)])
def test_other_answers_say_nothing_about_the_job(body, status):
    assert FAL.read_poll(JOB, answer(body, status)).progress is Progress.UNKNOWN


def test_cancel():
    assert FAL.cancel(JOB) == Wire("PUT", LINKS["cancel"])
    assert FAL.cancel(job_of(CARD, "r1")) == Wire("PUT", LINKS["cancel"])
    assert FAL.find(job_of(CARD, "")) is None
