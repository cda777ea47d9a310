"""Cropping and resizing are disclosed as actions of their own: ``allActionsIncluded`` is true."""

import json
from pathlib import Path

import numpy as np
import pytest
from asset_rubric import asset_faults
from credentials import VARIANT, definition, failures, files, second_opinion, sign
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from adapters.c2pa.signer import DevelopmentCA, open_signer
from adapters.c2pa.verifier import verify
from adapters.media.picture import thumbnail_of
from manifests.credentials.changes import changes_of
from manifests.credentials.definition import IPTC, FirstFrame, check_definition
from models.diffusers.first_frame import fit
from models.registry import load_cards

SQUARE = (64, 64)
ENHANCED = IPTC + "algorithmicallyEnhanced"


def picture(height, width):
    return FirstFrame(path=Path("x.png"), format="image/png", height=height, width=width, thumbnail=b"x")


def names(*facts):
    return [each["action"] for each in changes_of(*facts)]


@pytest.mark.parametrize(
    ("final", "rendered", "first", "expected"),
    [
        (SQUARE, SQUARE, None, []),
        ((468, 832), (480, 832), None, ["c2pa.cropped"]),
        (SQUARE, SQUARE, picture(64, 64), []),
        (SQUARE, SQUARE, picture(128, 128), ["c2pa.resized.proportional"]),
        (SQUARE, SQUARE, picture(64, 96), ["c2pa.cropped"]),
        (SQUARE, SQUARE, picture(96, 64), ["c2pa.cropped"]),
        (SQUARE, SQUARE, picture(128, 96), ["c2pa.resized.proportional", "c2pa.cropped"]),
        (SQUARE, SQUARE, picture(32, 64), ["c2pa.resized.proportional", "c2pa.cropped"]),
        ((62, 64), SQUARE, picture(128, 96), ["c2pa.resized.proportional", "c2pa.cropped", "c2pa.cropped"]),
        (SQUARE, None, None, ["c2pa.unknown"]),
        (SQUARE, None, picture(64, 96), ["c2pa.unknown"]),
    ],
)
def test_each_change_of_pixels_is_an_action(final, rendered, first, expected):
    assert names(final, rendered, first) == expected


SIDES = st.integers(1, 40)


@given(SIDES, SIDES, SIDES, SIDES)
def test_a_picture_without_actions_is_used_as_it_is(height, width, render_height, render_width):
    """Each pixel has its own colour, so every change is visible."""
    rendered = (render_height, render_width)
    pixels = Image.frombytes("L", (width, height), bytes(n % 251 for n in range(height * width))).convert("RGB")
    actions = names(rendered, rendered, picture(height, width))
    fitted = fit(np.asarray(pixels), render_height, render_width)
    if not actions:
        assert fitted.size == pixels.size
        assert fitted.tobytes() == pixels.tobytes()
    elif "c2pa.cropped" not in actions:
        assert height * render_width == width * render_height
        assert (height, width) != rendered


def test_the_actions_say_what_was_done():
    first, second, third = changes_of((62, 64), SQUARE, picture(128, 96))
    assert first["description"] == "The first frame was scaled to cover 64 × 64 pixels."
    assert second["description"] == "The first frame was cropped to its centre, 64 × 64 pixels."
    assert third["description"] == "The centre of 64 × 64 pixels was kept: 64 × 62 pixels."
    assert "digitalSourceType" not in first, "a proportional resize is not editorial"
    assert second["digitalSourceType"] == third["digitalSourceType"] == ENHANCED


def test_our_cards_crop_where_their_sizes_differ():
    cropping = {
        (card.name, ratio)
        for card in load_cards().values()
        for ratio, size in card.sizes.items()
        if (size.height, size.width) != card.render_size(size.height, size.width)
    }
    assert ("wan2.1-t2v-1.3b", "16:9") in cropping
    assert ("wan2.1-t2v-1.3b", "1:1") not in cropping


@pytest.mark.parametrize("case", ["plain", "cropped", "first frame", "prompt", "unknown", "signed before"])
def test_credentials_meet_the_rubric_of_c2pas_conformance_programme(case, tmp_path):
    facts = {}
    if case in ("cropped", "first frame"):
        facts["render_size"] = (80, 64)
    if case == "unknown":
        facts["render_size"] = None
    if case == "prompt":
        facts["disclose_prompt"] = True
    if case == "first frame":
        path = tmp_path / "cup.png"
        Image.effect_noise((200, 100), 50).convert("RGB").save(path)
        facts["first_frame"] = FirstFrame(
            path=path, format="image/png", height=100, width=200, thumbnail=thumbnail_of(path.read_bytes())
        )
        facts["variant"] = VARIANT._replace(first_frame_sha256="0" * 64)
    paths = files(tmp_path)
    with open_signer(DevelopmentCA(tmp_path / "ca")) as signer:
        sign(signer, paths, definition(**facts))
        if case == "signed before":
            paths.clip.write_bytes(paths.out.read_bytes())
            sign(signer, paths, definition())
        anchors = signer.anchors_pem()
    assert asset_faults(paths.out, anchors) == []
    assert failures(second_opinion(paths.out, anchors)) == set()
    generator = json.loads(verify(paths.out, anchors).store)
    info = generator["manifests"][generator["active_manifest"]]["claim_generator_info"][0]
    assert (info["name"], info["specVersion"]) == ("Reelmill", "2.4.0")


def test_the_rubric_finds_a_missing_version(tmp_path):
    paths = files(tmp_path)
    with open_signer(DevelopmentCA(tmp_path / "ca")) as signer:
        made = definition().to_dict()
        del made["claim_generator_info"][0]["specVersion"]
        assert check_definition(made).claim_generator_info[0].spec_version == "2.4.0", "it cannot be left out"
        meant = definition()
        generator = meant.claim_generator_info[0].model_copy(update={"spec_version": "2.2.0"})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("adapters.c2pa.signer.check_definition", lambda meant: meant)
            sign(signer, paths, meant.model_copy(update={"claim_generator_info": (generator,)}))
        assert asset_faults(paths.out, signer.anchors_pem()) == ["specVersion of the claim generator is '2.2.0'"]
