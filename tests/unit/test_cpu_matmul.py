"""Matrix products use oneDNN, and their results do not change."""

from collections.abc import Iterator

import numpy as np
import pytest
import tiny_weights
import torch

from models.cpu_matmul import multiply_by_onednn
from models.diffusers.generator import DiffusersVideo
from models.openclip.scorer import OpenClipScorer

HAS_AMX = torch.cpu.get_capabilities().get("amx_bf16", False)
MATMUL = torch.backends.mkldnn.matmul


@pytest.fixture(autouse=True)
def _as_torch_comes() -> Iterator[None]:
    before, MATMUL.fp32_precision = MATMUL.fp32_precision, "none"
    yield
    MATMUL.fp32_precision = before


@pytest.mark.parametrize(
    "opening", [lambda: OpenClipScorer(tiny_weights.scorer_card()), lambda: DiffusersVideo(tiny_weights.ltx_card())]
)
def test_opening_a_model_selects_onednn(opening):
    opening()
    assert MATMUL.fp32_precision == "bf16"


def test_products_stay_float32_without_amx():
    left, layer = torch.randn(400, 768, generator=torch.Generator().manual_seed(1)), torch.nn.Linear(768, 512)
    with torch.inference_mode():
        exact = layer.double()(left.double())
        before = layer.float()(left)
        multiply_by_onednn()
        after = layer(left)
    assert (before - exact).abs().max() < 1e-5
    assert (after - exact).abs().max() < (0.05 if HAS_AMX else 1e-5)


def test_scores_match_those_of_torchs_default():
    scorer = OpenClipScorer(tiny_weights.scorer_card())
    frames = np.random.default_rng(3).integers(0, 256, (5, 90, 160, 3), dtype=np.uint8)
    fast = scorer.embed_frames(frames)
    MATMUL.fp32_precision = "none"
    assert (fast * scorer.embed_frames(frames)).sum(axis=1).min() >= (0.999 if HAS_AMX else 0.999999)
