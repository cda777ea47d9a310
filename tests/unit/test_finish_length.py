"""Lengths of deliverables: exact for any footage, placement and way to extend."""

from fractions import Fraction

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from manifests.errors import FinishError
from manifests.finish.length import (
    END_CARD_TIMES,
    FramePlan,
    Piece,
    Wanted,
    frame_rate,
    length_of,
    plan_length,
)
from manifests.finish.spec import Extension

FPS = Fraction(24)
RATES = st.sampled_from([Fraction(8), Fraction(16), Fraction(24), Fraction(30000, 1001), Fraction(25), Fraction(60)])
SECONDS = st.floats(0, 20, allow_nan=False)


@given(
    shots=st.lists(st.integers(1, 400), min_size=1, max_size=5),
    fps=RATES,
    limits=st.tuples(SECONDS, SECONDS),
    duration_s=st.none() | st.floats(0.5, 20),
    cards=st.tuples(st.sampled_from([0.0, 1.5]), st.sampled_from([0.0, 2.0])),
    transition_s=st.sampled_from([0.0, 0.4]),
    extension=st.sampled_from(sorted(Extension)),
    keeps_sound=st.booleans(),
)
def test_every_plan_has_the_wanted_length_and_only_frames_that_exist(
    shots, fps, limits, duration_s, cards, transition_s, extension, keeps_sound
):
    low, high = sorted(limits)
    wanted = Wanted(low, high + 1, duration_s, 0, *cards, transition_s, extension, keeps_sound)
    try:
        plan = plan_length(shots, fps, wanted)
    except FinishError as error:
        reason = "must not be extended" if extension is Extension.NONE else "shorter cards"
        event(str(error)[:20])
        if reason not in str(error) and "shorter cards" not in str(error):
            raise
        return
    assert low * fps <= plan.frames <= max(low * fps + 1, (high + 1) * fps)
    if duration_s and low <= duration_s <= high:
        assert plan.frames == pytest.approx(float(duration_s * fps), abs=1)
    assert plan.frames == plan.intro + length_of(plan.pieces) + plan.end_card
    assert plan.end_card <= END_CARD_TIMES * round(cards[1] * fps)
    check_pieces(plan, shots)


def check_pieces(plan: FramePlan, shots: list[int]) -> None:
    for number, piece in enumerate(plan.pieces):
        following = plan.pieces[number + 1].overlap if number + 1 < len(plan.pieces) else 0
        assert piece.frames > 0
        assert piece.overlap + following <= piece.frames
        last = piece.start + piece.step * (piece.frames - 1)
        assert 0 <= piece.start < shots[piece.shot]
        assert 0 <= last < shots[piece.shot]


def planned(shots: list[int], **wanted) -> FramePlan:
    return plan_length(shots, FPS, Wanted(**wanted))


def test_footage_within_the_limits_is_shown_as_it_is():
    assert planned([48], min_s=1, max_s=3).pieces == (Piece(0, 0, 48),)


def test_footage_that_is_too_long_is_shown_from_its_start():
    plan = planned([240], max_s=5)
    assert plan.pieces == (Piece(0, 0, 120),)
    assert plan.trimmed == 120


def test_the_longest_shots_of_a_sequence_are_cut_first():
    plan = planned([24, 120, 120], duration_s=6)
    assert [piece.frames for piece in plan.pieces] == [24, 60, 60]


def test_shots_for_which_there_is_no_time_are_left_out_and_named():
    plan = planned([48] * 9, duration_s=2)
    assert [piece.shot for piece in plan.pieces] == [0, 1, 2, 3]
    assert plan.notes == ("Only 4 of 9 shots are shown, because the placement has no time for more.",)


def test_an_end_card_is_extended_to_three_times_its_length_before_footage_is_repeated():
    assert planned([48], min_s=5, end_card_s=1.5).end_card == 72
    plan = planned([48], min_s=8, end_card_s=1.5)
    assert (plan.end_card, plan.added) == (108, 36)
    assert plan.pieces[1:] == (Piece(0, 46, 36, -1),)


def test_ping_pong_does_not_repeat_the_frames_at_which_it_turns():
    plan = planned([10], duration_s=1, extension=Extension.PING_PONG)
    shown = [piece.start + piece.step * index for piece in plan.pieces for index in range(piece.frames)]
    assert shown[:20] == [*range(10), *range(8, -1, -1), 1]
    assert len(shown) == 24


def test_footage_that_is_heard_does_not_run_backwards():
    plan = planned([48], min_s=5, keeps_sound=True)
    assert {piece.step for piece in plan.pieces} == {1}
    assert plan.pieces[1].overlap == 12
    assert planned([48], min_s=5).pieces[1].step == -1


def test_a_sequence_is_repeated_as_a_whole_in_a_loop():
    plan = planned([24, 24], duration_s=3, extension=Extension.LOOP)
    assert [piece.shot for piece in plan.pieces] == [0, 1, 0]


def test_a_frozen_frame_is_the_last_resort_and_is_named():
    plan = planned([48], min_s=5, extension=Extension.END_CARD)
    assert plan.pieces[-1] == Piece(0, 47, 72, 0)
    assert plan.notes == ("The last frame is frozen for 3.0 s, because the template has no end card.",)
    still = planned([1], min_s=2)
    assert "single picture" in still.notes[0]


def test_a_voice_extends_the_deliverable_and_is_never_cut():
    assert planned([48], voice_s=4.01).frames == 97
    with pytest.raises(FinishError, match=r"The voice ends at 7\.0 s, but the deliverable has at most 5\.0 s"):
        planned([48], voice_s=7, max_s=5)


def test_cards_that_leave_no_time_for_footage_are_an_error_with_a_fix():
    with pytest.raises(FinishError, match="Use a template with shorter cards or raise duration_s"):
        planned([48], duration_s=2, end_card_s=2)


def test_footage_that_must_not_be_extended_is_an_error():
    with pytest.raises(FinishError, match=r"lasts 2\.0 s, but it needs 5\.0 s"):
        planned([48], min_s=5, extension=Extension.NONE)


@pytest.mark.parametrize(
    ("rates", "low", "high", "expected"),
    [
        ([Fraction(24)], 23, 60, Fraction(24)),
        ([Fraction(16)], 23, 60, Fraction(32)),
        ([Fraction(16)], 23, 30, Fraction(24)),
        ([Fraction(30000, 1001)], None, 29.97, Fraction(30000, 1001)),
        ([Fraction(24000, 1001)], 23.976, 60, Fraction(24000, 1001)),
        ([Fraction(60)], 23, 30, Fraction(30)),
        ([Fraction(50)], None, 30, Fraction(25)),
        ([Fraction(24000, 1001)], 23, 60, Fraction(24000, 1001)),
        ([Fraction(2997, 100)], None, None, Fraction(30000, 1001)),
        ([Fraction(273, 10)], None, None, Fraction(30000, 1001)),
        ([Fraction(0)], None, None, Fraction(25)),
        ([Fraction(25), Fraction(60)], None, None, Fraction(25)),
    ],
)
def test_the_frame_rate_is_that_of_the_first_master_within_the_limits(rates, low, high, expected):
    assert frame_rate(rates, low, high) == expected


@given(RATES, st.floats(1, 60), st.floats(0, 60))
def test_every_frame_rate_is_within_the_limits(rate, low, more):
    found = frame_rate([rate], low, low + more)
    assert low - 0.01 <= found <= low + more + 0.01
