"""Seedance on Ark: requests, statuses, costs, cancellation and the search for uncertain jobs."""

import pytest
from hosted_requests import FIRST, FIRST_URI, LAST, LAST_URI, REFERENCE, answer, hosted_card, job_of, request_of

from manifests.costs.money import Money
from manifests.hosted.job import Accepted, Cause, Finding, Progress, Refused, ResultFile, Unclear
from manifests.hosted.wire import Wire
from models.hosted import format_of

CARD = hosted_card("seedance-2.5")
ARK = format_of(CARD)
TASKS = "https://ark.ap-southeast.bytepluses.com/api/v3/contents/generations/tasks"
JOB = job_of(CARD, "cgt-1")
LOST = job_of(CARD, "")


def test_a_text_is_submitted_with_our_reference_and_without_nulls():
    assert ARK.submit(request_of(CARD, "1:1")) == Wire(
        "POST",
        TASKS,
        json={
            "model": "dreamina-seedance-2-5-260628",
            "content": [{"type": "text", "text": "a red ball"}],
            "resolution": "720p",
            "ratio": "1:1",
            "duration": 5,
            "generate_audio": True,
            "watermark": False,
            "execution_expires_after": 7200,
            "safety_identifier": REFERENCE,
        },
    )


def test_first_and_last_frame_have_roles_and_the_ratio_follows_the_picture():
    card = hosted_card("seedance-2.5-i2v")
    body = ARK.submit(request_of(card, first_frame=FIRST, last_frame=LAST)).json
    assert body["content"][1:] == [
        {"type": "image_url", "image_url": {"url": FIRST_URI}, "role": "first_frame"},
        {"type": "image_url", "image_url": {"url": LAST_URI}, "role": "last_frame"},
    ]
    assert body["ratio"] == "adaptive"
    assert ARK.submit(request_of(hosted_card("seedance-2.0-i2v"), first_frame=FIRST)).json["ratio"] == "16:9"


@pytest.mark.parametrize(
    ("status", "code", "cause", "may_retry"),
    [
        (400, "InputTextSensitiveContentDetected", Cause.MODERATION, False),
        (400, "InvalidParameter", Cause.INVALID, False),
        (401, "AuthenticationError", Cause.AUTH, False),
        (403, "AccountOverdue", Cause.MONEY, False),
        (404, "ModelNotOpen", Cause.NOT_FOUND, False),
        (429, "RateLimitExceeded", Cause.RATE, True),
    ],
)
def test_refusals(status, code, cause, may_retry):
    found = ARK.read_submit(request_of(CARD), answer({"error": {"code": code, "message": "no"}}, status))
    assert found == Refused(cause, code, "no", None, may_retry)


def test_accepted_and_unclear():
    assert ARK.read_submit(request_of(CARD), answer({"id": "cgt-1"})) == Accepted("cgt-1")
    assert isinstance(ARK.read_submit(request_of(CARD), answer({"error": {"code": "Internal"}}, 500)), Unclear)


@pytest.mark.parametrize(
    ("word", "progress"),
    [
        ("queued", Progress.WAITING),
        ("running", Progress.RUNNING),
        ("cancelled", Progress.CANCELLED),
        ("expired", Progress.FAILED),
        ("thinking", Progress.UNKNOWN),
    ],
)
def test_status_words(word, progress):
    assert ARK.poll(JOB) == Wire("GET", f"{TASKS}/cgt-1")
    found = ARK.read_poll(JOB, answer({"id": "cgt-1", "status": word}))
    assert (found.progress, found.word) == (progress, word)


def test_a_finished_job_costs_its_tokens():
    body = {
        "status": "succeeded",
        "model": "m",
        "content": {"video_url": "https://x.example/v.mp4"},
        "usage": {"completion_tokens": 108000},
        "duration": 5,
        "framespersecond": 24,
    }
    found = ARK.read_poll(JOB, answer(body))
    assert (found.progress, found.file) == (
        Progress.DONE,
        ResultFile("https://x.example/v.mp4", expires_in_s=86400),
    )
    assert found.cost == Money.of("1.1556", "USD")  # 108,000 tokens at 10.70 USD per million
    assert found.facts == {"model": "m", "duration_s": 5, "fps": 24}
    older = job_of(hosted_card("seedance-2.0"), "cgt-1")
    assert ARK.read_poll(older, answer(body)).cost is None  # the price of its tokens is not known


def test_refused_content_fails_the_job():
    error = {"code": "OutputVideoSensitiveContentDetected", "message": "refused"}
    found = ARK.read_poll(JOB, answer({"status": "failed", "error": error}))
    assert found.failure == Refused(Cause.MODERATION, "OutputVideoSensitiveContentDetected", "refused")


@pytest.mark.parametrize("word", ["", "running", "succeeded", "thinking"])
def test_only_queued_jobs_are_cancelled_since_others_would_lose_their_record(word):
    assert ARK.cancel(JOB._replace(word=word)) is None
    assert ARK.cancel(JOB._replace(word="queued")) == Wire("DELETE", f"{TASKS}/cgt-1")


def item(reference: str, created: int, ref: str = "cgt-9") -> dict:
    return {"id": ref, "safety_identifier": reference, "created_at": created}


def test_an_uncertain_job_is_found_by_our_reference():
    assert ARK.find(LOST) == Wire("GET", f"{TASKS}?page_num=1&page_size=100")
    body = {"total": 900, "items": [item("other", 1100), item(REFERENCE, 1001)]}
    assert ARK.read_find(LOST, answer(body)) == Finding(Accepted("cgt-9"), look_again_s=0)


@pytest.mark.parametrize(
    ("total", "items", "is_absent"),
    [
        (0, [], True),
        (1, [item("other", 5000)], True),
        (900, [item("other", 1100), item("older", 500)], True),  # newest first, down to before the submission
        (900, [item("other", 1100), item("other", 1001)], False),  # an older job may be on the next page
        (900, [item("older", 500), item("other", 1100)], False),  # in no known order
        (900, [], False),
        (None, [item("other", 1100)], False),
        (2, [item(REFERENCE, 1001), item(REFERENCE, 1002)], False),  # two jobs with one reference
    ],
)
def test_a_job_is_absent_only_if_the_list_covers_its_time(total, items, is_absent):
    found = ARK.read_find(LOST, answer({"total": total, "items": items}))
    assert (found.accepted, found.is_absent, found.look_again_s) == (None, is_absent, 60)


@pytest.mark.parametrize(("body", "status"), [({"items": []}, 500), ({}, 200), (b"<html>", 200)])
def test_an_unreadable_list_shows_nothing(body, status):
    assert ARK.read_find(LOST, answer(body, status)) == Finding()


def test_the_key_is_checked_with_a_list_of_one():
    assert ARK.check_key(CARD, CARD.base_url, {}) == Wire("GET", f"{TASKS}?page_num=1&page_size=1")
