"""Calibration, compared with counting by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.scoring.calibration import Label, agreement, at, curve, doubts, is_enough, propose, wilson

LABELS = st.lists(
    st.builds(Label, st.sampled_from([index / 10 for index in range(-10, 11)]), st.booleans(), st.booleans()),
    max_size=60,
)


@given(LABELS)
def test_the_curve_matches_the_gate_at_every_score(labels: list[Label]):
    points = curve(labels)
    assert [point.threshold for point in points] == sorted({label.score for label in labels if label.open})
    for point in points:
        assert point == at(labels, point.threshold)
        passing = [label for label in labels if label.open and label.score >= point.threshold]
        assert point.passes == len(passing) > 0
        assert point.precision.value == pytest.approx(sum(label.good for label in passing) / len(passing))
        assert point.true_passes + point.missed == sum(label.good for label in labels)


@given(LABELS, st.sampled_from([index / 20 for index in range(-20, 21)]))
def test_a_proposal_improves_the_gate_and_lists_its_changes(labels: list[Label], now: float):
    found = propose(labels, now)
    best = max((point.f1 for point in curve(labels)), default=0.0)
    if found is None:
        assert at(labels, now).f1 >= best
        return
    assert found.point.f1 == best > found.now.f1
    assert found.point.true_passes - found.now.true_passes == found.newly_pass[0] - found.newly_fail[0]
    assert found.point.false_passes - found.now.false_passes == found.newly_pass[1] - found.newly_fail[1]


@given(LABELS, st.sampled_from([0.5, 0.8, 0.9, 1.0]))
def test_the_lowest_threshold_with_the_requested_precision_is_proposed(labels: list[Label], wanted: float):
    found = propose(labels, -1.0, wanted)
    reaching = [point for point in curve(labels) if point.precision.value >= wanted]
    if found is None:
        assert not reaching or at(labels, -1.0).passes == reaching[0].passes
    else:
        assert found.point == reaching[0]


@given(st.integers(0, 200), st.integers(0, 200))
def test_an_interval_contains_its_nominal_share(hits: int, others: int):
    share = wilson(hits, hits + others)
    assert 0 <= share.low <= share.high <= 1
    if hits + others:
        assert share.low - 1e-12 <= share.value <= share.high + 1e-12


def test_intervals_match_published_values():
    assert wilson(0, 10).high == pytest.approx(0.2775, abs=1e-3)
    assert wilson(81, 263).low == pytest.approx(0.2553, abs=1e-3)  # Newcombe 1998, table I
    assert wilson(81, 263).high == pytest.approx(0.3662, abs=1e-3)


def test_kappa_matches_a_textbook_example():
    pairs = [(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15
    assert agreement(pairs).pairs == 50
    assert agreement(pairs).share == pytest.approx(0.7)
    assert agreement(pairs).kappa == pytest.approx(0.4)
    assert agreement([]) == (0, None, None)
    assert agreement([(True, True)] * 9) == (9, 1.0, None)


def test_few_labels_give_a_warning():
    few = [Label(0.5, True)] * 10
    assert not is_enough(few)
    assert doubts(few)[0].startswith("10 clips reviewed so far. 20 more are needed")
    one_sided = [Label(0.5, True)] * 40
    assert "Only 0 clips rejected so far" in doubts(one_sided)[0]
    assert "No clip that failed the gate has been reviewed" in doubts(one_sided)[1]
    mixed = [Label(0.5, True)] * 30 + [Label(0.2, False, True, False)] * 10
    assert is_enough(mixed)
    assert doubts(mixed) == []
    assert propose(mixed, 0.1).point.threshold == 0.5
    assert propose(mixed, 0.5) is None
