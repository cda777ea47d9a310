"""Which problems of a parent are excused: those that the signer found and states, and nothing that came later."""

import pytest

from adapters.c2pa.manifest_store import StoreReading
from manifests.credentials.definition import OWN_LABEL

CHANGED, UNTRUSTED, EXPIRED = "assertion.bmffHash.mismatch", "signingCredential.untrusted", "signingCredential.expired"


def ingredient(title: str, relationship: str, *codes: str) -> dict:
    failures = [{"code": code} for code in codes]
    return {
        "title": title,
        "relationship": relationship,
        "validation_results": {"activeManifest": {"failure": failures}},
    }


def reading(state: str | None, *ingredients: dict, later: tuple[str, ...] = (), of_parent: tuple[dict, ...] = ()):
    facts = {"parent_credential": state} if state else {}
    ours = {"assertions": [{"label": OWN_LABEL, "data": facts}], "ingredients": list(ingredients)}
    deltas = [{"validationDeltas": {"failure": [{"code": code} for code in later]}}]
    store = {
        "active_manifest": "ours",
        "manifests": {"ours": ours, "vendors": {"ingredients": list(of_parent)}},
        "validation_results": {"ingredientDeltas": deltas},
    }
    return StoreReading("", store, {}, {})


def codes(found) -> list[str]:
    return [failure["code"] for _, failure in found]


def test_what_the_signer_states_about_the_parent_is_disclosed_and_no_tampering():
    found = reading("invalid", ingredient("video", "parentOf", UNTRUSTED, CHANGED))
    assert codes(found.tampered_ingredients()) == []
    assert codes(found.disclosed_failures()) == [CHANGED]


@pytest.mark.parametrize("state", [None, "valid", "trusted"])
def test_what_the_signer_does_not_state_is_tampering(state):
    found = reading(state, ingredient("video", "parentOf", CHANGED))
    assert codes(found.tampered_ingredients()) == [CHANGED]
    assert codes(found.disclosed_failures()) == []


def test_other_ingredients_are_not_excused():
    picture = ingredient("first frame", "inputTo", "claimSignature.mismatch")
    found = reading("invalid", ingredient("video", "parentOf", CHANGED), picture)
    assert codes(found.tampered_ingredients()) == ["claimSignature.mismatch"]


def test_ingredients_of_the_parent_are_excused_with_it():
    found = reading("invalid", ingredient("video", "parentOf"), of_parent=(ingredient("photo", "inputTo", CHANGED),))
    assert codes(found.tampered_ingredients()) == []


def test_later_failures_are_tampering_except_that_a_certificate_expires():
    found = reading("invalid", ingredient("video", "parentOf", CHANGED), later=(EXPIRED, UNTRUSTED, CHANGED))
    assert codes(found.tampered_ingredients()) == [CHANGED]
