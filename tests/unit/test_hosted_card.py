"""Cards of hosted models: what decides the ids of their variants."""

import pytest

from models.hosted_card import HostedCard
from models.registry import hosted_cards, load_cards

CARDS = hosted_cards(load_cards())


def changed(card: HostedCard, **changes: object) -> HostedCard:
    return HostedCard.model_validate({**card.model_dump(mode="json"), **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"sizes": {"1:1": {"height": 960, "width": 960, "word": "960:960", "resolution": "720p"}}},
        {"prices": None},
        {"result_hosts": ["*.example.com"]},
        {"poll_s": 9.0},
        {"title": "Another title"},
    ],
)
def test_a_corrected_card_keeps_the_ids_of_its_variants(changes: dict[str, object]):
    card = CARDS["runway-gen4.5"]
    assert changed(card, **changes).revision == card.revision


@pytest.mark.parametrize("changes", [{"model": "gen5"}, {"options": {"watermark": True}}, {"dialect": "sglang"}])
def test_what_decides_the_clip_decides_the_id(changes: dict[str, object]):
    card = CARDS["runway-gen4.5"]
    assert changed(card, **changes).revision != card.revision


def test_a_card_whose_jobs_cost_money_must_not_repeat_uncertain_jobs():
    with pytest.raises(ValueError, match="an uncertain job could be billed twice"):
        changed(CARDS["runway-gen4.5"], reconcile="free")
    assert changed(CARDS["runway-gen4.5"], reconcile="free", costs_money=False).reconcile == "free"


def test_sound_decides_the_id_only_if_the_request_decides_it():
    switch, none = CARDS["runway-veo3.1"], CARDS["runway-gen4.5"]
    assert changed(switch, sound=not switch.sound).revision != switch.revision
    assert changed(none, sound=True).revision == none.revision
