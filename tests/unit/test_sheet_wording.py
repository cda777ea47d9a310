"""Prompt templates and their placeholders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.sheet.prompt_template import fill, placeholders, rename

NAMES = st.text("abc ", min_size=1).filter(str.strip)
PARTS = st.one_of(st.text().map(lambda text: (text, None)), NAMES.map(lambda name: ("", name)))


def test_placeholders_are_unique_and_in_order():
    assert placeholders("a {b} {a} {b} {{c}}") == ("b", "a")


def test_inserted_values_are_not_expanded_again():
    assert fill("{a}{b} {{a}}", {"a": "{b}", "b": "{a}"}) == "{b}{a} {a}"


def test_renaming_leaves_doubled_braces():
    assert rename("{A} {{A}}", {"A": "b"}) == "{b} {{A}}"


@pytest.mark.parametrize("template", ["{", "}", "{a", "a}", "{a{b}}", "{}", "{ }", "{{}", "{a}}"])
def test_unbalanced_braces_are_refused(template):
    with pytest.raises(ValueError, match=r"has (a|empty)"):
        placeholders(template) or pytest.fail("no placeholder was found, but no error was raised")


def test_a_name_without_a_value_is_an_error():
    with pytest.raises(KeyError):
        fill("{a}", {})


@given(st.lists(PARTS), st.dictionaries(NAMES, st.text()))
def test_a_template_is_filled_with_its_texts_and_values(parts, values):
    template = "".join("{" + name + "}" if name else text.replace("{", "{{").replace("}", "}}") for text, name in parts)
    names = {name for _, name in parts if name}
    filled = fill(template, {name: values.get(name, "?") for name in names})
    assert set(placeholders(template)) == names
    assert filled == "".join(values.get(name, "?") if name else text for text, name in parts)
