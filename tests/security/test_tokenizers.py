"""Tokenizers of strangers: their rules neither exhaust memory nor run for hours, and their panics are errors."""

import base64
import json
import shutil
import struct
from pathlib import Path

import pytest
import tiny_weights

from manifests.errors import IncompleteWeightsError
from models.prompt_limit import COUNTED, PromptLimit, Spans, prompt_limit
from models.weights import weights_problem
from models.weights.refusal import RefusedFileError
from models.weights.tokenizer.tokenizer_check import MAX_TEXT, check_tokenizer

PUBLISHED = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama3": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+",
    "o200k": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "clip": r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
    "spaces": r" {2,}",
}


def replaced(pattern: dict[str, str], content: str) -> dict[str, object]:
    return {"type": "Replace", "pattern": pattern, "content": content}


def split(pattern: str) -> dict[str, object]:
    rule = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [rule]}}


def normalized(*rules: dict[str, object]) -> dict[str, object]:
    return {"normalizer": {"type": "Sequence", "normalizers": list(rules)}}


def table(longest: int) -> dict[str, object]:
    raw = struct.pack("<I", 8) + bytes(8) + b"a\0" + b"b" * longest + b"\0"
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(raw).decode()}


HOSTILE = {
    "nine growing replacements": normalized(*[replaced({"String": "a"}, "a" * 16)] * 9),
    "nested": normalized(normalized(*[replaced({"String": "a"}, "a" * 16)] * 9)["normalizer"]),
    "one long replacement": normalized(replaced({"String": "a"}, "a" * MAX_TEXT)),
    "an empty pattern": normalized(replaced({"String": ""}, "a" * 300)),
    "a regular expression": normalized(*[replaced({"Regex": "(?=a)"}, "aaaa")] * 4),
    "a table": normalized(table(MAX_TEXT)),
    "a damaged table": normalized({"type": "Precompiled", "precompiled_charsmap": "?"}),
    "many rules": normalized(*[{"type": "NFC"}] * 1500),
    "long text": split("a" * (MAX_TEXT + 1)),
    "a repeated group": split("(a|a)*$"),
    "a repeated group in a class": split(r"[(](a+)+b"),
    "a counted group": split("(?:a|a){21}b"),
    "a lazy group": split("(?:a|a)*?b"),
    "runs": split(".*.*.*[!?]"),
    "long runs": split(".{0,999}.{0,999}.{0,999}[!?]"),
}


@pytest.mark.parametrize("rules", HOSTILE.values(), ids=HOSTILE)
def test_hostile_rules_are_refused(rules: dict[str, object]):
    with pytest.raises(RefusedFileError, match=r"tokenizer\.json has"):
        check_tokenizer(rules, "tokenizer.json")


@pytest.mark.parametrize("pattern", PUBLISHED.values(), ids=PUBLISHED)
def test_published_rules_are_accepted(pattern: str):
    rules = normalized(table(33), replaced({"Regex": pattern}, "▁"), replaced({"String": " "}, "▁"))
    check_tokenizer(rules | split(pattern), "tokenizer.json")


def test_a_hostile_tokenizer_is_refused_with_its_folder_and_not_used_to_plan(tmp_path: Path):
    folder = shutil.copytree(tiny_weights.ltx_folder(), tmp_path / "model")
    path = next(folder.rglob("tokenizer.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | HOSTILE["nine growing replacements"]))
    card = tiny_weights.ltx_card(folder)
    assert "tokenizer.json has normalizers that make a prompt up to" in weights_problem(card)
    limit = prompt_limit(card)
    assert not limit.is_exact
    assert limit.measure("a red circle" + "a" * 60).tokens < 10


def test_a_panic_is_an_error_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("models.prompt_limit.check_tokenizer", lambda *_: None)
    folder = shutil.copytree(tiny_weights.ltx_folder(), tmp_path / "model")
    path = next(folder.rglob("tokenizer.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"normalizer": None} | split("(a|a)*$")))
    card = tiny_weights.ltx_card(folder)
    with pytest.raises(IncompleteWeightsError, match=f"The tokenizer in {path.parent} cannot be used: the tokenizer"):
        prompt_limit(card).measure("a" * 60 + "!")


def test_only_the_beginning_of_a_very_long_prompt_is_counted():
    seen: list[int] = []

    def spans(text: str) -> Spans:
        seen.append(len(text))
        return Spans(list(range(0, len(text), 2)), 1)

    length = PromptLimit("model", 10, spans).measure("a " * 5_000_000)
    assert seen == [COUNTED]
    assert (length.is_exact, length.tokens) == (False, COUNTED // 2 + 1)
    assert PromptLimit("model", 10, spans).measure("a b").is_exact
