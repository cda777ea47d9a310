"""Requests and answers of Kling."""

import pytest
from hosted_requests import PNG, PNG_URI, REFERENCE, answer, hosted_card, job_of, request_of, variant_of

from manifests.costs.money import Money
from manifests.hosted.job import Accepted, Cause, Finding, Progress, Refused, Unclear
from models.hosted import format_of

CARD = hosted_card("kling-3.0")
FROM_PICTURE = hosted_card("kling-3.0-i2v")
KLING = format_of(CARD)
FOUND = {"code": 0, "data": [{"id": "8001", "status": "processing", "external_id": REFERENCE}]}


def test_text_to_video_is_exactly_this_request():
    wire = KLING.submit(request_of(CARD, variant=variant_of(CARD, "9:16", seconds=7)))
    assert wire.url == "https://api-singapore.klingai.com/text-to-video/kling-3.0"
    assert wire.json == {
        "prompt": "a red ball",
        "settings": {
            "audio": "native",
            "resolution": "720p",
            "aspect_ratio": "9:16",
            "duration": 7,
            "multi_shot": False,
        },
        "options": {"external_task_id": REFERENCE, "watermark_info": {"enabled": False}},
    }


def test_a_silent_card_switches_the_sound_off():
    silent = hosted_card("kling-3.0", sound=False)
    assert KLING.submit(request_of(silent)).json["settings"]["audio"] == "off"


def test_image_to_video_lists_prompt_and_frames():
    wire = KLING.submit(request_of(FROM_PICTURE, first_frame=PNG, last_frame=PNG))
    assert wire.url.endswith("/image-to-video/kling-3.0")
    assert wire.json["contents"] == [
        {"type": "prompt", "text": "a red ball"},
        {"type": "first_frame", "url": PNG_URI},
        {"type": "last_frame", "url": PNG_URI},
    ]
    assert "prompt" not in wire.json
    assert "aspect_ratio" not in wire.json["settings"]


@pytest.mark.parametrize(
    ("code", "cause", "may_retry"),
    [
        (1101, Cause.MONEY, False),
        (1302, Cause.RATE, True),
        (1303, Cause.CONCURRENCY, True),
        (1304, Cause.AUTH, False),
        (9999, Cause.RATE, True),
    ],
)
def test_status_429_means_what_its_code_says(code, cause, may_retry):
    found = KLING.read_submit(request_of(CARD), answer({"code": code, "message": "no"}, 429, retry_after="3"))
    assert found == Refused(cause, str(code), "no", 3.0, may_retry)


def test_a_code_with_status_200_is_a_refusal():
    found = KLING.read_submit(request_of(CARD), answer({"code": 1301, "message": "unsafe"}))
    assert found == Refused(Cause.MODERATION, "1301", "unsafe")
    assert KLING.read_submit(request_of(CARD), answer({"code": 7, "message": "?"})) == Refused(Cause.INVALID, "7", "?")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"code": 5000, "message": "internal"}),
        (200, {"code": 0}),
        (200, {"code": 1301, "data": {"id": "8001"}}),
        (500, {"code": 1302}),
        (400, {"code": 1201, "message": "external_task_id already exists"}),
    ],
)
def test_what_may_have_been_taken_is_unclear(status, body):
    assert isinstance(KLING.read_submit(request_of(CARD), answer(body, status)), Unclear)


def test_our_reference_finds_the_job():
    job = job_of(CARD, "")
    assert KLING.find(job).url == f"https://api-singapore.klingai.com/tasks?external_task_ids={REFERENCE}"
    assert KLING.read_find(job, answer(FOUND)) == Finding(Accepted("8001"))


def test_only_an_empty_list_of_jobs_shows_that_there_is_none_and_only_the_second_time():
    job = job_of(CARD, "")
    absent = KLING.read_find(job, answer({"code": 0, "data": []}))
    assert absent.is_absent
    assert absent.look_again_s > 0
    other = {"code": 0, "data": [{"id": "8002", "external_id": "another"}]}
    for unclear in (answer(other), answer({"code": 0}), answer({"code": 5000, "data": []}), answer(b"[]", 503)):
        assert KLING.read_find(job, unclear) in (Finding(), Finding(look_again_s=absent.look_again_s))


def test_what_was_billed_in_money_is_the_cost():
    item = {
        "id": "1",
        "status": "succeeded",
        "outputs": [{"type": "image"}, {"type": "video", "url": "https://x.example/v"}],
    }
    rows = [
        {"charge_type": "cash", "amount": "0.42", "currency": "usd"},
        {"charge_type": "cash", "amount": "0.1", "currency": "USD"},
    ]
    status = KLING.read_poll(job_of(CARD, "1"), answer({"code": 0, "data": [{**item, "billing": rows}]}))
    assert (status.progress, status.file.url, status.cost) == (
        Progress.DONE,
        "https://x.example/v",
        Money.of("0.52", "USD"),
    )


@pytest.mark.parametrize(
    "rows",
    [
        [{"charge_type": "unit", "amount": "3"}],
        [
            {"charge_type": "cash", "amount": "1", "currency": "USD"},
            {"charge_type": "cash", "amount": "1", "currency": "CNY"},
        ],
        [{"charge_type": "cash", "amount": "-1", "currency": "USD"}],
        [{"charge_type": "cash", "amount": "1"}],
        [None],
        [],
        "0.42",
    ],
)
def test_what_cannot_be_added_up_is_no_cost(rows):
    status = KLING.read_poll(job_of(CARD, "1"), answer({"code": 0, "data": [{"status": "failed", "billing": rows}]}))
    assert status.cost is None
    assert status.failure.cause is Cause.VENDOR


def test_there_is_no_way_to_cancel_and_the_key_is_checked_with_an_empty_query():
    assert KLING.cancel(job_of(CARD, "1")) is None
    assert "/tasks?external_task_ids=" in KLING.check_key(CARD, CARD.base_url, {}).url
