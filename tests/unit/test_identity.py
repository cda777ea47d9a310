"""Ids and slugs: the same on every machine, and safe in every bucket key."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.identity import canonical_json, content_id, file_stem, slug
from manifests.variant import Variant

VARIANT = Variant("starter", "r1", "a red circle", "", 7, 96, 160, 17, 8, 16, 3.0)


def test_an_id_recorded_in_2026_is_unchanged():
    assert canonical_json({"b": 1, "a": [1.5, "é"]}) == '{"a":[1.5,"é"],"b":1}'.encode()
    assert VARIANT.variant_id == "e7e3dbc4de2aa33c675da6083300606c"


@pytest.mark.parametrize(
    "change",
    [
        {"card": "other"},
        {"revision": "r2"},
        {"prompt": "a blue circle"},
        {"negative_prompt": "blur"},
        {"seed": 8},
        {"height": 90},
        {"width": 90},
        {"num_frames": 13},
        {"fps": 16},
        {"num_inference_steps": 8},
        {"guidance_scale": 2.0},
        {"loras": ("style",)},
        {"first_frame_sha256": "ab"},
        {"profile": "fast"},
        {"recipe": "ab"},
    ],
)
def test_everything_that_decides_pixels_is_in_the_id(change):
    assert VARIANT._replace(**change).variant_id != VARIANT.variant_id


def test_composed_and_decomposed_letters_give_the_same_id():
    assert content_id({"prompt": "caf\u00e9"}) == content_id({"prompt": "cafe\u0301"})


def test_a_non_finite_number_is_refused():
    with pytest.raises(ValueError, match="Out of range"):
        canonical_json({"guidance_scale": float("nan")})


@given(st.text(max_size=200))
def test_slugs_are_path_segments(text):
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", slug(text))


def test_names_without_latin_letters_get_different_slugs():
    assert slug("春天") != slug("夏天")


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("Spring Sale 2026", "spring-sale-2026"),
        ("białym tle, żółte", "bialym-tle-zolte"),
        ("Весна", "vesna"),
        ("Ängelholm", "angelholm"),
        ("春", "chun"),
    ],
)
def test_a_file_name_keeps_the_letters_of_all_scripts(text, stem):
    assert file_stem(text) == stem


@given(st.text(st.characters(max_codepoint=127)))
def test_the_file_name_of_an_ascii_text_is_its_slug(text):
    assert file_stem(text) == slug(text)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_file_name_is_never_empty_and_has_safe_characters(text):
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", file_stem(text))


def test_ids_keep_their_slugs():
    assert (slug("białym tle, żółte"), slug("Весна")) == ("biaym-tle-zote", "xd30bdc28")
