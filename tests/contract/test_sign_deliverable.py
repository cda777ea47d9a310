"""Signing a deliverable from the catalogue: its master, its edits, its metadata, and what is refused."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from asset_rubric import asset_faults
from credentials import failures, second_opinion
from deliverables import Made, made

from adapters.c2pa.signer import DevelopmentCA, Signed, Signer, open_signer
from adapters.c2pa.verifier import verify
from adapters.catalogue import DeliverableLease, DeliverableRow
from adapters.media.video_facts import probe
from adapters.media.xmp import read_xmp
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.errors import InvalidDefinitionError, UntrustedCredentialError
from manifests.finish.deliverable import Component
from tasks.deliver.sign_deliverable import sign_deliverable
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig, catalogue_of, close_resources

ROW = Brief(
    2,
    "b1",
    ("a cup of coffee",),
    metadata={
        "title": ("Coffee",),
        "title_de": ("Kaffee ☕",),
        "keywords": ("coffee, cup",),
        "description": ("A cup.",),
    },
)


@dataclass
class World:
    """A catalogue with one campaign, a signer, and a finished file."""

    resources: Resources
    signer: Signer
    campaign_id: str
    folder: Path

    def made(self, **facts: object) -> Made:
        given = made(self.signer, self.folder, **facts)
        spec = given.spec.model_copy(update={"campaign_id": self.campaign_id})
        return given._replace(spec=spec)

    def sign(self, given: Made, made_at: float = 1_796_000_000.0) -> Signed:
        spec = given.spec
        row = DeliverableRow(
            spec.deliverable_id,
            spec.campaign_id,
            spec.variant_id,
            spec.brief_id,
            spec.placement,
            spec.locale,
            "finished",
            file=given.finished,
            made_at=made_at,
            stored_spec=spec,
        )
        out = self.folder / "signed"
        out.mkdir(exist_ok=True)
        lease = DeliverableLease(spec.deliverable_id, "me", 1, row)
        poster = given.folder / "poster.jpg"
        return sign_deliverable(self.resources, self.signer, lease, given.folder, poster, given.masters, out)


@pytest.fixture
def world(new_sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    config = SignerConfig("development", tmp_path / "signer")
    bucket = BucketConfig(str(tmp_path / "bucket"))
    resources = Resources(new_sqlite_url, bucket, config, tmp_path / "staging", training_mining="allowed")
    campaign = Campaign("Coffee", "a" * 64, (ROW,))
    catalogue_of(resources).campaigns.add(campaign, {})
    with open_signer(DevelopmentCA(tmp_path / "ca")) as signer:
        yield World(resources, signer, campaign.campaign_id, tmp_path)
    close_resources()


def test_a_signed_deliverable_is_trusted_and_complete(world):
    given = world.made()
    signed = world.sign(given)
    anchors = world.signer.anchors_pem()
    report = verify(signed.path, anchors, sha256=signed.sha256)
    assert report.state == "trusted"
    assert [each.relationship for each in report.ingredients] == ["parentOf", *["componentOf"] * 3]
    assert report.generation["deliverable_id"] == given.spec.deliverable_id
    opinion = second_opinion(signed.path, anchors)
    assert opinion["validation_state"] == "Trusted"
    assert not failures(opinion)
    assert asset_faults(signed.path, anchors) == []
    assert '"use": "allowed"' in report.store.replace('"use":"allowed"', '"use": "allowed"')
    assert "2026-11-30T00:53:20" in report.store
    assert {path.name for path in signed.path.parent.iterdir()} == {"clip.mp4", "clip.c2pa"}


def test_the_metadata_are_those_of_the_row_in_its_language(world):
    signed = world.sign(world.made())
    xmp = read_xmp(signed.path)
    assert (xmp.title, xmp.description, xmp.keywords) == ("Kaffee ☕", "A cup.", ("coffee", "cup"))
    assert xmp.source_type == "compositeWithTrainedAlgorithmicMedia"
    assert xmp.ai_system == "Reelmill starter"
    assert xmp.creator_tool.startswith("Reelmill ")
    assert probe(signed.path).faststart


def test_a_clip_that_is_only_cropped_is_still_generated(world):
    given = world.made(components=())
    cropped = given.finished.model_copy(update={"edits": given.finished.edits[:1]})
    assert read_xmp(world.sign(given._replace(finished=cropped)).path).source_type == "trainedAlgorithmicMedia"


def test_another_master_is_refused_and_nothing_is_left(world):
    given = world.made(masters=2)
    swapped = given._replace(masters=given.masters[::-1])
    with pytest.raises(UntrustedCredentialError, match="is not the published file"):
        world.sign(swapped)
    assert list((world.folder / "signed").iterdir()) == []


def test_a_component_outside_the_folder_is_refused(world):
    given = world.made()
    stray = Component(name="logo", title="x", media_type="image/png", path="../../signer/key.pem")
    finished = given.finished.model_copy(update={"components": (stray, *given.finished.components[1:])})
    with pytest.raises(InvalidDefinitionError, match="not in the folder of its deliverable"):
        world.sign(given._replace(finished=finished))


def test_the_time_of_a_file_that_was_just_finished_is_now(world, monkeypatch):
    given = world.made()
    monkeypatch.setattr("tasks.deliver.sign_deliverable.time.time", lambda: 1_800_000_000.0)
    assert "2027-01-15T08:00:00" in verify(world.sign(given, 0.0).path).store
