"""Each class that generates sound, or takes more than a first frame, on a CUDA device with tiny weights."""

from typing import Any

import numpy as np
import pytest
import torch
from tiny_cards import tiny_card, variant_of

from models.protocols import Generated
from models.registry import open_generator

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
CASES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("kandinsky-6-lite", {}),
    ("kandinsky-6-lite-10step", {}),
    ("kandinsky-6-lite-i2v", {}),
    ("cosmos3-nano", {}),
    ("cosmos3-nano-i2v", {}),
    ("ltx-2.5-8step", {}),
    ("ltx-2.5-8step-i2v", {"last_frame_sha256": "b"}),
    ("wan2.2-i2v-a14b", {"last_frame_sha256": "b"}),
    ("wan2.1-vace-1.3b", {"reference_sha256s": ("a", "b")}),
    ("helios-distilled", {}),
    ("helios-distilled", {"earlier_frames_sha256": "a"}),
)


def picture(sha256: str) -> np.ndarray:
    return np.full((80, 100, 3), 200 if sha256 == "a" else 40, np.uint8)


def earlier(sha256: str) -> np.ndarray:
    return np.stack([picture(sha256)] * 40)


@pytest.mark.parametrize(("name", "changes"), CASES, ids=[f"{name}-{'-'.join(changes)}" for name, changes in CASES])
def test_a_clip_is_generated_on_a_gpu_with_its_sound(name: str, changes: dict[str, Any]):
    """In particular, a generator of the CPU must not be passed to torch together with the GPU."""
    card = tiny_card(name)
    generator = open_generator(card, device="cuda:0", pictures=picture, videos=earlier)
    try:
        first, again = generator.generate([variant_of(card, **changes), variant_of(card, **changes)])
    finally:
        generator.close()
    assert isinstance(first, Generated), first
    assert isinstance(again, Generated), again
    assert first.nan_share == 0
    assert first.frames.shape == (card.defaults.num_frames, 64, 64, 3)
    assert np.abs(first.frames.astype(int) - again.frames).mean() < 1
    if first.sound is not None:
        assert np.isfinite(first.sound.samples).all()
