"""Budgets: device hours, money, or the lower of the two."""

import pytest

from flows.nightly import limits_of
from flows.settings import Settings
from manifests.errors import SettingsError
from manifests.nightly.budget import budget_of


@pytest.mark.parametrize(
    ("hours", "money", "price_h", "device_s"),
    [
        (0, None, None, None),
        (2, None, None, 7200),
        (0, 5, 2.5, 7200),
        (1, 5, 2.5, 3600),
        (3, 5, 2.5, 7200),
        (0, 0, 2.5, None),
        (0, None, 2.5, None),
    ],
)
def test_the_lower_limit_applies(hours, money, price_h, device_s):
    assert budget_of(hours, money, price_h).device_s == device_s


@pytest.mark.parametrize(
    ("said", "given", "device_s"),
    [
        ({}, {}, None),
        ({"stock_budget_h": 2}, {}, 7200),
        ({"stock_budget_h": 2}, {"budget_h": 0}, None),
        ({"stock_budget_money": 5, "stock_price_h": 2.5}, {}, 7200),
        ({"stock_budget_money": 5, "stock_price_h": 2.5}, {"price_h": 5}, 3600),
        ({"stock_price_h": 2.5}, {"budget_money": 2.5}, 3600),
    ],
)
def test_missing_values_come_from_the_settings(said, given, device_s):
    assert limits_of(Settings(**said), **given).budget.device_s == device_s


def test_spending_is_shown_in_money_if_a_price_is_set():
    assert budget_of(1, None, 2.5).money(1800) == 1.25
    assert budget_of(1).money(1800) is None


def test_earlier_runs_of_the_same_night_reduce_the_budget():
    assert budget_of(1).after(600) == 3000
    assert budget_of(1).after(4000) == 0
    assert budget_of().after(4000) is None


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"hours": -1}, "Invalid budget: hours = -1. Use 0 or a positive number."),
        ({"hours": float("nan")}, "Invalid budget: hours = nan"),
        ({"money": 5}, "A budget in money requires the price of a device hour. Set --price-hour"),
        ({"money": 5, "price_h": 0}, "A budget in money requires the price"),
    ],
)
def test_an_invalid_budget_is_refused(given, sentence):
    with pytest.raises(SettingsError, match=sentence):
        budget_of(**given)
