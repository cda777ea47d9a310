"""Prices of device hours, costs, estimates and budgets in money."""

import pytest

from flows.prices import prices_of
from flows.settings import load_settings
from manifests.costs.device_use import UseTotal
from manifests.costs.prices import NO_PRICES, Prices
from manifests.errors import SettingsError
from models.card_parts import Rate
from models.registry import load_cards
from tasks.plan.costs import Costs
from tasks.plan.plan import estimate

PRICES = Prices({"H200": 3.6, "A100": 1.8, "A100-SXM4-40GB": 0.9, "cpu": 0.0}, {"wan": 7.2}, 36.0, "EUR")
HOUR = 3600.0


@pytest.mark.parametrize(
    ("device", "price"),
    [
        ("NVIDIA H200", 3.6),
        ("nvidia h200", 3.6),
        ("NVIDIA A100-SXM4-80GB", 1.8),
        ("NVIDIA A100-SXM4-40GB", 0.9),
        ("cpu", 0.0),
        ("NVIDIA H2000", 36.0),
        ("NVIDIA L4", 36.0),
        ("", 36.0),
    ],
)
def test_a_price_belongs_to_whole_words_of_a_name(device: str, price: float):
    assert PRICES.hour(device) == price


def test_a_short_name_is_not_part_of_a_longer_word():
    assert Prices({"L4": 1.0}).hour("NVIDIA L40S") is None
    assert Prices({"": 1.0}).hour("NVIDIA L40S") is None


def test_the_card_counts_for_devices_without_a_price():
    assert PRICES.hour("NVIDIA L4", "wan") == 7.2
    assert PRICES.hour("NVIDIA H200", "wan") == 3.6
    assert NO_PRICES.hour("cpu") is None


def test_a_total_is_known_if_every_price_is():
    uses = [UseTotal("load", "NVIDIA H200", "wan", HOUR), UseTotal("generate", "cpu", "wan", HOUR)]
    assert PRICES.total(uses) == 3.6
    unknown = UseTotal("generate", "NVIDIA L4", "other", HOUR)
    without = Prices({"H200": 3.6})
    assert without.total([uses[0], unknown]) is None
    assert without.total([uses[0], unknown._replace(seconds=0.0)]) == 3.6
    assert without.at_most([uses[0], unknown]) == 7.2
    assert PRICES.total([]) == 0


def test_amounts_as_text():
    assert [PRICES.text(money) for money in (0, 0.0042, 1234.5)] == ["0.00 EUR", "0.0042 EUR", "1,234.50 EUR"]
    assert NO_PRICES.text(2) == "2.00"


def test_prices_survive_json_and_damaged_ones_are_left_out():
    assert Prices.from_json(PRICES.as_json()) == PRICES
    assert Prices.from_json({"by_device": {"a": "x", "b": -1, "c": True, "d": 1}, "other": "NaN"}) == Prices({"d": 1.0})
    assert Prices.from_json({"by_device": [1]}) == NO_PRICES


def card(price: float = 0.0, machine: str = "NVIDIA H200"):
    return load_cards()["starter"].model_copy(
        update={"rates": (Rate(seconds_a_clip=10.0, machine=machine, money_an_hour=price),)}
    )


def test_an_estimate_uses_the_devices_that_the_model_has_used():
    used = [UseTotal("generate", "NVIDIA H200", "starter", 30.0), UseTotal("generate", "cpu", "starter", 10.0)]
    found = estimate(card(), 100, 36.0, Costs(PRICES, used))
    assert (found.device_seconds, found.money, found.basis) == (3600.0, pytest.approx(2.7), "measured here")
    assert found.price_h == pytest.approx(2.7)


def test_an_estimate_before_anything_was_used():
    assert estimate(card(), 360, None, Costs(Prices({"H200": 3.6}))).money == pytest.approx(3.6)
    assert estimate(card(machine="a laptop"), 360, None, Costs(Prices({"L4": 1.2}))).money == pytest.approx(1.2)
    assert estimate(card(machine="a laptop"), 360, None, Costs(Prices({"L4": 1.2, "T4": 1.0}))).money is None
    assert estimate(card(), 360, None, Costs(Prices(by_card={"starter": 2.0}))).money == pytest.approx(2.0)
    assert estimate(card(), 360, None).money is None
    other = [UseTotal("generate", "cpu", "another", 5.0)]
    assert estimate(card(), 360, None, Costs(Prices({"cpu": 0.5, "L4": 9.0}), other)).money == pytest.approx(0.5)


def test_the_prices_of_settings_and_cards():
    settings = load_settings(device_prices={"H200": 3.6}, stock_price_h=2.0, currency="EUR")
    assert prices_of(settings, {"priced": card(7.0), "free": card()}) == Prices(
        {"H200": 3.6}, {"priced": 7.0}, 2.0, "EUR"
    )
    assert prices_of(load_settings(), load_cards()) == NO_PRICES


@pytest.mark.parametrize("prices", [{"H200": -1}, {"H200": float("nan")}, {"H200": "x"}, {"H200": float("inf")}])
def test_invalid_prices_are_refused(prices):
    with pytest.raises(SettingsError, match="device_prices"):
        load_settings(device_prices=prices)
