"""Check of prompts against the token limits of the models that generate clips and of those that score them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from pathlib import Path
from typing import NamedTuple

from manifests.brief import Brief
from manifests.sheet import CellIssue
from manifests.sheet.problem import shown
from manifests.sheet.prompt_template import fill, placeholders
from models.card import GeneratorCard, ScorerCard
from models.prompt_limit import Length, PromptLimit, prompt_limit

MAX_FILLED = 64
"""Number of filled prompts per template that are measured. Beyond it, the longest value of each column is measured."""
TOKENS_A_WORD = 1.4
"""Tokens per English word of a T5 tokenizer, rounded up; used only if a model's tokenizer is not on this machine."""


class LongestPrompt(NamedTuple):
    """The prompt that comes nearest to a limit, or exceeds it most.

    Attributes:
        tokens: its length.
        limit: the limit of the model ``name``.
        is_exact: whether the model's own tokenizer counted the tokens.
    """

    row: int
    name: str
    tokens: int
    limit: int
    is_exact: bool


@dataclass(slots=True)
class PromptLengths:
    """Measures every prompt of a sheet and remembers the longest one."""

    cards: Mapping[str, GeneratorCard]
    scorers: Mapping[str, ScorerCard]
    default_card: str
    weights_root: Path | None = None
    longest: LongestPrompt | None = None
    _known: dict[str, PromptLimit | None] = field(default_factory=dict)

    def check(self, brief: Brief) -> Iterator[CellIssue]:
        """Yield a warning for each model and scorer that does not read all of a prompt."""
        for column, templates in (("prompt", brief.prompts), ("negative_prompt", brief.negative_prompts)):
            texts = [text for template in templates for text in filled_prompts(template, brief) if text]
            for limit, role in self._limits(brief, column):
                yield from self._issues(brief.row, column, texts, limit, role)

    def _limits(self, brief: Brief, column: str) -> list[tuple[PromptLimit, str]]:
        """Return the limits that apply to a column; scorers read only the prompt."""
        found: dict[str, tuple[PromptLimit, str]] = {}
        for name in brief.models or (self.default_card,):
            card = self.cards.get(name)
            if card is None:
                continue
            if limit := self._limit_of(card):
                found[name] = (limit, "")
            scorer = self.scorers.get(card.scorer)
            if scorer and column == "prompt" and (limit := self._limit_of(scorer)):
                found[scorer.name] = (limit, f", which scores the clips of {name},")
        return list(found.values())

    def _limit_of(self, card: GeneratorCard | ScorerCard) -> PromptLimit | None:
        if card.name not in self._known:
            self._known[card.name] = prompt_limit(card, self.weights_root)
        return self._known[card.name]

    def _issues(
        self, row: int, column: str, texts: Sequence[str], limit: PromptLimit, role: str
    ) -> Iterator[CellIssue]:
        worst: tuple[str, Length] | None = None
        for text in texts:
            length = limit.measure(text)
            if worst is None or length.tokens > worst[1].tokens:
                worst = text, length
        if worst is None:
            return
        self._remember(row, limit.name, worst[1])
        if issue := _issue(column, *worst, f"{limit.name}{role}"):
            yield issue

    def _remember(self, row: int, name: str, length: Length) -> None:
        best = self.longest
        if best is None or length.tokens * best.limit > best.tokens * length.limit:
            self.longest = LongestPrompt(row, name, length.tokens, length.limit, length.is_exact)


def _issue(column: str, text: str, length: Length, reader: str) -> CellIssue | None:
    reads = f"{reader} reads only {length.limit}"
    if length.lost:
        number = f"{length.tokens}" if length.is_exact else f"at least {length.tokens}"
        return CellIssue(
            column,
            text,
            f"has {number} tokens, but {reads}, so it ignores '{_end(length.lost)}'. Shorten the text.",
            warning=True,
            summary=f"have a {column} with more than the {length.limit} tokens that {reader} reads. It ignores the end "
            "of each; shorten the text.",
        )
    words = len(text.split())
    if not length.is_exact and words * TOKENS_A_WORD > length.limit:
        return CellIssue(
            column,
            text,
            f"has {words} words, and {reads} tokens, so it may ignore the end. The tokenizer is part of the weights, "
            "which are not on this machine. Shorten the text to be sure.",
            warning=True,
            summary=f"have a {column} that may be longer than the {length.limit} tokens that {reader} reads. Shorten "
            "the text to be sure that nothing is ignored.",
        )
    return None


def _end(lost: str) -> str:
    """Return the lost text, with its middle left out if it is long."""
    words = lost.split()
    return shown(lost) if len(words) <= 12 else f"{' '.join(words[:8])} … {' '.join(words[-3:])}"


def filled_prompts(template: str, brief: Brief) -> Iterator[str]:
    """Yield a template with the values of its columns, or with the longest values if there are many combinations."""
    names = placeholders(template)
    values = [brief.values(name) or ("",) for name in names]
    if prod(map(len, values)) > MAX_FILLED:
        values = [(max(texts, key=len),) for texts in values]
    for chosen in product(*values):
        yield fill(template, dict(zip(names, chosen, strict=True)))
