"""Find the existing variants of given prompts, on every engine."""

from collections import Counter

import pytest
from samples import bring_to, campaign, variant

from adapters.catalogue import Catalogue
from adapters.catalogue.views import existing_footage as holdings
from manifests.placement import Placement
from manifests.variant import PlannedVariant

PLACE = Placement("generic", "16:9")


def plan(catalogue: Catalogue, name: str, prompts: dict[str, int]) -> list[str]:
    made = [variant(seed, prompt) for prompt, seeds in prompts.items() for seed in range(seeds)]
    head = campaign(name)
    catalogue.campaigns.add(head, {})
    catalogue.campaigns.add_variants(
        head.campaign_id, [PlannedVariant("b1", PLACE, each, each.variant_id) for each in made]
    )
    return [each.variant_id for each in made]


def test_variants_of_all_campaigns_are_found_with_their_states(catalogue):
    first = plan(catalogue, "Spring", {"a red ball": 2, "a blue cube": 1})
    plan(catalogue, "Autumn", {"a red ball": 3})
    bring_to(catalogue, first[0], "failed")
    bring_to(catalogue, first[1], "published")
    held = list(catalogue.existing_footage.of_prompts(["a red ball", "a green cup"]))
    assert Counter(state for _, state in held) == {"failed": 1, "published": 1, "planned": 1}
    assert {each.variant.variant_id: each.state for each in held}[first[1]] == "published"
    assert {each.variant.prompt for each in held} == {"a red ball"}


def test_no_prompts_find_no_variants(catalogue):
    plan(catalogue, "Spring", {"a red ball": 1})
    assert list(catalogue.existing_footage.of_prompts([])) == []


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_each_prompt_is_queried_once_for_any_batch_size(catalogue, monkeypatch, at_once):
    monkeypatch.setattr(holdings, "_PROMPTS", at_once)
    plan(catalogue, "Spring", {f"prompt {index}": 1 for index in range(5)})
    asked = [*(f"prompt {index}" for index in range(5)), "prompt 0"]
    assert sorted(each.variant.prompt for each in catalogue.existing_footage.of_prompts(asked)) == sorted(set(asked))
