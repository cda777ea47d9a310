"""Contract of every Generator, including the fake one."""

import os
import shutil
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest
import tiny_weights
from fake_device import start_fake

from manifests.errors import GenerationError
from manifests.variant import Variant
from models.card import ModelCard
from models.device_process import ProcessGenerator
from models.diffusers.shared_encoder import SharedEncoder
from models.fake import FakeGenerator
from models.protocols import Generator
from models.registry import get_card, open_generator, weights_problem
from tasks.runtime.device_processes import open_in_process


class Case(NamedTuple):
    """A generator, a variant that it can generate and one on which it fails."""

    generator: Generator
    good: Variant
    failing: Variant


def variant_of(card: ModelCard, ratio: str = "1:1") -> Variant:
    size, defaults = card.size_for(ratio), card.defaults
    return Variant(
        card.name, card.weights.revision, "a red circle drifting left on a white background", "", 1,
        size.height, size.width, defaults.num_frames, card.rules.fps, defaults.num_inference_steps,
        defaults.guidance_scale,
    )  # fmt: skip


def fake_case() -> Case:
    good = variant_of(tiny_weights.ltx_card())
    failing = good._replace(seed=666)
    return Case(FakeGenerator({failing.variant_id: GenerationError("injected")}), good, failing)


def real_case(card: ModelCard) -> Case:
    good = variant_of(card)
    return Case(open_generator(card, threads=1), good, good._replace(height=good.height + 32))


def starter_case(name: str = "starter") -> Case:
    card = get_card(name)
    if problem := weights_problem(card):
        pytest.fail(problem) if os.environ.get("CI") else pytest.skip(problem)
    return real_case(card)


def process_case() -> Case:
    card = tiny_weights.ltx_card()
    good = variant_of(card)
    return Case(ProcessGenerator(start_fake, card), good, good._replace(prompt="fail"))


def real_process_case() -> Case:
    card = tiny_weights.ltx_card()
    good = variant_of(card)
    return Case(open_in_process(card, threads=1), good, good._replace(height=good.height + 32))


def shared_encoder_case() -> Case:
    card = tiny_weights.ltx_card()
    good = variant_of(card)
    texts = SharedEncoder(card, threads=1).embed
    return Case(open_generator(card, threads=1, texts=texts), good, good._replace(height=good.height + 32))


CASES = {
    "fake": fake_case,
    "ltx-shared-encoder": shared_encoder_case,
    "process": process_case,
    "ltx-process": real_process_case,
    "ltx": lambda: real_case(tiny_weights.ltx_card()),
    "wan": lambda: real_case(tiny_weights.wan_card()),
    "starter": starter_case,
    "starter-4step": lambda: starter_case("starter-4step"),
}


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    case = CASES[request.param]()
    yield case
    case.generator.close()


def test_a_shared_text_encoder_needs_no_component_that_comes_from_elsewhere(tmp_path):
    """`models pull` does not download the component from the card's own repository."""
    base = tmp_path / "base"
    shutil.copytree(tiny_weights.ltx_folder(), base)
    shutil.move(base / "transformer", tmp_path / "transformer")
    card = tiny_weights.ltx_card(base, parts={"transformer": tiny_weights.pinned(tmp_path / "transformer")})
    plain = SharedEncoder(tiny_weights.ltx_card(), threads=1).embed("a red circle")
    assert np.array_equal(SharedEncoder(card, threads=1).embed("a red circle"), plain)


def test_each_variant_gets_one_item_in_order(case: Case):
    wanted = [case.good._replace(seed=seed) for seed in (3, 1, 2)]
    made = list(case.generator.generate(wanted))
    assert [item.variant for item in made] == wanted
    for item in made:
        assert item.frames.dtype == np.uint8
        assert item.frames.shape == (case.good.num_frames, case.good.height, case.good.width, 3)
        assert item.nan_share == 0.0
        assert item.device_seconds > 0


def test_a_variants_frames_do_not_depend_on_the_rest_of_the_batch(case: Case):
    other = case.good._replace(seed=2, prompt="a blue square")
    [alone] = case.generator.generate([case.good])
    _, again = case.generator.generate([other, case.good])
    assert np.array_equal(alone.frames, again.frames)


def test_a_different_seed_or_prompt_gives_different_frames(case: Case):
    others = [case.good, case.good._replace(seed=99), case.good._replace(prompt="a blue square")]
    first, *rest = (item.frames for item in case.generator.generate(others))
    assert all(not np.array_equal(first, frames) for frames in rest)


def test_an_error_is_yielded_in_the_place_of_its_variant(case: Case):
    before, failed, after = case.generator.generate([case.good, case.failing, case.good])
    assert isinstance(failed, GenerationError)
    assert "\n" not in str(failed)
    assert np.array_equal(before.frames, after.frames)


def test_variants_are_generated_lazily(case: Case):
    items = case.generator.generate([case.good] * 10_000)
    assert next(items).variant == case.good
    items.close()


def test_no_variants_give_no_items(case: Case):
    assert list(case.generator.generate([])) == []
