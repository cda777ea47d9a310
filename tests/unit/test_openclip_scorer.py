import numpy as np
import open_clip
import pytest
import tiny_weights
import torch
from PIL import Image

from models.openclip import scorer as open_clip_scorer
from models.openclip.scorer import OpenClipScorer

PROMPTS = ["a red circle", "a blue square", "a red circle", ""]


@pytest.fixture(scope="module")
def scorer() -> OpenClipScorer:
    return OpenClipScorer(tiny_weights.scorer_card())


def frames(height: int, width: int, number: int = 3) -> np.ndarray:
    """Return soft shapes with a hard edge and some grain, similar to real pictures."""
    rng = np.random.default_rng(height * width)
    y, x = np.mgrid[:height, :width] / min(height, width)
    soft = np.stack([np.sin(3 * x + c) * np.cos(2 * y + c) for c in range(3)], axis=-1) * 60 + 128
    soft[(x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.08] = (220, 40, 60)
    return np.clip(soft + rng.normal(0, 4, (number, height, width, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("resize_mode", ["squash", "shortest", "longest"])
@pytest.mark.parametrize(("height", "width"), [(96, 96), (90, 160), (160, 90), (20, 24), (270, 480)])
def test_batched_preparation_equals_that_of_open_clip(resize_mode, height, width):
    """Check that cosines of the prepared pictures and of their embeddings are at least .999."""
    card = tiny_weights.scorer_card(tiny_weights.openclip_folder(resize_mode))
    scorer = OpenClipScorer(card)
    pictures = frames(height, width)
    own = torch.stack([scorer.preprocess(Image.fromarray(picture)) for picture in pictures])
    ours = open_clip_scorer.prepare(torch.from_numpy(pictures).permute(0, 3, 1, 2), scorer.preprocess)
    assert ours.shape == own.shape
    assert torch.cosine_similarity(own.flatten(1), ours.flatten(1)).min() >= 0.999
    with torch.inference_mode():
        expected = scorer.model.encode_image(own, normalize=True).numpy()
    assert (expected * scorer.embed_frames(pictures)).sum(axis=1).min() >= 0.999


def test_rows_are_unit_vectors_in_input_order(scorer):
    pictures, texts = scorer.embed_frames(frames(64, 64, 40)), scorer.embed_prompts(PROMPTS)
    assert (pictures.shape, texts.shape) == ((40, 16), (4, 16))
    assert pictures.dtype == texts.dtype == np.float32
    assert np.allclose(np.linalg.norm(pictures, axis=1), 1, atol=1e-5)
    assert np.allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-5)
    assert np.array_equal(texts[0], texts[2])
    assert not np.allclose(texts[0], texts[1], atol=1e-3)


def test_prompt_embeddings_equal_those_of_open_clip(scorer):
    tokens = open_clip.get_tokenizer(f"local-dir:{tiny_weights.openclip_folder()}")(PROMPTS)
    with torch.inference_mode():
        expected = scorer.model.encode_text(tokens, normalize=True).numpy()
    assert np.allclose(scorer.embed_prompts(PROMPTS), expected, atol=1e-5)


def test_a_cached_prompt_is_not_embedded_again(monkeypatch):
    scorer = OpenClipScorer(tiny_weights.scorer_card())
    seen = []
    tokenize = scorer.tokenize
    monkeypatch.setattr(scorer, "tokenize", lambda part: (seen.extend(part), tokenize(part))[1])
    first = scorer.embed_prompts(PROMPTS)
    again = scorer.embed_prompts([*PROMPTS, "a square"])
    assert seen == ["a red circle", "a blue square", "", "a square"]
    assert np.array_equal(first, again[:4])


def test_only_recent_prompts_are_cached(monkeypatch):
    monkeypatch.setattr(open_clip_scorer, "CACHED_PROMPTS", 2)
    scorer = OpenClipScorer(tiny_weights.scorer_card())
    scorer.embed_prompts(["a", "b", "c"])
    scorer.embed_prompts(["b"])
    scorer.embed_prompts(["d"])
    assert list(scorer._prompts) == ["b", "d"]
    assert scorer.embed_prompts(["a", "b", "c", "d"]).shape == (4, 16)


def test_the_name_includes_the_revision(scorer):
    assert scorer.name == f"tiny-openclip@{scorer.card.weights.revision}"
