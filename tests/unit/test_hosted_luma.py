"""Requests and answers of Luma."""

from hosted_requests import PNG, REFERENCE, answer, hosted_card, job_of, request_of, variant_of

from manifests.hosted.job import Cause, Progress, Refused
from models.hosted import format_of

CARD = hosted_card("luma-ray-3.2")
FROM_PICTURE = hosted_card("luma-ray-3.2-i2v")
LUMA = format_of(CARD)


def test_text_to_video_is_exactly_this_request():
    wire = LUMA.submit(request_of(CARD, variant=variant_of(CARD, "1:1", seconds=10)))
    assert wire.url == "https://agents.lumalabs.ai/v1/generations"
    assert wire.json == {
        "prompt": "a red ball",
        "model": "ray-3.2",
        "type": "video",
        "aspect_ratio": "1:1",
        "video": {"duration": "10s", "resolution": "720p"},
        "user_id": REFERENCE,
    }


def test_frames_are_sent_as_data_with_their_type():
    video = LUMA.submit(request_of(FROM_PICTURE, first_frame=PNG, last_frame=PNG)).json["video"]
    frame = {"data": "iVBORw==", "media_type": "image/png"}
    assert video == {"duration": "5s", "resolution": "720p", "start_frame": frame, "end_frame": frame}


def test_ten_seconds_are_not_offered_from_a_picture():
    assert FROM_PICTURE.durations.seconds == (5,)


def test_only_an_output_of_type_video_is_the_file():
    outputs = [{"type": "image", "url": "https://x.example/i"}, {"type": "video", "url": "https://x.example/v"}]
    status = LUMA.read_poll(job_of(CARD, "g"), answer({"state": "completed", "output": outputs}))
    assert status.file.url == "https://x.example/v"
    without = LUMA.read_poll(job_of(CARD, "g"), answer({"state": "completed", "output": outputs[:1]}))
    assert (without.progress, without.word) == (Progress.UNKNOWN, "completed, no file")


def test_moderation_is_not_repeated():
    body = {"state": "failed", "failure_code": "content_moderated", "failure_reason": "refused"}
    assert LUMA.read_poll(job_of(CARD, "g"), answer(body)).failure == Refused(
        Cause.MODERATION, "content_moderated", "refused"
    )


def test_there_is_no_list_no_cancelling_and_no_free_check_of_the_key():
    job = job_of(CARD, "g")
    assert LUMA.find(job) is LUMA.cancel(job) is LUMA.check_key(CARD, CARD.base_url, {}) is None
