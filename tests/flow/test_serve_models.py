"""`reelmill serve-models` with the starter, used by the official client of the protocol."""

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import openai
import pytest
from cli_runner import reelmill
from served_models import Server

from adapters.media.video import encode, read_frames
from manifests.brief import Brief
from manifests.placement import Placement
from models.registry import get_local_card, open_generator
from tasks.plan.expand import expand

WAIT_S = 120.0
PROMPT = "a red circle drifting right on a white background"
pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("served") / "home")
    yield running
    running.kill()


def finished(client: openai.OpenAI, video_id: str) -> openai.types.Video:
    end = time.monotonic() + WAIT_S
    while (video := client.videos.retrieve(video_id)).status in ("queued", "in_progress"):
        assert time.monotonic() < end, video
        time.sleep(0.05)
    return video


def frames_in(path: Path, content: bytes) -> np.ndarray:
    path.write_bytes(content)
    return read_frames(path)


def local_frames(path: Path, prompt: str, seed: int) -> np.ndarray:
    """Generate a clip as a run of a sheet does, and return the frames of its file."""
    card = get_local_card("starter")
    brief = Brief(
        row=2, brief_id="a", prompts=(prompt,), placements=(Placement("16:9", "16:9"),), variants=1, seed=seed
    )
    [planned] = expand([brief], {"starter": card}, "starter")
    generator = open_generator(card, threads=1)
    [made] = generator.generate([planned.variant])
    generator.close()
    assert not isinstance(made, Exception)
    encode(made.frames, planned.variant.fps, path)
    return read_frames(path)


def test_the_official_client_gets_the_clip_of_a_local_run(server: Server, tmp_path: Path):
    client = server.client
    video = client.videos.create(prompt=PROMPT, model="starter", size="160x90", seconds="2", extra_body={"seed": 7})  # type: ignore[arg-type]
    assert (video.object, video.status, video.size, video.seconds) == ("video", "queued", "160x90", "2")
    done = finished(client, video.id)
    assert (done.status, done.progress, done.error, done.id) == ("completed", 100, None, video.id)
    content = client.videos.download_content(video.id).read()
    assert np.array_equal(frames_in(tmp_path / "got.mp4", content), local_frames(tmp_path / "local.mp4", PROMPT, 7))
    assert video.id in [each.id for each in client.videos.list(limit=100)]
    assert client.videos.delete(video.id).deleted
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        client.videos.retrieve(video.id)


def test_a_json_client_gets_the_same_clip(server: Server, tmp_path: Path):
    fields = {"prompt": PROMPT, "model": "starter", "size": "96x96", "seconds": "2", "seed": 3}
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.token}"}) as client:
        ids = [client.post("/v1/videos", json=fields).json()["id"] for _ in range(2)]
        contents = []
        for video_id in ids:
            finished(server.client, video_id)
            contents.append(client.get(f"/v1/videos/{video_id}/content").content)
    first, second = (frames_in(tmp_path / f"{index}.mp4", each) for index, each in enumerate(contents))
    assert first.shape == (17, 96, 96, 3)
    assert np.array_equal(first, second)


def test_pages_follow_each_other_in_the_official_client(server: Server):
    client = server.client
    ids = [client.videos.create(prompt=f"{colour} waves drifting up").id for colour in ("red", "blue", "teal")]
    for video_id in ids:
        finished(client, video_id)
    listed = [each.id for each in client.videos.list(limit=1, order="asc")]
    assert [each for each in listed if each in ids] == ids


def test_four_clients_at_once(server: Server, tmp_path: Path):
    def one(number: int) -> tuple[int, bytes]:
        client = server.client
        video = client.videos.create(prompt=PROMPT, extra_body={"seed": number})
        assert finished(client, video.id).status == "completed"
        return number, client.videos.download_content(video.id).read()

    with ThreadPoolExecutor(4) as pool:
        made = dict(pool.map(one, range(4)))
    clips = [frames_in(tmp_path / f"{number}.mp4", content) for number, content in made.items()]
    assert len({clip.tobytes() for clip in clips}) == 4


def test_errors_reach_the_official_client(server: Server):
    with pytest.raises(openai.BadRequestError) as refused:
        server.client.videos.create(prompt=PROMPT, seconds="4")
    assert (refused.value.param, refused.value.code) == ("seconds", "unsupported_seconds")
    with pytest.raises(openai.AuthenticationError, match="The token is missing or wrong"):
        server.client.with_options(api_key="wrong").videos.list()


@pytest.mark.slow
def test_a_killed_server_finishes_its_jobs_after_the_next_start(tmp_path: Path):
    first = Server(tmp_path / "home")
    try:
        ids = [first.client.videos.create(prompt=PROMPT, extra_body={"seed": seed}).id for seed in range(3)]
        assert finished(first.client, ids[0]).status == "completed"
    finally:
        first.kill()
    second = Server(tmp_path / "home")
    try:
        client = second.client
        assert [finished(client, each).status for each in ids] == ["completed"] * 3
        frames = frames_in(tmp_path / "got.mp4", client.videos.download_content(ids[2]).read())
        assert np.array_equal(frames, local_frames(tmp_path / "local.mp4", PROMPT, 2))
    finally:
        second.kill()


def test_ctrl_c_ends_the_server_and_keeps_the_jobs(tmp_path: Path):
    server = Server(tmp_path / "home")
    try:
        ids = [server.client.videos.create(prompt=PROMPT).id for _ in range(20)]
        assert server.interrupt() < 30
        assert server.process.returncode == 130, server.text
        assert server.lines[-1] == "Stopped."
        assert "Traceback" not in server.text
    finally:
        server.kill()
    records = [json.loads((tmp_path / f"home/model-server/jobs/{each}.json").read_text()) for each in ids]
    assert {record["status"] for record in records} <= {"queued", "in_progress", "completed"}
    assert records[-1]["status"] == "queued"


def test_a_second_server_of_the_same_home_is_refused(server: Server, home: Path, monkeypatch, capsys):
    monkeypatch.setenv("REELMILL_HOME", str(server.home))
    ended = reelmill(capsys, "serve-models", "--port", "0")
    assert ended.code == 1
    assert "Another `reelmill serve-models` uses" in ended.err


def test_with_a_token_of_its_own_the_server_listens_on_other_interfaces(tmp_path: Path):
    server = Server(tmp_path / "home", "--host", "0.0.0.0", model_server_token="chosen-by-the-test")
    try:
        assert "the server uses plain HTTP" in server.text
        address = server.url.replace("0.0.0.0", "127.0.0.1")
        token = {"Authorization": "Bearer chosen-by-the-test"}
        assert httpx.get(f"{address}/v1/models", headers=token).status_code == 200
        assert "chosen-by-the-test" not in server.text
        assert not (tmp_path / "home/model-server/token").exists()
    finally:
        server.kill()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--card", "startr"], "Did you mean starter"),
        (["--card", "hosted-starter"], "hosted-starter is a hosted model"),
        (["--host", "0.0.0.0"], "Set REELMILL_MODEL_SERVER_TOKEN"),
        (["--host", "::"], "Set REELMILL_MODEL_SERVER_TOKEN"),
        (["--host", "models.example"], "Set REELMILL_MODEL_SERVER_TOKEN"),
    ],
)
def test_what_cannot_be_served_is_refused_before_the_server_listens(home: Path, capsys, words, message):
    ended = reelmill(capsys, "serve-models", "--port", "0", *words)
    assert (ended.code, message in ended.err) == (1, True), ended.err


def test_addresses_of_other_machines_are_refused(home: Path, monkeypatch, capsys):
    monkeypatch.setenv("REELMILL_MODEL_SERVER_TOKEN", "chosen-by-the-test")
    ended = reelmill(capsys, "serve-models", "--port", "0", "--host", "192.0.2.1")  # for documentation: RFC 5737
    assert ended.code == 1
    assert "Cannot listen on 192.0.2.1, port 0: " in ended.err


def test_the_token_file_is_private(server: Server):
    mode = os.stat(server.home / "model-server" / "token").st_mode & 0o777
    assert mode == 0o600
    assert len(server.token) >= 40
    assert server.token not in server.text
