"""Model folders of strangers: nothing in them is run, nothing is fetched, and a changed folder loses its name."""

import ast
import contextlib
import json
import os
import pickle
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import open_clip
import pytest
import tiny_families
import tiny_image_families
import tiny_weights
import torch
import transformers
from cli_runner import reelmill
from hostile_models import ATTACKS, CONFIG, OWN_MAP, TEXT, Attack, Loaded, build, canary_of, edit, module
from hub_cache import hub_snapshot
from tiny_cards import tiny_card

from flows.registration import check_weights as check_weights_of_run
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.errors import IncompleteWeightsError
from models.card import Card, ModelCard
from models.diffusers import loading
from models.openclip import scorer as scorer_module
from models.openclip.scorer import OpenClipScorer
from models.registry import HOME, get_card, load_scorer_cards, open_generator, open_scorer
from models.weights import file_digest, unread_bytes, weights_problem
from models.weights.config.open_clip_config import OpenClipConfig
from models.weights.integrity import QUICK_BYTES
from tasks.doctor.program import check_weights
from tasks.runtime.resources import close_resources

SECONDS = 10
"""Bound for one check, on a busy machine."""


@pytest.fixture(autouse=True)
def connections(monkeypatch) -> list[object]:
    """Refuse and list all connections and look-ups of names."""
    tried: list[object] = []

    def refuse(*arguments: object) -> None:
        tried.append(arguments)
        raise OSError("the test forbids the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tried


def load(card: Card) -> object:
    return open_generator(card) if isinstance(card, ModelCard) else OpenClipScorer(card)


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
def test_a_hostile_folder_is_refused_in_one_sentence(attack: Attack, tmp_path, connections, monkeypatch):
    folder = tmp_path / "model"
    card = build(attack, folder)
    for module_, name in ((loading, "load_parts"), (scorer_module, "_load")):
        monkeypatch.setattr(module_, name, lambda *_: pytest.fail("something was loaded"))
    start = time.monotonic()
    problem = weights_problem(card)
    assert time.monotonic() - start < SECONDS
    assert problem is not None
    assert attack.sentence in problem
    assert problem.isprintable()
    assert problem.endswith(".")
    with pytest.raises(IncompleteWeightsError) as caught:
        load(card)
    assert str(caught.value) == problem
    assert not canary_of(folder).exists()
    assert connections == []


CHILD = """
import json, resource, sys
sys.path[:0] = ["."]
from models.card import ModelCard, ScorerCard
from models.weights import file_digest, unread_bytes, weights_problem
from models.weights.integrity import QUICK_BYTES
from models.weights.config.open_clip_config import OpenClipConfig
from tasks.doctor.program import check_weights
from tasks.runtime.resources import close_resources
resource.setrlimit(resource.RLIMIT_AS, (1_500_000_000,) * 2)
seen = []
WATCHED = (
    "socket.", "subprocess.", "os.system", "os.exec", "os.fork", "pickle.", "marshal.", "exec", "compile", "import",
    "ctypes.",
)
def watch(event, arguments):
    if event.startswith(WATCHED):
        seen.append(f"{event} {str(arguments)[:100]}")
cards = []
for line in sys.stdin:
    content = json.loads(line)
    cards.append((ScorerCard if content["kind"] == "openclip" else ModelCard).model_validate(content))
for card in cards:  # imports the modules that the check needs
    weights_problem(card)
sys.addaudithook(watch)
for card in cards:
    print(json.dumps(weights_problem(card)))
print(json.dumps([sorted({*seen}), sorted({"torch", "transformers", "diffusers", "open_clip"} & {*sys.modules})]))
"""


def test_all_checks_together_need_little_memory_and_no_library(tmp_path):
    lines = [line_of(tiny_weights.ltx_card())]
    lines += [line_of(build(attack, tmp_path / str(number) / "model")) for number, attack in enumerate(ATTACKS)]
    child = subprocess.run(
        [sys.executable, "-c", CHILD], input="".join(lines), capture_output=True, text=True, timeout=120, check=True
    )
    *problems, (events, libraries) = map(json.loads, child.stdout.splitlines())
    assert problems[0] is None
    for attack, problem in zip(ATTACKS, problems[1:], strict=True):
        assert attack.sentence in problem
    assert events == []
    assert libraries == []


def line_of(card: Card) -> str:
    return json.dumps(card.model_dump(mode="json")) + "\n"


# The second line of defence: what the loaders do if a check has a gap.


@pytest.fixture
def evil(tmp_path, monkeypatch) -> Path:
    """A scorer's folder that names a module of its own, with the checks turned off."""
    folder = shutil.copytree(tiny_weights.openclip_folder(), tmp_path / "model")
    edit(CONFIG, **{f"{TEXT}tokenizer_kwargs": {"trust_remote_code": True}})(folder)
    edit("tokenizer_config.json", auto_map=OWN_MAP, tokenizer_class="Evil")(folder)
    (folder / "evil.py").write_text(module(folder))
    monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(scorer_module, "weights_problem", lambda *_: None)
    monkeypatch.setattr(loading, "weights_problem", lambda *_: None)
    return folder


def test_the_attack_works_against_open_clip_itself(evil):
    open_clip.get_tokenizer(f"local-dir:{evil}")
    assert canary_of(evil).exists()


def test_the_scorer_overrides_trust_in_remote_code(evil, connections):
    with contextlib.suppress(IncompleteWeightsError):  # transformers may refuse the folder or ignore the module
        OpenClipScorer(tiny_weights.scorer_card(evil))
    assert not canary_of(evil).exists()
    assert connections == []


def test_a_text_tower_of_the_hub_is_not_fetched(evil, connections):
    (evil / "evil.py").unlink()
    edit(CONFIG, **{f"{TEXT}hf_model_name": "evil/roberta", f"{TEXT}tokenizer_kwargs": {}})(evil)
    with pytest.raises(IncompleteWeightsError, match="cannot be loaded"):
        OpenClipScorer(tiny_weights.scorer_card(evil))
    assert connections == []


def test_a_pipelines_own_module_is_not_run(evil, tmp_path, connections):
    folder = shutil.copytree(tiny_weights.ltx_folder(), tmp_path / "pipeline")
    edit("model_index.json", vae=["evil", "Evil"])(folder)
    (folder / "vae" / "evil.py").write_text(module(folder))
    with pytest.raises(IncompleteWeightsError, match="cannot be loaded"):
        open_generator(tiny_weights.ltx_card(folder))
    assert not canary_of(folder).exists()
    assert connections == []


ARGUMENTS = {
    "from_pretrained": {"local_files_only", "use_safetensors"},
    "load_lora_weights": {"local_files_only", "use_safetensors"},
    "create_model_and_transforms": {"weights_only", "pretrained_image", "pretrained_text"},
}
UNSAFE = {
    ("torch", "load"),
    ("pickle", "load"),
    ("pickle", "loads"),
    ("numpy", "load"),
    ("np", "load"),
    ("joblib", "load"),
}


def calls_of_models() -> Iterator[tuple[str, ast.Call]]:
    """Yield all calls of methods in models/."""
    for path in sorted(HOME.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield f"{path.relative_to(HOME)}:{node.lineno}", node


def test_every_loader_of_models_reads_only_local_safetensors():
    """Checks also the code of models that are added later."""
    found = 0
    for place, call in calls_of_models():
        assert (getattr(call.func.value, "id", ""), call.func.attr) not in UNSAFE, place
        given = {keyword.arg for keyword in call.keywords}
        if call.func.attr in ARGUMENTS:
            assert given >= ARGUMENTS[call.func.attr], place
            found += 1
    assert found >= 4


# Hashes


def test_a_changed_folder_loses_the_name_of_the_starter(tmp_path):
    card = load_scorer_cards()["starter-openclip"]
    shutil.copytree(HOME / "starter", tmp_path / "starter")
    assert open_scorer("starter-openclip", weights_root=tmp_path).name == "starter-openclip@877037c35073"
    edit(CONFIG, preprocess_cfg___mean=[0.4, 0.4, 0.4])(tmp_path / "starter" / "openclip")
    problem = weights_problem(card, tmp_path)
    assert "the file open_clip_config.json is not what the card's sha256 stands for" in problem
    with pytest.raises(IncompleteWeightsError, match=r"open_clip_config\.json"):
        open_scorer("starter-openclip", weights_root=tmp_path)


def test_a_change_of_weights_with_the_same_size_and_time_is_found(tmp_path):
    folder = shutil.copytree(HOME / "starter" / "t2v", tmp_path / "starter" / "t2v")
    card, path = get_card("starter"), folder / "vae" / "diffusion_pytorch_model.safetensors"
    assert weights_problem(card, tmp_path) is None
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x01")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert "the file vae/diffusion_pytorch_model.safetensors is not what" in weights_problem(card, tmp_path)


@pytest.mark.parametrize("change", ["more", "less", "other"])
def test_every_difference_between_folder_and_hash_is_found(tmp_path, change):
    folder = shutil.copytree(tiny_weights.openclip_folder(), tmp_path / "model")
    (folder / "special_tokens_map.json").write_text("{}")
    card = tiny_weights.scorer_card(folder)
    assert weights_problem(card) is None
    if change == "more":
        (folder / "added_tokens.json").write_text("{}")
    if change == "less":
        (folder / "special_tokens_map.json").unlink()
    if change == "other":
        (folder / "special_tokens_map.json").write_text("{ }")
    assert "not what the card's sha256 stands for" in weights_problem(card)
    assert "reelmill models verify tiny-openclip" in weights_problem(card)


def test_documents_do_not_change_the_hash(tmp_path):
    folder = shutil.copytree(tiny_weights.openclip_folder(), tmp_path / "model")
    card = tiny_weights.scorer_card(folder)
    (folder / "README.md").write_text("# Model")
    assert weights_problem(card) is None


def test_a_local_folder_needs_a_hash_and_a_revision_that_follows_from_it():
    content = tiny_weights.scorer_card().model_dump(mode="json")
    unbound = content | {"weights": content["weights"] | {"sha256": None}}
    problem = weights_problem(type(tiny_weights.scorer_card()).model_validate(unbound))
    assert "the card has no sha256" in problem
    assert "`reelmill models verify tiny-openclip`" in problem
    free = content | {"weights": content["weights"] | {"revision": "1"}}
    problem = weights_problem(type(tiny_weights.scorer_card()).model_validate(free))
    assert f"set it to {content['weights']['sha256'][:12]}" in problem


def test_files_that_change_while_they_are_loaded_are_refused(tmp_path, monkeypatch):
    folder = shutil.copytree(tiny_weights.openclip_folder(), tmp_path / "model")
    card, original = tiny_weights.scorer_card(folder), scorer_module._load

    def swap(*arguments: object) -> object:
        made = original(*arguments)
        edit("tokenizer_config.json", model_max_length=8)(folder)
        return made

    monkeypatch.setattr(scorer_module, "_load", swap)
    with pytest.raises(IncompleteWeightsError, match="not what the card's sha256 stands for"):
        OpenClipScorer(card)


@pytest.mark.parametrize("kind", ["ltx", "scorer"])
def test_weights_that_are_overwritten_after_loading_change_nothing(tmp_path, kind):
    source = {"ltx": tiny_weights.ltx_folder, "scorer": tiny_weights.openclip_folder}[kind]()
    folder = shutil.copytree(source, tmp_path / "model")
    if kind == "ltx":
        pipeline = open_generator(tiny_weights.ltx_card(folder)).pipeline
        models = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    else:
        models = [OpenClipScorer(tiny_weights.scorer_card(folder)).model]
    tensors = [tensor for model in models for tensor in (*model.parameters(), *model.buffers())]
    before = [tensor.clone() for tensor in tensors]
    for path in folder.rglob("*.safetensors"):
        blank(path)
    assert len(tensors) > 20
    assert all(map(torch.equal, before, tensors))


def blank(path: Path) -> None:
    """Overwrite the tensors of a file in place, as a mapped file shows it."""
    header = 8 + int.from_bytes(path.read_bytes()[:8], "little")
    with path.open("r+b") as file:
        file.seek(header)
        file.write(bytes(path.stat().st_size - header))


@pytest.fixture
def hub_card() -> ModelCard:
    return get_card("wan2.1-t2v-1.3b")


@pytest.mark.parametrize("name", ["model_index.json", "vae/diffusion_pytorch_model.safetensors"])
def test_a_changed_file_of_a_snapshot_is_refused(tmp_path, hub_card, name):
    folder = hub_snapshot(hub_card, tmp_path, tiny_weights.wan_folder())
    assert weights_problem(hub_card, tmp_path) is None
    blob = (folder / name).resolve()
    raw = blob.read_bytes()
    blob.write_bytes(raw[:-1] + b" " if name.endswith("json") else raw[:-1] + bytes([raw[-1] ^ 1]))
    problem = weights_problem(hub_card, tmp_path)
    assert f"{name} does not have the content that was downloaded; download it again" in problem or "damaged" in problem


def test_a_snapshot_of_copies_is_refused_and_of_links_out(tmp_path, hub_card):
    folder = hub_snapshot(hub_card, tmp_path, tiny_weights.wan_folder())
    place = folder / "vae" / "config.json"
    content = place.read_bytes()
    place.unlink()
    place.write_bytes(content)
    assert "vae/config.json is not a link into the cache" in weights_problem(hub_card, tmp_path)
    other = tmp_path / "blobs" / "x"
    other.parent.mkdir()
    other.write_bytes(content)
    place.unlink()
    place.symlink_to(other)
    assert "vae/config.json is a link to" in weights_problem(hub_card, tmp_path)


# What people see


@pytest.fixture
def changed_starter(tmp_path, monkeypatch) -> Iterator[Path]:
    """A copy of the starter whose scorer was edited, as REELMILL_WEIGHTS_ROOT."""
    shutil.copytree(HOME / "starter", tmp_path / "starter")
    edit(CONFIG, **{f"{TEXT}tokenizer_kwargs": {"trust_remote_code": True}})(tmp_path / "starter" / "openclip")
    monkeypatch.setenv("REELMILL_WEIGHTS_ROOT", str(tmp_path))
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    close_resources()
    yield tmp_path
    close_resources()


def test_doctor_and_models_show_the_problem_before_a_run(changed_starter, capsys):
    resources = resources_of(load_settings())
    sentence = "open_clip_config.json sets trust_remote_code"
    found = check_weights(resources, "starter")
    assert (found.level, sentence in found.message) == ("fail", True)
    cards = {card["name"]: card for card in json.loads(reelmill(capsys, "models", "--json").out)}
    assert sentence in cards["starter-openclip"]["weights_problem"]
    assert "refused" in next(line for line in reelmill(capsys, "models").out.splitlines() if "starter-openclip" in line)
    assert "sets trust_remote_code" in " ".join(reelmill(capsys, "models", "show", "starter-openclip").out.split())
    verified = reelmill(capsys, "models", "verify", "starter-openclip")
    assert verified.code == 1
    assert "sets trust_remote_code" in " ".join(verified.out.split())
    with pytest.raises(IncompleteWeightsError, match=sentence):
        check_weights_of_run(resources, ["starter"])


def test_the_values_that_verify_prints_make_a_card_valid(tmp_path, monkeypatch, capsys):
    cards = tmp_path / "cards"
    cards.mkdir()
    content = json.loads((HOME / "cards" / "starter-openclip.json").read_text())
    content |= {"name": "mine", "weights": {"folder": str(HOME / "starter/openclip"), "revision": "1", "size_mb": 4}}
    (cards / "mine.json").write_text(json.dumps(content))
    monkeypatch.setenv("REELMILL_MODEL_FOLDERS", json.dumps([str(cards)]))
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    refused = reelmill(capsys, "models", "verify", "mine")
    assert refused.code == 1
    assert "the card has no sha256" in " ".join(refused.out.split())
    found = re.search(r'weights: ("revision": "(\w+)", "sha256": "(\w+)")', refused.out)
    content["weights"] |= json.loads("{" + found[1] + "}")
    (cards / "mine.json").write_text(json.dumps(content))
    accepted = reelmill(capsys, "models", "verify", "mine")
    assert (accepted.code, "complete and unchanged" in accepted.out) == (0, True)
    assert open_scorer("mine", extra_folders=[cards]).name == f"mine@{found[2]}"


# Large weights


def large(folder: Path) -> Path:
    """Add a document-like second checkpoint that is over the limit of a quick check, without using space."""
    path = folder / "second.safetensors"
    with path.open("wb") as file:
        size = QUICK_BYTES + 4
        raw = json.dumps({"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
        file.write(len(raw).to_bytes(8, "little") + raw)
        file.truncate(8 + len(raw) + size)
    return path


def test_large_files_are_read_once_and_again_only_if_they_change(tmp_path, monkeypatch):
    folder = shutil.copytree(tiny_weights.openclip_folder(), tmp_path / "model")
    path, store, read = large(folder), tmp_path / "digests.json", []
    monkeypatch.setattr(file_digest, "RECENT_NS", 0)
    card = tiny_weights.scorer_card(folder)
    original = file_digest._hash
    monkeypatch.setattr(file_digest, "_hash", lambda each, kind: (read.append(each.name), original(each, kind))[1])
    monkeypatch.setattr(file_digest, "_store", None)
    monkeypatch.setattr(file_digest, "_known", {})
    file_digest.remember_digests_in(store)
    assert unread_bytes(card) > QUICK_BYTES
    assert weights_problem(card, quick=True) is None
    assert path.name not in read
    assert weights_problem(card) is None
    assert read.count(path.name) == 1
    monkeypatch.setattr(file_digest, "_known", {})  # another process
    monkeypatch.setattr(file_digest, "_store", None)
    file_digest.remember_digests_in(store)
    assert weights_problem(card) is None
    assert (read.count(path.name), unread_bytes(card)) == (1, 0)
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"1")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "not what the card's sha256 stands for" in weights_problem(card)
    assert read.count(path.name) == 2


def test_files_that_were_just_written_are_not_remembered(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"1")
    file_digest.sha256_of(path)
    assert not file_digest.is_known(path)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 1}'])
def test_a_damaged_store_of_digests_is_replaced(tmp_path, monkeypatch, content):
    store = tmp_path / "digests.json"
    store.write_text(content)
    path = tmp_path / "file"
    path.write_bytes(bytes(file_digest.REMEMBERED))
    monkeypatch.setattr(file_digest, "_store", None)
    monkeypatch.setattr(file_digest, "_known", {})
    monkeypatch.setattr(file_digest, "RECENT_NS", 0)
    file_digest.remember_digests_in(store)
    digest = file_digest.sha256_of(path)
    assert list(json.loads(store.read_text()).values()) == [digest]


# Honest folders


def test_a_hub_repository_of_a_scorer_is_accepted_and_its_pickles_are_not_read(tmp_path, connections):
    card = load_scorer_cards()["openclip-vit-b-32"]
    source = shutil.copytree(tiny_weights.openclip_folder(), tmp_path / "source")
    for name in ("open_clip_pytorch_model.bin", "pytorch_model.bin"):
        (source / name).write_bytes(pickle.dumps(Loaded(canary_of(source))))
    for name in ("README.md", ".gitattributes", "merges.txt", "LICENSE"):
        (source / name).write_text("text")
    (source / "vocab.json").write_text('{"auto_map": 1, "trust_remote_code": 2}')
    (source / "config.json").write_text('{"architectures": ["CLIPModel"], "_commit_hash": null, "model_type": "clip"}')
    (source / "preprocessor_config.json").write_text(
        '{"feature_extractor_type": "CLIPFeatureExtractor", "crop_size": 224}'
    )
    hub_snapshot(card, tmp_path / "cache", source)
    assert weights_problem(card, tmp_path / "cache") is None
    assert open_scorer(card.name, weights_root=tmp_path / "cache").embed_prompts(["a red circle"]).shape == (1, 16)
    assert not canary_of(source).exists()
    assert connections == []


def test_a_hub_repository_of_a_pipeline_is_accepted(tmp_path, hub_card, connections):
    source = shutil.copytree(tiny_weights.wan_folder(), tmp_path / "source")
    for name in ("README.md", ".gitattributes", "LICENSE.txt", "assets/comp.png", "assets/video.mp4", "examples/i.JPG"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_bytes(b"0")
    weights = source / "transformer" / "diffusion_pytorch_model.safetensors"
    shutil.copy(weights, weights.with_suffix(".fp16.safetensors"))
    shutil.copy(weights, source / "single-file.safetensors")
    edit("text_encoder/config.json", _name_or_path="google/umt5-xxl", architectures=["UMT5EncoderModel"])(source)
    edit(
        "tokenizer/tokenizer_config.json",
        special_tokens_map_file="/home/maker/.cache/special_tokens_map.json",
        name_or_path="google/umt5-xxl",
        model_max_length=10**30,
        tokenizer_file=None,
    )(source)
    hub_snapshot(hub_card, tmp_path / "cache", source)
    assert weights_problem(hub_card, tmp_path / "cache") is None
    assert open_generator(hub_card, weights_root=tmp_path / "cache").pipeline is not None
    assert connections == []


def test_every_architecture_of_open_clip_without_a_text_tower_of_the_hub_is_accepted():
    accepted = 0
    for name in open_clip.list_models():
        architecture = open_clip.get_model_config(name)
        if "hf_model_name" not in architecture["text_cfg"]:
            OpenClipConfig.model_validate({"model_cfg": architecture})
            accepted += 1
    assert accepted >= 100


QWEN = """{% set image_count = namespace(value=0) %}{% for message in messages %}{% if loop.first and
message['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{
message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n{% else %}{% for content in
message['content'] %}{% if content['type'] == 'image' or 'image' in content %}{% set image_count.value =
image_count.value + 1 %}{% if add_vision_id %}Picture {{ image_count.value }}: {% endif %}<|vision_start|>{% elif 'text'
in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt
%}<|im_start|>assistant\n{% endif %}"""
"""The template of Qwen2.5-VL, which HunyuanVideo 1.5 uses."""


def test_published_chat_templates_are_accepted(tmp_path):
    folder = shutil.copytree(tiny_families.hunyuan15_folder(), tmp_path / "model")
    edit("tokenizer/tokenizer_config.json", chat_template=QWEN)(folder)
    (folder / "tokenizer" / "chat_template.jinja").write_text(QWEN)
    assert weights_problem(tiny_card("hunyuanvideo-1.5-480p", weights=tiny_weights.pinned(folder))) is None


@pytest.mark.slow
def test_the_tiny_folders_of_all_families_are_accepted():
    folders = [
        tiny_families.ltx2_folder, tiny_families.mochi_folder, tiny_image_families.svd_folder,
        tiny_image_families.hunyuan15_i2v_folder,
    ]  # fmt: skip
    for name, folder in zip(("ltx-2", "mochi-1", "svd-xt", "hunyuanvideo-1.5-480p-i2v"), folders, strict=True):
        assert weights_problem(tiny_card(name, weights=tiny_weights.pinned(folder()))) is None
