"""Amounts of money: texts, exact sums, and currencies that are never added."""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.bounds import with_whole_budgets
from flows.settings import load_settings
from manifests.costs.money import MICROS, Money
from manifests.costs.prices import Prices
from manifests.costs.sums import sums_json, sums_of, sums_text
from manifests.errors import SettingsError

CURRENCIES = ("EUR", "JPY", "USD")
AMOUNTS = st.builds(Money, st.integers(0, 10**13), st.sampled_from(CURRENCIES))


@given(st.lists(AMOUNTS))
def test_sums_are_exact_for_each_currency(amounts: list[Money]):
    sums = sums_of(amounts)
    expected: Counter[str] = Counter()
    for amount in amounts:
        expected[amount.currency] += amount.micros
    assert {each.currency: each.micros for each in sums} == dict(expected)
    assert [each.currency for each in sums] == sorted({amount.currency for amount in amounts})
    assert sums_of(reversed(amounts)) == sums
    assert all(type(each["micros"]) is int for each in sums_json(sums))


@given(st.lists(AMOUNTS, max_size=30), st.integers(0, 30))
def test_sums_of_parts_are_the_sum_of_all(amounts: list[Money], cut: int):
    assert sums_of([*sums_of(amounts[:cut]), *sums_of(amounts[cut:])]) == sums_of(amounts)


@given(AMOUNTS.filter(lambda amount: amount.micros))
def test_the_text_of_an_amount_is_read_back_exactly(amount: Money):
    assert Money.parse(str(amount).replace(",", "")) == amount


@given(AMOUNTS, st.integers(1, 1000))
def test_equal_parts_differ_by_less_than_a_micro_unit_each(amount: Money, number: int):
    part = amount.divided(number)
    assert abs(Decimal(amount.micros) / number - part.micros) <= Decimal("0.5")


def test_amounts_as_text():
    assert [str(Money(micros, "USD")) for micros in (0, 300_000, 617_280, 1_234_500_000)] == [
        "0.00 USD",
        "0.30 USD",
        "0.61728 USD",
        "1,234.50 USD",
    ]
    assert str(Money(-250_000, "USD")) == "-0.25 USD"
    assert str(Money(2 * MICROS, "")) == "2.00"
    assert [str(Money(micros, "USD").short) for micros in (617_280, 4_200, 1_239_999)] == [
        "0.6173 USD",
        "0.0042 USD",
        "1.24 USD",
    ]
    assert sums_text([Money(0, "EUR"), Money(12_400_000, "USD")]) == "12.40 USD"
    assert sums_text([Money(3_000_000, "EUR"), Money(1, "USD")]) == "3.00 EUR and 0.000001 USD"
    assert sums_text([Money(0, "EUR")]) == "0.00 EUR"
    assert sums_text([]) == ""


def test_device_costs_have_the_same_form():
    assert Prices(currency="EUR").money(0.1 + 0.2) == Money(300_000, "EUR")
    assert Prices(currency="EUR").text(0.1 + 0.2) == "0.30 EUR"


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        ("run s.csv --budget 50 USD --json", ["run", "s.csv", "--budget", "50 USD", "--json"]),
        ("run --budget=2.50 eur s.csv", ["run", "--budget=2.50 eur", "s.csv"]),
        ("run --budget 50 s.csv", ["run", "--budget", "50", "s.csv"]),
        ("run --sample 50 USD", ["run", "--sample", "50", "USD"]),
        ("run s.csv --budget", ["run", "s.csv", "--budget"]),
    ],
)
def test_an_amount_may_be_two_words_of_a_command(words: str, joined: list[str]):
    assert with_whole_budgets(words.split()) == joined


def test_the_budget_in_the_settings(monkeypatch):
    assert load_settings().money_limit is None
    assert load_settings(budget="50 usd").money_limit == Money(50 * MICROS, "USD")
    assert load_settings(budget="1234.5", currency="eur").money_limit == Money(1_234_500_000, "EUR")
    assert load_settings(budget="5", currency="€").money_limit == Money(5 * MICROS, "€")
    monkeypatch.setenv("REELMILL_BUDGET", "EUR 2")
    assert load_settings().money_limit == Money(2 * MICROS, "EUR")
    assert load_settings(budget="").money_limit is None
    for text, problem in (("50", "has no currency"), ("much", "is not an amount"), ("0 USD", "is not an amount")):
        with pytest.raises(SettingsError, match=f"'budget': '{text}' {problem}"):
            load_settings(budget=text)


def test_the_setting_of_earlier_versions_is_not_ignored_silently(monkeypatch):
    monkeypatch.setenv("REELMILL_BUDGET_MONEY", "5")
    with pytest.raises(SettingsError, match=r"REELMILL_BUDGET_MONEY was replaced. Set REELMILL_BUDGET"):
        load_settings()
