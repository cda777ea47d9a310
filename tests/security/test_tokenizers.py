"""Tokenizers of strangers: their rules neither exhaust memory nor run for hours, and their panics are errors."""

import base64
import json
import shutil
import struct
from pathlib import Path

import pytest
import tiny_weights
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from manifests.errors import IncompleteWeightsError
from models.prompt_limit import COUNTED, PromptLimit, Spans, prompt_limit
from models.weights import weights_problem
from models.weights.refusal import RefusedFileError
from models.weights.tokenizer.tokenizer_check import check_tokenizer
from models.weights.tokenizer.tokenizer_rules import MAX_TEXT

PUBLISHED = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama3": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+",
    "o200k": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "clip": r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
    "spaces": r" {2,}",
    "tekken": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?"
    r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|"
    r"\s+(?!\S)|\s+",
    "kimi": r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&"
    r"[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "bloom": r" ?[^(\s|[.,!?…。，、।۔،])]+",
    "deepseek": r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+"
    r"[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}


MODULES = {
    "normalizer": normalizers,
    "pre_tokenizer": pre_tokenizers,
    "post_processor": processors,
    "decoder": decoders,
}
NO_RULES = {"NORMALIZERS", "Normalizer", "Precompiled", "PreTokenizer", "PostProcessor", "Decoder", "DecodeStream"}
"""Names that are no rules, and Precompiled, which the library makes from a table only."""


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


PADDING = {
    "strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0,
    "pad_token": "a",
}  # fmt: skip


def templated(*pieces: dict[str, object], ids: list[int] | None = None) -> dict[str, object]:
    token = {"id": "a", "ids": ids or [0], "tokens": ["a"] * len(ids or [0])}
    single = [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "a", "type_id": 0}}]
    return {
        "post_processor": {
            "type": "TemplateProcessing",
            "single": list(pieces) or single,
            "pair": [],
            "special_tokens": {"a": token},
        }
    }


HOSTILE = {
    "nine growing replacements": normalized(*[replaced({"String": "a"}, "a" * 16)] * 9),
    "nested": normalized(normalized(*[replaced({"String": "a"}, "a" * 16)] * 9)["normalizer"]),
    "one long replacement": normalized(replaced({"String": "a"}, "a" * MAX_TEXT)),
    "an empty pattern": normalized(replaced({"String": ""}, "a" * 300)),
    "a regular expression": normalized(*[replaced({"Regex": "(?=a)"}, "aaaa")] * 4),
    "a table": normalized(table(MAX_TEXT)),
    "a damaged table": normalized({"type": "Precompiled", "precompiled_charsmap": "?"}),
    "many rules": normalized(*[{"type": "NFC"}] * 1500),
    "many normalizers that add spaces": normalized(*[{"type": "BertNormalizer"}] * 6),
    "bytes that become two bytes again and again": normalized(*[{"type": "ByteLevel"}] * 20),
    "pre-tokenizers that do so": {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}] * 12}},
    "a replacement and pre-tokenizers": normalized(replaced({"String": "a"}, "a" * 100))
    | {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}, {"type": "ByteLevel"}]}},
    "growing decoders": {"decoder": {"type": "Sequence", "decoders": [replaced({"String": "a"}, "a" * 100)] * 2}},
    "a template that repeats the prompt": templated(*[{"Sequence": {"id": "A", "type_id": 0}}] * 2),
    "a template of many tokens": templated(*[{"SpecialToken": {"id": "a", "type_id": 0}}] * 65),
    "a token of many tokens": templated(ids=[0] * 300),
    "long padding": {"padding": PADDING | {"strategy": {"Fixed": 10**9}}},
    "padding to a large multiple": {"padding": PADDING | {"pad_to_multiple_of": 10**9}},
    "truncation with a stride": {"truncation": {"max_length": 1, "strategy": "LongestFirst", "stride": 1}},
    "a long suffix": {"model": {"type": "BPE", "end_of_word_suffix": "a" * (MAX_TEXT + 1)}},
    "long words": {"model": {"type": "WordPiece", "max_input_chars_per_word": 10**6}},
    "an unknown model": {"model": {"type": "Python"}},
    "added tokens of another form": {"added_tokens": [{"id": 1, "content": "a", "regex": "a"}]},
    "added tokens that are no list": {"added_tokens": {"a": 1}},
    "another key": {"Normalizer": None},
    "long text": split("a" * (MAX_TEXT + 1)),
    "a repeated group": split("(a|a)*$"),
    "a repeated group in a class": split(r"[(](a+)+b"),
    "a counted group": split("(?:a|a){21}b"),
    "a lazy group": split("(?:a|a)*?b"),
    "runs": split(".*.*.*[!?]"),
    "two runs": split(r"[ab]*[ab]*!"),
    "short repetitions": split("[ab]{0,9}" * 6 + "[^ab]{1,2}"),
    "optional parts": split("a?" * 22 + "b"),
    "alternatives in a row": split("(?:a|a)" * 20 + "b"),
    "a run after a growing rule": normalized(replaced({"String": "a"}, "a" * 100)) | split("[ab]*!"),
    "many expressions": {
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split(r"\s?\s+a")["pre_tokenizer"]] * 64}
    },
    **{
        f"the expression {each}": split(each)
        for each in (
            r"(a)\1",
            r"(?<x>a)\g<x>",
            r"\k<a>",
            "(?~a)",
            "(?#x)a",
            "(?x)a",
            "(?(1)a|b)",
            "x{9}{9}",
            "x{0,3}+",
            "a**",
            "a{99999}",
            "a{,}",
            "a{1,2",
            "[",
            "(",
            ")",
            "[]a]",
            r"\Qa",
            "(" * 30 + "a" + ")" * 30,
            "(?=.*.*!)x",
            "(?:a*|b)[ab]*c",
            "(?:[ab]*)?(?:[ab]*)?c",
        )
    },
    "long runs": split(".{0,999}.{0,999}.{0,999}[!?]"),
}


@pytest.mark.parametrize("rules", HOSTILE.values(), ids=HOSTILE)
def test_hostile_rules_are_refused(rules: dict[str, object]):
    with pytest.raises(RefusedFileError, match=r"tokenizer\.json has"):
        check_tokenizer(rules, "tokenizer.json")


GROWING = {"pattern": {"String": "a"}, "content": "aa"}
UNTYPED = {
    "an unknown type": {"type": "X"} | GROWING,
    "a type in lower case": {"type": "replace"} | GROWING,
    "no type": GROWING,
    "a list": [{"String": "a"}, "aa"],
    "a list with a type": ["Replace", {"String": "a"}, "aa"],
    "an untyped sequence": {"normalizers": [GROWING]},
    "another key": {"type": "Replace", "other": 1} | GROWING,
    "a pattern of another kind": {"type": "Replace", "pattern": {"Char": "a"}, "content": "aa"},
    "two patterns": {"type": "Replace", "pattern": {"String": "a", "Regex": "a"}, "content": "aa"},
    "a pattern without a kind": {"type": "Replace", "pattern": "a", "content": "aa"},
    "a text": "Replace",
    "a number": 1,
    "true": True,
}


@pytest.mark.parametrize("rule", UNTYPED.values(), ids=UNTYPED)
@pytest.mark.parametrize("where", ["normalizer", "pre_tokenizer", "post_processor", "decoder"])
def test_a_rule_of_an_unknown_form_is_refused(rule: object, where: str):
    inner = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers"}.get(where, where.rpartition("_")[2] + "s")
    for rules in (rule, {"type": "Sequence", inner: [rule]}, [rule], [[rule]]):
        with pytest.raises(RefusedFileError, match=r"tokenizer\.json has rules that Reelmill does not accept"):
            check_tokenizer({where: rules}, "tokenizer.json")


def test_every_type_of_the_library_is_accepted():
    """The library writes each rule with its defaults, so that a new type or key of a later version fails here."""
    rules: dict[str, list[object]] = {
        "normalizer": [
            normalizers.BertNormalizer(), normalizers.ByteLevel(), normalizers.Lowercase(), normalizers.NFC(),
            normalizers.NFD(), normalizers.NFKC(), normalizers.NFKD(), normalizers.Nmt(), normalizers.Prepend("▁"),
            normalizers.Replace(" ", "▁"), normalizers.Replace(Regex(" {2,}"), "▁"), normalizers.Strip(),
            normalizers.StripAccents(), normalizers.Sequence([normalizers.NFC()]),
        ],
        "pre_tokenizer": [
            pre_tokenizers.BertPreTokenizer(), pre_tokenizers.ByteLevel(), pre_tokenizers.CharDelimiterSplit("a"),
            pre_tokenizers.Digits(), pre_tokenizers.FixedLength(3), pre_tokenizers.Metaspace(),
            pre_tokenizers.Punctuation(), pre_tokenizers.Split(" ", "merged_with_previous"),
            pre_tokenizers.UnicodeScripts(), pre_tokenizers.Whitespace(), pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Sequence([pre_tokenizers.Digits()]),
        ],
        "post_processor": [
            processors.BertProcessing(("a", 1), ("b", 2)), processors.ByteLevel(),
            processors.RobertaProcessing(("a", 1), ("b", 2)), processors.Sequence([processors.ByteLevel()]),
            processors.TemplateProcessing(single="$A a", pair="$A a $B:1 a:1", special_tokens=[("a", 1)]),
        ],
        "decoder": [
            decoders.BPEDecoder(), decoders.ByteFallback(), decoders.ByteLevel(), decoders.CTC(), decoders.Fuse(),
            decoders.Metaspace(), decoders.Replace("▁", " "), decoders.Strip(" ", 1, 0), decoders.WordPiece(),
            decoders.Sequence([decoders.Fuse()]),
        ],
    }  # fmt: skip
    for where, module in MODULES.items():
        known = {name for name in dir(module) if name[0].isupper()} - NO_RULES
        assert known == {type(each).__name__ for each in rules[where]}
        for each in rules[where]:
            check_tokenizer({where: json.loads(each.__getstate__())}, "tokenizer.json")


@pytest.mark.parametrize(
    "model", [models.BPE(), models.WordPiece({}, unk_token="a"), models.WordLevel(), models.Unigram()]
)
def test_every_model_of_the_library_is_accepted(model: models.Model):
    tokenizer = Tokenizer(model)
    tokenizer.enable_truncation(5)
    tokenizer.enable_padding(length=4)
    tokenizer.add_special_tokens(["<a>"])
    check_tokenizer(json.loads(tokenizer.to_str()), "tokenizer.json")


@pytest.mark.parametrize("pattern", PUBLISHED.values(), ids=PUBLISHED)
def test_published_rules_are_accepted(pattern: str):
    check_tokenizer(normalized({"type": "NFC"}, replaced({"String": " "}, "▁")) | split(pattern), "tokenizer.json")


def test_the_rules_of_t5_are_accepted():
    rules = normalized(table(35), replaced({"Regex": " {2,}"}, "▁"))
    check_tokenizer(rules | {"pre_tokenizer": {"type": "Metaspace", "replacement": "▁"}}, "tokenizer.json")


def test_a_hostile_tokenizer_is_refused_with_its_folder_and_not_used_to_plan(tmp_path: Path):
    folder = shutil.copytree(tiny_weights.ltx_folder(), tmp_path / "model")
    path = next(folder.rglob("tokenizer.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | HOSTILE["nine growing replacements"]))
    card = tiny_weights.ltx_card(folder)
    assert "tokenizer.json has normalizers and pre-tokenizers that make a prompt up to" in weights_problem(card)
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
