"""Which rung is chosen, by sizes of components that resemble those of Wan 2.1 14B."""

from itertools import pairwise

import pytest
import tiny_weights

from models.card import ModelCard
from models.placement import (
    ComponentSize,
    Rung,
    Working,
    choose,
    needed_gb,
    refusal,
    rungs_for,
    sizes_of,
    working_of,
)
from models.placement.component_sizes import stated_sizes
from models.placement.needs import FIXED_GB, FRAGMENTATION, host_gb
from models.registry import load_cards, local_cards
from models.speed import Speed

SIZES = {
    "text_encoder": ComponentSize(gb=11.4, block_gb=0.4, rest_gb=2.1, leaf_gb=2.1),
    "transformer": ComponentSize(gb=28.6, block_gb=0.7, rest_gb=0.2, leaf_gb=0.15),
    "vae": ComponentSize(gb=0.5, block_gb=0.1, rest_gb=0.0, leaf_gb=0.02),
}
WORKING = Working(denoise=5.0, decode=8.0, tiled=2.0)
ALL = tuple(Rung)


def gb(weights: float, working: float) -> float:
    return pytest.approx(FIXED_GB + weights + FRAGMENTATION * working)


@pytest.mark.parametrize(
    ("rung", "weights", "working"),
    [
        (Rung.WHOLE, 11.4 + 28.6 + 0.5, 8.0),
        (Rung.TEXT_ENCODER_FREED, 28.6 + 0.5, 8.0),
        (Rung.MODEL_OFFLOAD, 28.6, 5.0),
        (Rung.GROUP_OFFLOAD, 0.02, 8.0),  # decoding takes more than 0.2 + 2 * 0.7 + 5
        (Rung.QUANTISED, 0.02, 8.0),
        (Rung.SEQUENTIAL, 0.02, 8.0),
    ],
)
def test_a_rung_needs_the_most_that_is_on_the_device_at_one_time(rung, weights, working):
    assert needed_gb(rung, SIZES, WORKING) == gb(weights, working)


def test_components_of_the_sound_stay_on_the_device_below_model_offload():
    sizes = SIZES | {"audio_vae": ComponentSize(gb=0.6, block_gb=0.1, rest_gb=0.1, leaf_gb=0.02)}
    assert needed_gb(Rung.MODEL_OFFLOAD, sizes, WORKING) == gb(28.6, 5.0)
    for rung in (Rung.GROUP_OFFLOAD, Rung.QUANTISED, Rung.SEQUENTIAL):
        assert needed_gb(rung, sizes, WORKING) == gb(0.6 + 0.02, 8.0)


def test_tiles_reduce_only_the_decoding():
    assert needed_gb(Rung.GROUP_OFFLOAD, SIZES, WORKING, tiled=True) == gb(0.2 + 2 * 0.7, 5.0)
    assert needed_gb(Rung.QUANTISED, SIZES, WORKING, tiled=True) == gb(0.2 + 2 * 0.35, 5.0)
    assert needed_gb(Rung.SEQUENTIAL, SIZES, WORKING, tiled=True) == gb(0.15, 5.0)


@pytest.mark.parametrize(
    ("free", "rung", "tiled"),
    [
        (141, Rung.WHOLE, False),
        (48, Rung.TEXT_ENCODER_FREED, False),
        (36, Rung.MODEL_OFFLOAD, False),
        (24, Rung.GROUP_OFFLOAD, False),
        (8, Rung.GROUP_OFFLOAD, True),
        (7, Rung.QUANTISED, True),
        (6.5, Rung.SEQUENTIAL, True),
    ],
)
def test_the_fastest_rung_that_fits_is_chosen(free, rung, tiled):
    choice = choose(ALL, SIZES, WORKING, free)
    assert (choice.rung, choice.tiled) == (rung, tiled)
    assert choice.needed_gb <= free


def test_a_full_main_memory_leads_to_quantised_weights():
    assert choose(ALL, SIZES, WORKING, 24, free_host_gb=41).rung is Rung.GROUP_OFFLOAD
    assert choose(ALL, SIZES, WORKING, 24, free_host_gb=30).rung is Rung.QUANTISED
    assert choose(ALL, SIZES, WORKING, 24, free_host_gb=10).rung is Rung.GROUP_OFFLOAD  # nothing fits there
    assert choose(ALL, SIZES, WORKING, 141, free_host_gb=1).rung is Rung.WHOLE


def test_nothing_is_chosen_if_nothing_fits():
    assert choose(ALL, SIZES, WORKING, 5) is None


def test_a_rung_that_changes_pixels_needs_the_permission_of_the_profile():
    card = tiny_weights.ltx_card()
    assert Rung.QUANTISED not in rungs_for(card, Speed(), SIZES)
    assert Rung.QUANTISED in rungs_for(card, Speed(quantised="float8_e4m3fn"), SIZES)
    assert Rung.QUANTISED not in rungs_for(card, Speed(quantised="float8_e4m3fn", storage="float8_e4m3fn"), SIZES)


def test_the_permission_is_part_of_the_id():
    allowed, plain = (tiny_weights.ltx_card(profiles={"fast": speed}) for speed in ({"quantised": "float8_e4m3fn"}, {}))
    assert allowed.recipe("fast") != plain.recipe("fast")
    assert allowed.recipe("exact") == plain.recipe("exact")


def test_an_exact_profile_must_not_be_quantised():
    with pytest.raises(ValueError, match="the profile exact must not be quantised"):
        tiny_weights.ltx_card(profiles={"exact": {"quantised": "float8_e4m3fn"}})


def test_the_profile_sets_the_first_rung():
    card = tiny_weights.ltx_card()
    assert rungs_for(card, Speed(offload="model"), SIZES)[0] is Rung.MODEL_OFFLOAD
    assert rungs_for(card, Speed(offload="group"), SIZES)[0] is Rung.GROUP_OFFLOAD


def test_a_model_without_text_encoders_cannot_free_them():
    sizes = {name: size for name, size in SIZES.items() if name != "text_encoder"}
    assert Rung.TEXT_ENCODER_FREED not in rungs_for(tiny_weights.ltx_card(), Speed(), sizes)


def test_main_memory_takes_what_is_not_on_the_device():
    assert host_gb(Rung.WHOLE, SIZES) == 0
    assert host_gb(Rung.TEXT_ENCODER_FREED, SIZES) == pytest.approx(11.4)
    assert host_gb(Rung.GROUP_OFFLOAD, SIZES) == pytest.approx(40.5)
    assert host_gb(Rung.QUANTISED, SIZES) == pytest.approx(40.5 - 28.4 / 2)


def test_files_are_measured_in_the_cards_precision():
    """On a GPU the tiny weights, stored in float32, are loaded in bfloat16, but the VAE in float32."""
    half = sizes_of(tiny_weights.ltx_card())
    full = sizes_of(tiny_weights.ltx_card(precision={"default": "bfloat16", "vae": "float32"}))
    assert full["vae"].gb == pytest.approx(2 * half["vae"].gb)
    assert full["transformer"] == half["transformer"]
    import diffusers
    import torch

    pipeline = diffusers.LTXPipeline.from_pretrained(tiny_weights.ltx_folder(), dtype=torch.bfloat16)
    for name in ("text_encoder", "transformer", "vae"):
        parameters = getattr(pipeline, name).parameters()
        assert half[name].gb == pytest.approx(sum(each.numel() * 2 for each in parameters) / 1e9, rel=0.05)
        assert 0 < half[name].block_gb + half[name].rest_gb <= half[name].gb


def test_storage_in_8_bits_halves_the_blocks_of_the_denoiser():
    card = tiny_weights.ltx_card()
    plain, stored = sizes_of(card), sizes_of(card, None, Speed(storage="float8_e4m3fn"))
    assert stored["transformer"].block_gb == plain["transformer"].block_gb / 2
    assert stored["vae"] == plain["vae"]


def test_longer_and_larger_clips_need_more():
    card = load_cards()["wan2.1-t2v-1.3b"]
    default, short = working_of(card), working_of(card, (17, 480, 832))
    assert short.denoise == pytest.approx(default.denoise * 17 / 81)


def test_a_step_of_a_model_that_generates_chunks_takes_the_same_for_clips_of_every_length():
    card = load_cards()["helios-distilled"]
    default, short, small = working_of(card), working_of(card, (33, 512, 512)), working_of(card, (129, 256, 512))
    assert short.denoise == pytest.approx(default.denoise)
    assert small.denoise == pytest.approx(default.denoise / 2)
    assert short.decode == pytest.approx(default.decode * 33 / 129)


def test_every_card_that_can_run_states_its_memory_at_each_rung():
    for card in local_cards(load_cards()).values():
        if card.weights.hub_id is None or card.unsupported:
            continue
        assert card.memory is not None, card.name
        assert card.memory.computed_from is not None, card.name
        needed = [needed_gb(rung, stated_sizes(card), working_of(card)) for rung in ALL]
        assert all(lower <= upper + 0.1 for upper, lower in pairwise(needed)), card.name  # Kandinsky: sound stays


@pytest.mark.parametrize(
    ("name", "rung", "tiled", "published"),
    [
        ("cogvideox-5b", Rung.SEQUENTIAL, True, 5),  # README of CogVideoX: all memory savings
        ("cogvideox-2b", Rung.SEQUENTIAL, True, 4),
        ("wan2.1-i2v-14b-480p", Rung.MODEL_OFFLOAD, False, 35 * 1.0737),  # documentation of diffusers, GiB
        ("wan2.1-t2v-1.3b", Rung.MODEL_OFFLOAD, False, 11 * 1.0737),
        ("mochi-1", Rung.MODEL_OFFLOAD, True, 22 * 1.0737),
        ("hunyuanvideo-1.5-480p", Rung.GROUP_OFFLOAD, True, 14 * 1.0737),  # README of HunyuanVideo-1.5
    ],
)
def test_computed_figures_are_near_published_ones(name, rung, tiled, published):
    card = load_cards()[name]
    computed = needed_gb(rung, stated_sizes(card), working_of(card), tiled)
    assert computed == pytest.approx(published, rel=0.25)


def card_of(name: str, transformer_gb: float, **changes) -> ModelCard:
    """Return a card that is not installed and states its memory."""
    size = {"gb": transformer_gb, "block_gb": 0.1, "rest_gb": 0.1, "leaf_gb": 0.1}
    return tiny_weights.ltx_card(
        name=name,
        weights={"folder": f"/nowhere/{name}", "revision": "0" * 12, "size_mb": transformer_gb * 1000},
        memory={"components": {"transformer": size}, "working": {"denoise_gb": 6, "decode_gb": 6, "tiled_gb": 6}},
        **changes,
    )


def test_a_refusal_names_the_memory_and_an_installed_card_that_fits():
    big, installed = card_of("big", 20), tiny_weights.ltx_card()
    others = [big, installed, card_of("other", 1)]
    assert refusal(big, "cuda:0", Rung.SEQUENTIAL, stated_sizes(big), 4.0, others) == (
        "big needs about 7.2 GB on cuda:0 even at the memory rung sequential, but 4.0 GB are free. Use the installed "
        "card tiny-ltx, which fits, or a device with more memory."
    )


def test_a_refusal_suggests_a_card_that_is_not_installed_or_none():
    big = card_of("big", 20)
    small = card_of("small", 1)
    small = small.model_copy(update={"memory": small.memory.model_copy(update={"working": None})})
    assert "Use the card small, which fits" in refusal(
        big, "cuda:0", Rung.SEQUENTIAL, stated_sizes(big), 4.0, [big, small]
    )
    alone = refusal(big, "cuda:0", Rung.SEQUENTIAL, stated_sizes(big), 4.0, [big, card_of("other", 1)])
    assert alone.endswith("but 4.0 GB are free. Free memory on the device, or use a device with more memory.")
