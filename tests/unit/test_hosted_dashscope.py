"""Requests and answers of DashScope."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hosted_requests import PNG, PNG_URI, answer, hosted_card, job_of, request_of, variant_of

from manifests.costs.money import Money
from manifests.hosted.job import Accepted, Cause, Finding, Progress, Refused, Unclear
from models.hosted import format_of

CARD = hosted_card("dashscope-wan3.0")
FROM_PICTURE = hosted_card("dashscope-wan3.0-i2v")
DASHSCOPE = format_of(CARD)
ROW = {"task_id": "t1", "model_name": "wan3.0-video"}
OURS = {"prompt": "a red ball"}


def test_text_to_video_is_exactly_this_request():
    wire = DASHSCOPE.submit(request_of(CARD))
    assert wire.url.endswith("aliyuncs.com/api/v1/services/aigc/video-generation/video-synthesis")
    assert wire.headers == {"X-DashScope-Async": "enable"}
    assert wire.json == {
        "model": "wan3.0-video",
        "input": {"prompt": "a red ball"},
        "parameters": {
            "resolution": "720P",
            "ratio": "16:9",
            "duration": 5,
            "audio": True,
            "seed": 7,
            "prompt_extend": False,
            "watermark": False,
        },
    }


def test_a_large_seed_is_reduced_to_the_providers_range():
    body = DASHSCOPE.submit(request_of(CARD, variant=variant_of(CARD, seed=2**31 + 5))).json
    assert body["parameters"]["seed"] == 5


def test_frames_are_media_and_the_ratio_follows_them():
    body = DASHSCOPE.submit(request_of(FROM_PICTURE, first_frame=PNG, last_frame=PNG)).json
    assert body["input"]["media"] == [{"type": "first_frame", "url": PNG_URI}, {"type": "last_frame", "url": PNG_URI}]
    assert "ratio" not in body["parameters"]


def test_only_the_submission_asks_for_an_asynchronous_answer():
    assert DASHSCOPE.poll(job_of(CARD, "t1")).headers == {}


def test_a_code_with_status_200_and_no_job_is_a_refusal():
    found = DASHSCOPE.read_submit(request_of(CARD), answer({"code": "Arrearage", "message": "overdue"}))
    assert found == Refused(Cause.MONEY, "Arrearage", "overdue")
    unknown = DASHSCOPE.read_submit(request_of(CARD), answer({"code": "NewCode", "message": "?"}))
    assert isinstance(unknown, Unclear)


def test_unknown_is_gone_and_not_repeated():
    status = DASHSCOPE.read_poll(job_of(CARD, "t1"), answer({"output": {"task_status": "UNKNOWN"}}))
    assert (status.progress, status.failure) == (Progress.GONE, Refused(Cause.GONE))


def test_a_failure_may_have_no_reason():
    status = DASHSCOPE.read_poll(job_of(CARD, "t1"), answer({"output": {"task_status": "FAILED"}}))
    assert status.failure == Refused(Cause.VENDOR)


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"duration": 5, "SR": 720, "video_count": 1}, Money.of("0.50", "USD")),
        ({"duration": 5.5, "SR": "1080"}, Money.of("1.10", "USD")),
        ({"duration": 5}, Money.of("0.50", "USD")),
        ({"duration": 5, "SR": 2160}, None),
        ({"SR": 720}, None),
    ],
)
def test_the_cost_is_the_billed_seconds_at_the_billed_resolution(usage, cost):
    body = {"output": {"task_status": "SUCCEEDED", "video_url": "https://x.example/v"}, "usage": usage}
    assert DASHSCOPE.read_poll(job_of(CARD, "t1"), answer(body)).cost == cost


def test_the_search_covers_the_minutes_around_the_submission_in_the_time_of_china():
    query = parse_qs(urlsplit(DASHSCOPE.find(job_of(CARD, "", submitted_at=1_780_000_000.0)).url).query)
    assert query["start_time"] == ["20260529042540"]  # 28 May 2026, 20:26:40 UTC is the submission
    assert query["end_time"] == ["20260529043040"]
    assert query["model_name"] == ["wan3.0-video"]


def found(*rows, total=None, status=200):
    body = {"total": len(rows) if total is None else total, "data": list(rows)}
    return DASHSCOPE.read_find(job_of(CARD, ""), answer(body, status))


def test_a_listed_job_is_ours_only_with_our_prompt_and_without_a_second_one():
    assert found(ROW) == Finding(candidates=("t1",))  # others may use the same key
    assert found({**ROW, **OURS}) == Finding(Accepted("t1"))
    assert found({**ROW, **OURS}, {**ROW, "task_id": "t2", "prompt": "a cup"}) == Finding(Accepted("t1"))
    assert found({**ROW, **OURS}, {**ROW, "task_id": "t2"}) == Finding(candidates=("t1", "t2"))
    assert found({**ROW, **OURS}, {**ROW, **OURS, "task_id": "t2"}) == Finding(candidates=("t1", "t2"))
    assert found({**ROW, **OURS}, total=7) == Finding(candidates=("t1",))
    assert found({**ROW, **OURS}, status=503) == found() == Finding()


@pytest.mark.parametrize(
    "other",
    [
        {"model_name": "wan2.7-t2v"},
        {"prompt": "a cup"},
        {"resolution": "1080P"},
        {"duration": 10},
        {"size": "1080*1920"},
        {"gmt_create": 4600.0},
        {"submit_time": "1970-01-01 10:00:00.000"},
        {"task_id": None},
    ],
    ids=str,
)
def test_a_listed_job_that_differs_in_anything_is_not_ours(other):
    same = {"resolution": "720p", "duration": 5, "gmt_create": 1010.0, "submit_time": "1970-01-01 08:17:00"}
    assert found({**ROW, **OURS, **same}) == Finding(Accepted("t1"))
    assert found({**ROW, **OURS, **other}) == Finding()


def test_a_waiting_job_is_cancelled_with_a_post():
    wire = DASHSCOPE.cancel(job_of(CARD, "t/1"))
    assert (wire.method, wire.url) == ("POST", "https://dashscope-intl.aliyuncs.com/api/v1/tasks/t%2F1/cancel")
