"""The Content Credential of deliverables: Trusted in both validators, and each edit and ingredient is shown."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from asset_rubric import asset_faults
from credentials import PROVENANCE, definition, failures, files, second_opinion, sign
from deliverables import COMPONENTS, EDITS, Made, made, master, spec_of
from PIL import Image

from adapters.c2pa.ingredients.master import read_master
from adapters.c2pa.signer import DevelopmentCA, Signed, Signer, open_signer
from adapters.c2pa.verifier import verify
from adapters.media.video_facts import probe
from adapters.media.xmp import Xmp, copy_with_xmp, read_xmp
from manifests.credentials.credential import ProviderFile
from manifests.credentials.definition import IPTC
from manifests.credentials.finishing import Finishing, deliverable_definition
from manifests.errors import InvalidDefinitionError, UntrustedCredentialError
from manifests.finish.deliverable import Component, Edit
from manifests.finish.spec import Shot

WHEN = "2026-11-30T12:00:00+00:00"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory):
    with open_signer(DevelopmentCA(tmp_path_factory.mktemp("ca"))) as signer:
        yield signer


def finishing_of(signer: Signer, given: Made) -> Finishing:
    pairs = zip(given.masters, given.spec.shots, strict=True)
    masters = tuple(read_master(path, shot, signer.anchors_pem()) for path, shot in pairs)
    return Finishing(given.spec, given.finished, masters, given.folder, WHEN, "0.1.0")


def sign_made(signer: Signer, given: Made) -> Signed:
    return signer.sign(
        given.folder / "deliverable.mp4",
        given.folder / "poster.jpg",
        deliverable_definition(finishing_of(signer, given)),
        given.folder / "signed.mp4",
        given.folder / "signed.c2pa",
    )


def test_a_deliverable_is_trusted_by_both_validators(ours, tmp_path):
    signed = sign_made(ours, made(ours, tmp_path))
    report = verify(signed.path, ours.anchors_pem(), sha256=signed.sha256)
    assert report.state == "trusted"
    assert not report.findings
    opinion = second_opinion(signed.path, ours.anchors_pem())
    assert opinion["validation_state"] == "Trusted"
    assert not failures(opinion)
    assert asset_faults(signed.path, ours.anchors_pem()) == []


def test_metadata_written_before_signing_are_signed(ours, tmp_path):
    given = made(ours, tmp_path)
    video = given.folder / "deliverable.mp4"
    copy_with_xmp(video, video, Xmp(title="Coffee", keywords=("coffee",)))
    signed = sign_made(ours, given)
    assert read_xmp(signed.path) == Xmp(title="Coffee", keywords=("coffee",))
    assert probe(signed.path).faststart
    assert verify(signed.path, ours.anchors_pem()).state == "trusted"
    assert second_opinion(signed.path, ours.anchors_pem())["validation_state"] == "Trusted"
    changed = signed.path.read_bytes().replace(b">Coffee<", b">Toffee<")
    (tmp_path / "changed.mp4").write_bytes(changed)
    assert verify(tmp_path / "changed.mp4", ours.anchors_pem()).state == "invalid"


def test_the_edits_are_shown_in_words(ours, tmp_path):
    report = verify(sign_made(ours, made(ours, tmp_path)).path, ours.anchors_pem())
    assert report.actions == (
        "created by a generative model (Reelmill starter, LTXPipeline, diffusers 0.42.1)",
        "opened from “master 0”",
        "cropped (Reelmill, 0.1.0): The crop of 36 × 64 pixels follows the motion",
        "resized (Reelmill, 0.1.0): Scaled to 64 × 64 pixels",
        "“acme.png” placed into it (Reelmill, 0.1.0): The logo was drawn at the top left",
        "text added (Reelmill, 0.1.0): The call to action was drawn",
        "“bed.wav” placed into it, created by an algorithm (ACE-Step 1.5): Music was mixed in at -14 LUFS",
        "“voice.wav” placed into it, created by a generative model (hibari-tts, 0.2.1): The script was spoken",
        "edited (Reelmill, 0.1.0): Captions were added",
        "transcoded (Reelmill, 0.1.0): Encoded as H.264",
        "published",
    )
    assert [(each.title, each.relationship) for each in report.ingredients] == [
        ("master 0", "parentOf"),
        ("acme.png", "componentOf"),
        ("bed.wav", "componentOf"),
        ("voice.wav", "componentOf"),
    ]


def test_our_facts_name_the_deliverable_and_its_master(ours, tmp_path):
    given = made(ours, tmp_path)
    report = verify(sign_made(ours, given).path, ours.anchors_pem())
    facts = report.generation
    assert report.deliverable == (
        f"deliverable {given.spec.deliverable_id[:12]} of clip {given.spec.variant_id[:12]} for tiktok 9:16, de, with "
        "the finish template bold"
    )
    assert facts["deliverable_id"] == given.spec.deliverable_id
    assert facts["variant_id"] == given.spec.shots[0].variant_id
    assert facts["template_sha256"] == given.spec.template.digest
    assert (facts["template"], facts["placement"], facts["locale"]) == ("bold", "tiktok 9:16", "de")
    assert "shots" not in facts
    assert verify(given.masters[0], ours.anchors_pem()).deliverable == ""


def test_all_shots_of_a_sequence_are_ingredients(ours, tmp_path):
    given = made(ours, tmp_path, masters=3)
    report = verify(sign_made(ours, given).path, ours.anchors_pem())
    assert report.state == "trusted"
    assert [(each.title, each.relationship) for each in report.ingredients][:3] == [
        ("master 0", "parentOf"),
        ("master 1", "componentOf"),
        ("master 2", "componentOf"),
    ]
    assert report.generation["shots"] == [shot.variant_id for shot in given.spec.shots]
    assert len(json.loads(report.store)["manifests"]) == 4
    assert second_opinion(tmp_path / given.spec.deliverable_id / "signed.mp4", ours.anchors_pem())[
        "validation_state"
    ] == ("Trusted")


def test_a_component_of_unknown_origin_claims_nothing(ours, tmp_path):
    given = made(ours, tmp_path)
    actions = deliverable_definition(finishing_of(ours, given)).actions
    placed = [each for each in actions if each.action == "c2pa.placed"]
    assert [each.digital_source_type for each in placed] == [
        None,
        IPTC + "algorithmicMedia",
        IPTC + "trainedAlgorithmicMedia",
    ]


def test_a_component_that_no_edit_names_is_disclosed(ours, tmp_path):
    given = made(ours, tmp_path, edits=(EDITS[0],))
    made_of = deliverable_definition(finishing_of(ours, given))
    used = [each.parameters.ingredient_ids for each in made_of.actions if each.action == "c2pa.placed"]
    assert used == [("logo",), ("music",), ("voice",)]


@pytest.mark.parametrize(
    "component",
    [
        Component(name="music", title="bed.ogg", media_type="audio/ogg", path="music.wav"),
        Component(name="font", title="Acme.ttf", media_type="font/ttf", path="logo.png"),
        Component(name="music", title="bed.mp3", media_type="audio/mpeg", path="odd.mp3"),
        Component(name="logo", title="logo.svg", media_type="image/svg+xml", path="logo.svg"),
    ],
)
def test_components_of_any_format_are_ingredients(ours, tmp_path, component):
    given = made(ours, tmp_path, edits=(), components=(component,))
    (given.folder / "odd.mp3").write_bytes(b"ID3\x04\x00\x00\x00\x00\x00\x00" + b"\xff\xfb\x90\x00" + bytes(413))
    (given.folder / "logo.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>')
    report = verify(sign_made(ours, given).path, ours.anchors_pem())
    assert report.state == "trusted"
    assert report.ingredients[1].title == component.title


@pytest.mark.parametrize(("kind", "named"), [("JPEG", "image/png"), ("PNG", "image/jpeg"), ("WEBP", "image/svg+xml")])
def test_a_component_with_the_ending_of_another_format_is_an_ingredient(ours, tmp_path, kind, named):
    component = COMPONENTS[0].model_copy(update={"media_type": named})
    given = made(ours, tmp_path, edits=(), components=(component,))
    Image.new("RGB", (20, 10), (200, 30, 30)).save(given.folder / "logo.png", kind)
    report = verify(sign_made(ours, given).path, ours.anchors_pem())
    assert report.state == "trusted"
    formats = {each["title"]: each.get("format") for each in active(report.store)["ingredients"]}
    assert formats["acme.png"] == f"image/{kind.lower()}"


def active(store: str) -> dict:
    found = json.loads(store)
    return found["manifests"][found["active_manifest"]]


def test_an_unreadable_component_is_named(ours, tmp_path):
    given = made(ours, tmp_path)
    (given.folder / "logo.png").unlink()
    with pytest.raises(InvalidDefinitionError, match=r"acme\.png.*Replace the file"):
        sign_made(ours, given)
    assert not (given.folder / "signed.mp4").exists()


def test_a_changed_component_credential_is_refused(ours, tmp_path):
    """A logo whose own credential is broken would make the deliverable doubtful."""
    given = made(ours, tmp_path)
    path, _ = master(ours, tmp_path, "other", seed=9)
    data = bytearray(path.read_bytes())
    data[-5] ^= 255
    (given.folder / "logo.png").write_bytes(data)
    part = COMPONENTS[0].model_copy(update={"media_type": "video/mp4"})
    broken = given.finished.model_copy(update={"components": (part, *COMPONENTS[1:])})
    with pytest.raises(UntrustedCredentialError, match=r"acme\.png"):
        sign_made(ours, given._replace(finished=broken))


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (Edit(action="c2pa.cropt"), "action"),
        (Edit(action="c2pa.created", source_type="digitalCreation"), "first action"),
        (Edit(action="c2pa.edited", source_type="magic"), "not an IPTC digital source type"),
        (Edit(action="c2pa.placed", component="jingle"), "'jingle', which is not a component"),
        (Edit(action="c2pa.placed"), "needs the label of its ingredient"),
    ],
)
def test_invalid_edits_are_refused(ours, tmp_path, edit, sentence):
    given = made(ours, tmp_path, edits=(*EDITS, edit))
    with pytest.raises(InvalidDefinitionError, match=sentence):
        deliverable_definition(finishing_of(ours, given))


def test_a_component_may_not_be_called_parent(ours, tmp_path):
    given = made(ours, tmp_path, edits=(), components=(COMPONENTS[0].model_copy(update={"name": "parent"}),))
    with pytest.raises(InvalidDefinitionError, match="'parent' is invalid"):
        deliverable_definition(finishing_of(ours, given))


def test_only_a_deliverable_has_a_master_and_components(ours, tmp_path):
    finished = deliverable_definition(finishing_of(ours, made(ours, tmp_path)))
    plain = definition()
    for wrong in (
        finished.model_copy(update={"master": None}),
        plain.model_copy(update={"master": finished.master}),
        plain.model_copy(update={"components": finished.components}),
    ):
        with pytest.raises(InvalidDefinitionError):
            ours.sign(tmp_path / "x", tmp_path / "x", wrong, tmp_path / "y.mp4", tmp_path / "y.c2pa")


def test_a_finished_file_with_a_credential_of_its_own_is_refused(ours, tmp_path):
    given = made(ours, tmp_path)
    shutil.copy(given.masters[0], given.folder / "deliverable.mp4")
    with pytest.raises(InvalidDefinitionError, match="already has a credential"):
        sign_made(ours, given)


def test_the_master_must_be_the_published_file(ours, tmp_path):
    path, shot = master(ours, tmp_path)
    other = Shot(variant_id=shot.variant_id, sha256="0" * 64)
    with pytest.raises(UntrustedCredentialError, match="is not the published file"):
        read_master(path, other, ours.anchors_pem())


def test_the_master_must_be_the_variant_that_its_credential_names(ours, tmp_path):
    path, shot = master(ours, tmp_path)
    with pytest.raises(UntrustedCredentialError, match=f"it is variant {shot.variant_id}"):
        read_master(path, Shot(variant_id="f" * 32, sha256=shot.sha256), ours.anchors_pem())


def test_the_master_must_be_trusted(ours, tmp_path):
    path, shot = master(ours, tmp_path)
    with pytest.raises(UntrustedCredentialError, match=r"not trusted.*REELMILL_SIGNER_ANCHORS"):
        read_master(path, shot, "")


def test_a_deliverable_is_no_master(ours, tmp_path):
    given = made(ours, tmp_path)
    signed = sign_made(ours, given)
    shot = Shot(variant_id=given.spec.variant_id, sha256=signed.sha256)
    with pytest.raises(UntrustedCredentialError, match=f"it is the deliverable {given.spec.deliverable_id} of"):
        read_master(signed.path, shot, ours.anchors_pem())


def test_an_unsigned_or_changed_file_is_no_master(ours, tmp_path):
    path, shot = master(ours, tmp_path)
    plain = (tmp_path / "clip.mp4").read_bytes()
    changed = bytearray(path.read_bytes())
    changed[-9] ^= 255

    for data, sentence in ((plain, "no Content Credential"), (bytes(changed), "changed after signing")):
        (tmp_path / "file.mp4").write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        with pytest.raises(UntrustedCredentialError, match=sentence):
            read_master(tmp_path / "file.mp4", Shot(variant_id=shot.variant_id, sha256=sha256), ours.anchors_pem())


def test_oversight_is_that_of_the_least_reviewed_shot(ours, tmp_path):
    shots, masters = [], []
    for number, approver in enumerate(("mia", None)):
        paths = files(tmp_path, f"clip {number}")
        signed = sign(ours, paths, definition(approved_by=approver))
        shots.append(Shot(variant_id=PROVENANCE.variant_id, sha256=signed.sha256))
        masters.append(read_master(paths.out, shots[-1], ours.anchors_pem()))
    given = made(ours, tmp_path)
    both = Finishing(spec_of(*shots), given.finished, tuple(masters), given.folder, WHEN, "0.1.0")
    one = Finishing(spec_of(shots[0]), given.finished, (masters[0],), given.folder, WHEN, "0.1.0")
    levels = [_disclosed(each)["contentProfile"]["humanOversightLevel"] for each in (both, one)]
    assert levels == ["prompt_guided", "human_validated"]
    assert _disclosed(both)["modelName"] == "Reelmill starter"


def _disclosed(finishing: Finishing) -> dict:
    assertions = deliverable_definition(finishing).to_dict()["assertions"]
    return next(each["data"] for each in assertions if each["label"] == "c2pa.ai-disclosure")


def test_masters_of_other_shots_are_refused(ours, tmp_path):
    given = made(ours, tmp_path)
    finishing = finishing_of(ours, given)
    other = Finishing(
        spec_of(Shot(variant_id="f" * 32, sha256="0" * 64)), given.finished, finishing.masters, Path(), WHEN, "0.1.0"
    )
    with pytest.raises(InvalidDefinitionError, match="not those of the deliverable's shots"):
        deliverable_definition(other)


@pytest.mark.parametrize("position", [0, 1])
def test_a_master_of_a_provider_with_a_broken_credential_can_be_finished(ours, tmp_path, position):
    """What the signer of a master has disclosed about the provider's file does not count as tampering later."""
    given = made(ours, tmp_path, masters=2)
    broken = bytearray(given.masters[0].read_bytes())
    broken[-9] ^= 255
    paths = files(tmp_path, "of a provider")
    paths.clip.write_bytes(broken)
    file = ProviderFile("runway", "gen4.5", takes_seed=True, parent_credential="invalid")
    signed = sign(ours, paths, definition(title="of a provider", provider_file=file))
    shots, masters = list(given.spec.shots), list(given.masters)
    shots[position] = Shot(variant_id=PROVENANCE.variant_id, sha256=signed.sha256)
    masters[position] = paths.out
    given = given._replace(spec=given.spec.model_copy(update={"shots": tuple(shots)}), masters=tuple(masters))
    report = verify(sign_made(ours, given).path, ours.anchors_pem())
    assert report.state == "trusted"
    assert report.generation["parent_credential"] == "invalid"
    assert "according to the signer, already in the provider's file" in report.findings[0].sentence
