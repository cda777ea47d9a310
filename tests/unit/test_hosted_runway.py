"""Requests and answers of Runway."""

import pytest
from hosted_requests import PNG, PNG_URI, answer, hosted_card, job_of, request_of, variant_of

from manifests.costs.money import Money
from manifests.errors import CardRuleError
from manifests.hosted.job import Accepted, Cause, Progress, Refused, Unclear
from models.hosted import format_of
from models.hosted.wire_format import Picture

GEN = hosted_card("runway-gen4.5")
FROM_PICTURE = hosted_card("runway-gen4.5-i2v")
VEO = hosted_card("runway-veo3.1")
RUNWAY = format_of(GEN)


def test_text_to_video_is_exactly_this_request():
    wire = RUNWAY.submit(request_of(GEN))
    assert wire.url == "https://api.dev.runwayml.com/v1/text_to_video"
    assert wire.headers == {"X-Runway-Version": "2024-11-06"}
    assert wire.json == {"model": "gen4.5", "promptText": "a red ball", "ratio": "1280:720", "duration": 5, "seed": 7}


def test_the_models_that_decide_sound_and_negative_prompt_get_them():
    body = RUNWAY.submit(request_of(VEO, variant=variant_of(VEO, "9:16", seconds=6))).json
    assert body == {
        "model": "veo3.1",
        "promptText": "a red ball",
        "ratio": "720:1280",
        "duration": 6,
        "seed": 7,
        "audio": True,
        "negativePrompt": "blur",
    }
    silent = hosted_card("runway-veo3.1", sound=False)
    assert RUNWAY.submit(request_of(silent, variant=variant_of(silent, negative_prompt=""))).json["audio"] is False


def test_models_without_a_seed_get_none():
    assert "seed" not in RUNWAY.submit(request_of(hosted_card("runway-wan3"))).json


def test_a_first_frame_is_a_data_address_and_a_last_one_makes_a_list():
    wire = RUNWAY.submit(request_of(FROM_PICTURE, first_frame=PNG))
    assert wire.url.endswith("/v1/image_to_video")
    assert wire.json["promptImage"] == PNG_URI
    both = RUNWAY.submit(request_of(FROM_PICTURE, first_frame=PNG, last_frame=PNG)).json["promptImage"]
    assert both == [{"uri": PNG_URI, "position": "first"}, {"uri": PNG_URI, "position": "last"}]


def test_a_picture_above_five_megabytes_is_refused_before_anything_is_sent():
    most = Picture(b"x" * 3_932_000, "image/png")
    assert len(RUNWAY.submit(request_of(FROM_PICTURE, first_frame=most)).json["promptImage"]) <= 5 * 1024 * 1024
    with pytest.raises(CardRuleError, match="4,000,000 bytes"):
        RUNWAY.submit(request_of(FROM_PICTURE, first_frame=Picture(b"x" * 4_000_000, "image/png")))


def test_estimate_and_cost_are_the_credits_times_their_price():
    found = RUNWAY.read_submit(request_of(GEN), answer({"id": "t-1", "estimatedCost": {"credits": 60}}))
    assert found == Accepted("t-1", {}, Money.of("0.60", "USD"))
    done = {"id": "t-1", "status": "SUCCEEDED", "output": ["https://x.example/v.mp4"], "cost": {"credits": 61.5}}
    status = RUNWAY.read_poll(job_of(GEN, "t-1"), answer(done))
    assert status.cost == Money.of("0.615", "USD")
    assert status.file == ("https://x.example/v.mp4", b"", False, 86400)


def test_a_refund_of_a_failed_job_is_a_cost_of_zero():
    body = {"status": "FAILED", "failureCode": "SAFETY.OUTPUT.IMAGE", "failure": "refused", "cost": {"credits": 0}}
    status = RUNWAY.read_poll(job_of(GEN, "t"), answer(body))
    assert status.failure == Refused(Cause.MODERATION, "SAFETY.OUTPUT.IMAGE", "refused")
    assert status.cost == Money(0, "USD")


def test_an_unknown_failure_is_the_providers_and_is_not_repeated():
    status = RUNWAY.read_poll(job_of(GEN, "t"), answer({"status": "FAILED", "failureCode": "NEW.THING"}))
    assert status.failure == Refused(Cause.VENDOR, "NEW.THING")


def test_throttled_is_waiting_and_progress_is_a_share():
    status = RUNWAY.read_poll(job_of(GEN, "t"), answer({"status": "THROTTLED", "progress": 0.25}))
    assert (status.progress, status.word, status.share) == (Progress.WAITING, "THROTTLED", 0.25)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 302, 599])
def test_an_answer_that_shows_nothing_is_unclear(status):
    assert isinstance(RUNWAY.read_submit(request_of(GEN), answer(b"<html>", status)), Unclear)


def test_a_job_that_is_deleted_has_no_address_to_search_it_by():
    assert RUNWAY.find(job_of(GEN, "")) is None
    assert RUNWAY.cancel(job_of(GEN, "t-1"))[:2] == ("DELETE", "https://api.dev.runwayml.com/v1/tasks/t-1")
    assert RUNWAY.check_key(GEN, GEN.base_url, {}).url == "https://api.dev.runwayml.com/v1/organization"
