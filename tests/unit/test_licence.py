"""Clearances: whether clips of a card may be published, and the messages about it."""

from dataclasses import replace
from pathlib import Path

import pytest

from manifests.credentials.attestation import Attestation
from manifests.errors import LicenceNotAttestedError, ModelError
from models.card import ModelCard
from models.registry import get_card
from tasks.plan import licence
from tasks.plan.licence import (
    clearance_of,
    ineffective_attestations,
    licence_record,
    refuse_unattested_use,
    refuse_unsupported,
    terms_of,
    waiting_sentences,
)
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig

STABILITY = {
    "name": "Stability AI Community License Agreement",
    "url": "https://example.com/licence",
    "commercial": "limited",
    "revenue_limit_usd": 1_000_000,
    "registration": "https://example.com/register",
    "attribution": "Powered by Stability AI",
    "sentence": "Read it.",
}
RESOURCES = Resources(
    "sqlite:///unused", BucketConfig("unused"), SignerConfig("development", Path("unused")), Path("unused")
)


FREE = {"name": "Apache-2.0"}


def card(terms: dict = FREE, name: str = "svd", retired: str = "") -> ModelCard:
    made = get_card("starter").model_dump() | {"name": name, "title": "Stable Video", "retired": retired}
    return ModelCard.model_validate(made | {"licence": terms})


def resources(**attested: Attestation) -> Resources:
    return replace(RESOURCES, attestations=tuple(attested.items()))


def attestation(of: ModelCard, statement: str = "Jane Doe: we are registered") -> Attestation:
    return Attestation(terms_of(of), statement)


def test_a_free_licence_needs_no_attestation():
    clearance = clearance_of(RESOURCES, card())
    assert clearance.is_given
    assert (clearance.reasons, clearance.notices, clearance.attestation) == ((), (), None)
    assert list(waiting_sentences({"svd": 3}, {"svd": clearance})) == []


WAIT = "2 clips of svd are waiting for an attestation: "
FIX = ". Attest that all conditions are met (see `reelmill models show svd`), then run again."


@pytest.mark.parametrize(
    ("terms", "retired", "sentence"),
    [
        (
            STABILITY,
            "",
            WAIT + "its licence (Stability AI Community License Agreement) sets "
            "conditions: it ends at 1,000,000 US dollars of revenue a year, affiliates counted; commercial use needs a "
            "registration first (https://example.com/register)" + FIX,
        ),
        (
            {"name": "CC-BY-NC-4.0", "commercial": "forbidden"},
            "",
            WAIT + "its licence "
            "(CC-BY-NC-4.0) sets conditions: it forbids commercial use, so a licence of your own is needed" + FIX,
        ),
        (
            {"name": "Tencent", "excluded_territories": ("GB", "KR")},
            "",
            WAIT + "its licence "
            "(Tencent) sets conditions: neither model nor clips may be used or shown in GB, KR" + FIX,
        ),
        (
            {"name": "CogVideoX", "audience_limit": "1 million visits a month"},
            "",
            WAIT + "its licence (CogVideoX) sets conditions: it ends above 1 million visits a month" + FIX,
        ),
        (
            {"name": "Two words", "commercial": "limited", "sentence": "Have it settled."},
            "",
            WAIT + "its licence (Two words) sets conditions: Have it settled" + FIX,
        ),
        (
            FREE,
            "Withdrawn in May 2026; use svd-2.",
            WAIT + "the model is retired (Withdrawn in May 2026; use svd-2)" + FIX,
        ),
        (
            {"name": "NC", "commercial": "forbidden"},
            "since May",
            WAIT + "its licence (NC) sets "
            "conditions: it forbids commercial use, so a licence of your own is needed, and the model is retired "
            "(since May)" + FIX,
        ),
    ],
)
def test_the_message_names_the_reasons_and_the_fix(terms, retired, sentence):
    clearance = clearance_of(RESOURCES, card(terms, retired=retired))
    assert not clearance.is_given
    assert clearance.waiting(2) == sentence


def test_the_message_agrees_in_number():
    clearance = clearance_of(RESOURCES, card(STABILITY))
    assert clearance.waiting(1).startswith("1 clip of svd is waiting for an attestation: ")
    assert clearance.waiting(1234).startswith("1,234 clips of svd are waiting for an attestation: ")


def test_an_attestation_of_the_current_terms_gives_clearance():
    limited = card(STABILITY)
    clearance = clearance_of(resources(svd=attestation(limited)), limited)
    assert clearance.is_given
    assert clearance.covers(clearance.attestation)
    assert not clearance.covers(None)
    assert licence_record(limited, clearance) == {
        "name": STABILITY["name"],
        "url": STABILITY["url"],
        "sentence": "Read it.",
        "conditions": list(clearance.reasons),
        "terms": clearance.terms,
        "notices": ["The licence requires this text next to the clip: “Powered by Stability AI”"],
        "attestation": {"terms": clearance.terms, "statement": "Jane Doe: we are registered"},
    }


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Another licence"},
        {"url": "https://example.com/new"},
        {"revenue_limit_usd": 900_000},
        {"registration": ""},
        {"commercial": "forbidden"},
        {"excluded_territories": ("KR",)},
        {"audience_limit": "a few"},
    ],
)
def test_a_changed_licence_is_not_covered_by_an_earlier_attestation(change):
    before, now = card(STABILITY), card(STABILITY | change)
    clearance = clearance_of(resources(svd=attestation(before)), now)
    assert not clearance.is_given
    assert clearance.attestation is None
    assert not clearance.covers(attestation(before))
    assert clearance.waiting(1).endswith(
        f". The existing attestation is for other terms ({terms_of(before)}, now {terms_of(now)}). Attest that all "
        "conditions are met (see `reelmill models show svd`), then run again."
    )


def test_a_model_that_is_retired_later_has_to_be_attested_again():
    before = card(STABILITY)
    assert not clearance_of(resources(svd=attestation(before)), card(STABILITY, retired="since May")).is_given


def test_fields_other_than_the_licence_do_not_change_the_terms():
    limited = card(STABILITY)
    other = limited.model_copy(update={"title": "Another title", "scorer": "another"})
    assert terms_of(other) == terms_of(limited)


def test_another_cards_attestation_has_no_effect():
    assert not clearance_of(resources(other=attestation(card(STABILITY))), card(STABILITY)).is_given


def test_notices_for_viewers():
    assert clearance_of(
        RESOURCES, card({"name": "LTX", "disclosure": True, "attribution": "Made with LTX"})
    ).notices == (
        "The licence requires a notice that people can read, for example: "
        "“This video was generated by a machine (Stable Video).”",
        "The licence requires this text next to the clip: “Made with LTX”",
    )


@pytest.fixture
def cards(monkeypatch) -> dict[str, ModelCard]:
    known = {
        "free": card(name="free"),
        "svd": card(STABILITY),
        "far": card({"name": "Tencent", "excluded_territories": ("GB",)}, name="far"),
    }
    monkeypatch.setattr(licence, "cards_of", lambda _: known)
    return known


def test_only_a_licence_that_restricts_use_stops_a_run(cards):
    refuse_unattested_use(RESOURCES, ["free", "svd", "not here"])
    with pytest.raises(LicenceNotAttestedError) as refused:
        refuse_unattested_use(RESOURCES, ["free", "far"])
    assert str(refused.value) == (
        "far must not be run yet: its licence (Tencent) sets conditions: neither model nor clips may be used or shown "
        "in GB. Attest that all conditions are met (see `reelmill models show far`), then run again."
    )
    refuse_unattested_use(resources(far=attestation(cards["far"])), ["far"])


def test_the_card_of_minimax_h3_is_refused_by_its_licence_and_as_unsupported(monkeypatch):
    h3 = get_card("minimax-h3")
    monkeypatch.setattr(licence, "cards_of", lambda _: {h3.name: h3})
    with pytest.raises(LicenceNotAttestedError, match=r"20,000,000 US dollars .*may be used or shown in .*US"):
        refuse_unattested_use(RESOURCES, [h3.name])
    attested = resources(**{h3.name: attestation(h3)})
    refuse_unattested_use(attested, [h3.name])
    with pytest.raises(ModelError, match=r"minimax-h3 cannot run: .*modular"):
        refuse_unsupported(attested, [h3.name])
    refuse_unsupported(RESOURCES, ["starter", "not here"])


def test_attestations_without_effect_are_reported(cards):
    nothing = Attestation("12345678", "Jane")
    assert list(ineffective_attestations(resources(free=nothing, svd=nothing, svdd=nothing))) == [
        "The setting attestations contains 'free', but its licence has no conditions. Remove the entry.",
        "The setting attestations contains 'svdd', but no model card has this name. Fix the name.",
    ]
