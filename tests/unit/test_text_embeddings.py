import functools

import numpy as np
import pytest
import tiny_weights
import torch
from engine_variants import variant

from models.diffusers.families import family_of
from models.diffusers.generator import DiffusersVideo
from models.diffusers.text_embeddings import TextEmbedder

PROMPTS = [f"a {color} {shape}" for color in ("red", "blue") for shape in ("circle", "square")]


@pytest.fixture
def generator() -> DiffusersVideo:
    return DiffusersVideo(tiny_weights.ltx_card())


def counted(monkeypatch, generator) -> list:
    calls: list = []
    encoder = generator.pipeline.text_encoder
    forward = encoder.forward
    monkeypatch.setattr(encoder, "forward", lambda *args, **kwargs: calls.append(1) or forward(*args, **kwargs))
    return calls


def test_each_text_of_a_shard_is_embedded_once(generator, monkeypatch):
    calls = counted(monkeypatch, generator)
    wanted = [variant(seed=seed, prompt=prompt, guidance_scale=1.0) for seed in range(5) for prompt in PROMPTS]
    generator.prepare(wanted)
    assert len(calls) == len(PROMPTS)
    made = [item for start in range(0, 20, 4) for item in generator.generate(wanted[start : start + 4])]
    assert len(made) == 20
    assert len(calls) == len(PROMPTS)


def test_the_encoder_is_detached_after_embedding_and_restored_for_new_texts(generator, monkeypatch):
    [first] = generator.generate([variant()])
    assert generator.pipeline.text_encoder is None
    calls = counted_detached(generator)
    [other] = generator.generate([variant(prompt="a blue square")])
    assert len(calls) == 1
    assert generator.pipeline.text_encoder is None
    [again] = generator.generate([variant()])
    assert len(calls) == 1
    assert np.array_equal(first.frames, again.frames)
    assert not np.array_equal(first.frames, other.frames)


def counted_detached(generator) -> list:
    calls: list = []
    [encoder] = generator._embedder._encoders.detached.values()
    forward = encoder.forward
    encoder.forward = lambda *args, **kwargs: calls.append(1) or forward(*args, **kwargs)
    return calls


def test_the_budget_keeps_the_latest_texts_and_does_not_change_embeddings(generator):
    pipeline, card = generator.pipeline, generator.card
    one = TextEmbedder(pipeline, family_of(card.pipeline), card, torch.device("cpu"))
    with torch.no_grad():
        one.embed(PROMPTS)
    all_kept = one.of(PROMPTS)
    size = sum(value.numel() * value.element_size() for value in all_kept[PROMPTS[0]].values())
    small = TextEmbedder(pipeline, family_of(card.pipeline), card, torch.device("cpu"), budget=2 * size)
    pipeline.text_encoder = next(iter(one._encoders.detached.values()))
    with torch.no_grad():
        small.embed(PROMPTS)
        assert small.encoded == 3  # stops once the budget is exceeded
        found = {text: small.of([text])[text] for text in PROMPTS}
    assert small.encoded > len(PROMPTS)  # evicted texts are embedded again
    for text in PROMPTS:
        for name, value in found[text].items():
            assert torch.equal(value, all_kept[text][name])


def test_a_text_that_cannot_be_embedded_fails_only_its_variant(generator, monkeypatch):
    encode_prompt = generator.pipeline.encode_prompt

    @functools.wraps(encode_prompt)
    def encode(prompt, *args, **kwargs):
        if prompt == "poison":
            raise ValueError("no such word")
        return encode_prompt(prompt, *args, **kwargs)

    monkeypatch.setattr(generator.pipeline, "encode_prompt", encode)
    bad, good = generator.generate([variant(prompt="poison"), variant()])
    assert str(bad) == "tiny-ltx failed on this variant: ValueError: no such word"
    assert good.frames.any()
