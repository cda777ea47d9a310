"""Briefs into variants: every combination of a row's axes, times its seeds."""

import hashlib
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from manifests.brief import Brief
from manifests.errors import TooManyVariants
from manifests.placement import Placement
from manifests.variant import PlannedVariant, Variant
from models.card import ModelCard

Combination = dict[str, Any]
LARGEST_SEED = 2**32 - 1
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


def axes_of(brief: Brief, default_card: str) -> dict[str, tuple[Any, ...]]:
    """Return the brief's values by column, in the sheet's words; one value a column is no axis.

    Of the columns that Reelmill does not know only those count that a template names: the
    others cannot change a pixel.
    """
    named = {_plain(name) for template in (*brief.prompts, *brief.negative_prompts)
             for name in _PLACEHOLDER.findall(template)}
    return {
        "prompt": brief.prompts,
        "negative_prompt": brief.negative_prompts or (None,),
        "placements": brief.placements,
        "duration_s": brief.durations_s or (None,),
        "model": brief.models or (default_card,),
        "locale": brief.locales or ("",),
        "cta": brief.ctas or ("",),
        **{name: values or ("",) for name, values in brief.metadata.items() if _plain(name) in named},
    }


def count(brief: Brief) -> int:
    """How many variants the brief asks for, without making them."""
    lengths = [len(values) for values in axes_of(brief, "").values()]
    combinations = max(lengths) if brief.axes == "zip" else math.prod(lengths)
    return combinations * brief.variants


def check_cap(briefs: Iterable[Brief], max_variants: int) -> int:
    """Return the count of all variants.

    Raises:
        TooManyVariants: over the cap; names the count and the axes of the largest row.
    """
    counts = [(count(brief), brief) for brief in briefs]
    total = sum(number for number, _ in counts)
    if total <= max_variants:
        return total
    number, largest = max(counts, key=lambda pair: pair[0])
    lengths = {name: len(values) for name, values in axes_of(largest, "").items() if len(values) > 1}
    made = " × ".join(f"{length} {name}" for name, length in lengths.items())
    made = f"{made} × {largest.variants} seeds" if made else f"{largest.variants} seeds"
    raise TooManyVariants(
        f"The sheet expands to {total:,} variants and {max_variants:,} are allowed; row {largest.row} alone makes "
        f"{number:,} ({made}): shorten an axis, or raise --max-variants."
    )


def expand(briefs: Iterable[Brief], cards: Mapping[str, ModelCard], default_card: str) -> Iterator[PlannedVariant]:
    """Yield every variant, brief by brief; within a brief the first seed of each combination first.

    Raises:
        RuleBroken: a card cannot make the shape (the sheet's check finds this earlier).
    """
    for brief in briefs:
        axes = axes_of(brief, default_card)
        shaped = [_shape(brief, chosen, axes, cards) for chosen in _combinations(axes, brief.axes)]
        for index in range(brief.variants):
            for labels, placement, variant in shaped:
                reseeded = variant._replace(seed=(variant.seed + index) % (LARGEST_SEED + 1))
                yield PlannedVariant(brief.brief_id, placement, reseeded, reseeded.variant_id, labels)


def _combinations(axes: Mapping[str, tuple[Any, ...]], mode: str) -> Iterator[Combination]:
    if mode == "zip":
        length = max(len(values) for values in axes.values())
        columns = [values * length if len(values) == 1 else values for values in axes.values()]
        rows: Iterable[tuple[Any, ...]] = zip(*columns, strict=True)
    else:
        rows = itertools.product(*axes.values())
    for row in rows:
        yield dict(zip(axes, row, strict=True))


def _shape(
    brief: Brief, chosen: Combination, axes: Mapping[str, tuple[Any, ...]], cards: Mapping[str, ModelCard]
) -> tuple[tuple[tuple[str, str], ...], Placement, Variant]:
    card, placement = cards[chosen["model"]], chosen["placements"]
    size = card.size_for(placement.aspect_ratio)
    duration_s = chosen["duration_s"] or placement.duration_s
    negative = chosen["negative_prompt"]
    prompt = fill(chosen["prompt"], chosen)
    variant = Variant(
        card=card.name,
        revision=card.weights.revision,
        prompt=prompt,
        negative_prompt=card.defaults.negative_prompt if negative is None else fill(negative, chosen),
        seed=derived_seed(prompt) if brief.seed is None else brief.seed,
        height=size.height,
        width=size.width,
        num_frames=card.frames_for(duration_s) if duration_s else card.defaults.num_frames,
        fps=card.rules.fps,
        num_inference_steps=card.defaults.num_inference_steps,
        guidance_scale=card.defaults.guidance_scale,
    )
    labels = tuple((name, text_of(chosen[name])) for name, values in axes.items() if len(values) > 1)
    return labels, placement, variant


def text_of(value: Any) -> str:
    """Return an axis value as a person would write it."""
    return "" if value is None else str(getattr(value, "label", value))


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Replace ``{column}`` by that column's value; ``{{`` and ``}}`` stand for braces.

    Column names are compared without case, spaces, dashes and underscores.
    """
    if "{" not in template and "}" not in template:
        return template
    by_name = {_plain(name): value for name, value in values.items()}
    return _PLACEHOLDER.sub(lambda match: _filled(match, by_name), template)


def _filled(match: re.Match[str], by_name: Mapping[str, Any]) -> str:
    if match.group(1) is None:
        return match.group(0)[0]
    return text_of(by_name[_plain(match.group(1))])


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).lower()


def derived_seed(prompt: str) -> int:
    """Return the first seed of a prompt whose row names none: 31 bits of its hash."""
    return int.from_bytes(hashlib.blake2b(prompt.encode(), digest_size=4).digest(), "big") >> 1
