"""SentencePiece models of strangers: their table does not exhaust memory."""

import io
import shutil
from pathlib import Path

import pytest
import sentencepiece
import tiny_weights
from sentencepiece import sentencepiece_model_pb2

from models.prompt_limit import prompt_limit
from models.registry import get_card
from models.weights import weights_path, weights_problem
from models.weights.refusal import RefusedFileError
from models.weights.tokenizer.sentence_pieces import check_sentence_pieces

CORPUS = ["a red circle on a white background", "a blue cup moving left slowly", "cinematic tracking shot"] * 30


def trained(folder: Path, times: int = 0, rule: str = "nmt_nfkc") -> bytes:
    """Return a model; with ``times``, its table replaces each a by that many."""
    model, options = io.BytesIO(), {"normalization_rule_name": rule}
    if times:
        rules = folder / "rules.tsv"
        rules.write_text("61\t" + " ".join(["61"] * times) + "\n")
        options = {"normalization_rule_tsv": str(rules)}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=model, vocab_size=36, minloglevel=2, hard_vocab_limit=False,
        **options,
    )  # fmt: skip
    return model.getvalue()


@pytest.mark.parametrize("rule", ["nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "identity"])
def test_the_tables_of_the_library_are_accepted(rule: str, tmp_path: Path):
    check_sentence_pieces(trained(tmp_path, rule=rule), "spiece.model")


@pytest.mark.parametrize("field", ["normalizer_spec", "denormalizer_spec"])
def test_a_table_with_a_long_text_is_refused(field: str, tmp_path: Path):
    proto = sentencepiece_model_pb2.ModelProto.FromString(trained(tmp_path))
    hostile = sentencepiece_model_pb2.ModelProto.FromString(trained(tmp_path, 2_000))
    getattr(proto, field).precompiled_charsmap = hostile.normalizer_spec.precompiled_charsmap
    with pytest.raises(RefusedFileError, match=r"a table that makes a prompt up to 2,000 times longer"):
        check_sentence_pieces(proto.SerializeToString(), "spiece.model")


def test_a_second_normalizer_does_not_hide_the_table_of_the_first(tmp_path: Path):
    hostile, harmless = trained(tmp_path, 2_000), sentencepiece_model_pb2.ModelProto()
    harmless.normalizer_spec.add_dummy_prefix = False  # protocol buffers merge both
    for content in (hostile + harmless.SerializeToString(), harmless.SerializeToString() + hostile):
        with pytest.raises(RefusedFileError, match="times longer"):
            check_sentence_pieces(content, "spiece.model")


HOSTILE = {
    "text": b"a text file",
    "a base64 vocabulary": b"IQ== 0\nIg== 1\n",
    "cut off": b"\x0a\xff\x01a",
    "a group": b"\x0b\x0c",
    "an unknown field": b"\x32\x00",
    "a number of another field": b"\x10\x01",
    "an unknown field of a normalizer": b"\x1a\x02\x38\x01",
    "a table of another kind": b"\x1a\x02\x10\x01",
    "an endless number": b"\xff" * 20,
    "many parts": b"\x0a\x00" * 2_000_001,
    "long tests of itself": b"\x22\x80\x80\x04" + bytes(65_536),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_other_formats_are_refused(content: bytes):
    with pytest.raises(RefusedFileError, match=r"spiece\.model is not a SentencePiece model, or is damaged"):
        check_sentence_pieces(content, "spiece.model")


def test_a_hostile_model_is_refused_with_its_folder(tmp_path: Path):
    folder = shutil.copytree(tiny_weights.ltx_folder(), tmp_path / "model")
    (folder / "tokenizer" / "spiece.model").write_bytes(trained(tmp_path, 2_000))
    assert "tokenizer/spiece.model has a table that makes a prompt up to 2,000 times longer" in weights_problem(
        tiny_weights.ltx_card(folder)
    )


def test_a_hostile_model_is_not_used_to_plan(tmp_path: Path):
    card = get_card("cogvideox-2b")
    folder = weights_path(card, tmp_path) / "tokenizer"
    folder.mkdir(parents=True)
    (folder / "spiece.model").write_bytes(trained(tmp_path, 2_000))
    limit = prompt_limit(card, tmp_path)
    assert not limit.is_exact
    assert limit.measure("a" * 60).tokens < 10
