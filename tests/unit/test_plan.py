"""The preview of a run: counts, shards and estimates."""

from collections.abc import Iterable

from manifests.brief import Brief
from manifests.placement import Placement
from models.registry import load_cards
from tasks.plan.expand import expand
from tasks.plan.plan import make_plan

CARDS = load_cards()
ALL_SIZES = tuple(Placement("generic", ratio) for ratio in ("16:9", "1:1", "9:16"))


def planned(variants: int = 10):
    return list(expand([Brief(2, "b", ("a red circle",), placements=ALL_SIZES, variants=variants)], CARDS, "starter"))


def plan(items: Iterable, states=None, measured=None, shard_size=4):
    return make_plan(
        items, lambda ids: {i: (states or {})[i] for i in ids if i in (states or {})}, CARDS, measured or {}, shard_size
    )


def test_counts_and_shards():
    preview = plan(planned())
    assert (preview.asked, preview.distinct, preview.to_make) == (30, 30, 30)
    assert preview.shards == 3 * 3  # ten of each size, four per shard
    assert preview.by_brief == {"b": 30}


def test_equal_variants_count_once():
    preview = plan([*planned(), *planned()])
    assert (preview.asked, preview.distinct, preview.to_make) == (60, 30, 30)


def test_finished_variants_are_skipped_and_counted_by_state():
    items = planned()
    states = {items[0].variant_id: "published", items[1].variant_id: "failed", items[2].variant_id: "leased"}
    preview = plan(items, states)
    assert preview.skipped == {"published": 1, "failed": 1}
    assert preview.generated == 2
    assert preview.to_make == 28


def test_the_measured_rate_takes_precedence_over_the_cards():
    assert plan(planned(), measured={"starter": 2.0}).device_seconds == 60.0
    card_rate = CARDS["starter"].rates[0].seconds_a_clip
    assert plan(planned()).device_seconds == 30 * card_rate


def test_states_are_looked_up_in_portions():
    items = planned(2000)
    preview = plan(items, {items[-1].variant_id: "published"})
    assert (preview.distinct, preview.to_make) == (6000, 5999)
