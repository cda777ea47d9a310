"""Check of briefs against what providers accept: the length of prompts, negative prompts and seeds."""

from collections.abc import Callable, Iterator, Mapping

from manifests.brief import Brief
from manifests.sheet import CellIssue
from models.card import GeneratorCard
from models.hosted_card import HostedCard
from tasks.intake.prompt_length import filled_prompts


def hosted_check(cards: Mapping[str, GeneratorCard], default_card: str) -> Callable[[Brief], Iterator[CellIssue]]:
    """Return the check of a brief against the hosted models that it uses."""

    def check(brief: Brief) -> Iterator[CellIssue]:
        for name in brief.models or (default_card,):
            if isinstance(card := cards.get(name), HostedCard):
                yield from _long_prompts(brief, card)
                yield from _unused_negative_prompts(brief, card)
                yield from _unused_seeds(brief, card)

    return check


def utf16_units(text: str) -> int:
    """Return the length of a text as providers count it: most emoji count as two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _long_prompts(brief: Brief, card: HostedCard) -> Iterator[CellIssue]:
    """Yield an error for each prompt that the provider would refuse."""
    most = card.max_prompt_chars
    if most is None:
        return
    for template in brief.prompts:
        longest = max(filled_prompts(template, brief), key=utf16_units, default="")
        if (length := utf16_units(longest)) > most:
            yield CellIssue(
                "prompt",
                longest,
                f"has {length:,} characters, but {card.name} accepts at most {most:,}. Shorten the text.",
                summary=f"have prompts that exceed the {most:,} characters that {card.name} accepts. Shorten them.",
            )


def _unused_negative_prompts(brief: Brief, card: HostedCard) -> Iterator[CellIssue]:
    """Yield a warning for a negative prompt that is not sent; different ones would be separate clips, all paid."""
    if card.supports_negative_prompt:
        return
    for text in filter(None, brief.negative_prompts[:1]):
        yield CellIssue(
            "negative_prompt",
            text,
            f"is not used, because {card.name} does not support negative prompts. Clear the cell, or describe in the "
            "prompt what you want.",
            warning=True,
            summary=f"have a negative prompt, which {card.name} does not support. Clear the cells.",
        )


def _unused_seeds(brief: Brief, card: HostedCard) -> Iterator[CellIssue]:
    """Yield a warning if seeds are set that the provider does not use."""
    seeds = brief.seeds or (() if brief.seed is None else (brief.seed,))
    if card.takes_seed or not seeds:
        return
    yield CellIssue(
        "seed",
        "|".join(map(str, seeds[:8])),
        f"is only the number of the take, because {card.name} does not support seeds. Each generation gives another "
        "clip.",
        warning=True,
        summary=f"have seeds, which {card.name} does not support. They only number the takes.",
    )
