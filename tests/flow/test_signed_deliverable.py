"""A deliverable made with the real templates, voice and music, then signed: all that was done to it is disclosed."""

import pytest
from asset_rubric import asset_faults
from credentials import VARIANT, definition, failures, second_opinion
from deliverable_specs import Assets, moving_master, spec

from adapters.c2pa.ingredients.master import read_master
from adapters.c2pa.signer import DevelopmentCA, open_signer
from adapters.c2pa.verifier import verify
from adapters.media.video import encode, write_poster
from manifests.credentials.finishing import Finishing, deliverable_definition
from manifests.finish.spec import CaptionSpec, Fit, MusicSpec, Shot, SoundSpec, VoiceSpec
from tasks.finish.make import make

SCRIPT = "Fresh coffee, every morning. Order now."


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory):
    with open_signer(DevelopmentCA(tmp_path_factory.mktemp("ca"))) as opened:
        yield opened


def test_a_deliverable_of_a_signed_master_discloses_everything(signer, tmp_path):
    frames = moving_master()
    encode(frames, 24, tmp_path / "clip.mp4", crf=18)
    write_poster(frames[24], tmp_path / "clip.jpg")
    out = tmp_path / "signed"
    out.mkdir()
    clip = signer.sign(
        tmp_path / "clip.mp4", tmp_path / "clip.jpg", definition(title="coffee"), out / "m.mp4", out / "m.c2pa"
    )
    shot = Shot(variant_id=VARIANT.variant_id, sha256=clip.sha256)
    assets = Assets(tmp_path / "assets")
    wanted = spec(
        assets,
        "bold",
        shots=(shot,),
        fit=Fit.CROP,
        aspect_ratio="9:16",
        width=360,
        height=640,
        sound=SoundSpec(
            voice=VoiceSpec(text=SCRIPT, engine="hibari"), music=MusicSpec(source="procedural", mood="calm", seed=1)
        ),
        captions=CaptionSpec(text=SCRIPT),
    )
    folder = tmp_path / "made"
    finished = make(wanted, [clip.path], assets, folder)
    master = read_master(clip.path, shot, signer.anchors_pem())
    finishing = Finishing(wanted, finished, (master,), folder, "2026-11-30T12:00:00+00:00", "0.1.0")
    signed = signer.sign(
        folder / "deliverable.mp4",
        folder / "poster.jpg",
        deliverable_definition(finishing),
        out / "d.mp4",
        out / "d.c2pa",
    )
    report = verify(signed.path, signer.anchors_pem())
    print(*report.actions, sep="\n")
    assert report.state == "trusted"
    assert second_opinion(signed.path, signer.anchors_pem())["validation_state"] == "Trusted"
    assert not failures(second_opinion(signed.path, signer.anchors_pem()))
    assert asset_faults(signed.path, signer.anchors_pem()) == []
    shown = "\n".join(report.actions)
    for words in (
        "opened from “coffee”",
        "cropped",
        "text added",
        "“logo.png” placed",
        "generative model",
        "transcoded",
    ):
        assert words in shown
    assert [(each.title, each.relationship) for each in report.ingredients][:2] == [
        ("coffee", "parentOf"),
        ("logo.png", "componentOf"),
    ]
    assert {each.relationship for each in report.ingredients[1:]} == {"componentOf"}
    assert len(report.ingredients) == 4
    assert len(finished.crop_paths[0]) >= 1
