import json
import shutil
from pathlib import Path

import pytest
import tiny_families
import tiny_image_families
import tiny_weights
from tiny_cards import tiny_card

from manifests.errors import IncompleteWeightsError
from models.registry import load_cards, open_generator, weights_path, weights_problem

TRANSFORMER = "transformer/diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(tmp_path) -> Path:
    """A copy of the tiny LTX folder, to be broken."""
    return shutil.copytree(tiny_weights.ltx_folder(), tmp_path / "weights")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def pickle_only(folder: Path) -> None:
    (folder / TRANSFORMER).rename(folder / "transformer/diffusion_pytorch_model.bin")


def shard(folder: Path) -> None:
    index = {"weight_map": {"a": "part-1.safetensors"}}
    (folder / f"{TRANSFORMER}.index.json").write_text(json.dumps(index))


def foreign(folder: Path) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    index["vae"] = ["antigravity", "AutoencoderKLLTXVideo"]
    (folder / "model_index.json").write_text(json.dumps(index))


BREAKAGE = [
    (foreign, "its component vae comes from antigravity, which is neither diffusers nor transformers"),
    (lambda folder: shutil.rmtree(folder), "are missing: there is no folder"),
    (lambda folder: (folder / "model_index.json").unlink(), "model_index.json is missing or damaged"),
    (lambda folder: (folder / "model_index.json").write_text("{"), "model_index.json is missing or damaged"),
    (lambda folder: shutil.rmtree(folder / "vae"), "its component vae is missing"),
    (lambda folder: (folder / "vae/config.json").unlink(), "vae/config.json is missing or damaged"),
    (lambda folder: (folder / TRANSFORMER).unlink(), "transformer holds no safetensors file"),
    (lambda folder: cut(folder / TRANSFORMER), f"{TRANSFORMER} is cut off"),
    (lambda folder: (folder / TRANSFORMER).write_text("version https://git-lfs"), "a git-lfs pointer"),
    (lambda folder: (folder / TRANSFORMER).write_bytes(b""), "is no safetensors file"),
    (pickle_only, "holds only pickled weights (diffusion_pytorch_model.bin), which can carry code"),
    (shard, "transformer/part-1.safetensors is missing"),
    (lambda folder: (folder / "pipeline.py").write_text("print('hello')"), "it holds code (pipeline.py)"),
    (lambda folder: (folder / "vae/my_vae.py").write_text(""), "it holds code (vae/my_vae.py)"),
]


@pytest.mark.parametrize(("damage", "sentence"), BREAKAGE, ids=[sentence for _, sentence in BREAKAGE])
def test_broken_weights_are_refused_in_one_sentence(folder, damage, sentence):
    damage(folder)
    card = tiny_weights.ltx_card(folder)
    problem = weights_problem(card)
    assert sentence in problem
    assert str(folder) in problem
    assert "\n" not in problem
    with pytest.raises(IncompleteWeightsError) as caught:
        open_generator(card)
    assert str(caught.value) == problem


def test_whole_weights_have_no_problem():
    for card in (tiny_weights.ltx_card(), tiny_weights.wan_card(), tiny_weights.scorer_card()):
        assert weights_problem(card) is None


def test_a_component_of_a_pipelines_own_folder_is_stock(folder):
    index = json.loads((folder / "model_index.json").read_text())
    index["vae"] = ["ltx2", "AutoencoderKLLTXVideo"]
    (folder / "model_index.json").write_text(json.dumps(index))
    assert weights_problem(tiny_weights.ltx_card(folder)) is None


def test_another_class_than_the_cards_is_refused():
    card = tiny_weights.ltx_card(tiny_weights.wan_folder())
    assert "it holds a WanPipeline, and the card says LTXPipeline" in weights_problem(card)


def test_a_picture_may_open_what_its_makers_saved_for_text_alone():
    opening = {
        "LTXImageToVideoPipeline": tiny_families.ltx_video_folder,
        "LTX2ImageToVideoPipeline": tiny_families.ltx2_folder,
        "WanImageToVideoPipeline": tiny_families.wan22_5b_folder,
        "HunyuanVideo15ImageToVideoPipeline": tiny_image_families.hunyuan15_i2v_folder,
    }
    for pipeline, folder in opening.items():
        assert weights_problem(tiny_weights.ltx_card(folder(), pipeline=pipeline)) is None
    text_only = tiny_weights.wan_card(pipeline="WanImageToVideoPipeline")
    assert "it holds a WanPipeline, and the card says WanImageToVideoPipeline" in weights_problem(text_only)


def test_a_part_is_missed_and_checked_like_the_rest(tmp_path):
    hub = {"hub_id": "makers/adapter", "revision": "a" * 40, "size_mb": 1800}
    card = tiny_card("animatediff-sd1.5", parts={"motion_adapter": hub})
    assert f"hf download makers/adapter --revision {'a' * 40} --include" in weights_problem(card, tmp_path)
    folder = shutil.copytree(tiny_families.motion_adapter_folder(), tmp_path / "adapter")
    local = {"folder": str(folder), "revision": "1", "size_mb": 1}
    card = tiny_card("animatediff-sd1.5", parts={"motion_adapter": local})
    assert weights_problem(card) is None
    cut(next(folder.glob("*.safetensors")))
    assert "part motion_adapter" in weights_problem(card)
    assert "is cut off" in weights_problem(card)


def test_a_part_of_no_model_class_is_refused(tmp_path):
    folder = shutil.copytree(tiny_families.motion_adapter_folder(), tmp_path / "adapter")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"_class_name": "DDIMScheduler"}))
    local = {"folder": str(folder), "revision": "1", "size_mb": 1}
    with pytest.raises(IncompleteWeightsError, match=r"part motion_adapter .* DDIMScheduler is no model of diffusers"):
        open_generator(tiny_card("animatediff-sd1.5", parts={"motion_adapter": local}))


def test_a_scorer_folder_needs_its_config(tmp_path):
    folder = shutil.copytree(tiny_weights.openclip_folder(), tmp_path / "openclip")
    (folder / "open_clip_config.json").unlink()
    assert "open_clip_config.json is missing" in weights_problem(tiny_weights.scorer_card(folder))


def test_weights_that_fit_no_model_are_refused_in_one_sentence(folder):
    config = json.loads((folder / "transformer/config.json").read_text())
    (folder / "transformer/config.json").write_text(json.dumps(config | {"num_layers": 2, "in_channels": 4}))
    with pytest.raises(IncompleteWeightsError, match="cannot be loaded") as caught:
        open_generator(tiny_weights.ltx_card(folder))
    assert "\n" not in str(caught.value)


def test_a_hub_card_says_how_to_get_its_weights(tmp_path):
    card = load_cards()["wan2.1-t2v-1.3b"]
    problem = weights_problem(card, tmp_path)
    assert f"hf download {card.weights.hub_id} --revision {card.weights.revision}" in problem
    assert problem.endswith(f"--cache-dir {tmp_path}")


def test_a_snapshot_in_the_hubs_own_layout_is_found(tmp_path):
    card = load_cards()["wan2.1-t2v-1.3b"]
    folder = weights_path(card, tmp_path)
    shutil.copytree(tiny_weights.wan_folder(), folder)
    assert folder.relative_to(tmp_path).parts == (
        "models--Wan-AI--Wan2.1-T2V-1.3B-Diffusers", "snapshots", card.weights.revision
    )  # fmt: skip
    assert weights_problem(card, tmp_path) is None


def test_the_hub_library_agrees_on_the_layout(tmp_path):
    from huggingface_hub import try_to_load_from_cache

    card = load_cards()["ltx-video"]
    folder = weights_path(card, tmp_path)
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    found = try_to_load_from_cache(
        card.weights.hub_id, "model_index.json", cache_dir=tmp_path, revision=card.weights.revision
    )
    assert Path(found) == folder / "model_index.json"
