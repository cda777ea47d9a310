"""The generator on a CUDA device. Run with `pytest -m gpu`."""

import threading

import numpy as np
import pytest
import tiny_weights
import torch

from manifests.variant import Variant
from models.openclip.scorer import OpenClipScorer
from models.registry import find_devices, open_generator

pytestmark = pytest.mark.gpu
CARDS = {
    "ltx": tiny_weights.ltx_card,
    "wan": lambda: tiny_weights.wan_card(precision={"default": "bfloat16", "vae": "float32"}),
}


def variant(card) -> Variant:
    return Variant(card.name, card.weights.revision, "a red circle", "blue", 1, 64, 90, 9, 8, 4, 3.0)


def test_the_devices_are_found():
    assert find_devices() == tuple(f"cuda:{index}" for index in range(torch.cuda.device_count()))


@pytest.mark.parametrize("family", CARDS)
def test_a_seed_gives_the_same_noise_as_on_a_cpu(family, device):
    """Pixels differ only by the rounding of bfloat16; another seed differs far more."""
    card = CARDS[family]()
    wanted = variant(card)
    [on_cpu] = open_generator(card, "cpu").generate([wanted])
    on_cuda, other = open_generator(card, device).generate([wanted, wanted._replace(seed=2)])
    near = np.abs(on_cuda.frames.astype(int) - on_cpu.frames).mean()
    far = np.abs(on_cuda.frames.astype(int) - other.frames).mean()
    assert near < far / 2


@pytest.mark.parametrize("family", CARDS)
def test_the_same_variant_gives_the_same_frames(family, device):
    card = CARDS[family]()
    one, again = open_generator(card, device).generate([variant(card)] * 2)
    assert np.array_equal(one.frames, again.frames)
    assert one.nan_share == 0.0
    assert one.device_seconds > 0


def test_components_have_the_cards_precision():
    pipeline = open_generator(CARDS["wan"](), "cuda").pipeline
    assert (pipeline.transformer.dtype, pipeline.vae.dtype) == (torch.bfloat16, torch.float32)


def test_closing_frees_the_device():
    """The first generator also allocates the workspaces of cuBLAS, which stay until the process ends."""
    card, left = CARDS["ltx"](), []
    for _ in range(3):
        generator = open_generator(card, "cuda")
        list(generator.generate([variant(card)]))
        used = torch.cuda.memory_allocated()
        generator.close()
        left.append(torch.cuda.memory_allocated())
        assert left[-1] < used
    assert left[0] == left[1] == left[2]


def test_the_scorer_agrees_with_the_cpu(device):
    frames = np.random.default_rng(0).integers(0, 256, (4, 64, 90, 3)).astype(np.uint8)
    card = tiny_weights.scorer_card()
    rows = [OpenClipScorer(card, device=name).embed_frames(frames) for name in ("cpu", device)]
    assert (rows[0] * rows[1]).sum(axis=1).min() > 0.999


def test_a_scorer_on_the_gpu_gives_the_same_scores_while_the_gpu_generates():
    card, scores = tiny_weights.scorer_card(), []
    frames = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)
    on_cpu, on_cuda = OpenClipScorer(card), OpenClipScorer(card, device="cuda")
    thread = threading.Thread(target=lambda: scores.extend(on_cuda.embed_frames(frames) for _ in range(20)))
    thread.start()
    model = CARDS["ltx"]()
    generator = open_generator(model, "cuda")
    one, again = generator.generate([variant(model)] * 2)
    thread.join()
    assert np.array_equal(one.frames, again.frames)
    expected = on_cpu.embed_frames(frames)
    assert len(scores) == 20
    assert all((rows * expected).sum(axis=1).min() > 0.999 for rows in scores)


@pytest.mark.parametrize("speed", [{"channels_last_vae": True}, {"compile": True}, {"attention": "_native_flash"}])
def test_lossless_kernels_change_at_most_rounding(speed):
    plain = CARDS["wan"]()
    card = plain.model_validate(plain.model_dump(mode="json") | {"profiles": {"fast": speed}})
    [exact] = open_generator(card, "cuda").generate([variant(card)])
    [fast] = open_generator(card, "cuda").generate([variant(card)._replace(profile="fast")])
    assert np.abs(fast.frames.astype(int) - exact.frames).mean() < 1


def test_only_bytes_leave_the_device(monkeypatch):
    """Frames become uint8 on the device: a quarter of the bytes of float32."""
    copied, cpu = [], torch.Tensor.cpu
    monkeypatch.setattr(
        torch.Tensor, "cpu", lambda tensor: (copied.append((tensor.dtype, tensor.numel())), cpu(tensor))[1]
    )
    card = CARDS["wan"]()
    [made] = open_generator(card, "cuda").generate([variant(card)])
    large = {dtype for dtype, number in copied if number >= made.frames.size // 4}
    assert large == {torch.uint8}
