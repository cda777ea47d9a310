"""The model server's routes with a fake generator: every request of the protocol, and every refusal."""

import base64
import errno
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from model_client import AUTH, PROMPT, TOKEN, GatedGenerator, client_in, finished, picture
from starlette.testclient import TestClient

from adapters.media.video import read_frames
from app.model_server import request_body
from app.model_server.job_queue import PASSED_OVER
from app.model_server.middleware import FAILURES, MAX_BODY_BYTES
from app.model_server.service import Limits
from manifests.errors import BrokenDeviceError, GenerationError, LicenceNotAttestedError, ModelError
from models.fake import paint
from models.protocols import Sound
from models.registry import get_card, get_local_card, weights_path
from tasks.runtime import devices as devices_module
from tasks.runtime import resources


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch) -> Iterator[GatedGenerator]:
    made = GatedGenerator()
    monkeypatch.setattr(devices_module, "open_generator", lambda *_, **__: made)
    monkeypatch.setattr(devices_module, "find_devices", lambda: ("cpu",))
    resources.close_resources()
    yield made
    made.gate.set()
    resources.close_resources()


@pytest.fixture
def client(tmp_path: Path, generator: GatedGenerator) -> Iterator[TestClient]:
    with client_in(tmp_path / "home") as opened:
        yield opened


def create(client: TestClient, **fields: object) -> dict:
    answer = client.post("/v1/videos", json={"prompt": PROMPT} | fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refusal(client: TestClient, status: int = 400, **fields: object) -> dict:
    answer = client.post("/v1/videos", json={"prompt": PROMPT} | fields)
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


def test_a_video_is_created_polled_downloaded_and_deleted(client, generator, tmp_path):
    asked = {"model": "starter", "size": "96x96", "seconds": "2", "seed": "7", "negative_prompt": "snow"}
    answer = client.post(
        "/v1/videos", files={key: (None, value) for key, value in asked.items() | {("prompt", PROMPT)}}
    )
    video = answer.json()
    assert video | {"status": "queued"} == video | {
        "object": "video",
        "status": "queued",
        "progress": 0,
        "model": "starter",
        "prompt": PROMPT,
        "size": "96x96",
        "seconds": "2",
        "seed": 7,
        "negative_prompt": "snow",
        "num_frames": 17,
        "fps": 8,
        "error": None,
        "completed_at": None,
        "expires_at": None,
    }
    assert generator.begun.acquire(timeout=20)
    address = f"/v1/videos/{video['id']}"
    assert client.get(address).json()["status"] == "in_progress"
    early = client.get(f"{address}/content")
    assert (early.status_code, early.json()["error"]["code"]) == (404, "video_not_ready")
    generator.gate.set()
    done = finished(client, video["id"])
    assert (done["status"], done["progress"], done["id"]) == ("completed", 100, video["id"])
    assert done["expires_at"] - done["completed_at"] == 24 * 3600
    content = client.get(f"{address}/content")
    assert (content.status_code, content.headers["content-type"]) == (200, "video/mp4")
    (tmp_path / "got.mp4").write_bytes(content.content)
    assert read_frames(tmp_path / "got.mp4").shape == (17, 96, 96, 3)
    part = client.get(f"{address}/content", headers={"Range": "bytes=4-11"})
    assert (part.status_code, part.content) == (206, content.content[4:12])
    assert client.delete(address).json() == {"id": video["id"], "object": "video.deleted", "deleted": True}
    assert client.get(address).status_code == client.get(f"{address}/content").status_code == 404
    assert not [path for path in (tmp_path / "home/model-server").rglob("video_*")]


def test_json_and_forms_give_the_same_variant(client, generator):
    fields = {
        "model": "starter",
        "size": "160x90",
        "seed": "5",
        "seconds": "2",
        "guidance_scale": "2.5",
        "num_inference_steps": "8",
    }
    by_form = client.post("/v1/videos", data={"prompt": PROMPT} | fields).json()
    by_json = create(client, **fields)
    numbers = create(
        client, width=160, height=90, seed=5, num_frames=17, fps=8, guidance_scale=2.5, num_inference_steps=8
    )
    service = client.app.state.service
    first, *others = (service.queue.get(each["id"]).variant for each in (by_form, by_json, numbers))
    assert others == [first, first]
    assert (first.guidance_scale, first.num_inference_steps, first.seed) == (2.5, 8, 5)


def test_clients_may_compute_the_number_of_frames_from_seconds(client):
    """The starter has clips of 17 frames only, 2.125 s; 2 s at 8 frames per second are 16."""
    assert [create(client, seconds="2", num_frames=number, fps=8)["num_frames"] for number in (16, 17)] == [17, 17]


def test_without_a_seed_clips_differ_and_the_seed_is_returned(client):
    seeds = {create(client)["seed"] for _ in range(5)}
    assert len(seeds) == 5


@pytest.mark.parametrize(
    ("fields", "param", "code", "message"),
    [
        ({"prompt": None}, "prompt", "missing_required_parameter", "The parameter prompt is missing."),
        ({"prompt": "  "}, "prompt", "invalid_value", "The prompt is empty."),
        ({"prompt": "x" * 2001}, "prompt", "invalid_value", "Invalid prompt: it has more than 2,000 characters."),
        ({"prompt": "a\x00b"}, "prompt", "invalid_value", "Invalid prompt: it contains a NUL character."),
        (
            {"model": "sora-2"},
            "model",
            "model_not_found",
            "This server does not offer the model 'sora-2'. Use starter.",
        ),
        (
            {"size": "1280x720"},
            "size",
            "unsupported_size",
            "starter does not make clips of 1280x720. Use 160x90, 96x96 or 90x160.",
        ),
        ({"width": 160}, "width", "invalid_value", "width and height must be sent together. Send both, or size."),
        (
            {"size": "96x96", "width": 160, "height": 90},
            "size",
            "invalid_value",
            "size is 96x96, but width and height are 160x90. Send only one of them.",
        ),
        (
            {"seconds": "4"},
            "seconds",
            "unsupported_seconds",
            'starter makes clips of 2.12 s, not 4 s. The nearest length is "2"; send seconds as 2, or omit it.',
        ),
        ({"seconds": "1e400"}, "seconds", "invalid_value", "Invalid seconds: input should be a finite number."),
        ({"seconds": "soon"}, "seconds", "invalid_value", "Invalid seconds: input should be a valid number"),
        ({"seconds": True}, "seconds", "invalid_value", "Invalid seconds: enter a number."),
        ({"seed": -1}, "seed", "invalid_value", "Invalid seed: input should be greater than or equal to 0."),
        ({"seed": 2**32}, "seed", "invalid_value", "Invalid seed: input should be less than or equal to 4294967295."),
        (
            {"num_frames": 12},
            "num_frames",
            "unsupported_num_frames",
            "starter does not make clips of 12 frames. The nearest number is 17.",
        ),
        ({"num_frames": 10**30}, "num_frames", "unsupported_num_frames", "The nearest number is 17."),
        ({"fps": 24}, "fps", "unsupported_fps", "starter makes 8 frames per second, not 24. Omit fps."),
        ({"num_inference_steps": 0}, "num_inference_steps", "invalid_value", "greater than or equal to 1."),
        ({"guidance_scale": "nan"}, "guidance_scale", "invalid_value", "finite number."),
        ({"lora": {"name": "x"}}, "lora", "unknown_parameter", "This server has no parameter 'lora'. Use only prompt,"),
        ({"input_reference": {"file_id": "x"}}, "input_reference", "invalid_value", "has no file ids."),
        (
            {"input_reference": {"image_url": "http://127.0.0.1/x.png"}},
            "input_reference",
            "invalid_value",
            "This server downloads no pictures",
        ),
        ({"input_reference": "data:image/png;base64,%%%"}, "input_reference", "invalid_value", "is damaged."),
        (
            {"input_reference": "data:image/png;base64,AAAA"},
            "input_reference",
            "invalid_image",
            "The picture is not a readable picture.",
        ),
    ],
)
def test_refused_fields_name_what_is_wrong(client, fields, param, code, message):
    error = refusal(client, **fields)
    assert message in error["message"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)
    assert client.get("/v1/videos").json()["data"] == []


def test_a_picture_is_refused_by_a_model_of_text_and_forgotten(client, tmp_path):
    content = picture(tmp_path / "first.png")
    answer = client.post("/v1/videos", data={"prompt": PROMPT}, files={"input_reference": ("first.png", content)})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("starter generates clips from text only.")
    assert not list((tmp_path / "home/model-server/first-frames").glob("*.png"))


def test_other_bodies_are_refused(client):
    wrong = client.post("/v1/videos", content=b"{", headers={"Content-Type": "application/json"})
    assert (wrong.status_code, wrong.json()["error"]["message"]) == (400, "The body is not valid JSON.")
    nested = client.post("/v1/videos", content=b"[" * 100_000, headers={"Content-Type": "application/json"})
    assert (nested.status_code, nested.json()["error"]["code"]) == (400, "invalid_json")
    listed = client.post("/v1/videos", json=[1])
    assert listed.json()["error"]["message"] == "The body must be a JSON object."
    text = client.post("/v1/videos", content=b"x", headers={"Content-Type": "text/plain"})
    assert (text.status_code, text.json()["error"]["code"]) == (415, "unsupported_media_type")
    form = client.post("/v1/videos", content=b"x", headers={"Content-Type": "multipart/form-data"})
    assert (form.status_code, form.json()["error"]["code"]) == (400, "invalid_form")
    twice = client.post("/v1/videos", files=[("prompt", (None, "a")), ("prompt", (None, "b"))])
    assert twice.json()["error"]["message"] == "The form contains prompt more than once. Send it once."
    file = client.post("/v1/videos", files={"prompt": ("a.txt", b"a")})
    assert file.json()["error"]["message"] == "prompt must not be a file. Only input_reference may be one."
    lone = client.post("/v1/videos", content=b'{"prompt": "\\ud800"}', headers={"Content-Type": "application/json"})
    assert (lone.status_code, lone.json()["error"]["param"]) == (400, "prompt")


def test_large_pictures_and_bodies_are_refused(client, monkeypatch):
    monkeypatch.setattr(request_body, "MAX_PICTURE_BYTES", 1000)
    by_form = client.post("/v1/videos", data={"prompt": PROMPT}, files={"input_reference": ("a.png", bytes(1001))})
    url = "data:image/png;base64," + base64.b64encode(bytes(1002)).decode()
    by_json = client.post("/v1/videos", json={"prompt": PROMPT, "input_reference": {"image_url": url}})
    for answer in (by_form, by_json):
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
    declared = client.post("/v1/videos", content=b"x", headers={"Content-Length": str(MAX_BODY_BYTES + 1)})
    chunks = (bytes(1_000_000) for _ in range(MAX_BODY_BYTES // 1_000_000 + 1))
    counted = client.post("/v1/videos", content=chunks, headers={"Content-Type": "application/json"})
    for answer in (declared, counted):
        assert answer.status_code == 413
        assert answer.json()["error"]["message"] == "The request is larger than 30 MB. Send a smaller picture."


def test_every_route_needs_the_token(client):
    spec = client.get("/openapi.json", headers={"Authorization": ""}).json()
    for path, methods in spec["paths"].items():
        for method in methods:
            answer = client.request(method, path, headers={"Authorization": "Bearer wrong"})
            assert answer.status_code == (200 if path == "/healthz" else 401), path
    error = answer.json() if path != "/healthz" else client.get("/v1/models", headers={"Authorization": TOKEN}).json()
    assert error["error"]["code"] == "invalid_api_key"


def test_wrong_tokens_are_limited_and_the_right_one_is_not(client):
    for _ in range(FAILURES.amount):
        assert client.get("/v1/models", headers={"Authorization": "Bearer wrong"}).status_code == 401
    late = client.get("/v1/models", headers={"Authorization": "Bearer wrong"})
    assert (late.status_code, late.headers["retry-after"]) == (429, "60")
    assert client.get("/v1/models").status_code == 200


def test_the_documentation_needs_no_other_host(client):
    page = client.get("/docs", headers={"Authorization": ""})
    assert page.status_code == 200
    assert "POST /v1/videos" in page.text
    assert "input_reference" in page.text
    assert "http:" not in page.text
    assert "https:" not in page.text
    assert "<script" not in page.text
    assert client.get("/docs.css").headers["content-type"].startswith("text/css")


def test_a_list_has_pages(client, generator):
    ids = [create(client)["id"] for _ in range(5)]
    latest = client.get("/v1/videos?limit=2").json()
    assert ([each["id"] for each in latest["data"]], latest["has_more"]) == ([ids[4], ids[3]], True)
    rest = client.get(f"/v1/videos?limit=3&after={latest['last_id']}").json()
    assert ([each["id"] for each in rest["data"]], rest["has_more"]) == ([ids[2], ids[1], ids[0]], False)
    first = client.get("/v1/videos?limit=1&order=asc").json()
    assert first["first_id"] == first["last_id"] == ids[0]
    assert client.get("/v1/videos?after=video_x").json()["error"]["code"] == "video_not_found"
    assert client.get("/v1/videos?limit=0").json()["error"]["param"] == "limit"


def test_models_say_what_they_accept(client):
    [model] = client.get("/v1/models").json()["data"]
    assert (model["id"], model["sizes"], model["seconds"]) == ("starter", ["160x90", "96x96", "90x160"], ["2"])
    assert client.get("/v1/models/starter").json() == model
    assert client.get("/v1/models/x").json()["error"]["code"] == "model_not_found"


def test_a_full_queue_is_reported(tmp_path, generator):
    with client_in(tmp_path / "home", limits=Limits(queue=2)) as client:
        create(client)
        assert generator.begun.acquire(timeout=20)
        waiting = [create(client)["id"] for _ in range(2)]
        answer = client.post("/v1/videos", json={"prompt": PROMPT})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
        assert answer.json()["error"]["message"].startswith("The queue is full: 2 jobs are waiting.")
        assert client.delete(f"/v1/videos/{waiting[0]}").json()["deleted"]
        create(client)
        generator.gate.set()


def test_a_deleted_job_is_not_generated_and_a_running_one_is_discarded(client, generator, tmp_path):
    running = create(client, prompt="first")["id"]
    assert generator.begun.acquire(timeout=20)
    deleted, last = create(client, prompt="second")["id"], create(client, prompt="third")["id"]
    for video_id in (running, deleted):
        assert client.delete(f"/v1/videos/{video_id}").json()["deleted"]
    generator.gate.set()
    assert finished(client, last)["status"] == "completed"
    assert generator.order == ["first", "third"]
    assert [path.stem for path in (tmp_path / "home/model-server/files").iterdir()] == [last]


def test_failures_are_reported_in_the_video(client, generator):
    generator.failures = SimpleNamespace(get=lambda _: GenerationError("Out of memory."))  # type: ignore[assignment]
    generator.gate.set()
    failed = finished(client, create(client)["id"])
    assert (failed["status"], failed["error"]) == ("failed", {"code": "generation_failed", "message": "Out of memory."})
    content = client.get(f"/v1/videos/{failed['id']}/content").json()["error"]
    assert (content["code"], content["message"]) == (
        "video_failed",
        "The video failed, so it has no content: Out of memory.",
    )


def test_a_broken_device_is_opened_again_at_most_three_times(client, generator):
    generator.failures = SimpleNamespace(get=lambda _: BrokenDeviceError("The GPU is lost."))  # type: ignore[assignment]
    generator.gate.set()
    failed = finished(client, create(client)["id"])
    assert failed["error"]["message"] == "The GPU is lost. It was started 3 times."
    generator.failures = {}
    assert finished(client, create(client)["id"])["status"] == "completed"


def test_sound_is_in_the_file(client, generator, tmp_path):
    rate = 16_000
    generator.sound = Sound(np.sin(np.arange(3 * rate) / 20, dtype=np.float32)[None], rate)
    generator.gate.set()
    done = finished(client, create(client)["id"])
    path = tmp_path / "got.mp4"
    path.write_bytes(client.get(f"/v1/videos/{done['id']}/content").content)
    with av.open(str(path)) as container:
        sound = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=-1)
    assert abs(sound.shape[-1] - 48_000 * 17 / 8) <= 1024
    assert 0.5 < np.abs(sound).max() <= 1.1
    variant = client.app.state.service.queue.get(done["id"]).variant
    assert np.abs(read_frames(path).astype(int) - paint(variant)).mean() < 6


def test_unfinished_jobs_survive_a_restart(tmp_path, generator, monkeypatch):
    monkeypatch.setattr("app.model_server.device_workers.GRACE_S", 0.0)
    with client_in(tmp_path / "home") as client:
        running = create(client, prompt="running")["id"]
        assert generator.begun.acquire(timeout=20)
        waiting = create(client, prompt="waiting")["id"]
    records = {
        path.stem: json.loads(path.read_text())["status"] for path in (tmp_path / "home/model-server/jobs").iterdir()
    }
    assert records == {running: "in_progress", waiting: "queued"}
    again = GatedGenerator()
    again.gate.set()
    monkeypatch.setattr(devices_module, "open_generator", lambda *_, **__: again)
    resources.close_resources()
    with client_in(tmp_path / "home") as client:
        assert [finished(client, each)["status"] for each in (running, waiting)] == ["completed", "completed"]
        content = client.get(f"/v1/videos/{running}/content").content
    with client_in(tmp_path / "home") as client:
        assert client.get(f"/v1/videos/{running}/content").content == content
    generator.gate.set()


def test_a_job_whose_model_is_not_offered_any_longer_fails(tmp_path, generator, monkeypatch):
    monkeypatch.setattr("app.model_server.device_workers.GRACE_S", 0.0)
    with client_in(tmp_path / "home", ["starter", "starter-4step"]) as client:
        create(client)
        assert generator.begun.acquire(timeout=20)
        waiting = create(client, model="starter-4step")["id"]
    resources.close_resources()
    with client_in(tmp_path / "home") as client:
        assert client.get(f"/v1/videos/{waiting}").json()["error"] == {
            "code": "model_not_offered",
            "message": "The server was restarted without the model starter-4step.",
        }
        generator.gate.set()


def test_jobs_of_the_loaded_model_go_first_but_others_do_not_starve(tmp_path, generator):
    with client_in(tmp_path / "home", ["starter", "starter-4step"]) as client:
        create(client, prompt="loaded")
        assert generator.begun.acquire(timeout=20)
        other = create(client, prompt="other", model="starter-4step")["id"]
        later = [create(client, prompt=f"later {number}")["id"] for number in range(PASSED_OVER + 2)]
        generator.gate.set()
        for video_id in (other, *later):
            assert finished(client, video_id)["status"] == "completed"
    assert generator.order.index("other") == 1 + PASSED_OVER


def test_expired_and_surplus_files_are_deleted(tmp_path, generator):
    generator.gate.set()
    with client_in(tmp_path / "home", limits=Limits(keep_s=3600.0, keep_bytes=1.0)) as client:
        service, video_id = client.app.state.service, create(client)["id"]
        finished(client, video_id)
        service.prune()
        assert client.get(f"/v1/videos/{video_id}").status_code == 404
    with client_in(tmp_path / "home", limits=Limits(keep_s=0.0)) as client:
        service, video_id = client.app.state.service, create(client)["id"]
        finished(client, video_id)
        time.sleep(0.01)
        service.prune()
        assert client.get(f"/v1/videos/{video_id}").status_code == 404
    assert not list((tmp_path / "home/model-server/files").iterdir())


@pytest.mark.parametrize("video_id", ["..%2F..%2Ftoken", "%2e%2e", "video_" + "0" * 32, "token", "../token"])
def test_ids_lead_to_no_other_files(client, video_id):
    for method in ("GET", "DELETE"):
        assert client.request(method, f"/v1/videos/{video_id}").status_code == 404
    assert client.get(f"/v1/videos/{video_id}/content").status_code == 404


def test_records_that_were_changed_lead_to_no_other_files(tmp_path, generator):
    jobs = tmp_path / "home/model-server/jobs"
    with client_in(tmp_path / "home") as client:
        video_id = create(client)["id"]
        generator.gate.set()
        finished(client, video_id)
    record = json.loads((jobs / f"{video_id}.json").read_text())
    (jobs / "video_a.json").write_text(json.dumps(record | {"video_id": "../../token"}))
    (jobs / "video_b.json").write_text("{")
    with client_in(tmp_path / "home") as client:
        assert [each["id"] for each in client.get("/v1/videos").json()["data"]] == [video_id]


def test_unknown_routes_and_methods_have_the_same_errors(client):
    assert client.get("/v1/x").json()["error"]["message"] == "This server has no GET /v1/x. /docs lists its routes."
    assert client.put("/v1/videos").json()["error"]["code"] == "method_not_allowed"
    assert client.get("/v1/videos", headers=AUTH).headers["cache-control"] == "no-store"


def test_cards_that_must_not_be_offered(tmp_path, generator):
    folder = tmp_path / "cards"
    folder.mkdir()
    licence = {"name": "Stability", "commercial": "limited", "revenue_limit_usd": 1_000_000}
    card = get_card("starter").model_dump(mode="json") | {"name": "svd", "vocabulary": None, "licence": licence}
    (folder / "svd.json").write_text(json.dumps(card))
    with pytest.raises(LicenceNotAttestedError, match="svd cannot be offered to others yet: its licence"):
        client_in(tmp_path / "home", ["svd"], model_folders=(folder,)).__enter__()
    with pytest.raises(ModelError, match=r"wan2\.1-t2v-1\.3b cannot be offered: "):
        client_in(tmp_path / "home", ["wan2.1-t2v-1.3b"], weights_root=tmp_path).__enter__()
    with pytest.raises(ModelError, match="hosted-starter is a hosted model"):
        client_in(tmp_path / "home", ["hosted-starter"]).__enter__()


def test_a_clip_starts_from_the_picture_of_a_client(tmp_path, generator, monkeypatch):
    sources = []

    def open_generator(*_, pictures, **__):
        sources.append(pictures)
        return generator

    monkeypatch.setattr(devices_module, "open_generator", open_generator)
    folder = tmp_path / "cards"
    folder.mkdir()
    card = get_card("starter").model_dump(mode="json") | {
        "name": "animate",
        "kind": "image-to-video",
        "vocabulary": None,
    }
    card["weights"] |= {
        "folder": str(weights_path(get_local_card("starter"))),
        "revision": card["weights"]["sha256"][:12],
    }
    (folder / "animate.json").write_text(json.dumps(card))
    content, kept = picture(tmp_path / "first.png"), tmp_path / "home/model-server/first-frames"
    url = "data:image/png;base64," + base64.b64encode(content).decode()
    with client_in(tmp_path / "home", ["animate"], model_folders=(folder,)) as client:
        error = refusal(client)
        assert error["message"].startswith("animate needs the picture that the clip starts with.")
        by_form = client.post(
            "/v1/videos", data={"prompt": PROMPT}, files={"input_reference": ("first.png", content, "image/png")}
        ).json()
        by_json = create(client, input_reference={"image_url": url})
        nested = client.post("/v1/videos", data={"prompt": PROMPT, "input_reference[image_url]": url}).json()
        service = client.app.state.service
        hashes = {service.queue.get(each["id"]).variant.first_frame_sha256 for each in (by_form, by_json, nested)}
        assert hashes == {hashlib.sha256(content).hexdigest()}
        generator.gate.set()
        for each in (by_form, by_json, nested):
            assert finished(client, each["id"])["status"] == "completed"
        assert sources[0](hashes.pop()).shape == (128, 128, 3)
        for each in (by_form, by_json):
            client.delete(f"/v1/videos/{each['id']}")
        assert len(list(kept.glob("*.png"))) == 1
        client.delete(f"/v1/videos/{nested['id']}")
        assert not list(kept.glob("*.png"))


def test_a_full_disk_is_reported_and_the_server_goes_on(client, generator, monkeypatch):
    store = client.app.state.service._store

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(type(store), "write", full)
        error = refusal(client, 503)
    assert (error["code"], error["type"]) == ("disk_full", "server_error")
    with monkeypatch.context() as patched:
        patched.setattr(type(store), "write", lambda *_: Path("/proc/missing").read_bytes())
        assert refusal(client, 500)["message"] == "Unexpected error. The log of the server shows the details."
    generator.gate.set()
    assert finished(client, create(client)["id"])["status"] == "completed"


def test_a_device_goes_on_after_a_record_could_not_be_written(client, generator, monkeypatch):
    monkeypatch.setattr("app.model_server.device_workers.RETRY_S", 0.01)
    queue = client.app.state.service.queue
    write, failures = queue._store.write, [1, 2]

    def sometimes(job):
        if job.status == "in_progress" and failures:
            failures.pop()
            raise OSError(errno.ENOSPC, "No space left on device")
        write(job)

    monkeypatch.setattr(queue._store, "write", sometimes)
    generator.gate.set()
    assert finished(client, create(client)["id"])["status"] == "completed"
    assert not failures


def test_files_of_a_killed_server_are_removed(tmp_path, generator):
    root = tmp_path / "home/model-server"
    with client_in(tmp_path / "home"):
        pass
    left = [root / "jobs/.video_a.json.part", root / "files/.video_a.mp4.1.part", root / "files/video_a.mp4"]
    for path in left:
        path.write_bytes(b"half")
    with client_in(tmp_path / "home"):
        assert not [path for path in left if path.exists()]
