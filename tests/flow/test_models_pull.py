"""`reelmill models pull` with tiny weights on a hub on loopback."""

import json
import os
import pickle
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_weights
from cli_runner import reelmill
from hub_server import Hub, hub_server, use_hub
from tiny_lora import wan_lora

from adapters.hub import download
from models.registry import get_card, load_scorer_cards, open_generator, open_scorer, weights_problem
from tasks.doctor.check import run_checks
from tasks.doctor.checks import Check
from tasks.doctor.program import check_weights
from tasks.runtime.resources import Resources

REVISION = "b" * 40
LORA = "4steps/pytorch_lora_weights.safetensors"
UNWANTED = {
    "README.md": b"# Tiny",
    "pipeline.py": b"print('hello')",
    "tiny_all_in_one.safetensors": b"x" * 5000,
    "comfyui/tiny.safetensors": b"x" * 5000,
    "vae/diffusion_pytorch_model.fp16.safetensors": b"x" * 5000,
    "vae/pytorch_model.bin": pickle.dumps([1]),
    "text_encoder/onnx/model.safetensors": b"x" * 5000,
}


@pytest.fixture
def hub(monkeypatch):
    """A hub with a pipeline, a LoRA and a scorer, each in its own repository, and files that nobody needs."""
    with hub_server() as server:
        server.add("makers/video", REVISION, tiny_weights.wan_folder(), **UNWANTED)
        lora = wan_lora(tiny_weights.wan_folder())
        server.repositories["makers/loras", REVISION] = {LORA: lora.read_bytes(), "other.safetensors": b"x" * 5000}
        server.add("makers/scorer", REVISION, tiny_weights.openclip_folder(), **{"open_clip_model.bin": b"x" * 5000})
        use_hub(monkeypatch, server.url)
        yield server


@pytest.fixture
def folder(home, tmp_path, monkeypatch) -> Path:
    """A folder with two cards of the hub's repositories; weights are downloaded to another one."""
    cards = tmp_path / "cards"
    cards.mkdir()
    video = tiny_weights.wan_card(name="tiny-video", scorer="tiny-scorer", weights=on_hub("makers/video"))
    lora = {"name": "fast", "weights": on_hub("makers/loras"), "file": LORA}
    write(cards, video.model_dump(mode="json") | {"loras": [lora]})
    write(cards, tiny_weights.scorer_card(name="tiny-scorer", weights=on_hub("makers/scorer")).model_dump(mode="json"))
    monkeypatch.setenv("REELMILL_MODEL_FOLDERS", json.dumps([str(cards)]))
    monkeypatch.setenv("REELMILL_WEIGHTS_ROOT", str(tmp_path / "weights"))
    return tmp_path / "weights"


def on_hub(hub_id: str, size_mb: float = 1) -> dict:
    return {"hub_id": hub_id, "revision": REVISION, "size_mb": size_mb}


def write(cards: Path, content: dict) -> None:
    (cards / f"{content['name']}.json").write_text(json.dumps(content))


def cards_of(folder: Path) -> list:
    where = [folder.parent / "cards"]
    return [get_card("tiny-video", where), load_scorer_cards(where)["tiny-scorer"]]


def files_of(folder: Path) -> set[str]:
    """Return the repository and name of each downloaded file."""
    places = [path.relative_to(folder).parts for path in folder.rglob("*") if path.is_symlink()]
    return {"/".join((parts[0].removeprefix("models--makers--"), *parts[3:])) for parts in places}


def test_the_command_in_the_message_downloads_weights_that_can_be_loaded(hub, folder, capsys):
    video, scorer = cards_of(folder)
    problem = weights_problem(video, folder)
    command = problem.partition("Download them with: ")[2]
    ended = reelmill(capsys, *shlex.split(command)[1:])
    assert ended.code == 0, ended.err
    assert "The weights of tiny-video and tiny-scorer are complete and unchanged" in ended.out
    assert weights_problem(video, folder) is None
    assert weights_problem(scorer, folder) is None
    open_generator(video, weights_root=folder)
    open_scorer("tiny-scorer", extra_folders=[folder.parent / "cards"], weights_root=folder)


def test_only_files_that_are_loaded_are_downloaded(hub, folder, capsys):
    reelmill(capsys, "models", "pull", "tiny-video")
    there = files_of(folder)
    assert f"loras/{LORA}" in there
    assert "video/model_index.json" in there
    assert not there & {f"video/{name}" for name in UNWANTED}
    assert "loras/other.safetensors" not in there
    assert "scorer/open_clip_model.bin" not in there


def test_nothing_but_the_repositories_is_asked_for(hub, folder, capsys):
    reelmill(capsys, "models", "pull", "tiny-video")
    assert {path.split("/")[1] for server, path, _ in hub.asked if server == "hub"} == {"api", "makers"}
    assert all(path.startswith("/api/models/makers/") for _, path, _ in hub.asked if path.startswith("/api/"))


def test_a_repository_that_is_broken_itself_does_not_ask_for_another_download(hub, folder, capsys):
    hub.repositories["makers/video", REVISION]["vae/config.json"] = b"{"
    ended = reelmill(capsys, "models", "pull", "tiny-video")
    assert ended.code == 1
    assert "vae/config.json is missing or damaged" in ended.err
    assert "models pull" not in ended.err
    assert "The files match those of the hub. Enter another revision in the card." in ended.err


def test_a_dry_run_lists_the_files_and_writes_nothing(hub, folder, capsys):
    ended = reelmill(capsys, "models", "pull", "tiny-video", "--dry-run")
    assert ended.code == 0
    assert f"makers/video at {REVISION}" in ended.out
    assert " GB  transformer/diffusion_pytorch_model.safetensors" in ended.out
    assert "GB are missing. The disk of" in ended.out
    assert not folder.exists()
    reelmill(capsys, "models", "pull", "tiny-video")
    assert "of which 0.0 GB are missing" in reelmill(capsys, "models", "pull", "tiny-video", "--dry-run").out


def test_json_has_the_files_and_sizes(hub, folder, capsys):
    planned = json.loads(reelmill(capsys, "models", "pull", "tiny-video", "--dry-run", "--json").out)
    assert planned["total_bytes"] == planned["missing_bytes"] == sum(file["bytes"] for file in planned["files"]) > 0
    assert "weights_problem" not in planned
    pulled = json.loads(reelmill(capsys, "models", "pull", "tiny-video", "--json").out)
    assert pulled["weights_problem"] is None
    assert all(file["present"] for file in pulled["files"])


def test_a_second_call_downloads_nothing(hub, folder, capsys):
    reelmill(capsys, "models", "pull", "tiny-video")
    hub.asked.clear()
    assert reelmill(capsys, "models", "pull", "tiny-video").code == 0
    assert [path for server, path, _ in hub.asked if server == "storage"] == []


def test_damage_is_repaired_by_the_command_that_the_message_names(hub, folder, capsys):
    reelmill(capsys, "models", "pull", "tiny-video")
    video = cards_of(folder)[0]
    file = next(folder.glob("models--makers--video/snapshots/*/transformer/*.safetensors"))
    file.resolve().write_bytes(b"x" * file.stat().st_size)
    problem = weights_problem(video, folder)
    command = problem.partition("run: ")[2]
    assert reelmill(capsys, *shlex.split(command)[1:]).code == 0
    assert weights_problem(video, folder) is None


def test_an_interrupted_download_is_resumed_by_the_same_command(hub, folder, capsys, monkeypatch):
    monkeypatch.setattr(download, "LONGEST_WAIT_S", 0.0)
    hub.fail("transformer/diffusion_pytorch_model.safetensors", times=20, cut=1000, ignores_range=True)
    ended = reelmill(capsys, "models", "pull", "tiny-video")
    assert ended.code == 1
    assert "cannot be reached" in ended.err
    assert "Run the command again to resume; what was downloaded is kept." in ended.err
    assert "are not downloaded" in weights_problem(cards_of(folder)[0], folder)
    hub.faults.clear()
    assert reelmill(capsys, "models", "pull", "tiny-video").code == 0


def test_progress_is_a_line_per_tenth_without_a_terminal(hub, folder, capsys):
    shown = reelmill(capsys, "models", "pull", "tiny-video").err
    assert 1 <= shown.count("Downloaded 0.0 of 0.0 GB.") <= 12
    assert reelmill(capsys, "models", "pull", "tiny-video", "--json").err == ""


REFUSED = [
    ({"weights": on_hub("makers/none")}, "The hub has no public repository makers/none (401)"),
    ({"weights": on_hub("makers/video") | {"revision": "c" * 40}}, f"makers/video has no revision {'c' * 40} (404)"),
    ({"weights": on_hub("makers/scorer")}, "it contains no model_index.json"),
    ({"pipeline": "LTXPipeline"}, "it contains a WanPipeline, but the card requires LTXPipeline"),
    ({"parts": {"vae": on_hub("makers/loras")}}, "part vae in makers/loras at the revision"),
    ({"loras": [{"name": "a", "weights": on_hub("makers/loras"), "file": "b.safetensors"}]}, "no b.safetensors"),
]


@pytest.mark.parametrize(("changes", "sentence"), REFUSED, ids=[sentence for _, sentence in REFUSED])
def test_what_could_not_be_loaded_is_refused_before_it_is_downloaded(hub, folder, capsys, changes, sentence):
    path = folder.parent / "cards" / "tiny-video.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    hub.repositories["makers/loras", REVISION] = {LORA: b"x", "in/folder.safetensors": b"x"}
    ended = reelmill(capsys, "models", "pull", "tiny-video")
    assert ended.code == 1
    assert sentence in ended.err
    assert not folder.exists()


def test_a_repository_with_pickles_only_is_refused_before_it_is_downloaded(hub, folder, capsys):
    files = hub.repositories["makers/video", REVISION]
    for name in [name for name in files if name.startswith("text_encoder/") and name.endswith(".safetensors")]:
        files[name.replace(".safetensors", ".bin")] = files.pop(name)
    assert "text_encoder contains no safetensors file" in reelmill(capsys, "models", "pull", "tiny-video").err
    assert not folder.exists()


def test_far_more_than_the_card_says_is_refused(hub, folder, capsys):
    hub.sizes["transformer/diffusion_pytorch_model.safetensors"] = 9 * 10**9
    assert "but the card's size_mb is 1" in reelmill(capsys, "models", "pull", "tiny-video").err
    assert not folder.exists()


def test_a_model_that_is_not_on_the_hub_needs_no_download(home, capsys):
    ended = reelmill(capsys, "models", "pull", "starter")
    assert ended.code == 0
    assert "None of them come from the hub" in ended.out
    assert "do not come from the hub" in reelmill(capsys, "models", "pull", "starter", "--dry-run").out


def test_weights_that_this_version_cannot_run_are_not_downloaded(home, capsys):
    ended = reelmill(capsys, "models", "pull", "minimax-h3")
    assert ended.code != 0
    assert ended.err.startswith("Error: minimax-h3 cannot run:")
    assert ended.err.strip().endswith("Use another model from `reelmill models`.")


def test_a_program_can_pull_with_the_variables_of_the_hub(hub: Hub, folder):
    """In a new process, as a user runs it: HF_ENDPOINT, HF_TOKEN, and offline mode, which the command lifts."""
    hub.token = "hf_secret"
    command = [sys.executable, "-m", "app.cli.main", "models", "pull", "tiny-video"]
    environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "1"}
    without = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert without.returncode == 1
    assert "makers/video is gated (401)" in without.stderr
    assert not folder.exists()
    done = subprocess.run(command, env=environment | {"HF_TOKEN": "hf_secret"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "hf_secret" not in done.stderr + done.stdout
    assert "storage" not in {server for server, _ in hub.authorized}


def test_doctor_names_the_command(folder):
    resources = Resources("", None, None, Path(), model_folders=(folder.parent / "cards",), weights_root=folder)
    (found,) = run_checks({"weights": Check(lambda: check_weights(resources, "tiny-video"))})
    assert found.level == "fail"
    assert found.fix == "Run `reelmill models pull tiny-video`, which downloads what is missing or damaged."
