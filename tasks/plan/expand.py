"""Expand briefs into variants: every combination of a row's axes, times its seeds."""

import hashlib
import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from manifests.brief import CARRIED, NATIVE, Brief, picture_list
from manifests.errors import CardRuleError, TooManyVariantsError
from manifests.identity import ID_BYTES, canonical_json
from manifests.pairwise import pairwise
from manifests.placement import Placement, nearest_ratio
from manifests.sheet.prompt_template import fill
from manifests.variant import PlannedVariant, Variant
from models.card import GeneratorCard
from models.speed import Profile

SEEDS = 2**32
MAX_VARIANTS = 10_000_000
Combination = Mapping[str, Any]
NO_PICTURE = ("", "")
PICTURES = ("first_frame", "last_frame", "reference_pictures", "continue_from")
"""Name and hash."""


class _Shaped(NamedTuple):
    """A combination of axis values, with the variant of its first seed."""

    placement: Placement
    variant: Variant
    labels: tuple[tuple[str, str], ...]


def check_cap(briefs: Iterable[Brief], max_variants: int, sample_size: int | None = None) -> int:
    """Return the number of variants that the briefs expand to, without expanding them.

    A sample must not exceed the cap, and the campaign from which it is drawn must not exceed MAX_VARIANTS.

    Raises:
        TooManyVariantsError: the cap is exceeded; the message names the count and the axes of the largest row.
    """
    counts = [(brief.combinations * brief.variants, brief) for brief in briefs]
    total = sum(number for number, _ in counts)
    asked, allowed = total, max_variants
    if sample_size is not None:
        asked, allowed = min(sample_size, total), MAX_VARIANTS
    if sample_size is not None and asked > max_variants:
        raise TooManyVariantsError(
            f"A sample of {asked:,} variants exceeds the limit of {max_variants:,}. "
            "Use a smaller sample, or raise --max-variants."
        )
    if total <= allowed:
        return asked
    number, largest = max(counts, key=lambda pair: pair[0])
    row = f"Row {largest.row} alone gives {number:,} ({_factors(largest)})" if number > 1 else "Each row gives one"
    fix = "Shorten an axis, split the sheet" if number > 1 else "Split the sheet"
    raise TooManyVariantsError(
        f"The sheet expands to {total:,} variants, but the limit is {allowed:,}. {row}. {fix}, or "
        "raise the setting max_variants (--max-variants or REELMILL_MAX_VARIANTS)."
    )


def _factors(brief: Brief) -> str:
    axes = [f"{length} {name}" for name, length in brief.axis_lengths.items()]
    joint = f" {brief.axes} " if brief.axes in ("pairwise", "zip") else " × "
    return " × ".join([*([joint.join(axes)] if axes else []), f"{brief.variants} seeds"])


def expand(
    briefs: Iterable[Brief],
    cards: Mapping[str, GeneratorCard],
    default_card: str,
    profile: Profile = "exact",
    campaign_id: str = "",
) -> Iterator[PlannedVariant]:
    """Yield every variant, brief by brief; within a brief, the first seeds of all combinations come first.

    Args:
        profile: wanted speed profile; a card without it uses the next more exact one.
        campaign_id: campaign that owns the clips; empty if campaigns share them.

    Raises:
        CardRuleError: a card does not support the shape; the check of the sheet reports this earlier.
    """
    recipes: dict[tuple[str, Profile], str] = {}
    for brief in briefs:
        chosen = _combinations(brief, default_card)
        shaped = [_shape(brief, each, cards, profile, recipes, campaign_id) for each in chosen]
        yield from _seeded(brief, _merged(shaped))


def _merged(shaped: Sequence[_Shaped]) -> Iterable[_Shaped]:
    """Return each variant of a placement once, with the labels of all its combinations: no value is lost.

    Combinations give equal variants if a prompt does not use the column in which they differ.
    """
    by_clip: dict[tuple[Placement, Variant], list[_Shaped]] = {}
    for each in shaped:
        by_clip.setdefault((each.placement, each.variant), []).append(each)
    if len(by_clip) == len(shaped):
        return shaped
    return [first._replace(labels=_joined([first, *others])) for first, *others in by_clip.values()]


def _joined(equal: Sequence[_Shaped]) -> tuple[tuple[str, str], ...]:
    values: dict[str, dict[str, None]] = {}
    for each in equal:
        for name, value in each.labels:
            values.setdefault(name, {})[value] = None
    return tuple((name, "|".join(found)) for name, found in values.items())


def _seeded(brief: Brief, shaped: Iterable[_Shaped]) -> Iterator[PlannedVariant]:
    """Yield each combination with each of the brief's seeds. Optimised for speed: sheets can have millions of variants.

    Records are created with ``tuple.__new__``, as their constructors do, but without keyword arguments. The fields
    before and after the seed are reused for all seeds, in the record and in the hash.
    """
    make, brief_id, position = tuple.__new__, brief.brief_id, Variant._fields.index("seed")
    prepared = [
        (placement, first.seed, first[:position], first[position + 1 :], *hash_around_seed(first), labels)
        for placement, first, labels in shaped
    ]
    for index in range(brief.variants):
        for placement, first_seed, before, after, hash_before, rest, labels in prepared:
            seed = brief.seeds[index] if brief.seeds else (first_seed + index) % SEEDS
            digest = hash_before()
            digest.update(b"%d%b" % (seed, rest))
            yield make(
                PlannedVariant,
                (brief_id, placement, make(Variant, (*before, seed, *after)), digest.hexdigest(), labels),
            )


def hash_around_seed(variant: Variant) -> tuple[Callable[[], Any], bytes]:
    """Return a factory of the hash of the variant's JSON before the seed, and the JSON after the seed.

    The hash, updated with a seed and the JSON after it, is the ``variant_id`` of the variant with that seed.
    Quotes within texts are escaped in JSON, so only the field itself can match ``"seed":0,``.
    """
    before, _, after = canonical_json(variant.identity | {"seed": 0}).rpartition(b'"seed":0,')
    return hashlib.blake2b(before + b'"seed":', digest_size=ID_BYTES).copy, b"," + after


def sample(planned: Iterable[PlannedVariant], number: int) -> list[PlannedVariant]:
    """Return ``number`` variants spread over the campaign: those with the lowest ids, in their original order."""
    chosen = heapq.nsmallest(number, enumerate(planned), key=lambda pair: pair[1].variant_id)
    return [item for _, item in sorted(chosen, key=lambda pair: pair[0])]


def _combinations(brief: Brief, default_card: str) -> Iterator[Combination]:
    axes: dict[str, tuple[Any, ...]] = {
        "prompt": brief.prompts,
        "negative_prompt": brief.negative_prompts or (None,),
        "placements": brief.placements,
        "duration_s": brief.durations_s or (None,),
        "model": brief.models or (default_card,),
        "first_frame": tuple(zip(brief.first_frames, brief.first_frame_hashes, strict=True)) or (NO_PICTURE,),
    }
    others = {
        "last_frame": tuple(zip(brief.last_frames, brief.last_frame_hashes, strict=True)),
        "reference_pictures": tuple(zip(brief.references, brief.reference_hashes, strict=True)),
        "continue_from": tuple(zip(brief.continued, brief.continued_hashes, strict=True)),
    }
    axes |= {name: values for name, values in others.items() if values}
    # Other columns affect pixels only if a prompt uses them.
    names = (*(name for name in CARRIED if name in brief.axis_lengths), *brief.placeholders, *_paired(brief))
    axes |= {name: brief.values(name) or ("",) for name in names if name not in axes}
    for row in _rows(brief, axes):
        yield dict(zip(axes, row, strict=True))


def _rows(brief: Brief, axes: Mapping[str, tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
    """Return the values of each combination, in the order of the axes."""
    if brief.axes == "zip":
        number = brief.combinations
        return zip(*(values * number if len(values) == 1 else values for values in axes.values()), strict=True)
    if brief.axes == "pairwise":
        indexes = pairwise(tuple(map(len, axes.values())))
        return (tuple(map(tuple.__getitem__, axes.values(), row)) for row in indexes)
    return itertools.product(*axes.values())


def _paired(brief: Brief) -> tuple[str, ...]:
    """Return the columns of a ``zip`` that no prompt uses, but whose values belong to those of the other columns."""
    number = brief.combinations if brief.axes == "zip" else 1
    return tuple(name for name, values in brief.metadata.items() if len(values) == number > 1)


def _labels(brief: Brief, words: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the values by which a combination differs from the row's others, and the values that all of them carry."""
    own = {name: words[name] for name in (*brief.axis_lengths, *_paired(brief))}
    return tuple((own | {name: "|".join(values) for name, values in brief.carried.items()}).items())


def _shape(
    brief: Brief,
    chosen: Combination,
    cards: Mapping[str, GeneratorCard],
    wanted: Profile,
    recipes: dict[tuple[str, Profile], str],
    campaign_id: str,
) -> _Shaped:
    """Return a combination's first variant; ``recipes`` caches digests by card and profile."""
    card, placement = cards[chosen["model"]], chosen["placements"]
    master = brief.master_of(placement)
    size = card.size_for(ratio_of(brief, placement, card))
    duration_s = chosen["duration_s"] or length_of(brief, master, card)
    pictures = {name: chosen.get(name, NO_PICTURE) for name in PICTURES}
    earlier, _, last_frame_of_earlier = pictures["continue_from"][1].partition("+")
    continues = "earlier_frames" in card.accepts
    words = {name: text_of(value) for name, value in chosen.items()} | {"placements": master.label}
    words |= {name: picture for name, (picture, _) in pictures.items() if name in words}
    prompt = fill(chosen["prompt"], words)
    profile = card.profile_for(wanted)
    if (card.name, profile) not in recipes:
        recipes[card.name, profile] = card.recipe(profile)
    card = card.with_profile(profile)
    negative = chosen["negative_prompt"]
    variant = Variant(
        card=card.name,
        revision=card.revision,
        prompt=prompt,
        negative_prompt=card.inputs.negative_prompt if negative is None else fill(negative, words),
        seed=derived_seed(prompt) if brief.seed is None else brief.seed,
        height=size.height,
        width=size.width,
        num_frames=card.frames_for(duration_s) if duration_s else card.inputs.num_frames,
        fps=card.frame_rules.fps,
        num_inference_steps=card.inputs.num_inference_steps,
        guidance_scale=card.inputs.guidance_scale,
        loras=tuple(lora.name for lora in card.loras),
        first_frame_sha256=pictures["first_frame"][1] or ("" if continues else last_frame_of_earlier),
        profile=profile,
        recipe=recipes[card.name, profile],
        campaign_id=campaign_id,
        last_frame_sha256=pictures["last_frame"][1],
        reference_sha256s=picture_list(pictures["reference_pictures"][1]),
        earlier_frames_sha256=earlier if continues else "",
    )
    return _Shaped(placement, variant, _labels(brief, words | {"placements": placement.label}))


def ratio_of(brief: Brief, placement: Placement, card: GeneratorCard) -> str:
    """Return the ratio in which the clip of a placement is generated.

    A clip that is reframed has the ratio of its master, or the nearest one that the model makes.
    """
    ratio = brief.master_of(placement).aspect_ratio
    if brief.fit_of(placement) == NATIVE or ratio in card.sizes:
        return ratio
    return nearest_ratio(ratio, card.sizes)


def length_of(brief: Brief, placement: Placement, card: GeneratorCard) -> float | None:
    """Return the length of a clip that its placement decides, in seconds; None for the model's default.

    Finishing extends or trims a clip to the length of the placement, so a model need not generate that length.
    """
    if placement.duration_s and brief.is_finished and not _makes(card, placement.duration_s):
        return None
    return placement.duration_s


def _makes(card: GeneratorCard, seconds: float) -> bool:
    try:
        card.frames_for(seconds)
    except CardRuleError:
        return False
    return True


def text_of(value: Any) -> str:
    """Return an axis value as inserted for ``{column}`` in a prompt."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:g}"
    return value.label if isinstance(value, Placement) else str(value)


def derived_seed(prompt: str) -> int:
    """Return the first seed of a prompt whose row sets none: 31 bits of the prompt's hash."""
    return int.from_bytes(hashlib.blake2b(prompt.encode(), digest_size=4).digest(), "big") >> 1
