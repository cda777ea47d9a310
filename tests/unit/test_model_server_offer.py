"""Lengths and sizes that the model server offers for each card, and the addresses that servers listen on."""

import math

import pytest

from adapters.listener import listen, port_of
from app.model_server.offer import frames_of, seconds_of, seconds_text, sizes_of
from models.registry import load_cards, local_cards

CARDS = local_cards(load_cards())


@pytest.mark.parametrize("name", CARDS)
def test_every_offered_length_is_one_of_the_card(name: str):
    card = CARDS[name]
    assert seconds_of(card)
    for seconds in map(int, seconds_of(card)):
        frames = frames_of(card, seconds)
        assert frames is not None
        assert card.rules.allows(frames)
        assert abs(frames / card.rules.fps - seconds) <= 0.5


@pytest.mark.parametrize("name", CARDS)
def test_the_length_of_the_default_clip_is_offered(name: str):
    card = CARDS[name]
    own = card.defaults.num_frames
    assert frames_of(card, own / card.rules.fps) == own
    assert seconds_text(card, own) in seconds_of(card)


@pytest.mark.parametrize("name", CARDS)
def test_lengths_outside_of_the_card_are_refused(name: str):
    card = CARDS[name]
    shortest, longest = card.rules.min_frames / card.rules.fps, card.rules.max_frames / card.rules.fps
    for seconds in (shortest - 0.6, longest + 0.6, -1.0, math.inf, math.nan):
        assert frames_of(card, seconds) is None


def test_the_starter_accepts_two_seconds():
    starter = CARDS["starter"]
    assert [frames_of(starter, each) for each in (1, 1.6, 1.625, 2, 2.125, 2.625, 2.63, 3)] == [
        None, None, 17, 17, 17, 17, None, None,
    ]  # fmt: skip
    assert sizes_of(starter) == {"160x90": (90, 160), "96x96": (96, 96), "90x160": (160, 90)}


def test_a_socket_can_listen_on_another_address():
    with listen() as ours, listen(0, "127.0.0.2") as other:
        assert ours.getsockname() == ("127.0.0.1", port_of(ours))
        assert other.getsockname() == ("127.0.0.2", port_of(other))
        with pytest.raises(OSError, match="in use"):
            listen(port_of(other), "127.0.0.2")
