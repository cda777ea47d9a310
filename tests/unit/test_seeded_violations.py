"""Files with one seeded violation each, over all presets: each is found, and files that fit pass."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from placement_recipes import CLEAN, SEEDED, Seed, is_slow
from seeded_clips import SOUND_S, Recipe, write_clip

from adapters.media.file_facts import measure
from adapters.presets.placements import load_presets
from manifests.placements.linter import lint

PRESETS = load_presets()


def rules_broken(recipe: Recipe, preset: str, folder: Path) -> list[str]:
    path = write_clip(recipe, folder)
    facts = measure(path, boxes=recipe.boxes, with_loudness=recipe.picture.seconds <= SOUND_S)
    return [problem.rule for problem in lint(facts, PRESETS[preset])]


def marked(cases: Iterable[tuple[Any, str, bool]]) -> list[Any]:
    return [pytest.param(case, id=name, marks=[pytest.mark.slow] if slow else []) for case, name, slow in cases]


@pytest.mark.parametrize("preset", marked((name, name, is_slow(recipe)) for name, recipe in CLEAN.items()))
def test_a_file_that_fits_breaks_no_rule(preset: str, tmp_path: Path) -> None:
    assert rules_broken(CLEAN[preset], preset, tmp_path) == []


@pytest.mark.parametrize("seed", marked((seed, seed.label, seed.is_slow) for seed in SEEDED))
def test_the_seeded_violation_is_found(seed: Seed, tmp_path: Path) -> None:
    assert seed.rule in rules_broken(seed.recipe, seed.preset, tmp_path)


def test_there_are_sixty_seeds_over_all_presets_and_rules() -> None:
    assert len(SEEDED) >= 60
    assert {seed.preset for seed in SEEDED} == set(PRESETS)
    assert set(Counter(seed.rule for seed in SEEDED)) == {
        "ratio", "size", "duration", "container", "codec", "bitrate", "file size", "frame rate", "loudness",
        "true peak", "audio", "safe zone", "captions",
    }  # fmt: skip
