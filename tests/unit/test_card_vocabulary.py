import json
import time

import pytest
import tiny_weights
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import IncompleteWeightsError
from models.vocabulary import load_vocabulary, unknown_words

KNOWN = frozenset(["a", "red", "circle", "shoe", "box", "slow", "motion", "slowmotion", "on", "white", "it", "s"])


@pytest.mark.parametrize(
    ("prompt", "unknown"),
    [
        ("A red circle.", ()),
        ("RED, circles!", ()),
        ("two red boxes", ("two",)),
        ("a shoe's box", ()),
        ("slow-motion shoes on white", ()),
        ("sunset over the sea", ("sunset", "over", "the", "sea")),
        ("sea, Sea and SEA", ("sea", "and")),
        ("ｒｅｄ circle", ()),
        ("красный круг", ("красный", "круг")),
        ("", ()),
        ("-- !! ...", ()),
    ],
)
def test_words_outside_the_vocabulary(prompt, unknown):
    assert unknown_words(prompt, KNOWN) == unknown


@given(st.text())
def test_any_text_is_accepted(prompt):
    words = unknown_words(prompt, KNOWN)
    assert len(set(words)) == len(words)
    assert not set(words) & KNOWN


@pytest.mark.parametrize("content", [["Red", "circle"], {"words": ["red", "circle"], "made": "today"}])
def test_a_vocabulary_is_a_list_or_contains_one(tmp_path, content):
    (tmp_path / "words.json").write_text(json.dumps(content))
    assert load_vocabulary(tmp_path / "words.json") == {"red", "circle"}


@pytest.mark.parametrize("content", ["{", '{"red": 1}', "[1, 2]", "7"])
def test_any_other_content_is_refused(tmp_path, content):
    path = tmp_path / "words.json"
    path.write_text(content)
    with pytest.raises(IncompleteWeightsError, match=r"^The vocabulary .*words\.json is not a JSON list of words"):
        load_vocabulary(path)


def test_a_card_uses_its_own_vocabulary(tmp_path):
    (tmp_path / "words.json").write_text('["red"]')
    card = tiny_weights.ltx_card(tmp_path, vocabulary=str(tmp_path / "words.json"))
    assert card.outside_vocabulary("red whale") == ("whale",)
    assert tiny_weights.ltx_card(tmp_path).outside_vocabulary("red whale") == ()


def test_a_hundred_thousand_rows_take_seconds():
    started = time.process_time()
    for index in range(20_000):
        unknown_words(f"a red circle drifting left on a white background, take {index}", KNOWN)
    assert time.process_time() - started < 2
