"""Every file with a seeded violation that can be fixed passes its own linter after the fix."""

from pathlib import Path
from typing import Any

import pytest
from placement_recipes import SEEDED, Seed
from seeded_clips import write_clip

from adapters.media.file_facts import measure
from adapters.presets.placements import load_presets
from manifests.placements.linter import lint
from tasks.finish.fix import fix_file

PRESETS = load_presets()
UNFIXABLE = ("safe zone", "captions")
LONGEST_S = 200
"""Longer files are trimmed in the same way, but take minutes each."""
QUICK = {"meta-feed size: pixels of 4:3", "linkedin frame rate: 30", "x audio: MP3", "tiktok-auction bitrate: no floor"}
"""Fixed in the fast tests; the others take minutes together."""


def cases() -> list[Any]:
    fixable = [seed for seed in SEEDED if is_fixable(seed) and seed.recipe.picture.seconds <= LONGEST_S]
    return [pytest.param(s, id=s.label, marks=[] if s.label in QUICK else [pytest.mark.slow]) for s in fixable]


def is_fixable(seed: Seed) -> bool:
    """Return whether a program can repair it; sound that is missing has to come from a person."""
    is_silent = seed.rule == "audio" and seed.recipe.level is None
    return seed.rule not in UNFIXABLE and not is_silent


@pytest.mark.parametrize("seed", cases())
def test_the_fixed_file_passes_its_own_linter(seed: Seed, tmp_path: Path) -> None:
    source, out = write_clip(seed.recipe, tmp_path), tmp_path / "fixed.mp4"
    result = fix_file(source, PRESETS[seed.preset], out)
    assert result.remaining == ()
    assert lint(measure(out), PRESETS[seed.preset]) == ()
    assert seed.rule in {violation.rule for violation in result.fixed}
    assert {path.name for path in tmp_path.iterdir()} == {source.name, out.name}
