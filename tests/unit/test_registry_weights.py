import json
import shutil
from pathlib import Path

import pytest
import tiny_families
import tiny_image_families
import tiny_weights
from hub_cache import hub_snapshot
from tiny_cards import tiny_card

from manifests.errors import IncompleteWeightsError
from models.registry import load_cards, open_generator, weights_path, weights_problem

TRANSFORMER = "transformer/diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(tmp_path) -> Path:
    """A copy of the tiny LTX folder for tests that damage it."""
    return shutil.copytree(tiny_weights.ltx_folder(), tmp_path / "weights")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def pickle_only(folder: Path) -> None:
    (folder / TRANSFORMER).rename(folder / "transformer/diffusion_pytorch_model.bin")


def shard(folder: Path) -> None:
    index = {"weight_map": {"a": "part-1.safetensors"}}
    (folder / f"{TRANSFORMER}.index.json").write_text(json.dumps(index))


def unknown_library(folder: Path) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    index["vae"] = ["antigravity", "AutoencoderKLLTXVideo"]
    (folder / "model_index.json").write_text(json.dumps(index))


BREAKAGE = [
    (unknown_library, "its component vae comes from antigravity, which is neither diffusers nor transformers"),
    (lambda folder: shutil.rmtree(folder), "are missing: the folder"),
    (lambda folder: (folder / "model_index.json").unlink(), "model_index.json is missing or damaged"),
    (lambda folder: (folder / "model_index.json").write_text("{"), "model_index.json is missing or damaged"),
    (lambda folder: shutil.rmtree(folder / "vae"), "its component vae is missing"),
    (lambda folder: (folder / "vae/config.json").unlink(), "vae/config.json is missing or damaged"),
    (lambda folder: (folder / TRANSFORMER).unlink(), "transformer contains no safetensors file"),
    (lambda folder: cut(folder / TRANSFORMER), f"{TRANSFORMER} is truncated"),
    (lambda folder: (folder / TRANSFORMER).write_text("version https://git-lfs"), "a git-lfs pointer"),
    (lambda folder: (folder / TRANSFORMER).write_bytes(b""), "is not a safetensors file"),
    (pickle_only, "contains only pickled weights (diffusion_pytorch_model.bin), which can run code"),
    (shard, "transformer/part-1.safetensors is missing"),
    (lambda folder: (folder / "pipeline.py").write_text("print('hello')"), "it contains code (pipeline.py)"),
    (lambda folder: (folder / "vae/my_vae.py").write_text(""), "it contains code (vae/my_vae.py)"),
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


def test_complete_weights_have_no_problem():
    for card in (tiny_weights.ltx_card(), tiny_weights.wan_card(), tiny_weights.scorer_card()):
        assert weights_problem(card) is None


def test_a_component_from_a_pipeline_folder_of_diffusers_is_stock(folder):
    index = json.loads((folder / "model_index.json").read_text())
    index["vae"] = ["ltx2", "AutoencoderKLLTXVideo"]
    (folder / "model_index.json").write_text(json.dumps(index))
    assert weights_problem(tiny_weights.ltx_card(folder)) is None


def test_a_class_that_does_not_match_the_card_is_refused():
    card = tiny_weights.ltx_card(tiny_weights.wan_folder())
    assert "it contains a WanPipeline, but the card requires LTXPipeline" in weights_problem(card)


def test_image_to_video_classes_can_load_folders_saved_for_text_to_video():
    opening = {
        "LTXImageToVideoPipeline": tiny_families.ltx_video_folder,
        "LTX2ImageToVideoPipeline": tiny_families.ltx2_folder,
        "WanImageToVideoPipeline": tiny_families.wan22_5b_folder,
        "HunyuanVideo15ImageToVideoPipeline": tiny_image_families.hunyuan15_i2v_folder,
    }
    for pipeline, folder in opening.items():
        assert weights_problem(tiny_weights.ltx_card(folder(), pipeline=pipeline)) is None
    text_only = tiny_weights.wan_card(pipeline="WanImageToVideoPipeline")
    assert "it contains a WanPipeline, but the card requires WanImageToVideoPipeline" in weights_problem(text_only)


def test_a_part_is_checked_like_the_other_weights(tmp_path):
    hub = {"hub_id": "makers/adapter", "revision": "a" * 40, "size_mb": 1800}
    card = tiny_card("animatediff-sd1.5", parts={"motion_adapter": hub})
    assert "part motion_adapter (1.8 GB) are not downloaded" in weights_problem(card, tmp_path)
    assert weights_problem(card, tmp_path).endswith("reelmill models pull animatediff-sd1.5")
    folder = shutil.copytree(tiny_families.motion_adapter_folder(), tmp_path / "adapter")
    local = tiny_weights.pinned(folder)
    card = tiny_card("animatediff-sd1.5", parts={"motion_adapter": local})
    assert weights_problem(card) is None
    cut(next(folder.glob("*.safetensors")))
    assert "part motion_adapter" in weights_problem(card)
    assert "is truncated" in weights_problem(card)


def test_a_part_that_is_not_a_model_class_is_refused(tmp_path):
    folder = shutil.copytree(tiny_families.motion_adapter_folder(), tmp_path / "adapter")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"_class_name": "DDIMScheduler"}))
    local = tiny_weights.pinned(folder)
    with pytest.raises(IncompleteWeightsError, match=r"part motion_adapter .* DDIMScheduler is not a model class"):
        open_generator(tiny_card("animatediff-sd1.5", parts={"motion_adapter": local}))


def test_a_scorer_folder_needs_its_config(tmp_path):
    folder = shutil.copytree(tiny_weights.openclip_folder(), tmp_path / "openclip")
    (folder / "open_clip_config.json").unlink()
    assert "open_clip_config.json is missing" in weights_problem(tiny_weights.scorer_card(folder))


def test_weights_that_do_not_match_the_model_are_refused_in_one_sentence(folder):
    config = json.loads((folder / "transformer/config.json").read_text())
    (folder / "transformer/config.json").write_text(json.dumps(config | {"num_layers": 2, "in_channels": 4}))
    with pytest.raises(IncompleteWeightsError, match="cannot be loaded") as caught:
        open_generator(tiny_weights.ltx_card(folder))
    assert "\n" not in str(caught.value)


def test_a_hub_card_reports_how_to_download_its_weights(tmp_path):
    card = load_cards()["wan2.1-t2v-1.3b"]
    problem = weights_problem(card, tmp_path)
    assert problem.endswith("(28.9 GB) are not downloaded. Download them with: reelmill models pull wan2.1-t2v-1.3b")


def test_damage_of_a_hub_card_names_the_command_that_repairs_it(tmp_path):
    card = load_cards()["wan2.1-t2v-1.3b"]
    folder = hub_snapshot(card, tmp_path, tiny_weights.wan_folder())
    blob = (folder / TRANSFORMER).resolve()
    content = blob.read_bytes()
    blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "does not have the content that was downloaded; download it again" in weights_problem(card, tmp_path)
    assert weights_problem(card, tmp_path).endswith("run: reelmill models pull wan2.1-t2v-1.3b")
    (folder / "pipeline.py").write_text("")
    assert "models pull" not in weights_problem(card, tmp_path), "a download does not remove code"


def test_a_snapshot_in_the_hubs_own_layout_is_found(tmp_path):
    card = load_cards()["wan2.1-t2v-1.3b"]
    folder = hub_snapshot(card, tmp_path, tiny_weights.wan_folder())
    assert folder.relative_to(tmp_path).parts == (
        "models--Wan-AI--Wan2.1-T2V-1.3B-Diffusers", "snapshots", card.weights.revision
    )  # fmt: skip
    assert weights_problem(card, tmp_path) is None
    assert folder == weights_path(card, tmp_path)


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
