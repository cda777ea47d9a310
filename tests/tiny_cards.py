"""Shipped cards of models that are too large for a test, with tiny random weights of the same classes."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import tiny_families
import tiny_image_families
import tiny_sound_families
import tiny_weights
from tiny_lora import wan_lora

from manifests.variant import Variant
from models.card import ModelCard
from models.registry import load_cards

FOLDERS: dict[str, Callable[[], Path]] = {
    "animatediff-sd1.5": tiny_families.stable_diffusion_folder,
    "cogvideox-2b": tiny_families.cogvideox_2b_folder,
    "cogvideox-5b": tiny_families.cogvideox_5b_folder,
    "cogvideox-5b-i2v": tiny_image_families.cogvideox_i2v_folder,
    "cogvideox1.5-5b-i2v": tiny_image_families.cogvideox15_i2v_folder,
    "cosmos3-nano": tiny_sound_families.cosmos3_folder,
    "cosmos3-nano-i2v": tiny_sound_families.cosmos3_folder,
    "helios-distilled": tiny_families.helios_folder,
    "hunyuanvideo-1.5-480p": tiny_families.hunyuan15_folder,
    "hunyuanvideo-1.5-480p-i2v": tiny_image_families.hunyuan15_i2v_folder,
    "hunyuanvideo-1.5-480p-i2v-12step": tiny_image_families.hunyuan15_i2v_meanflow_folder,
    "kandinsky-6-lite": tiny_sound_families.kandinsky6_folder,
    "kandinsky-6-lite-10step": tiny_sound_families.kandinsky6_distilled_folder,
    "kandinsky-6-lite-i2v": tiny_sound_families.kandinsky6_folder,
    "kandinsky-6-pro-10step": tiny_sound_families.kandinsky6_distilled_folder,
    "ltx-2": tiny_families.ltx2_folder,
    "ltx-2-8step": tiny_families.ltx2_folder,
    "ltx-2-i2v": tiny_families.ltx2_folder,
    "ltx-2.5-8step": tiny_sound_families.ltx25_folder,
    "ltx-2.5-8step-i2v": tiny_sound_families.ltx25_folder,
    "ltx-video": tiny_families.ltx_video_folder,
    "ltx-video-i2v": tiny_families.ltx_video_folder,
    "mochi-1": tiny_families.mochi_folder,
    "svd-xt": tiny_image_families.svd_folder,
    "wan2.1-i2v-14b-480p": tiny_image_families.wan_i2v_folder,
    "wan2.1-i2v-14b-480p-4step": tiny_image_families.wan_i2v_folder,
    "wan2.1-t2v-1.3b": tiny_weights.wan_folder,
    "wan2.1-vace-1.3b": tiny_families.wan_vace_folder,
    "wan2.2-i2v-a14b": tiny_image_families.wan22_i2v_folder,
    "wan2.2-i2v-a14b-4step": tiny_image_families.wan22_i2v_folder,
    "wan2.2-t2v-a14b": tiny_families.wan22_a14b_folder,
    "wan2.2-t2v-a14b-4step": tiny_families.wan22_a14b_folder,
    "wan2.2-ti2v-5b": tiny_families.wan22_5b_folder,
    "wan2.2-ti2v-5b-i2v": tiny_families.wan22_5b_folder,
}


def cards_with_slow_repeats(names: Iterable[str]) -> list[Any]:
    """Return names of cards as parameters; only the first card of each pipeline class runs in `make test`."""
    cards, seen, parameters = load_cards(), set(), []
    for name in names:
        pipeline = cards[name].pipeline
        parameters.append(pytest.param(name, marks=pytest.mark.slow if pipeline in seen else ()))
        seen.add(pipeline)
    return parameters


"""By card: the folder of tiny weights with the same compression of space and time as the real weights."""


def tiny_card(name: str, **changes: Any) -> ModelCard:
    """Return a shipped card with tiny weights, 64x64 pixels, its shortest clip and few steps, otherwise unchanged."""
    content = load_cards()[name].model_dump(mode="json")
    rules = content["rules"]
    shortest = rules["frame_multiple"] + rules["frame_offset"] if rules["frame_offset"] else 4
    content["weights"] = tiny_weights.pinned(FOLDERS[name]())
    content["rules"] |= {"min_frames": shortest}
    content["sizes"] = {"1:1": {"height": 64, "width": 64, "render_height": 64, "render_width": 64}}
    content["defaults"] |= {"num_frames": shortest, "num_inference_steps": min(4, _steps(content))}
    content["call"] |= {key: 16 for key in ("max_sequence_length",) if key in content["call"]}
    for speed in content["profiles"].values():
        if "threshold" in (speed["step_cache"] or {}).get("options", {}):
            speed["step_cache"]["options"]["threshold"] = 1.0  # random weights change more from step to step
        speed["compile"] = False  # it takes a minute; tests/unit/test_tuning.py compiles
        if speed["loras"]:
            speed["loras"] = [_tiny_lora(lora, FOLDERS[name]()) for lora in speed["loras"]]
    content["parts"] = {part: tiny_weights.pinned(tiny_families.motion_adapter_folder()) for part in content["parts"]}
    content["loras"] = [_tiny_lora(lora, FOLDERS[name]()) for lora in content["loras"] if "wan" in name]
    return ModelCard.model_validate(content | changes)


def variant_of(card: ModelCard, **changes: Any) -> Variant:
    """Return a variant with the defaults of a tiny card, in the profile of the changes."""
    card = card.with_profile(changes.get("profile", "exact"))
    defaults, loras = card.defaults, tuple(lora.name for lora in card.loras)
    made = Variant(
        card.name, card.weights.revision, "a red circle", "blue", 1, 64, 64, defaults.num_frames, card.rules.fps,
        defaults.num_inference_steps, defaults.guidance_scale, loras, "red" if card.needs_first_frame else "",
    )  # fmt: skip
    return made._replace(**changes)


def _steps(content: dict) -> int:
    """Reduce the steps. If the profile has a list of sigmas, its length is the number of steps."""
    return len(content["call"].get("sigmas", ())) or content["defaults"]["num_inference_steps"]


def _tiny_lora(lora: dict, folder: Path) -> dict:
    file = wan_lora(folder)
    return lora | {"weights": tiny_weights.pinned(file), "file": file.name}
