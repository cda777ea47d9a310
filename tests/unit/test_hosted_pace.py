"""The time of a job's first poll follows from recent jobs."""

import pytest

from tasks.render.hosted.pace import DOUBLES, RECENT, Pace

POLL_S = 5.0


def add_polled(pace, took_s, count=1):
    """Add jobs that were polled from the first poll on, every POLL_S."""
    for _ in range(count):
        first_s = pace.first_s or POLL_S
        late = max(0, -int((first_s - took_s) // POLL_S))
        done_s = first_s + late * POLL_S
        pace.add(done_s, done_s - POLL_S if late else None)


def test_nothing_is_known_at_first():
    assert Pace(POLL_S).first_s == 0


def test_jobs_of_equal_length_are_polled_just_after_their_end():
    pace = Pace(POLL_S)
    add_polled(pace, 92.0, 3 * RECENT)
    assert pace.first_s == pytest.approx(92.0, abs=POLL_S / 2)


def test_jobs_of_different_length_are_polled_before_the_fast_ones_are_done():
    pace = Pace(POLL_S)
    for took_s in range(60, 100):
        pace.add(took_s + 1.0, took_s - 1.0)
    assert pace.first_s == 85 - POLL_S


def test_a_late_poll_does_not_delay_the_next_ones():
    pace = Pace(POLL_S)
    pace.add(61.0, 59.0)
    before = pace.first_s
    for _ in range(RECENT):
        pace.add(90.0, None)
    assert pace.first_s < before


def test_jobs_that_become_faster_are_noticed():
    pace = Pace(POLL_S)
    add_polled(pace, 100.0, RECENT)
    add_polled(pace, 50.0, 10 * DOUBLES)
    assert pace.first_s == pytest.approx(50.0, abs=2 * POLL_S)


def test_jobs_shorter_than_the_time_between_polls_give_no_negative_time():
    pace = Pace(POLL_S)
    for _ in range(10 * DOUBLES):
        pace.add(1.0, None)
    assert pace.first_s == 0
