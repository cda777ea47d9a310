"""Lengths of prompts, counted with the models' own tokenizers."""

import io
import json
import subprocess
import sys

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.tokenizer import SimpleTokenizer
from transformers import AutoTokenizer

from models.clip_tokenizer import clip_tokenizer
from models.prompt_limit import PromptLimit, prompt_limit
from models.registry import get_any_card, get_card, load_cards, load_scorer_cards, local_cards
from models.weights import weights_path

LONG = (
    "A blue cup zooming in on a white background, cinematic, premium, elegant, modern, calm, smooth, high quality, for "
    "the spring sale, in the style of our brand, with soft light; instead of the cup show a red circle drifting right"
)


def limit_of(name: str, weights_root=None) -> PromptLimit:
    limit = prompt_limit(get_any_card(name), weights_root)
    assert limit
    return limit


@pytest.mark.parametrize("name", ["starter", "starter-openclip"])
def test_words_beyond_the_limit_of_the_starter_are_lost(name):
    length = limit_of(name).measure(LONG)
    assert (length.tokens, length.limit, length.is_exact) == (41, 32, True)
    assert length.lost == "of the cup show a red circle drifting right"


def test_the_starter_reads_what_is_kept_and_nothing_of_what_is_lost():
    """The tokenizer of the pipeline gives the same tokens for the prompt and for its kept part."""
    tokenizer = AutoTokenizer.from_pretrained(weights_path(get_card("starter")) / "tokenizer")
    lost = limit_of("starter").measure(LONG).lost
    kept = LONG.removesuffix(lost)
    cut = {"padding": "max_length", "max_length": 32, "truncation": True}
    assert tokenizer(LONG, **cut).input_ids == tokenizer(kept, **cut).input_ids
    assert tokenizer(LONG, **cut).input_ids != tokenizer(kept.rsplit(maxsplit=1)[0], **cut).input_ids


def test_a_prompt_within_the_limit_loses_nothing():
    length = limit_of("starter").measure("a red circle drifting left on a white background")
    assert (length.tokens, length.lost) == (10, "")


_OPEN_CLIP = SimpleTokenizer()


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn", "Co")), max_size=80))
def test_the_clip_tokenizer_is_that_of_open_clip(text):
    text = " ".join(text.split())
    if "&" in text or "<|" in text or text != _OPEN_CLIP.clean_fn(text):
        return  # open_clip also repairs mojibake and HTML entities before it counts
    assert clip_tokenizer().encode(text, add_special_tokens=False).ids == _OPEN_CLIP.encode(text)


def test_openclip_keeps_the_first_75_tokens_between_start_and_end():
    prompt = " ".join(f"word{number}" for number in range(60))
    length = limit_of("openclip-vit-b-32").measure(prompt)
    kept = prompt.removesuffix(length.lost)
    ids = _OPEN_CLIP([prompt])[0]
    assert length.limit == len(ids) == 77
    assert _OPEN_CLIP([kept])[0].tolist()[:70] == ids.tolist()[:70]
    assert len(_OPEN_CLIP.encode(kept)) <= 75 < len(_OPEN_CLIP.encode(prompt[: len(kept) + len("word99")]))


def test_a_sentence_piece_model_counts_as_t5_does(tmp_path):
    model = io.BytesIO()
    corpus = ["a red circle on a white background", "a blue cup moving left slowly", "cinematic tracking shot"] * 30
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus), model_writer=model, vocab_size=34, minloglevel=2
    )
    card = get_card("cogvideox-2b")
    folder = weights_path(card, tmp_path) / "tokenizer"
    folder.mkdir(parents=True)
    (folder / "spiece.model").write_bytes(model.getvalue())
    prompt = "a red circle on a white background " * 20
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()).encode(prompt)
    limit = prompt_limit(card, tmp_path)
    assert limit
    length = limit.measure(prompt)
    assert (length.tokens, length.limit, length.is_exact) == (len(pieces) + 1, 226, True)
    assert prompt.endswith(length.lost)
    assert length.lost.split()[0] in corpus[0].split()


def test_without_the_tokenizer_words_are_a_lower_bound(tmp_path):
    limit = limit_of("ltx-video", tmp_path)
    length = limit.measure("word " * 200)
    assert (length.tokens, length.is_exact) == (201, False)
    assert len(length.lost.split()) == 200 - 127
    assert not limit.measure("word " * 120).lost


def test_a_damaged_tokenizer_counts_words(tmp_path):
    card = get_card("ltx-video")
    folder = weights_path(card, tmp_path) / "tokenizer"
    folder.mkdir(parents=True)
    (folder / "tokenizer.json").write_text("{")
    limit = prompt_limit(card, tmp_path)
    assert limit
    assert not limit.is_exact


def test_an_open_clip_folder_states_its_context_length(tmp_path):
    card = get_any_card("openclip-vit-b-32").model_copy(update={"max_prompt_tokens": None, "tokenizer": None})
    folder = weights_path(card, tmp_path)
    folder.mkdir(parents=True)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": {"text_cfg": {"context_length": 64}}}))
    limit = prompt_limit(card, tmp_path)
    assert limit
    assert (limit.limit, limit.is_exact) == (64, True)


def test_every_card_that_reads_prompts_has_a_limit():
    cards = local_cards(load_cards()) | load_scorer_cards()
    unknown = [name for name, card in cards.items() if not prompt_limit(card)]
    assert unknown == ["svd-xt"]  # it reads only a picture


def test_counting_loads_no_torch():
    code = (
        "import sys; from models.prompt_limit import prompt_limit; from models.registry import get_any_card; "
        "assert prompt_limit(get_any_card('openclip-vit-b-32')).measure('a cup').tokens == 4; "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
