"""Adobe Firefly: requests, links, statuses and failures."""

import pytest
from hosted_requests import FIRST, FIRST_URI, LAST, LAST_URI, answer, hosted_card, job_of, request_of

from manifests.hosted.job import Accepted, Cause, Progress, Refused, ResultFile, Unclear
from manifests.hosted.wire import Wire
from models.hosted import format_of

CARD = hosted_card("firefly-video")
FIREFLY = format_of(CARD)
HOST = "https://firefly-api.adobe.io"
LINKS = {
    "status": "https://firefly-epo123.adobe.io/v3/status/1",
    "cancel": "https://firefly-epo123.adobe.io/v3/cancel/1",
}
TAKEN = {"jobId": "urn:ff:jobs:x:1", "statusUrl": LINKS["status"], "cancelUrl": LINKS["cancel"]}
JOB = job_of(CARD, "urn:ff:jobs:x:1", links=LINKS)


def test_a_text_is_submitted():
    assert FIREFLY.submit(request_of(CARD)) == Wire(
        "POST",
        f"{HOST}/v3/videos/generate",
        {"x-model-version": "video1_standard"},
        json={
            "prompt": "a red ball",
            "negativePrompt": "blur",
            "seeds": [7],
            "sizes": [{"width": 1280, "height": 720}],
        },
    )
    assert (FIREFLY.key_rule.token, FIREFLY.key_rule.also) == ("adobe", {"x-api-key": "{client_id}"})


def test_first_and_last_frame_have_positions():
    card = hosted_card("firefly-video-i2v")
    body = FIREFLY.submit(request_of(card, first_frame=FIRST, last_frame=LAST)).json
    assert body["image"] == {
        "conditions": [
            {"source": {"url": FIRST_URI}, "placement": {"position": 0}},
            {"source": {"url": LAST_URI}, "placement": {"position": 1}},
        ]
    }


def test_links_to_hosts_of_adobe_are_kept():
    assert FIREFLY.read_submit(request_of(CARD), answer(TAKEN, 202)) == Accepted("urn:ff:jobs:x:1", LINKS)
    assert FIREFLY.poll(JOB) == Wire("GET", LINKS["status"])
    assert FIREFLY.cancel(JOB) == Wire("PUT", LINKS["cancel"])


@pytest.mark.parametrize(
    "link", ["https://adobe.io.evil.example/1", "https://evil-adobe.io/1", "http://firefly-epo1.adobe.io/1", ""]
)
def test_links_to_other_hosts_are_replaced(link):
    found = FIREFLY.read_submit(request_of(CARD), answer(TAKEN | {"statusUrl": link}, 202))
    assert found.links == {"cancel": LINKS["cancel"]}
    job = job_of(CARD, "urn:ff:jobs:x:1", links=found.links)
    assert FIREFLY.poll(job).url == f"{HOST}/v3/status/urn%3Aff%3Ajobs%3Ax%3A1"


@pytest.mark.parametrize(
    ("status", "code", "cause", "may_retry"),
    [
        (400, "bad_request", Cause.INVALID, False),
        (401, "", Cause.AUTH, True),
        (403, "access_error", Cause.AUTH, False),
        (403, "403003", Cause.AUTH, False),
        (422, "input_media_indecipherable", Cause.INVALID, False),
        (429, "backpressure_limited", Cause.RATE, True),
        (451, "prompt_unsafe", Cause.MODERATION, False),
        (451, "input_media_unsafe", Cause.MODERATION, False),
        (451, "reference_image_unsafe_error", Cause.MODERATION, False),
        (499, "cancelled_error", Cause.CANCELLED, False),
        (503, "model_not_loaded", Cause.VENDOR, True),
    ],
)
def test_refusals(status, code, cause, may_retry):
    found = FIREFLY.read_submit(request_of(CARD), answer({"error_code": code, "message": "no"}, status))
    assert (found.cause, found.code, found.message, found.may_retry) == (cause, code, "no", may_retry)


def test_an_empty_404_is_an_account_without_the_video_model():
    assert FIREFLY.read_submit(request_of(CARD), answer(b"", 404)) == Refused(Cause.AUTH)


@pytest.mark.parametrize(("status", "code"), [(408, "timeout_error"), (503, "overloaded"), (500, "")])
def test_a_job_may_have_been_taken(status, code):
    assert isinstance(FIREFLY.read_submit(request_of(CARD), answer({"error_code": code}, status)), Unclear)


@pytest.mark.parametrize(
    ("word", "progress", "share"),
    [
        ("pending", Progress.WAITING, 0.0),
        ("running", Progress.RUNNING, 0.5),
        ("canceled", Progress.CANCELLED, 0.5),
        ("painting", Progress.UNKNOWN, 0.5),
    ],
)
def test_status_words(word, progress, share):
    found = FIREFLY.read_poll(JOB, answer({"status": word, "progress": share * 100}))
    assert (found.progress, found.word, found.share) == (progress, word, share)


def test_a_finished_job():
    output = {"seed": 7, "video": {"url": "https://pre-signed.example/v.mp4"}}
    found = FIREFLY.read_poll(JOB, answer({"status": "succeeded", "progress": 100, "result": {"outputs": [output]}}))
    assert found.progress is Progress.DONE
    assert found.file == ResultFile("https://pre-signed.example/v.mp4", expires_in_s=3600)
    assert found.facts == {"seed": 7}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"status": "failed", "error_code": "output_media_unsafe", "message": "no"}, 200),
        ({"error_code": "output_media_unsafe", "message": "no"}, 451),
    ],
)
def test_an_unsafe_clip_fails_its_job(body, status):
    found = FIREFLY.read_poll(JOB, answer(body, status))
    assert (found.progress, found.failure) == (Progress.FAILED, Refused(Cause.MODERATION, "output_media_unsafe", "no"))


@pytest.mark.parametrize(
    ("code", "status", "progress"),
    [
        ("unknown_job_id", 404, Progress.GONE),
        ("job_timeout", 410, Progress.GONE),
        ("backpressure_limited", 429, Progress.UNKNOWN),
        ("", 401, Progress.UNKNOWN),
        ("", 503, Progress.UNKNOWN),
    ],
)
def test_polls_that_are_answered_with_an_error(code, status, progress):
    assert FIREFLY.read_poll(JOB, answer({"error_code": code}, status)).progress is progress
