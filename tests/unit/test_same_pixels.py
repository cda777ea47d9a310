"""The same variant has the same pixels in every process, whatever is generated before it."""

import os
from collections.abc import Iterable

import numpy as np
import pytest

from manifests.variant import Variant
from models.protocols import Generator
from models.registry import get_card, open_generator, weights_problem
from tasks.runtime.device_processes import open_in_process

Clips = dict[tuple[str, int], np.ndarray]
PROMPTS = ("a red circle drifting right on a white background", "a blue cup zooming in on a black background")


def variants() -> list[Variant]:
    card = get_card("starter")
    return [
        Variant("starter", card.weights.revision, prompt, "", seed, size.height, size.width, 17, 8, 2, 3.0)
        for size in card.sizes.values()
        for seed, prompt in enumerate(PROMPTS, 7)
    ]


def clips(generator: Generator, wanted: Iterable[Variant]) -> Clips:
    try:
        made = [*generator.generate([*wanted])]
    finally:
        generator.close()
    return {(item.variant.prompt, item.variant.height): item.frames for item in made}


@pytest.fixture(scope="module")
def expected() -> Clips:
    if problem := weights_problem(get_card("starter")):
        pytest.fail(problem) if os.environ.get("CI") else pytest.skip(problem)
    return clips(open_generator(get_card("starter"), threads=1), variants())


@pytest.mark.parametrize(("threads", "number"), [(1, 6), pytest.param(2, 1, marks=pytest.mark.slow)])
def test_another_process_and_order_give_the_same_pixels(expected, threads, number):
    found = clips(open_in_process(get_card("starter"), threads=threads), variants()[::-1][:number])
    assert len(found) == number
    for key, frames in found.items():
        assert np.array_equal(expected[key], frames), key


def test_a_generator_that_is_opened_again_gives_the_same_pixels(expected):
    wanted = variants()[:1]
    for _ in range(5):
        [(key, frames)] = clips(open_generator(get_card("starter"), threads=1), wanted).items()
        assert np.array_equal(frames, expected[key])
