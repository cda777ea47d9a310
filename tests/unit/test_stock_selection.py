"""Which combinations a nightly run selects."""

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.nightly.stock import StockSheet
from tasks.stock.stock_selection import GIVE_UP, ExistingClips, choose, free_seed

THEMES = tuple((row, f"theme {row}") for row in range(2, 8))
SHOTS = tuple((row, f"shot {row}") for row in range(2, 6))
SHEET = StockSheet("stock", "0" * 64, {"theme": THEMES, "shot": SHOTS}, "{shot} of {theme}", tries=3)
NAMED = SHEET.named()
IDS = list(NAMED)

existing = st.dictionaries(
    st.sampled_from(IDS),
    st.builds(ExistingClips, st.integers(0, 3), st.integers(0, 3 * GIVE_UP * 2), st.just(frozenset())),
)


def test_existing_combinations_are_not_chosen():
    chosen = choose(SHEET, NAMED, {IDS[0]: ExistingClips(good=1), IDS[5]: ExistingClips(good=2)}, 100)
    assert set(chosen.wanted) == {*IDS} - {IDS[0], IDS[5]}
    assert (chosen.enough, chosen.given_up) == (2, ())


def test_a_sheet_can_request_several_clips_per_combination():
    chosen = choose(replace(SHEET, most=2), NAMED, {IDS[0]: ExistingClips(good=1), IDS[5]: ExistingClips(good=2)}, 100)
    assert chosen.wanted[-1] == IDS[0]
    assert IDS[5] not in chosen.wanted


def test_a_combination_is_given_up_exactly_at_the_limit_of_failed_tries():
    chosen = choose(
        SHEET, NAMED, {IDS[0]: ExistingClips(failed=GIVE_UP * 3), IDS[1]: ExistingClips(failed=GIVE_UP * 3 - 1)}, 100
    )
    assert chosen.given_up == (IDS[0],)
    assert chosen.wanted[-1] == IDS[1]


def test_values_are_covered_evenly():
    wanted = choose(SHEET, NAMED, {}, 12).wanted
    for index, (name, values) in enumerate(SHEET.axes.items()):
        counts = Counter(NAMED[brief_id].values[index] for brief_id in wanted)
        assert set(counts.values()) == {12 // len(values)}, name


def test_the_most_common_value_in_the_catalogue_comes_last():
    there = {brief_id: ExistingClips(good=1) for brief_id in IDS if "theme 2" in dict(NAMED[brief_id].values).values()}
    some = dict(list(there.items())[:3])
    wanted = choose(SHEET, NAMED, some, 15).wanted
    assert not any(dict(NAMED[brief_id].values)["theme"] == "theme 2" for brief_id in wanted)


@settings(max_examples=100, deadline=None)
@given(existing=existing, limit=st.integers(0, 30), taken=st.sets(st.sampled_from(IDS)))
def test_every_combination_is_counted_once(existing, limit, taken):
    chosen = choose(SHEET, NAMED, existing, limit, taken)
    assert len(set(chosen.wanted)) == len(chosen.wanted) <= limit
    rest = {*IDS} - taken
    assert {*chosen.wanted} <= rest
    every = choose(SHEET, NAMED, existing, len(IDS), taken)
    assert len(every.wanted) + every.enough + len(every.given_up) == len(rest)
    assert every.wanted[:limit] == chosen.wanted


@given(first=st.integers(0, 19), tries=st.integers(1, 5), used=st.sets(st.integers(0, 19), max_size=12))
def test_seeds_are_consecutive_and_unused(first, tries, used):
    seed = free_seed(first, tries, used, 20)
    row = {(seed + step) % 20 for step in range(tries)}
    rows = [{(start + step) % 20 for step in range(tries)} for start in range(20)]
    assert not row & used or all(other & used for other in rows)


def test_an_unused_first_seed_is_kept():
    assert free_seed(7, 3, {10}, 2**32) == 7
    assert free_seed(7, 3, {8}, 2**32) == 9
    assert free_seed(2**32 - 1, 2, {2**32 - 1}, 2**32) == 0
