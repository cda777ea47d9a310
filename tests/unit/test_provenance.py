"""The manifest definition of a generated clip, and our schema of it."""

import copy
import hmac
import json
import unicodedata

import pytest
from credentials import PROVENANCE, VARIANT, definition
from hypothesis import given
from hypothesis import strategies as st

from manifests.credentials.credential import clean_title, parameters_sha256, prompt_hmac
from manifests.credentials.definition import IPTC, TITLE_LIMIT, check_definition
from manifests.errors import InvalidDefinitionError
from manifests.identity import canonical_json


def assertions(made) -> dict:
    return {each["label"]: each for each in made.to_dict()["assertions"]}


def test_a_local_generation_has_the_expected_assertions():
    made = assertions(definition())
    assert all(each["created"] is True for each in made.values())
    actions = made["c2pa.actions.v2"]["data"]
    assert actions["allActionsIncluded"] is True
    assert actions["actions"] == [
        {
            "action": "c2pa.created",
            "when": "2026-11-23T18:00:00Z",
            "digitalSourceType": IPTC + "trainedAlgorithmicMedia",
            "softwareAgent": {"name": "LTXPipeline", "version": "diffusers 0.42.1"},
        }
    ]
    assert made["c2pa.ai-disclosure"]["data"] == {
        "modelType": "c2pa.types.model",
        "modelName": "Reelmill starter",
        "modelIdentifier": "starter@r1",
        "contentProfile": {"humanOversightLevel": "prompt_guided"},
    }
    assert made["cawg.metadata"]["kind"] == "Json"
    assert made["cawg.metadata"]["data"]["Iptc4xmpExt:AISystemUsed"] == "Reelmill starter"
    assert made["org.reelmill.generation"]["data"]["variant_id"] == VARIANT.variant_id
    assert made["org.reelmill.generation"]["data"]["seed"] == "7"


def test_training_is_not_allowed_by_default():
    entries = assertions(definition())["cawg.training-mining"]["data"]["entries"]
    assert entries == {
        f"cawg.{use}": {"use": "notAllowed"}
        for use in ("data_mining", "ai_inference", "ai_training", "ai_generative_training")
    }


def test_a_campaign_sets_its_own_policy():
    policy = {"ai_inference": "allowed", "data_mining": "constrained: see our terms"}
    entries = assertions(definition(training_mining=policy))["cawg.training-mining"]["data"]["entries"]
    assert entries["cawg.ai_inference"] == {"use": "allowed"}
    assert entries["cawg.data_mining"] == {"use": "constrained", "constraint_info": "see our terms"}
    assert entries["cawg.ai_training"] == {"use": "notAllowed"}


@pytest.mark.parametrize(
    ("approved_by", "level"),
    [
        (None, "prompt_guided"),
        ("", "prompt_guided"),
        ("system", "prompt_guided"),
        ("ana@example.com", "human_validated"),
    ],
)
def test_only_a_person_counts_as_human_validation(approved_by, level):
    made = definition(approved_by=approved_by)
    profile = assertions(made)["c2pa.ai-disclosure"]["data"]["contentProfile"]
    assert profile["humanOversightLevel"] == level
    assert "example.com" not in made.to_json()


def test_the_prompt_is_not_disclosed_by_default():
    text = definition().to_json()
    assert VARIANT.prompt not in text
    assert VARIANT.negative_prompt not in text
    own = json.loads(text)["assertions"][-1]["data"]
    message = canonical_json([VARIANT.prompt, VARIANT.negative_prompt])
    assert own["prompt_hmac_sha256"] == hmac.digest(b"a secret of tests", message, "sha256").hex()


def test_the_parameters_hash_reveals_nothing_about_the_prompt():
    other = VARIANT._replace(prompt="a blue cube", negative_prompt="")
    assert parameters_sha256(other) == parameters_sha256(VARIANT)
    assert parameters_sha256(VARIANT._replace(num_inference_steps=9)) != parameters_sha256(VARIANT)


def test_a_disclosed_prompt_is_an_input_of_the_creation():
    made = definition(disclose_prompt=True)
    (ingredient,) = made.to_dict()["ingredients"]
    assert (ingredient["relationship"], ingredient["label"]) == ("inputTo", "prompt")
    assert ingredient["data_types"] == [{"type": "c2pa.types.generator.prompt"}]
    (action,) = assertions(made)["c2pa.actions.v2"]["data"]["actions"]
    assert action["parameters"] == {"ingredientIds": ["prompt"]}
    assert made.prompt == VARIANT.prompt


def test_a_short_key_is_refused():
    with pytest.raises(InvalidDefinitionError, match="at least 16 bytes"):
        prompt_hmac(b"short", VARIANT)


def test_the_key_is_not_printed():
    assert "a secret of tests" not in repr(PROVENANCE)


@given(st.text(st.characters(exclude_categories=())))
def test_any_title_becomes_one_line_that_the_schema_accepts(text):
    title = clean_title(text)
    assert definition(title=text).title == title
    assert 0 < len(title) <= TITLE_LIMIT
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in title)


@pytest.mark.parametrize("seed", [0, -1, 2**53 + 1, 2**63, 2**64 - 1])
def test_seeds_keep_every_digit(seed):
    made = definition(variant=VARIANT._replace(seed=seed))
    assert json.loads(made.to_json())["assertions"][-1]["data"]["seed"] == str(seed)


def test_a_signed_source_is_opened_and_not_created():
    made = check_definition(definition().opening("parent"))
    opened, published = assertions(made)["c2pa.actions.v2"]["data"]["actions"]
    assert (opened["action"], published["action"]) == ("c2pa.opened", "c2pa.published")
    assert opened["parameters"] == {"ingredientIds": ["parent"]}
    assert "digitalSourceType" not in json.dumps([opened, published])


def put(*path):
    """Return a change that sets the value at a path, or deletes it if the value is None."""
    *way, last, value = path

    def change(data):
        for step in way:
            data = data[step]
        if value is None:
            del data[last]
        else:
            data[last] = value

    return change


ACTION = ("assertions", 0, "data", "actions", 0)
TYPOS = {
    "unknown key": put("titel", "x"),
    "no title": put("title", None),
    "empty title": put("title", ""),
    "title on two lines": put("title", "a\nb"),
    "title too long": put("title", "x" * 201),
    "half a surrogate": put("title", "\ud800"),
    "another format": put("format", "video/quicktime"),
    "two claim generators": put("claim_generator_info", [{"name": "a", "version": "1"}] * 2),
    "claim generator without a version": put("claim_generator_info", 0, "version", None),
    "bad source type": put(*ACTION, "digitalSourceType", "foo"),
    "source type without its address": put(*ACTION, "digitalSourceType", "trainedAlgorithmicMedia"),
    "retired source type": put(*ACTION, "digitalSourceType", IPTC + "softwareImage"),
    "no source type": put(*ACTION, "digitalSourceType", None),
    "typo in the source type's key": put(*ACTION, "digitalSourcetype", IPTC + "trainedAlgorithmicMedia"),
    "unknown action": put(*ACTION, "action", "c2pa.create"),
    "opened without an ingredient": put(*ACTION, "action", "c2pa.opened"),
    "published first": put(*ACTION, "action", "c2pa.published"),
    "time without its offset": put(*ACTION, "when", "2026-11-23T18:00:00"),
    "no time": put(*ACTION, "when", None),
    "not everything included": put("assertions", 0, "data", "allActionsIncluded", False),
    "gathered instead of created": put("assertions", 1, "created", False),
    "unknown label": put("assertions", 1, "label", "c2pa.ai-disclosures"),
    "the same assertion twice": put("assertions", 2, "label", "c2pa.actions.v2"),
    "unknown oversight": put("assertions", 1, "data", "contentProfile", "humanOversightLevel", "human"),
    "unknown use": put("assertions", 2, "data", "entries", "cawg.data_mining", {"use": "forbidden"}),
    "constrained without terms": put("assertions", 2, "data", "entries", "cawg.data_mining", {"use": "constrained"}),
    "a use left out": put("assertions", 2, "data", "entries", "cawg.data_mining", None),
    "metadata in CBOR": put("assertions", 3, "kind", "Cbor"),
    "seed as a number": put("assertions", 4, "data", "seed", 7),
    "no variant": put("assertions", 4, "data", "variant_id", None),
    "no actions": put("assertions", 0, None),
    "ingredient without its text": put("ingredients", [{}]),
}


@pytest.mark.parametrize("typo", TYPOS.values(), ids=TYPOS)
def test_typos_are_refused(typo):
    data = copy.deepcopy(definition().to_dict())
    assert check_definition(data).to_dict() == data
    typo(data)
    with pytest.raises(InvalidDefinitionError, match="the manifest definition is invalid at "):
        check_definition(data)


def test_an_updated_copy_is_validated_again():
    with pytest.raises(InvalidDefinitionError, match="invalid at title"):
        check_definition(definition().model_copy(update={"title": ""}))


@pytest.mark.parametrize("text", ["{", "[]", "null", '"x"'])
def test_an_invalid_definition_is_refused(text):
    with pytest.raises(InvalidDefinitionError, match="the manifest definition is "):
        check_definition(text)
