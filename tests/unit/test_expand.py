"""Expansion of briefs into variants."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from manifests.brief import Brief
from manifests.errors import TooManyVariantsError
from manifests.placement import Placement
from manifests.variant import PlannedVariant, Variant
from models.registry import load_cards
from tasks.plan.expand import check_cap, derived_seed, expand, hash_around_seed, sample

CARDS = load_cards()
WIDE, TALL = Placement("generic", "16:9"), Placement("tiktok", "9:16")


def brief(**fields) -> Brief:
    return Brief(**{"row": 2, "brief_id": "b", "prompts": ("a red circle",), **fields})


def expanded(*briefs: Brief):
    return list(expand(briefs, CARDS, "starter"))


def test_every_combination_is_expanded_for_each_seed():
    planned = expanded(
        brief(
            prompts=("a {colour} cup", "a {colour} shoe"),
            placements=(WIDE, TALL),
            variants=3,
            metadata={"colour": ("red", "blue")},
            placeholders=("colour",),
        )
    )
    assert len(planned) == 2 * 2 * 2 * 3
    assert len({item.variant_id for item in planned}) == 24
    assert {item.variant.prompt for item in planned} == {"a red cup", "a blue cup", "a red shoe", "a blue shoe"}


def test_zip_pairs_first_with_first():
    planned = expanded(
        brief(
            prompts=("a {colour} cup",),
            placements=(WIDE, TALL),
            axes="zip",
            metadata={"colour": ("red", "blue")},
            placeholders=("colour",),
        )
    )
    assert [(item.variant.prompt, item.placement) for item in planned] == [("a red cup", WIDE), ("a blue cup", TALL)]


def test_a_column_that_no_prompt_uses_is_not_an_axis():
    planned = expanded(brief(metadata={"team": ("north", "south")}))
    assert len(planned) == 1


def test_first_seeds_come_first():
    planned = expanded(brief(prompts=("a cup", "a shoe"), variants=2, seed=5))
    assert [(item.variant.prompt, item.variant.seed) for item in planned] == [
        ("a cup", 5),
        ("a shoe", 5),
        ("a cup", 6),
        ("a shoe", 6),
    ]


def test_seeds_wrap_at_the_limit_of_torch():
    planned = expanded(brief(seed=2**32 - 1, variants=2))
    assert [item.variant.seed for item in planned] == [2**32 - 1, 0]


def test_the_card_gives_the_defaults_for_missing_values():
    variant = expanded(brief(placements=(TALL,)))[0].variant
    card = CARDS["starter"]
    assert (variant.width, variant.height) == (card.sizes["9:16"].width, card.sizes["9:16"].height)
    assert variant.num_frames == card.defaults.num_frames
    assert variant.revision == card.weights.revision
    assert variant.seed == derived_seed("a red circle")


def test_a_placement_sets_the_duration():
    rules = CARDS["starter"].rules
    short = Placement("generic", "1:1", rules.min_frames / rules.fps)
    assert expanded(brief(placements=(short,)))[0].variant.num_frames == rules.min_frames


def test_labels_name_the_axis_values_of_a_variant():
    planned = expanded(
        brief(
            prompts=("a {colour} cup",),
            locales=("en", "de"),
            metadata={"colour": ("red", "blue")},
            placeholders=("colour",),
        )
    )
    assert dict(planned[-1].labels) == {"colour": "blue", "locale": "en|de"}


def test_over_the_cap_the_count_and_the_axes_are_named():
    large = brief(row=9, prompts=("a", "b", "c"), placements=(WIDE, TALL), variants=100)
    with pytest.raises(TooManyVariantsError) as refusal:
        check_cap([brief(), large], 500)
    assert str(refusal.value) == (
        "The sheet expands to 601 variants, but the limit is 500. Row 9 alone gives 600 "
        "(3 prompt × 2 placements × 100 seeds). Shorten an axis, split the sheet, or raise the setting max_variants "
        "(--max-variants or REELMILL_MAX_VARIANTS)."
    )


def test_over_the_cap_no_row_is_named_if_each_gives_one_variant():
    with pytest.raises(TooManyVariantsError) as refusal:
        check_cap([brief(row=row) for row in range(2, 8)], 5)
    assert str(refusal.value) == (
        "The sheet expands to 6 variants, but the limit is 5. Each row gives one. Split the sheet, or raise the "
        "setting max_variants (--max-variants or REELMILL_MAX_VARIANTS)."
    )


TEXTS = st.text(st.characters(exclude_categories=("Cs",)))


@given(
    TEXTS,
    TEXTS,
    st.integers(0, 2**32 - 1),
    st.sampled_from(["", "ab" * 32]),
    st.sampled_from(["exact", "fast"]),
    st.lists(st.sampled_from(["turbo", '"seed":0,', "é", "e\u0301"]), max_size=2),
)
@example('"seed":0,"width":8', '\\"seed":0,', 7, "", "exact", [])
@example("\u0301", "\u0301", 1, "", "exact", ["\u0301"])
def test_the_fast_id_equals_the_variants_own(prompt, negative, seed, picture, profile, loras):
    first = Variant("starter", "r1", prompt, negative, 0, 64, 64, 12, 24, 8, 3.0, tuple(loras), picture, profile, "ab")
    begun, rest = hash_around_seed(first)
    digest = begun()
    digest.update(str(seed).encode() + rest)
    assert digest.hexdigest() == first._replace(seed=seed).variant_id


def test_fast_records_equal_those_of_the_constructors():
    for item in expanded(brief(variants=3, seed=2**32 - 2, locales=("en", "de"))):
        assert type(item) is PlannedVariant
        assert type(item.variant) is Variant
        assert item.variant_id == Variant(**item.variant._asdict()).variant_id
        assert item == PlannedVariant(*item)


def test_a_first_frame_is_an_axis_and_decides_the_id():
    planned = expanded(brief(first_frames=("a.png", "b.png"), first_frame_hashes=("aa" * 32, "bb" * 32)))
    assert [item.variant.first_frame_sha256 for item in planned] == ["aa" * 32, "bb" * 32]
    assert [dict(item.labels) for item in planned] == [{"first_frame": "a.png"}, {"first_frame": "b.png"}]
    assert len({item.variant_id for item in planned}) == 2


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.sampled_from(["cartesian", "zip"]))
def test_the_cap_counts_what_expand_yields(prompts, placements, seeds, axes):
    if axes == "zip":
        placements = prompts if prompts <= 3 else 1
    asked = brief(
        prompts=tuple(f"cup {n}" for n in range(prompts)),
        variants=seeds,
        axes=axes,
        placements=(WIDE, TALL, Placement("generic", "1:1"))[:placements],
    )
    assert check_cap([asked], 10**6) == len(expanded(asked))


def test_the_cap_applies_to_a_sample_too():
    asked = brief(variants=100)
    assert check_cap([asked], 10, sample_size=10) == 10
    with pytest.raises(TooManyVariantsError, match="A sample of 11 variants exceeds the limit of 10"):
        check_cap([asked], 10, sample_size=11)
    with pytest.raises(TooManyVariantsError, match="the limit is 10,000,000"):
        check_cap([brief(prompts=("a",) * 10_001, variants=1000)], 10, sample_size=5)


def test_a_sample_is_deterministic_and_keeps_the_order():
    asked = brief(variants=100, seed=0)
    chosen = sample(expand([asked], CARDS, "starter"), 10)
    assert chosen == sample(expand([asked], CARDS, "starter"), 10)
    assert len(chosen) == 10
    assert all(a.variant.seed < b.variant.seed for a, b in pairwise(chosen))
    assert sample(iter(chosen), 99) == chosen
