"""Schedulers and LoRAs of a card, applied to tiny models of the real classes."""

import shutil
from pathlib import Path

import diffusers
import pytest
import tiny_families
import tiny_weights
import torch
from tiny_lora import wan_lora

from manifests.errors import IncompleteWeightsError, InvalidCardError
from manifests.variant import Variant
from models.card import ModelCard
from models.diffusers.families import family_of
from models.diffusers.loras import prepare_pipeline
from models.weights import weights_problem

VARIANT = Variant("tiny-wan", "1", "a red circle", "", 1, 64, 64, 5, 8, 2, 1.0)


def lora(file: Path, **changes) -> dict:
    weights = tiny_weights.pinned(file)
    return {"name": "style-1.0", "weights": weights, "file": file.name} | changes


def frames(card: ModelCard) -> torch.Tensor:
    folder = card.weights.folder
    pipeline = getattr(diffusers, card.pipeline).from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    prepare_pipeline(pipeline, card)
    family = family_of(card.pipeline)
    return family.video(pipeline(**family.arguments(pipeline, [VARIANT], card, 64, 64)))


@pytest.fixture(scope="module")
def file() -> Path:
    return wan_lora(tiny_weights.wan_folder())


def test_a_lora_changes_pixels_by_its_scale(file):
    plain = frames(tiny_weights.wan_card())
    none, half, whole = (frames(tiny_weights.wan_card(loras=[lora(file, scale=scale)])) for scale in (0.0, 0.5, 1.0))
    assert torch.allclose(none, plain, atol=1e-5)
    assert not torch.allclose(half, plain, atol=1e-3)
    assert not torch.allclose(whole, half, atol=1e-3)


def test_two_loras_add_up_and_their_order_is_recorded(file):
    one, other = lora(file, scale=0.3), lora(file, name="other", scale=0.7)
    both, swapped = tiny_weights.wan_card(loras=[one, other]), tiny_weights.wan_card(loras=[other, one])
    whole = frames(tiny_weights.wan_card(loras=[lora(file)]))
    assert torch.allclose(frames(both), whole, atol=1e-4)
    assert both.recipe("exact") != swapped.recipe("exact")


def test_each_of_two_transformers_has_its_own_lora():
    folder = tiny_families.wan22_a14b_folder()
    file = wan_lora(folder)
    plain, first, second = (
        frames(tiny_weights.wan_card(folder, loras=loras))
        for loras in ([], [lora(file)], [lora(file, component="transformer_2")])
    )
    assert not torch.allclose(first, plain, atol=1e-3)
    assert not torch.allclose(second, plain, atol=1e-3)
    assert not torch.allclose(second, first, atol=1e-3)


def test_a_missing_lora_is_reported_before_anything_is_loaded(tmp_path):
    weights = {"hub_id": "makers/loras", "revision": "a" * 40, "size_mb": 300}
    card = tiny_weights.wan_card(loras=[{"name": "fast", "weights": weights, "file": "4steps/high.safetensors"}])
    problem = weights_problem(card, tmp_path)
    assert problem.endswith("LoRA fast (0.3 GB) are not downloaded. Download them with: reelmill models pull tiny-wan")
    with pytest.raises(IncompleteWeightsError, match=r"is missing: the file .* does not exist"):
        prepare_pipeline(diffusers.WanPipeline.from_pretrained(tiny_weights.wan_folder()), card, tmp_path)


def test_a_truncated_lora_is_refused(tmp_path, file):
    broken = Path(shutil.copy(file, tmp_path))
    broken.write_bytes(broken.read_bytes()[:-10])
    card = tiny_weights.wan_card(loras=[lora(broken)])
    assert "LoRA style-1.0" in weights_problem(card)
    assert "is truncated" in weights_problem(card)


def test_a_lora_without_a_matching_component_is_refused(file):
    for changes, sentence in (
        ({"component": "transformer_2"}, "is for transformer_2, but WanPipeline has no such component"),
        ({"component": "unet"}, "is for unet, but WanPipeline has no such component"),
    ):
        with pytest.raises(IncompleteWeightsError, match=sentence):
            frames(tiny_weights.wan_card(loras=[lora(file, **changes)]))
    with pytest.raises(IncompleteWeightsError, match=r"tiny-wan in .* (cannot be loaded|has no weights)"):
        frames(tiny_weights.wan_card(tiny_families.wan22_5b_folder(), loras=[lora(_lora_of_another_model())]))


def _lora_of_another_model() -> Path:
    from safetensors.torch import save_file

    path = tiny_weights._folder("other") / "other.safetensors"
    save_file({"unet.down.lora_A.weight": torch.ones(2, 8), "unet.down.lora_B.weight": torch.ones(8, 2)}, path)
    return path


def test_a_class_without_loras_is_refused(file):
    card = tiny_weights.wan_card(
        tiny_families.hunyuan15_folder(), pipeline="HunyuanVideo15Pipeline", call={}, loras=[lora(file)]
    )
    with pytest.raises(IncompleteWeightsError, match="HunyuanVideo15Pipeline does not support LoRAs"):
        frames(card)


def test_a_scheduler_keeps_the_folders_configuration_except_for_its_options():
    scheduler = {"name": "FlowMatchEulerDiscreteScheduler", "options": {"shift": 5.0}}
    card = tiny_weights.wan_card(scheduler=scheduler)
    pipeline = diffusers.WanPipeline.from_pretrained(tiny_weights.wan_folder())
    trained = pipeline.scheduler.config.num_train_timesteps
    prepare_pipeline(pipeline, card)
    assert type(pipeline.scheduler) is diffusers.FlowMatchEulerDiscreteScheduler
    assert pipeline.scheduler.config.shift == 5.0
    assert pipeline.scheduler.config.num_train_timesteps == trained
    assert not torch.allclose(frames(card), frames(tiny_weights.wan_card()), atol=1e-3)


@pytest.mark.parametrize(
    ("scheduler", "sentence"),
    [
        ({"name": "MagicScheduler"}, "field scheduler.name: diffusers has no class MagicScheduler"),
        (
            {"name": "DDIMScheduler", "options": {"speed": 1}},
            "scheduler.options: DDIMScheduler has no option speed",
        ),
    ],
)
def test_an_unknown_scheduler_or_option_is_refused(scheduler, sentence):
    pipeline = diffusers.WanPipeline.from_pretrained(tiny_weights.wan_folder())
    with pytest.raises(InvalidCardError, match=sentence):
        prepare_pipeline(pipeline, tiny_weights.wan_card(scheduler=scheduler))
