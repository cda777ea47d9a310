"""Requests and answers of the OpenAI videos protocol, in each dialect."""

from hosted_requests import PNG, answer, fields_of, hosted_card, job_of, request_of

from manifests.hosted.job import Cause, Progress
from manifests.hosted.wire import Part
from models.hosted import format_of

VLLM = hosted_card("vllm-omni-wan2.2")
SGLANG = hosted_card("sglang-wan2.2")
OPENAI = hosted_card("vllm-omni-wan2.2", dialect="openai")
WIRES = format_of(VLLM)
MODEL = "Wan-AI/Wan2.2-T2V-A14B-Diffusers"
CORE = {"prompt": "a red ball", "model": MODEL, "seconds": "5", "size": "768x432"}
EXTENDED = {**CORE, "negative_prompt": "blur", "seed": "7", "num_frames": "80", "fps": "16"}


def test_vllm_omni_gets_a_form_with_its_own_fields():
    wire = WIRES.submit(request_of(VLLM))
    assert (wire.method, wire.url, wire.json) == ("POST", "http://127.0.0.1:8000/v1/videos", None)
    assert fields_of(wire) == EXTENDED


def test_vllm_omni_decides_the_sound_if_the_model_has_a_switch():
    card = hosted_card("vllm-omni-wan2.2", audio="switch", sound=True)
    assert fields_of(WIRES.submit(request_of(card)))["generate_sound"] == "true"
    assert "generate_sound" not in fields_of(WIRES.submit(request_of(VLLM)))


def test_openai_gets_only_its_own_fields_unless_the_card_takes_seeds():
    plain = hosted_card(OPENAI.name, dialect="openai", takes_seed=False, supports_negative_prompt=False)
    assert fields_of(WIRES.submit(request_of(plain))) == CORE
    assert fields_of(WIRES.submit(request_of(OPENAI))) == EXTENDED  # as reelmill serve-models accepts


def test_sglang_gets_json_with_numbers():
    wire = WIRES.submit(request_of(SGLANG))
    assert wire.parts == ()
    assert wire.json == {
        "prompt": "a red ball",
        "model": MODEL,
        "seconds": 5,
        "size": "768x432",
        "seed": 7,
        "num_frames": 80,
        "fps": 16,
        "extra_body": {"negative_prompt": "blur"},
    }


def test_a_first_frame_is_a_file_in_every_dialect():
    for card in (VLLM, SGLANG, OPENAI):
        wire = WIRES.submit(request_of(card, first_frame=PNG))
        assert wire.parts[-1] == Part("input_reference", PNG.content, "input_reference.png", "image/png")


def test_options_of_the_card_are_sent_and_objects_are_merged():
    card = hosted_card(SGLANG.name, options={"extra_body": {"flow_shift": 5}, "guidance_scale": 4.5})
    body = WIRES.submit(request_of(card)).json
    assert body["extra_body"] == {"negative_prompt": "blur", "flow_shift": 5}
    assert body["guidance_scale"] == 4.5


def test_the_file_is_fetched_from_the_content_with_the_key():
    status = WIRES.read_poll(job_of(VLLM, "video_1/.."), answer({"status": "completed", "seed": 7}))
    assert status.progress is Progress.DONE
    assert status.file.url == "http://127.0.0.1:8000/v1/videos/video_1%2F../content"
    assert status.file.needs_key
    assert status.facts == {"seed": 7}


def test_a_server_that_was_restarted_has_lost_the_job_which_may_be_submitted_again():
    status = WIRES.read_poll(job_of(VLLM, "v"), answer({"error": {"code": "404", "message": "no such video"}}, 404))
    assert status.progress is Progress.GONE
    assert status.failure.may_retry


def test_a_wrong_address_is_not_retried():
    found = WIRES.read_submit(request_of(VLLM), answer({"detail": "Not Found"}, 404))
    assert found.cause is Cause.NOT_FOUND
    assert not found.may_retry


def test_a_server_of_ones_own_may_repeat_a_failed_job():
    status = WIRES.read_poll(job_of(VLLM, "v"), answer({"status": "failed", "error": {"code": 500, "message": "oom"}}))
    assert status.failure.cause is Cause.VENDOR
    assert (status.failure.code, status.failure.message, status.failure.may_retry) == ("500", "oom", True)


def test_jobs_are_polled_and_cancelled_at_their_address_and_the_key_is_checked_with_the_models():
    assert WIRES.poll(job_of(VLLM, "v 1")).url == "http://127.0.0.1:8000/v1/videos/v%201"
    assert WIRES.cancel(job_of(VLLM, "v"))[:2] == ("DELETE", "http://127.0.0.1:8000/v1/videos/v")
    assert WIRES.cancel(job_of(VLLM, "")) is None
    assert WIRES.check_key(VLLM, "http://127.0.0.1:8000/", {}).url == "http://127.0.0.1:8000/v1/models"
