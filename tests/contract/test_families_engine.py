"""Generate with every bundled card, using tiny random weights of its classes."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest
from tiny_cards import FOLDERS, cards_with_slow_repeats, tiny_card, variant_of

from manifests.variant import Variant
from models.card import ModelCard
from models.diffusers.families import _no_sound, family_of
from models.diffusers.generator import DiffusersVideo
from models.protocols import Generated, Sound
from models.registry import load_cards, local_cards, open_generator, open_text_encoder

CARDS = local_cards(load_cards())
QUICK = ("cogvideox-2b", "ltx-video")
"""Their profiles use two kinds of step caches; tests/unit/test_tuning.py covers each kind."""
SPEEDS = [
    pytest.param(name, profile, marks=() if name in QUICK else pytest.mark.slow)
    for name in FOLDERS
    for profile in CARDS[name].profiles
    if profile != "exact"
]
STEPS = {"HunyuanVideo15Pipeline": 12, "HunyuanVideo15ImageToVideoPipeline": 12, "MochiPipeline": 12}
"""Step caches of these pipelines take effect only after many steps."""
CONDITIONS = {
    "last_frame": {"last_frame_sha256": "green"},
    "references": {"reference_sha256s": ("red", "green")},
    "earlier_frames": {"earlier_frames_sha256": "green"},
}
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0)}


def test_every_card_that_ships_without_weights_has_a_tiny_folder():
    assert set(FOLDERS) == {name for name, card in CARDS.items() if not card.unsupported} - {"starter", "starter-4step"}


def picture(name: str) -> np.ndarray:
    """Return a picture that is half coloured, half black, with a different shape than the clip."""
    made = np.zeros((80, 100, 3), np.uint8)
    made[:, :50] = COLOURS[name]
    return made


def earlier(name: str) -> np.ndarray:
    """Return the last frames of a clip."""
    return np.stack([picture(name)] * 40)


def opened(card: ModelCard) -> DiffusersVideo:
    generator = open_generator(card, threads=1, pictures=picture, videos=earlier)
    assert isinstance(generator, DiffusersVideo)
    return generator


def frames(generator: DiffusersVideo, *variants: Variant) -> list[np.ndarray]:
    return [item.frames for item in generated(generator, *variants)]


def generated(generator: DiffusersVideo, *variants: Variant) -> list[Generated]:
    items = list(generator.generate(variants))
    for item in items:
        assert isinstance(item, Generated), item
        assert item.nan_share == 0
        assert item.frames.dtype == np.uint8
        assert item.frames.shape == (item.variant.num_frames, 64, 64, 3)
    return items


class Case(NamedTuple):
    """A tiny card, its generator, a variant, and the first frames and sound generated for it."""

    card: ModelCard
    generator: DiffusersVideo
    variant: Variant
    frames: np.ndarray
    sound: Sound | None


@pytest.fixture(scope="module", params=cards_with_slow_repeats(FOLDERS))
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    card = tiny_card(request.param)
    generator, variant = opened(card), variant_of(card)
    [made] = generated(generator, variant)
    yield Case(card, generator, variant, made.frames, made.sound)
    generator.close()


@pytest.mark.slow
def test_another_generator_gives_the_same_frames(case: Case):
    assert case.frames.std() > 0
    generator = opened(case.card)
    [other, again] = frames(generator, case.variant._replace(seed=2), case.variant)
    assert np.array_equal(again, case.frames)
    assert not np.array_equal(other, case.frames)


@pytest.mark.slow
def test_texts_of_a_shared_encoder_give_the_same_frames(case: Case):
    encoder = open_text_encoder(case.card, threads=1)
    generator = open_generator(case.card, threads=1, pictures=picture, texts=encoder.embed)
    assert isinstance(generator, DiffusersVideo)
    assert all(getattr(generator.pipeline, name) is None for name in generator._absent)
    [made] = frames(generator, case.variant)
    assert np.array_equal(made, case.frames)
    encoder.close()
    generator.close()


def test_a_clip_has_a_sound_of_its_length_if_its_pipeline_generates_one(case: Case):
    if family_of(case.card.pipeline).sound is _no_sound:
        assert case.sound is None
        return
    assert case.sound.samples.dtype == np.float32
    assert case.sound.samples.shape[0] in (1, 2)
    assert case.sound.samples.std() > 0
    seconds = case.sound.samples.shape[1] / case.sound.rate
    assert seconds == pytest.approx(case.variant.num_frames / case.variant.fps, abs=0.25)


def test_every_input_of_a_card_changes_its_frames(case: Case):
    card, scale = case.card, case.card.defaults.guidance_scale
    changes = [{"prompt": "a blue square drifting left"}] if card.pipeline != "StableVideoDiffusionPipeline" else []
    if card.needs_first_frame:
        changes.append({"first_frame_sha256": "green"})
    changes += [CONDITIONS[condition] for condition in card.accepts]
    if scale > 1 and card.supports_negative_prompt:
        changes.append({"negative_prompt": "a white background"})
    if scale > 1:
        changes += [{"guidance_scale": scale + 2}, {"guidance_scale": 1.0}]
    made = frames(case.generator, *(case.variant._replace(**change) for change in changes))
    for change, other in zip(changes, made, strict=True):
        assert not np.array_equal(other, case.frames), change


def test_conditions_that_a_card_does_not_accept_are_refused(case: Case):
    for name in CONDITIONS.keys() - set(case.card.accepts):
        [item] = case.generator.generate([case.variant._replace(**CONDITIONS[name])])
        assert f"{case.card.name} does not accept" in str(item)


@pytest.mark.parametrize(("name", "profile"), SPEEDS)
def test_a_cards_profiles_run_and_change_frames(name: str, profile: str):
    card = tiny_card(name)
    steps = card.profiles[profile].num_inference_steps or STEPS.get(card.pipeline, 6)
    variant = variant_of(card, profile=profile, num_inference_steps=steps)
    generator = opened(card)
    first, again = frames(generator, variant, variant)
    [plain] = frames(generator, variant_of(card, num_inference_steps=steps))
    assert np.array_equal(first, again)
    # Kernels change at most rounding, and the ones of these cards are for GPUs.
    assert np.array_equal(first, plain) == (card.recipe(profile) == card.recipe("exact"))
