"""Variants that wait for a place at a provider."""

from types import SimpleNamespace

from tasks.render.hosted.flight import SHARED, ReadyFlights


def test_every_fifth_place_is_left_to_other_lanes():
    ready = ReadyFlights()
    ready.may_follow = True
    for number in range(2 * SHARED):
        ready.add(SimpleNamespace(number=number))
    taken = [ready.take_for_place() for _ in range(2 * SHARED)]
    assert [each is None for each in taken] == 2 * ([False] * (SHARED - 1) + [True])
    assert len(ready) == 2


def test_a_variant_that_is_put_back_is_the_next_one():
    ready = ReadyFlights()
    assert ready.take() is None
    ready.add(SimpleNamespace(number=0))
    ready.add(SimpleNamespace(number=1))
    assert ready.take_for_place() is None  # no place may be given on yet
    first = ready.take()
    ready.put_back(first)
    assert ready.take() is first
