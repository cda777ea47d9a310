"""Check a tokenizer.json: its rules are run on prompts, and can expand a text or search it for hours.

The format is that of the library tokenizers: https://huggingface.co/docs/tokenizers
"""

import base64
import binascii
from collections.abc import Iterator
from math import prod
from typing import Any

from pydantic import BaseModel, ValidationError

from models.weights.refusal import RefusedFileError, shown
from models.weights.tokenizer.charsmap import longest_text
from models.weights.tokenizer.regex_cost import Cost, UnknownExpressionError, cost_of
from models.weights.tokenizer.tokenizer_rules import (
    BertNormalizer,
    ByteLevel,
    Decoders,
    Metaspace,
    Normalizers,
    Precompiled,
    Prepend,
    PreTokenizers,
    Processors,
    Replace,
    Split,
    Template,
    TextPiece,
    TokenizerRules,
)

MAX_GROWTH = 256
"""How many times longer normalizers and pre-tokenizers may make a text. Those of T5, with a table for NFKC: 140."""
MAX_PATHS = 64
"""Ways to try all regular expressions of a tokenizer at one character, as ``regex_cost`` counts them. Published
expressions for large vocabularies have 40. With 64, a prompt of 2,000 characters takes 3 s."""
ADDED = {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"}


def check_tokenizer(content: dict[str, Any], name: str) -> None:
    """Refuse a tokenizer with unknown rules, or whose rules could expand a prompt greatly or search it for a long time.

    Raises:
        RefusedFileError: names the rule that is not allowed.
    """
    rules = _validated(content, name)
    _check_added(content.get("added_tokens"), name)
    steps = [*_steps(rules.normalizer), *_steps(rules.pre_tokenizer)]
    _check_growth(steps, name, "normalizers and pre-tokenizers that make a prompt")
    decoders = [*_steps(rules.decoder)]
    _check_growth(decoders, name, "decoders that make a text")
    for template in _steps(rules.post_processor):
        if isinstance(template, Template):
            _check_template(template, name)
    _check_expressions(steps, name)
    _check_expressions(decoders, name)


def _validated(content: dict[str, Any], name: str) -> TokenizerRules:
    try:
        return TokenizerRules.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise RefusedFileError(
            f"{shown(name)} has rules that Reelmill does not accept, at {shown('.'.join(map(str, first['loc'])))}: "
            f"{shown(first['msg'])}; download it again, or use a model with another tokenizer"
        ) from error


def _check_added(tokens: Any, name: str) -> None:
    if tokens is None:
        return
    if not isinstance(tokens, list) or any(not isinstance(each, dict) or each.keys() - ADDED for each in tokens):
        raise RefusedFileError(f"{shown(name)} has added tokens of an unknown form; download it again")


def _steps(rule: BaseModel | None) -> Iterator[BaseModel]:
    """Yield the rules of nested sequences."""
    if isinstance(rule, Normalizers):
        inner: list[Any] = rule.normalizers
    elif isinstance(rule, PreTokenizers):
        inner = rule.pretokenizers
    elif isinstance(rule, Decoders):
        inner = rule.decoders
    elif isinstance(rule, Processors):
        inner = rule.processors
    else:
        if rule is not None:
            yield rule
        return
    for each in inner:
        yield from _steps(each)


def _check_growth(steps: list[BaseModel], name: str, what: str) -> None:
    if (growth := prod(map(_factor, steps))) > MAX_GROWTH:
        raise RefusedFileError(
            f"{shown(name)} has {what} up to {_times(growth)} times longer, but at most {MAX_GROWTH} times is "
            "allowed; download it again"
        )


def _times(growth: int) -> str:
    return f"{growth:,}" if growth < 10**12 else "a trillion"


def _factor(step: BaseModel) -> int:
    """Return by which factor a rule may lengthen a text; Unicode's own forms are bounded and not counted."""
    if isinstance(step, Replace):
        fixed = getattr(step.pattern, "String", "")
        if fixed:
            return max(1, -(-len(step.content) // len(fixed)))
        return 1 + len(step.content)  # a regular expression can match before each character
    if isinstance(step, Prepend):
        return 1 + len(step.prepend) // 16
    if isinstance(step, ByteLevel):
        return 4  # bytes of one character
    if isinstance(step, BertNormalizer):
        return 3  # spaces around each Chinese character
    if isinstance(step, Metaspace):
        return 2  # a space before each word
    return _longest(step.precompiled_charsmap) if isinstance(step, Precompiled) else 1


def _longest(table: str) -> int:
    try:
        return longest_text(base64.b64decode(table, validate=True))
    except (binascii.Error, ValueError):
        return MAX_GROWTH + 1


def _check_template(template: Template, name: str) -> None:
    for pieces in (template.single, template.pair):
        texts = [piece.Sequence.id for piece in pieces if isinstance(piece, TextPiece)]
        if len(texts) > len({*texts}):
            raise RefusedFileError(f"{shown(name)} has a template that repeats the prompt; download it again")


def _check_expressions(steps: list[BaseModel], name: str) -> None:
    """Check the time of all regular expressions; each searches the text that the rules before it have made longer."""
    growth, paths = 1, 0
    for step in steps:
        pattern = getattr(step.pattern, "Regex", None) if isinstance(step, (Replace, Split)) else None
        if pattern is not None:
            cost = _cost(pattern, name)
            paths += cost.paths * growth ** (1 + cost.runs)
        growth *= _factor(step)
    if paths > MAX_PATHS:
        raise RefusedFileError(
            f"{shown(name)} has regular expressions that try {paths:,} ways at each character, but at most "
            f"{MAX_PATHS} are allowed; use a model with another tokenizer"
        )


def _cost(pattern: str, name: str) -> Cost:
    try:
        return cost_of(pattern)
    except UnknownExpressionError as error:
        raise RefusedFileError(
            f"{shown(name)} has the regular expression {shown(pattern)}, which can take hours for one prompt or is of "
            f"an unknown kind: {error}; use a model with another tokenizer"
        ) from error
