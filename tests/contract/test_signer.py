"""The contract of every kind of signer."""

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from c2pa import Builder
from credentials import VARIANT, definition, failures, files, second_opinion, sign
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from signer_sources import FACTORIES

from adapters.c2pa.manifest_store import trust_context
from adapters.c2pa.signer import DevelopmentCA, SignerSource, open_signer
from adapters.c2pa.verifier import verify
from adapters.media.picture import thumbnail_of
from manifests.credentials.definition import IPTC, FirstFrame


@pytest.fixture(params=FACTORIES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> SignerSource:
    return FACTORIES[request.param](tmp_path / "keys", request)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """One signer shared by all tests of this file, as in a running process."""
    with open_signer(DevelopmentCA(tmp_path_factory.mktemp("ca"))) as signer:
        yield signer


def test_signed_clips_are_trusted_by_both_validators(source, tmp_path):
    paths = files(tmp_path)
    with open_signer(source) as signer:
        signed = sign(signer, paths)
        anchors = signer.anchors_pem()
    assert verify(paths.out, anchors, sha256=signed.sha256).state == "trusted"
    opinion = second_opinion(paths.out, anchors)
    assert opinion["validation_state"] == "Trusted"
    assert not failures(opinion)


def test_describe_matches_the_signer_in_the_credential(source, tmp_path):
    paths = files(tmp_path)
    with open_signer(source) as signer:
        facts = signer.describe()
        sign(signer, paths)
        report = verify(paths.out, signer.anchors_pem())
    assert (report.signer.subject, report.signer.issuer) == (facts.subject, facts.issuer)
    assert report.signer.algorithm == facts.algorithm
    assert 0 < facts.days_left <= 365
    assert facts.tsa is None


def test_sign_returns_the_facts_of_the_written_files(ours, tmp_path):
    paths = files(tmp_path)
    signed = sign(ours, paths)
    assert signed.sha256 == hashlib.sha256(paths.out.read_bytes()).hexdigest()
    assert signed.credential_sha256 == hashlib.sha256(paths.sidecar.read_bytes()).hexdigest()
    assert signed.size == paths.out.stat().st_size
    assert paths.sidecar.read_bytes() in paths.out.read_bytes()
    assert json.loads(verify(paths.out).store)["active_manifest"] == signed.manifest_label
    assert {path.name for path in paths.out.parent.iterdir()} == {"clip.mp4", "clip.c2pa"}
    assert paths.out.stat().st_mode & 0o044


def test_the_poster_is_embedded_as_thumbnail(ours, tmp_path):
    paths = files(tmp_path)
    sign(ours, paths)
    assert paths.poster.read_bytes() in paths.out.read_bytes()


def test_the_prompt_is_embedded_only_if_disclosed(ours, tmp_path):
    paths = files(tmp_path)
    sign(ours, paths, definition(disclose_prompt=True))
    assert VARIANT.prompt.encode() in paths.out.read_bytes()
    assert second_opinion(paths.out, ours.anchors_pem())["validation_state"] == "Trusted"
    sign(ours, paths)
    assert VARIANT.prompt.encode() not in paths.out.read_bytes()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=st.text(st.characters(exclude_categories=()), max_size=220))
def test_any_title_can_be_signed(ours, tmp_path, title):
    paths, made = files(tmp_path), definition(title=title)
    sign(ours, paths, made)
    assert verify(paths.out).title == made.title


def test_signing_again_keeps_the_parent(ours, tmp_path):
    paths = files(tmp_path)
    first = sign(ours, paths, definition(title="first"))
    again = tmp_path / "again.mp4"
    ours.sign(paths.out, paths.poster, definition(title="second"), again, tmp_path / "again.c2pa")
    report = verify(again, ours.anchors_pem())
    assert (report.state, report.title) == ("trusted", "second")
    assert [(each.title, each.relationship) for each in report.ingredients] == [("first", "parentOf")]
    assert first.manifest_label in json.loads(report.store)["manifests"]
    assert report.actions == (
        "created by a generative model (Reelmill starter, LTXPipeline, diffusers 0.42.1)",
        "opened from “first”",
        "published",
    )
    assert second_opinion(again, ours.anchors_pem())["validation_state"] == "Trusted"


@pytest.mark.parametrize("disclose_prompt", [False, True])
def test_a_first_frame_is_an_input_and_keeps_its_own_credential(ours, tmp_path, disclose_prompt):
    picture = io.BytesIO()
    Image.new("RGB", (96, 64), (9, 99, 200)).save(picture, "png")
    plain, carrying = tmp_path / "plain.png", tmp_path / "carrying.png"
    plain.write_bytes(picture.getvalue())
    shot = {"action": "c2pa.created", "digitalSourceType": IPTC + "digitalCapture"}
    camera = {
        "claim_generator_info": [{"name": "A camera", "version": "9"}],
        "title": "bottle",
        "assertions": [{"label": "c2pa.actions.v2", "created": True, "data": {"actions": [shot]}}],
    }
    with Builder(camera, context=trust_context("")) as builder, open(carrying, "w+b") as target:
        builder.sign(ours._native, "image/png", io.BytesIO(picture.getvalue()), target)
    for path, stores in ((plain, 1), (carrying, 2)):
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        thumbnail = thumbnail_of(path.read_bytes())
        start = FirstFrame(path=path, format="image/png", height=64, width=96, thumbnail=thumbnail)
        made = definition(
            first_frame=start, variant=VARIANT._replace(first_frame_sha256=sha256), disclose_prompt=disclose_prompt
        )
        paths = files(tmp_path, path.stem)
        sign(ours, paths, made)
        report = verify(paths.out, ours.anchors_pem())
        store = json.loads(report.store)
        assert report.state == "trusted"
        assert [(each.title, each.relationship) for each in report.ingredients] == [
            *([("prompt", "inputTo")] if disclose_prompt else []),
            ("first frame", "inputTo"),
        ]
        assert report.actions == (
            "composed with the help of a generative model (Reelmill starter, LTXPipeline, diffusers 0.42.1)",
            "cropped (Reelmill, 0.1.0): The first frame was cropped to its centre, 64 × 64 pixels",
        )
        assert report.generation["first_frame_sha256"] == sha256
        assert len(store["manifests"]) == stores
        assert path.name not in report.store
        opinion = second_opinion(paths.out, ours.anchors_pem())
        assert (opinion["validation_state"], failures(opinion)) == ("Trusted", set())


def test_a_file_can_be_signed_in_place(ours, tmp_path):
    paths = files(tmp_path)
    ours.sign(paths.clip, paths.poster, definition(), paths.clip, paths.sidecar)
    assert verify(paths.clip, ours.anchors_pem()).state == "trusted"
