"""Codes, captions and the tokenizer."""

import numpy as np
import torch

from training.scenes import tokenizer, words
from training.scenes.captions import UNKNOWN, caption, open_some, plain
from training.scenes.codes import code, decode, indices, scene
from training.scenes.scene import Scene, sample_scene


def test_codes_are_decoded():
    rng = np.random.default_rng(0)
    scenes = [open_some(sample_scene(rng), rng) for _ in range(50)]
    slots = torch.tensor([indices(one) for one in scenes])
    assert decode(code(slots)).tolist() == slots.tolist()
    assert [scene(row) for row in slots.tolist()] == scenes
    assert torch.allclose(code(slots).pow(2).mean(-1), torch.ones(50))


def test_captions_use_known_words_only():
    rng = np.random.default_rng(1)
    known = {*words.vocabulary(), UNKNOWN}
    for _ in range(500):
        text = caption(open_some(sample_scene(rng), rng), rng)
        assert set(text.replace(",", " ").lower().split()) <= known


def test_plain_caption_names_everything():
    assert plain(Scene("cup", "orange", "white", "pulsing")) == "an orange cup pulsing on a white background"
    assert plain(Scene("snow", "red", "orange", "rotating")) == "red snow rotating on an orange background"


def test_empty_scene_gives_no_motif_words():
    text = caption(Scene(None, None, None, None), np.random.default_rng(3))
    assert not set(text.split()) & set(words.COLOUR_WORDS)


def test_tokenizer_ignores_case_and_punctuation():
    tokens = tokenizer.build()
    assert tokens("A Red, circle!").input_ids == tokens("a red circle").input_ids
    assert tokens("a flibbertigibbet").input_ids[1] == tokens.unk_token_id == 2
    assert tokens("").input_ids == [1]
