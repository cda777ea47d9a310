"""Check a tokenizer.json: its rules are run on prompts, and can expand a text or search it for hours.

The format is that of the library tokenizers: https://huggingface.co/docs/tokenizers
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from models.weights.refusal import RefusedFileError, shown

RULES = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
MAX_NODES = 1_000
MAX_TEXT = 2_000
"""Characters of a regular expression; the longest of published tokenizers has about 500."""
MAX_GROWTH = 256
"""How many times longer the normalizers may make a text. Those of T5, with a table for NFKC, allow 70 times."""
TABLE = "precompiled_charsmap"
MAX_RUNS = 2
"""Repetitions in one alternative of a regular expression, as in published ones; with more, searches take hours."""
_ATOMS = re.compile(r"\\[pP]\{[^}]*\}|\\.|\[(?:\\.|\[(?:\\.|[^\]\\])*\]|[^\]\\])*\]", re.DOTALL)
_REPEATED_GROUP = re.compile(r"\)[?]?(?:[*+]|\{\d*,?\d*\})")
_RUNS = re.compile(r"[*+]|\{\d+,\}|\{\d*,?\d{2,}\}")


def check_tokenizer(content: dict[str, Any], name: str) -> None:
    """Refuse a tokenizer whose rules could expand a prompt greatly, or search it for a long time.

    Raises:
        RefusedFileError: names the rule that is not allowed.
    """
    nodes = 0
    for rule in RULES:
        for key, value in _leaves(content.get(rule), rule):
            nodes += 1
            if nodes > MAX_NODES:
                raise RefusedFileError(f"{shown(name)} has more than {MAX_NODES:,} rules; download it again")
            if isinstance(value, str) and key != TABLE:
                _check_text(key, value, name)
    if (growth := _growth(content.get("normalizer"))) > MAX_GROWTH:
        raise RefusedFileError(
            f"{shown(name)} has normalizers that make a prompt up to {growth:,} times longer, but at most "
            f"{MAX_GROWTH} times is allowed; download it again"
        )


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    waiting = [(key, value)]
    while waiting:
        name, found = waiting.pop()
        if isinstance(found, dict):
            waiting.extend(found.items())
        elif isinstance(found, list):
            waiting.extend((name, each) for each in found)
        else:
            yield name, found


def _check_text(key: str, text: str, name: str) -> None:
    if len(text) > MAX_TEXT:
        raise RefusedFileError(
            f"{shown(name)} has a rule of {len(text):,} characters, but at most {MAX_TEXT:,} are allowed; download it "
            "again"
        )
    if key == "Regex" and _is_slow(text):
        raise RefusedFileError(
            f"{shown(name)} has the regular expression {shown(text)}, which can take hours for one prompt: it repeats "
            f"a group, or has more than {MAX_RUNS} repetitions in a row; use a model with another tokenizer"
        )


def _is_slow(pattern: str) -> bool:
    plain = _ATOMS.sub("x", pattern)
    return bool(_REPEATED_GROUP.search(plain)) or any(len(_RUNS.findall(each)) > MAX_RUNS for each in plain.split("|"))


def _growth(normalizer: Any) -> int:
    """Return by which factor a normalizer may lengthen a text; Unicode's own forms are bounded and not counted."""
    growth, waiting = 1, [normalizer]
    while waiting and growth <= MAX_GROWTH:
        one = waiting.pop()
        if not isinstance(one, dict):
            continue
        inner = one.get("normalizers")
        waiting.extend(inner if isinstance(inner, list) else [])
        growth *= _factor(one)
    return growth


def _factor(one: dict[str, Any]) -> int:
    if one.get("type") == "Replace":
        pattern, content = one.get("pattern"), str(one.get("content"))
        fixed = pattern.get("String") if isinstance(pattern, dict) else None
        if isinstance(fixed, str) and fixed:
            return max(1, -(-len(content) // len(fixed)))
        return 1 + len(content)  # a regular expression can match before each character
    if one.get("type") == "Prepend":
        return 1 + len(str(one.get("prepend"))) // 16
    return _longest(one.get(TABLE)) if TABLE in one else 1


def _longest(table: Any) -> int:
    """Return the length of the longest text in a table of SentencePiece: a size, a trie, and texts that end with NUL.

    https://github.com/google/sentencepiece/blob/master/src/normalizer.cc
    """
    try:
        raw = base64.b64decode(table or "", validate=True)
    except (binascii.Error, ValueError, TypeError):
        return MAX_GROWTH + 1
    texts = raw[4 + int.from_bytes(raw[:4], "little") :]
    return max(1, *map(len, texts.split(b"\0"))) if texts else 1
