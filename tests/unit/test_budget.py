"""Budgets: hours, money, or whichever ends first."""

import pytest

from flows.nightly import terms_of
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
def test_the_limit_that_is_reached_first_counts(hours, money, price_h, device_s):
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
def test_what_is_not_given_is_the_settings(said, given, device_s):
    assert terms_of(Settings(**said), **given).budget.device_s == device_s


def test_what_is_spent_is_told_in_money_where_there_is_a_price():
    assert budget_of(1, None, 2.5).money(1800) == 1.25
    assert budget_of(1).money(1800) is None


def test_earlier_runs_of_a_night_have_spent_of_it():
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
def test_a_budget_that_cannot_be_kept_is_refused(given, sentence):
    with pytest.raises(SettingsError, match=sentence):
        budget_of(**given)
