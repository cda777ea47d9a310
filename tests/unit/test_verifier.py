"""Verification of our own files and of files by other programs."""

import io
import json
import struct
from pathlib import Path

import pytest
from c2pa import Builder, C2paSigningAlg, Signer
from credentials import (
    PROVENANCE,
    VARIANT,
    Authority,
    boxes,
    clip_bytes,
    definition,
    files,
    pem,
    second_opinion,
    stripped,
)
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from adapters.c2pa.certificates import raw_signature
from adapters.c2pa.manifest_store import trust_context
from adapters.c2pa.signer import DevelopmentCA, open_signer
from adapters.c2pa.verifier import verify
from manifests.credentials.credential_report import STATES, action_sentence, finding_of
from manifests.credentials.definition import IPTC
from manifests.errors import CredentialError

FOREIGN = Authority("External")


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """A clip that Reelmill signed, its sidecar, and the anchors."""
    folder = tmp_path_factory.mktemp("signed")
    paths = files(folder)
    with open_signer(DevelopmentCA(folder / "ca")) as signer:
        facts = signer.sign(paths.clip, paths.poster, definition(run_id="run-1"), paths.out, paths.sidecar)
        return facts, signer.anchors_pem()


def external_signer() -> Signer:
    """Return a signer that uses the library directly, without our code."""
    key = ec.generate_private_key(ec.SECP256R1())
    chain = (pem(FOREIGN.leaf(key, "External signer")) + pem(FOREIGN.intermediate)).decode()
    return Signer.from_callback(
        lambda data: raw_signature(key.sign(data, ec.ECDSA(hashes.SHA256())), 256), C2paSigningAlg.ES256, chain
    )


def sign_externally(path: Path, manifest: dict, media: bytes, media_type: str, parent: tuple = ()) -> None:
    with (
        external_signer() as signer,
        Builder(manifest, context=trust_context("")) as builder,
        open(path, "w+b") as target,
    ):
        if parent:
            builder.add_ingredient(*parent)
        builder.sign(signer, media_type, io.BytesIO(media), target)


def external_manifest(*actions: dict) -> dict:
    return {
        "claim_generator_info": [{"name": "Another camera", "version": "9"}],
        "title": "holiday",
        "assertions": [{"label": "c2pa.actions.v2", "created": True, "data": {"actions": list(actions)}}],
    }


def test_our_own_clip_is_reported_in_full(signed):
    facts, anchors = signed
    report = verify(facts.path, anchors)
    assert report.state == "trusted"
    assert report.sentence == "intact, and signed by a trusted signer"
    assert report.actions == ("created by a generative model (Reelmill starter, LTXPipeline, diffusers 0.42.1)",)
    assert report.title == PROVENANCE.title
    assert report.generation["variant_id"] == VARIANT.variant_id
    assert report.generation["campaign_id"] == PROVENANCE.campaign_id
    assert (report.generation["seed"], report.generation["run_id"]) == ("7", "run-1")
    assert report.signer.subject.endswith("Reelmill development signer")
    assert report.signer.issuer.endswith("Reelmill development root")
    assert (report.sha256, report.manifest_label) == (facts.sha256, facts.manifest_label)
    assert json.loads(report.store)["validation_state"] == "Trusted"


def test_without_anchors_no_signer_is_trusted(signed):
    report = verify(signed[0].path)
    assert report.state == "valid"
    assert report.sentence == STATES["valid"]
    assert [finding.code for finding in report.findings] == ["signingCredential.untrusted"]


def test_a_video_of_another_vendors_camera(tmp_path):
    path = tmp_path / "holiday.mp4"
    shot = {"action": "c2pa.created", "digitalSourceType": IPTC + "digitalCapture", "softwareAgent": "Camera 9"}
    cut = {"action": "c2pa.cropped"}
    sign_externally(path, external_manifest(shot, cut), clip_bytes(), "video/mp4")
    report = verify(path, pem(FOREIGN.root).decode())
    assert (report.state, report.title) == ("trusted", "holiday")
    assert report.signer.subject == "Tests of Reelmill, External signer"
    assert report.actions == ("captured by a camera (Camera 9)", "cropped")
    assert not report.generation


def test_a_picture_can_be_verified_too(tmp_path):
    picture = io.BytesIO()
    Image.new("RGB", (16, 16)).save(picture, "jpeg")
    path = tmp_path / "holiday.jpg"
    sign_externally(
        path,
        external_manifest({"action": "c2pa.created", "digitalSourceType": IPTC + "digitalCapture"}),
        picture.getvalue(),
        "image/jpeg",
    )
    assert verify(path, pem(FOREIGN.root).decode()).state == "trusted"


def test_a_tampered_ingredient_makes_it_invalid(tmp_path, signed):
    """Both validators alone report the state Trusted here."""
    data = bytearray(signed[0].path.read_bytes())
    data[-1] ^= 1
    path = tmp_path / "edited.mp4"
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["it"]}}
    parent = ({"title": "the ad", "label": "it", "relationship": "parentOf"}, "video/mp4", io.BytesIO(data))
    sign_externally(path, external_manifest(opened), bytes(data), "video/mp4", parent)
    anchors = signed[1] + pem(FOREIGN.root).decode()
    report = verify(path, anchors)
    assert json.loads(report.store)["validation_state"] == "Trusted"
    assert second_opinion(path, anchors)["validation_state"] == "Trusted"
    assert report.state == "invalid"
    assert "in its ingredient “the ad”, the pixels, the sound or" in report.sentence
    assert report.actions[0].startswith("created by a generative model")


def test_an_unsigned_clip_has_no_credential(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(clip_bytes())
    report = verify(tmp_path / "clip.mp4")
    assert (report.state, report.sentence) == ("absent", "no Content Credential")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.txt", b"hello"),
        ("clip.mp4", b"hello world, this is not a video"),
        ("empty.mp4", b""),
    ],
)
def test_a_file_that_is_not_media_is_refused(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(CredentialError, match=rf"{name} is not a media file. Use a video"):
        verify(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CredentialError, match=r"Cannot read .*gone.mp4: No such file or directory"):
        verify(tmp_path / "gone.mp4")
    with pytest.raises(CredentialError, match=r"Cannot read .*: Is a directory"):
        verify(tmp_path)


def test_a_missing_sidecar_is_named(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(clip_bytes())
    with pytest.raises(CredentialError, match=r"Cannot read .*clip.c2pa: No such file"):
        verify(tmp_path / "clip.mp4", sidecar=tmp_path / "clip.c2pa")


def blanked(data: bytes) -> bytes:
    """Return the video with its credential overwritten by a free box of the same size."""
    return b"".join(
        struct.pack(">I4s", end - start, b"free") + bytes(end - start - 8) if kind == "uuid" else data[start:end]
        for kind, start, end in boxes(data)
    )


@pytest.mark.parametrize("strip", [stripped, blanked])
def test_a_stripped_clip_is_verified_by_its_sidecar(tmp_path, signed, strip):
    facts, anchors = signed
    path = tmp_path / "clip.mp4"
    path.write_bytes(strip(facts.path.read_bytes()))
    assert verify(path, anchors).state == "absent"
    report = verify(path, anchors, sidecar=facts.sidecar)
    assert (report.state, report.from_sidecar) == ("trusted", True)
    assert report.generation["variant_id"] == VARIANT.variant_id


def test_a_sidecar_is_invalid_for_another_clip(tmp_path, signed):
    facts, anchors = signed
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip_bytes(num_frames=9))
    assert verify(path, anchors, sidecar=facts.sidecar).state == "invalid"


@pytest.mark.parametrize("store", [b"", b"hello", b"\0" * 200])
def test_a_broken_sidecar_is_not_a_credential(tmp_path, signed, store):
    path, sidecar = tmp_path / "clip.mp4", tmp_path / "clip.c2pa"
    path.write_bytes(stripped(signed[0].path.read_bytes()))
    sidecar.write_bytes(store)
    assert verify(path, signed[1], sidecar=sidecar).state in ("invalid", "absent")


def test_a_remote_credential_is_not_downloaded(tmp_path):
    path, sidecar = tmp_path / "clip.mp4", tmp_path / "clip.c2pa"
    shot = {"action": "c2pa.created", "digitalSourceType": IPTC + "digitalCapture"}
    with (
        external_signer() as signer,
        Builder(external_manifest(shot), context=trust_context("")) as builder,
        open(path, "w+b") as target,
    ):
        builder.set_no_embed()
        builder.set_remote_url("http://127.0.0.1:9/clip.c2pa")
        sidecar.write_bytes(builder.sign(signer, "video/mp4", io.BytesIO(clip_bytes()), target))
    report = verify(path)
    assert report.state == "absent"
    assert "its credential is stored at http://127.0.0.1:9/clip.c2pa; download it" in report.sentence
    assert verify(path, pem(FOREIGN.root).decode(), sidecar=sidecar).state == "trusted"


def test_the_embedded_credential_takes_precedence(signed, tmp_path):
    (tmp_path / "other.c2pa").write_bytes(b"hello")
    report = verify(signed[0].path, signed[1], sidecar=tmp_path / "other.c2pa")
    assert (report.state, report.from_sidecar) == ("trusted", False)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_never_trusted_and_never_crashes(signed, tmp_path, data):
    """Truncate or overwrite the file anywhere: the result is a correct state or a clear error."""
    facts, anchors = signed
    original = facts.path.read_bytes()
    start = data.draw(st.integers(0, len(original) - 1))
    junk = data.draw(st.binary(max_size=40))
    cut = data.draw(st.booleans())
    damaged = original[:start] + junk + (b"" if cut else original[start + len(junk) :])
    path = tmp_path / "damaged.mp4"
    path.write_bytes(damaged)
    try:
        state = verify(path, anchors, sha256=facts.sha256).state
    except CredentialError:
        state = "no media"
    assert (state == "trusted") == (damaged == original)


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        ({"action": "c2pa.created"}, "created"),
        ({"action": "c2pa.opened"}, "opened"),
        ({"action": "c2pa.color_adjustments"}, "colours adjusted"),
        ({"action": "com.example.sparkle_added", "softwareAgent": {"name": "Sparkler"}}, "sparkle added (Sparkler)"),
        ({"action": "c2pa.edited", "digitalSourceType": IPTC + "trainedAlgorithmicMedia"}, "edited (the model)"),
        ({}, "changed"),
    ],
)
def test_actions_are_described_in_plain_words(action, sentence):
    assert action_sentence(action, "the model", "") == sentence


def test_an_unknown_code_keeps_the_librarys_explanation():
    assert finding_of({"code": "x.y", "explanation": "odd"}) == ("x.y", "odd")
    assert finding_of({"code": "x.y"}) == ("x.y", "x.y")
