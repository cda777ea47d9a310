"""Each pipeline class at the memory rungs that copy weights: same frames, and no weights are used while away."""

import numpy as np
import pytest
import torch
from diffusers.hooks import apply_group_offloading
from misplaced import misplaced
from tiny_cards import FOLDERS, tiny_card, variant_of

from models.diffusers import placing
from models.diffusers.generator import DiffusersVideo
from models.placement import Choice, Rung

QUICK = ("ltx-video", "wan2.1-t2v-1.3b")
RUNGS = (Rung.MODEL_OFFLOAD, Rung.GROUP_OFFLOAD, Rung.SEQUENTIAL)


def opened(name: str) -> DiffusersVideo:
    return DiffusersVideo(tiny_card(name), pictures=lambda _: np.full((64, 64, 3), 128, np.uint8))


def moved_by_the_pipeline(generator: DiffusersVideo) -> list[torch.Tensor]:
    """Return the scales of latents, which are stored in VAEs and which pipelines copy to the device themselves."""
    vaes = (getattr(generator.pipeline, name, None) for name in ("vae", "audio_vae"))
    found = (getattr(vae, name, None) for vae in vaes for name in ("latents_mean", "latents_std"))
    return [each for each in found if torch.is_tensor(each)]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in FOLDERS]
)
def test_a_pipeline_gives_the_same_frames_with_copied_weights(monkeypatch, name):
    wanted = variant_of(tiny_card(name))
    [plain] = opened(name).generate([wanted])
    monkeypatch.setattr(placing, "free_gb", lambda device: 100.0)
    for rung in RUNGS:
        monkeypatch.setattr(placing, "choose", lambda *_, rung=rung: Choice(rung, 0, False))
        with misplaced() as operations:
            generator = opened(name)
            operations.allow(*moved_by_the_pipeline(generator))
            [placed] = generator.generate([wanted])
        assert placed.fallback_step == rung
        assert operations.found == set()
        assert np.array_equal(placed.frames, plain.frames)


def test_weights_that_are_used_while_they_are_away_are_found():
    layer = torch.nn.Sequential(torch.nn.Linear(4, 4))
    with misplaced() as operations, torch.no_grad():
        apply_group_offloading(layer, torch.device("cpu"), offload_type="leaf_level")
        layer(torch.ones(1, 4))
        assert operations.found == set()
        torch.nn.functional.linear(torch.ones(1, 4), layer[0].weight)  # bypasses the hook
    assert operations.found
