"""Profiles of a card that replace its LoRAs, scheduler, steps, guidance and call."""

import numpy as np
import pytest
import tiny_families
import tiny_weights
from engine_variants import variant
from test_loras import lora
from tiny_lora import wan_lora

from manifests.brief import Brief
from models.card import ModelCard
from models.card_parts import CardProfile
from models.diffusers.families import family_of
from models.diffusers.generator import DiffusersVideo
from models.protocols import Generated
from models.registry import load_cards, local_cards
from models.weights import weights_problem
from tasks.plan.expand import expand

CARDS = local_cards(load_cards())
WAN = {name: card for name, card in CARDS.items() if name.startswith("wan")}
SCHEDULER = {"name": "FlowMatchEulerDiscreteScheduler", "options": {"shift": 5.0}}
FAST = {"scheduler": SCHEDULER, "num_inference_steps": 3, "guidance_scale": 1.0, "call": {"max_sequence_length": 8}}


@pytest.fixture(scope="module")
def card() -> ModelCard:
    profiles = {"fast": FAST | {"loras": [lora(wan_lora(tiny_families.wan22_5b_folder()))], "distilled": {}}}
    return tiny_weights.wan_card(tiny_families.wan22_5b_folder(), profiles=profiles)


def test_a_profile_replaces_what_it_names(card):
    fast = card.with_profile("fast")
    assert [each.name for each in fast.loras] == ["style-1.0"]
    assert (fast.defaults.num_inference_steps, fast.defaults.guidance_scale) == (3, 1.0)
    assert fast.defaults.num_frames == card.defaults.num_frames
    assert fast.scheduler is not None
    assert fast.call == card.call | {"max_sequence_length": 8}
    assert fast.distilled is not None
    assert card.with_profile("balanced") is card
    assert card.with_profile("exact") is card


def test_the_recipe_of_a_profile_contains_what_it_replaces(card):
    assert card.recipe("fast") != card.recipe("exact")
    assert card.with_profile("fast").recipe("fast") == card.recipe("fast")
    for change in ({"scheduler": None}, {"loras": ()}, {"call": {"max_sequence_length": 9}}):
        other = card.profiles["fast"].model_copy(update=change)
        assert card.model_copy(update={"profiles": {"fast": other}}).recipe("fast") != card.recipe("fast")


def test_variants_are_planned_with_the_inputs_of_the_profile(card):
    brief = Brief(brief_id="a", row=1, prompts=("a red circle",))
    [planned] = expand([brief], {card.name: card}, card.name, "fast")
    made = planned.variant
    assert (made.num_inference_steps, made.guidance_scale, made.loras) == (3, 1.0, ("style-1.0",))
    [exact] = expand([brief], {card.name: card}, card.name)
    assert (exact.variant.num_inference_steps, exact.variant.loras) == (2, ())


def test_one_worker_generates_both_profiles(card):
    generator = DiffusersVideo(card)
    steps: list[int] = []
    exact = variant("tiny-wan", num_inference_steps=4, guidance_scale=5.0)
    fast = variant("tiny-wan", num_inference_steps=3, guidance_scale=1.0, profile="fast", loras=("style-1.0",))
    made = []
    for each in (exact, fast, exact):
        [item] = generator.generate([each])
        assert isinstance(item, Generated), item
        steps.append(len(generator.pipeline.scheduler.timesteps))
        made.append(item.frames)
    assert steps == [4, 3, 4]
    assert np.array_equal(made[0], made[2])
    assert not np.array_equal(made[0], made[1])
    [refused] = generator.generate([fast._replace(loras=())])
    assert "has different ones" in str(refused)


def test_a_missing_lora_is_only_a_problem_of_its_profile(tmp_path, card):
    weights = {"hub_id": "makers/loras", "revision": "a" * 40, "size_mb": 300}
    missing = {"name": "fast", "weights": weights, "file": "4steps.safetensors"}
    card = tiny_weights.wan_card(profiles={"fast": {"loras": [missing]}})
    assert weights_problem(card, tmp_path) is None
    assert "LoRA fast" in str(weights_problem(card.with_profile("fast"), tmp_path))
    assert [each.name for each in card.all_loras] == ["fast"]


@pytest.mark.parametrize("name", CARDS)
def test_every_shipped_profile_names_its_evidence(name):
    for profile, speed in CARDS[name].profiles.items():
        assert speed.evidence, f"{name}, {profile}"
        told = " ".join(speed.evidence)
        cache = speed.step_cache.kind if speed.step_cache else ""
        assert cache.removesuffix("Cache") in told
        assert ("Compiled" in told) == speed.compile
        assert ("cuDNN" in told) == bool(speed.attention)
        assert ("channels last" in told) == speed.channels_last_vae
        assert all("#" in each or ".md" in each or "arXiv" in each for each in speed.evidence), "a source"


@pytest.mark.parametrize("name", ["wan2.2-t2v-a14b", "wan2.2-i2v-a14b", "wan2.1-i2v-14b-480p"])
def test_the_fast_profile_is_the_few_step_card(name):
    fast, few = CARDS[name].with_profile("fast"), CARDS[f"{name}-4step"]
    for field in ("loras", "scheduler", "call", "precision", "weights", "distilled"):
        assert getattr(fast, field) == getattr(few, field), field
    assert fast.defaults.num_inference_steps == few.defaults.num_inference_steps == 4
    assert fast.defaults.guidance_scale == few.defaults.guidance_scale == 1.0


def test_clips_of_few_steps_must_pass_the_limits_of_motion_and_drift():
    for name, card in CARDS.items():
        for profile in ("exact", "balanced", "fast"):
            one = card.with_profile(profile)
            assert (one.distilled is not None) == (one.defaults.num_inference_steps <= 12), f"{name}, {profile}"


def test_sea_cache_is_used_where_it_has_an_effect():
    """Most pipelines do not pass the step to caches, see tests/unit/test_tuning.py."""
    users = {
        card.pipeline
        for card in CARDS.values()
        for speed in card.profiles.values()
        if speed.step_cache and speed.step_cache.kind == "SeaCache"
    }
    assert "WanPipeline" in users
    assert all(family_of(pipeline).gives_caches_the_step for pipeline in users)


def test_a_profile_is_summed_up_in_a_few_words():
    profiles = CARDS["wan2.2-t2v-a14b"].profiles
    assert profiles["fast"].summary() == (
        "4 steps",
        "no guidance",
        "LoRAs lightning-high and lightning-low",
        "attention _native_cudnn on 9.0",
        "VAE with the channels last",
    )
    assert profiles["balanced"].summary()[:2] == ("SeaCache", "compiled blocks")
    assert CardProfile().summary() == ("as the card",)
