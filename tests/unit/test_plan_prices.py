"""Prices of a plan by brief and model, and budgets that refuse it."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from priced_cards import priced_card

from app.cli.plan_text import plan_json, plan_sentence
from app.report.plan_prices import price_notes, total_text
from flows.prices import FEWER, check_budget, fallback_note
from flows.registration import fallbacks_in
from manifests.brief import Brief
from manifests.costs.money import Money
from manifests.costs.prices import Prices
from manifests.errors import OverBudgetError, SettingsError
from manifests.placement import Placement
from models.card_parts import Rate
from models.registry import load_cards
from tasks.plan.costs import NO_COSTS, Costs
from tasks.plan.expand import expand
from tasks.plan.plan import Plan, make_plan

STARTER = load_cards()["starter"]
CARDS = {
    "starter": STARTER,
    "hosted": priced_card(),
    "euro": priced_card("euro", "other", prices=priced_card().prices.model_copy(update={"currency": "EUR"})),
    "secret": priced_card("secret", prices=None),
    "no": priced_card("no", billed_on_failure="no"),
    "last": priced_card("last"),
    "own": priced_card("own", "own", prices=None, costs_money=False),
}
WIDE, HIGH = Placement("web", "16:9"), Placement("web", "9:16")
IN_EUR = Costs(Prices({"cpu": 36.0}, currency="EUR"))
DEVICE = {"starter": 100.0}
"""Seconds of a clip: 1 EUR each."""


def brief(name: str, *models: str, **fields: object) -> Brief:
    return Brief(2, name, (f"a cup of {name}",), models=models, placements=(WIDE,), **fields)  # type: ignore[arg-type]


def plan(*briefs: Brief, states=None, costs: Costs = NO_COSTS, satisfied: Iterable[str] = ()) -> Plan:
    known = states or {}
    return make_plan(
        expand(briefs, CARDS, "starter"),
        lambda ids: {key: known[key] for key in ids if key in known},
        CARDS,
        DEVICE,
        4,
        frozenset(satisfied),
        costs,
        frozenset(each.brief_id for each in briefs if each.want),
        fallbacks_in(briefs),
    )


def micros(found: Plan) -> list[tuple[str, str, int, int | None, bool]]:
    return [
        (each.brief_id, each.card, each.clips, each.total and each.total.micros, each.is_at_most)
        for each in found.prices
    ]


def test_prices_by_brief_and_model_are_exact():
    both = Brief(3, "both", ("a ball",), models=("hosted",), placements=(WIDE, HIGH), variants=3)
    found = plan(brief("one", "hosted", "starter", variants=2), both, costs=IN_EUR)
    assert micros(found) == [
        ("one", "hosted", 2, 500_000, False),
        ("one", "starter", 2, 2_000_000, False),
        ("both", "hosted", 6, 3 * 250_000 + 3 * 617_280, False),
    ]
    line = found.prices[2]
    assert (line.least, line.most, line.provider) == (Money(250_000, "USD"), Money(617_280, "USD"), "vendor")
    assert found.totals == (Money(2_000_000, "EUR"), Money(3_101_840, "USD"))
    assert list(price_notes(found)) == ["Unconfirmed prices as of 2026-11-01: hosted."]
    assert found.device_seconds == 200.0
    assert "device time: 3 min, cost 2.00 EUR. Price of the provider jobs: 3.10184 USD." in plan_sentence(found, "")


@given(st.lists(st.tuples(st.sampled_from(["hosted", "euro", "own"]), st.integers(1, 40)), min_size=1, max_size=8))
def test_totals_are_the_prices_of_the_clips_and_currencies_are_never_added(asked: list[tuple[str, int]]):
    found = plan(*(brief(f"b{n}", name, variants=number) for n, (name, number) in enumerate(asked)))
    price = {"hosted": 250_000, "euro": 250_000, "own": 0}
    for currency, names in (("USD", {"hosted", "own"}), ("EUR", {"euro"})):
        expected = sum(price[name] * number for name, number in asked if name in names)
        assert sum(each.micros for each in found.totals if each.currency == currency) == expected
    assert found.to_make == sum(number for _, number in asked)


def test_clips_that_exist_cost_nothing():
    items = list(expand([brief("one", "hosted", variants=4)], CARDS, "starter"))
    states = {items[0].variant_id: "published", items[1].variant_id: "failed"}
    assert micros(plan(brief("one", "hosted", variants=4), states=states)) == [("one", "hosted", 2, 500_000, False)]
    assert plan(brief("one", "hosted", variants=4, want=1), satisfied={"one"}).totals == ()


def test_a_clip_of_two_briefs_is_paid_once_and_by_the_brief_that_needs_it():
    first = Brief(2, "first", ("a ball",), models=("hosted",), placements=(WIDE,), want=1, seed=7)
    second = Brief(3, "second", ("a ball",), models=("hosted",), placements=(WIDE,), want=1, seed=7)
    assert micros(plan(first, second)) == [("first", "hosted", 1, 250_000, True)]
    assert micros(plan(first, second, satisfied={"first"})) == [("second", "hosted", 1, 250_000, True)]


def test_want_makes_the_price_an_upper_limit():
    found = plan(brief("one", "hosted", variants=10, want=2))
    assert "Price of the provider jobs: at most 2.50 USD." in plan_sentence(found, "")
    assert plan_json(found)["is_at_most"] is True


def test_a_model_that_costs_nothing_is_free_and_not_at_most_0():
    found = plan(brief("one", "own", variants=10, want=2))
    [line] = found.prices
    assert (line.each_text, line.total_text, total_text(found)) == ("free", "free", "free")
    assert "The provider jobs are free." in plan_sentence(found, "")
    both = plan(brief("one", "own", "hosted"))
    assert [line.total_text for line in both.prices] == ["free", "0.25 USD"]
    assert "Price of the provider jobs: 0.25 USD." in plan_sentence(both, "")


def test_an_unknown_price_is_named_and_not_in_the_total():
    found = plan(brief("one", "hosted"), brief("two", "secret", variants=2))
    assert found.totals == (Money(250_000, "USD"),)
    assert found.unpriced == {"secret": 2}
    assert list(price_notes(found))[-1] == "The price of secret is not known (2 clips); it is not in the total."
    assert "provider jobs: 0.25 USD, but the price of secret is not known." in plan_sentence(found, "")
    [_, second] = plan_json(found)["prices"]
    assert (second["total_micros"], second["currency"], second["provider"]) == (None, None, "vendor")


def test_the_time_at_a_provider_is_known_only_with_a_rate():
    assert plan(brief("one", "hosted")).estimates["hosted"].queue_seconds is None
    rated = CARDS["hosted"].model_copy(update={"rates": (Rate(seconds_a_clip=30.0, machine="the provider"),)})
    found = make_plan(
        expand([brief("one", "hosted", variants=10)], CARDS, "starter"), lambda _: {}, {"hosted": rated}, {}, 4
    )
    assert found.estimates["hosted"].queue_seconds == 10 * 30.0 / 4
    assert found.device_seconds == 0.0


def test_a_budget_refuses_a_higher_price():
    ten = plan(brief("one", "hosted", variants=10))
    check_budget(None, ten)
    check_budget(Money(2_500_000, "USD"), ten)
    check_budget(Money(1, "USD"), plan(brief("one", "own", variants=10)))
    with pytest.raises(OverBudgetError, match=r"10 clips would cost 2\.50 USD.*budget of 2\.499999 USD\. Raise"):
        check_budget(Money(2_499_999, "USD"), ten)
    with pytest.raises(OverBudgetError, match="Generate fewer clips with --sample, or raise the budget with --budget"):
        check_budget(Money(1, "USD"), ten, FEWER)
    with pytest.raises(OverBudgetError, match=r"would cost at most 2\.50 USD"):
        check_budget(Money(1, "USD"), plan(brief("one", "hosted", variants=10, want=3)))
    local = plan(brief("one", variants=5), costs=IN_EUR)
    check_budget(Money.of(5, "EUR"), local)
    with pytest.raises(OverBudgetError, match=r"5 clips would cost about 5\.00 EUR, which is over the budget of 4\.99"):
        check_budget(Money.of("4.99", "EUR"), local)


def test_a_budget_that_cannot_be_kept_is_refused_with_a_fix_that_works():
    budget = Money.of(50, "USD")
    one, both = plan(brief("one", "hosted")), plan(brief("one", "hosted", "euro"))
    with pytest.raises(SettingsError, match=r"The price of secret is not known.*start without a budget"):
        check_budget(budget, plan(brief("one", "secret")))
    with pytest.raises(SettingsError, match=r"hosted costs USD, but the budget is 50\.00 EUR.*Enter it in USD"):
        check_budget(Money.of(50, "EUR"), one)
    check_budget(budget, one)
    with pytest.raises(SettingsError, match="Split the sheet by model"):
        check_budget(budget, both)
    check_budget(Money.of(50, "EUR"), plan(brief("one", "euro")))
    check_budget(budget, plan(brief("one"), costs=Costs(Prices({"cpu": 1.0}, currency="USD"))))
    with pytest.raises(SettingsError, match="Set REELMILL_CURRENCY to their currency, such as USD"):
        check_budget(budget, plan(brief("one"), costs=Costs(Prices({"cpu": 1.0}))))
    with pytest.raises(SettingsError, match=r"Device time costs EUR, but the budget is 50\.00 USD.*Enter it in EUR"):
        check_budget(budget, plan(brief("one"), costs=IN_EUR))
    with pytest.raises(SettingsError, match="Set REELMILL_DEVICE_PRICES, REELMILL_CURRENCY and the budget in USD"):
        check_budget(budget, plan(brief("one", "hosted"), costs=IN_EUR))
    check_budget(budget, plan(brief("one", "hosted"), costs=Costs(Prices({"cpu": 36.0}, currency="USD"))))
    check_budget(budget, plan())


def test_one_message_names_all_prices_that_a_budget_needs(monkeypatch):
    monkeypatch.setattr("flows.prices.find_devices", lambda: ("cpu",))
    with pytest.raises(SettingsError) as refused:
        check_budget(Money.of(5, "USD"), plan(brief("one", "hosted", "starter")))
    assert str(refused.value) == (
        "The budget of 5.00 USD needs the price of device time. Set REELMILL_DEVICE_PRICES to the price of an hour of "
        "each device, such as '{\"cpu\": 0.5}' on this machine, and REELMILL_CURRENCY to USD, or use --budget-hours."
    )
    with_currency = plan(brief("one"), costs=Costs(Prices({}, currency="USD")))
    with pytest.raises(SettingsError, match=r"'{\"cpu\": 0\.5}' on this machine, or use --budget-hours\."):
        check_budget(Money.of(5, "USD"), with_currency)


def lines_of(found: Plan) -> list[tuple[str, str, str]]:
    return [(each.total_text, ", ".join(each.fallbacks), each.with_fallbacks_text) for each in found.prices]


def test_a_fallback_costs_its_price_and_that_of_jobs_that_are_billed_although_they_failed():
    assert CARDS["hosted"].billed_on_failure == "unknown"
    assert lines_of(plan(brief("a", "hosted", fallbacks=("no",), variants=2))) == [
        ("0.50 USD", "no", "at most 1.00 USD")
    ]
    assert lines_of(plan(brief("a", "no", fallbacks=("hosted",), variants=2))) == [
        ("0.50 USD", "hosted", "at most 0.50 USD")
    ]
    assert lines_of(plan(brief("a", "no", fallbacks=("hosted", "last")))) == [
        ("0.25 USD", "hosted, last", "at most 0.50 USD")
    ]


def test_device_time_of_a_fallback_and_of_a_failed_clip_counts():
    assert lines_of(plan(brief("a", "no", fallbacks=("starter",)), costs=IN_EUR)) == [
        ("0.25 USD", "starter", "at most 1.00 EUR and 0.25 USD")
    ]
    assert lines_of(plan(brief("a", "starter", fallbacks=("euro",)), costs=IN_EUR)) == [
        ("1.00 EUR", "euro", "at most 1.25 EUR")
    ]
    assert lines_of(plan(brief("a", "no", fallbacks=("starter",)))) == [("0.25 USD", "starter", "not known")]


def test_the_notes_and_the_json_contain_the_total_with_fallbacks():
    found = plan(brief("a", "no", fallbacks=("hosted", "own")), brief("b", "hosted"))
    assert list(price_notes(found)) == [
        "Unconfirmed prices as of 2026-11-01: no, hosted.",
        "If fallback models are used, the total is at most 0.50 USD.",
    ]
    [first, second] = plan_json(found)["prices"]
    assert (first["fallbacks"], first["with_fallbacks"]) == (
        ["hosted", "own"],
        [{"micros": 250_000, "currency": "USD"}],
    )
    assert (second["fallbacks"], second["with_fallbacks"]) == ([], [])
    assert [each for each in price_notes(plan(brief("b", "hosted"))) if "fallback" in each] == []


def test_a_budget_below_the_price_with_fallbacks_is_not_refused_but_noted():
    found = plan(brief("a", "no", fallbacks=("hosted", "last")))
    check_budget(Money.of("0.30", "USD"), found)
    assert fallback_note(Money.of("0.30", "USD"), found) == (
        "If fallback models are used, these clips cost up to 0.50 USD, which is over the budget of 0.30 USD. The run "
        "then stops when the budget is spent, and the remaining clips are not generated."
    )
    assert fallback_note(Money.of("0.50", "USD"), found) == ""
    assert fallback_note(None, found) == ""


@pytest.mark.parametrize(
    ("name", "what"), [("secret", "of the fallback secret is not known"), ("euro", "of the fallback euro is in EUR")]
)
def test_a_budget_that_a_fallback_cannot_keep_is_refused(name, what):
    with pytest.raises(SettingsError, match=what):
        check_budget(Money.of(50, "USD"), plan(brief("a", "hosted", fallbacks=(name,))))
    check_budget(Money.of(50, "USD"), plan(brief("a", "hosted", fallbacks=("own",))))
    check_budget(None, plan(brief("a", "hosted", fallbacks=(name,))))
