"""Models that providers have ended, or will end: no use of them starts, and people are warned in time."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hosted_requests import hosted_card

from adapters.sheets import read_table
from manifests.errors import ModelError
from manifests.sheet import check_table
from models.hosted import FORMATS, format_of
from models.registry import hosted_cards, load_cards
from tasks.intake.intake import card_check
from tasks.plan import licence
from tasks.plan.licence import clearance_of, refuse_unsupported
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig

CARDS = load_cards()
ENDED = sorted(name for name, card in hosted_cards(CARDS).items() if card.retired)
LAST_DAY = date(2027, 3, 31)
ENDING = hosted_card("pika-2.2", name="ending", title="Pika 2.2 through fal", retires=LAST_DAY)
RESOURCES = Resources(
    "sqlite:///unused", BucketConfig("unused"), SignerConfig("development", Path("unused")), Path("unused")
)


def findings(tmp_path: Path, model: str, today: date | None = None) -> tuple[list[str], list[str]]:
    """Return the errors and the warnings of a sheet with this model."""
    path = tmp_path / "sheet.csv"
    path.write_text(f"prompt,model\na red ball rolls,{model}\n")
    checked = check_table(read_table(path), [card_check({**CARDS, "ending": ENDING}, "starter", today)])
    return [each.sentence for each in checked.problems], [each.sentence for each in checked.warnings]


def test_sora_and_haiper_have_ended():
    assert ENDED == ["haiper", "sora-2"]


@pytest.mark.parametrize("name", ENDED)
def test_the_alternatives_of_an_ended_model_exist_and_can_run(name):
    others = re.search(r"\. Use (.+) instead\.$", CARDS[name].retired)
    assert others
    named = re.split(r", | or ", others[1])
    assert len(named) >= 2
    for other in named:
        assert CARDS[other].unusable_on(date(2026, 11, 30)) == ""


@pytest.mark.parametrize("name", ENDED)
def test_a_sheet_with_an_ended_model_is_invalid(tmp_path, name):
    errors, warnings = findings(tmp_path, name)
    assert len(errors) == 1
    assert errors[0].endswith(f"'{name}' cannot run: {CARDS[name].retired}")
    assert warnings == []


@pytest.mark.parametrize(("typed", "name"), [("sora", "sora-2"), ("Sora2", "sora-2"), ("haiper-2", "haiper")])
def test_the_name_of_an_ended_service_says_that_it_ended(tmp_path, typed, name):
    errors, _ = findings(tmp_path, typed)
    assert errors[0].endswith(f"cannot run: {CARDS[name].retired}")


@pytest.mark.parametrize("name", ENDED)
def test_no_run_of_an_ended_model_starts(name):
    with pytest.raises(ModelError) as caught:
        refuse_unsupported(RESOURCES, ["starter", name])
    assert str(caught.value) == f"{name} cannot run: {CARDS[name].retired}"


def test_an_attestation_cannot_bring_an_ended_model_back():
    assert clearance_of(RESOURCES, CARDS["sora-2"]).reasons == ()


def test_a_model_ends_with_its_last_day(tmp_path, monkeypatch):
    monkeypatch.setattr(licence, "cards_of", lambda _: {"ending": ENDING})
    refuse_unsupported(RESOURCES, ["ending"], LAST_DAY)
    after = LAST_DAY + timedelta(days=1)
    reason = "Pika 2.2 through fal was retired on 31 March 2027. Use another model from `reelmill models`."
    with pytest.raises(ModelError, match=re.escape(f"ending cannot run: {reason}")):
        refuse_unsupported(RESOURCES, ["ending"], after)
    assert findings(tmp_path, "ending", LAST_DAY)[0] == []
    assert findings(tmp_path, "ending", after)[0][0].endswith(f"cannot run: {reason}")


@pytest.mark.parametrize(("days", "is_warned"), [(31, False), (30, True), (0, True)])
def test_people_are_warned_thirty_days_before(tmp_path, days, is_warned):
    _, warnings = findings(tmp_path, "ending", LAST_DAY - timedelta(days=days))
    expected = "'ending' is offered until 31 March 2027, and cannot run after that day."
    assert [each.endswith(expected) for each in warnings] == [True] * is_warned


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2026, 10, 17), []),
        (date(2026, 10, 18), ["may be retired"]),
        (date(2026, 11, 30), ["may have been retired"]),
    ],
)
def test_a_model_without_a_last_day_can_run_but_is_warned_of(tmp_path, today, expected):
    errors, warnings = findings(tmp_path, "vertex-veo-3.1", today)
    assert errors == []
    assert [each in warning for each, warning in zip(expected, warnings, strict=True)] == [True] * len(expected)


def test_today_is_the_day_in_utc(tmp_path, monkeypatch):
    yesterday = datetime.now(UTC).date() - timedelta(days=2)
    monkeypatch.setattr(licence, "cards_of", lambda _: {"ending": ENDING.model_copy(update={"retires": yesterday})})
    with pytest.raises(ModelError, match="was retired on"):
        refuse_unsupported(replace(RESOURCES), ["ending"])


def test_every_hosted_card_that_can_run_has_a_wire_format():
    for name, card in hosted_cards(CARDS).items():
        if not card.retired:
            assert card.protocol in FORMATS, name
            assert format_of(card).key_rule.form, name


def test_a_model_without_a_protocol_names_the_reason():
    with pytest.raises(ModelError, match=r"^haiper cannot run: Haiper closed in February 2025. Use "):
        format_of(hosted_card("haiper"))
