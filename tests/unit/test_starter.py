"""The weights that ship with the project, and what their cards say of them."""

import json

import pytest

from models.registry import HOME, load_cards, load_scorer_cards, weights_problem
from training.stamp import CARDS, revision_of

MOST_MEGABYTES = 40


@pytest.mark.parametrize(("card", "folder"), CARDS.items())
def test_a_cards_revision_is_the_hash_of_its_weights(card, folder):
    content = json.loads((HOME / "cards" / card).read_text())
    assert content["weights"]["revision"] == revision_of(HOME / folder)


def test_nothing_is_missing():
    assert weights_problem(load_cards()["starter"]) is None
    assert weights_problem(load_scorer_cards()["starter-openclip"]) is None


def test_all_together_stay_small():
    files = [path for path in (HOME / "starter").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MOST_MEGABYTES * 1e6


def test_no_weights_but_safetensors():
    heavy = {path.suffix for path in (HOME / "starter").rglob("*") if path.is_file() and path.stat().st_size > 200_000}
    assert heavy <= {".safetensors"}


def test_the_example_prompts_are_within_the_vocabulary():
    card = load_cards()["starter"]
    vocabulary = json.loads((HOME / card.vocabulary).read_text())
    assert len(vocabulary["examples"]) == 3
    for prompt in vocabulary["examples"]:
        assert card.outside_vocabulary(prompt) == ()
