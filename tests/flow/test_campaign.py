"""The campaign flow with fake models; everything after generation is real."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from credentials import failures, second_opinion
from decisions import decide

from adapters.c2pa.signer import DevelopmentCA, open_signer
from adapters.c2pa.verifier import verify
from adapters.media.video import probe
from app.report.report import report_of
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.errors import (
    BucketRefusedError,
    GenerationError,
    IncompleteWeightsError,
    RejectedSheetError,
    SettingsError,
    TooManyVariantsError,
)
from tasks.plan.remaining import Remaining
from tasks.runtime.files.staging import Staging
from tasks.runtime.resources import catalogue_of, close_resources

pytestmark = pytest.mark.usefixtures("prefect_server")


def run(sheet: Path, **settings) -> str:
    from flows.campaign import campaign

    return campaign(sheet=str(sheet), settings=settings)


def catalogue():
    return catalogue_of(resources_of(load_settings()))


def test_a_sheet_becomes_published_clips(home, sheet, fake_models):
    campaign_id = run(sheet)

    report = report_of(catalogue(), campaign_id)
    circle, cup = report.briefs
    assert (circle.variants, circle.published, circle.open) == (8, 8, 0)
    assert (cup.variants, cup.published, cup.not_needed, cup.status) == (4, 2, 2, "published")
    files = sorted(path.suffix for path in (home / "bucket").rglob("*") if path.is_file())
    assert files == sorted([".mp4", ".jpg", ".c2pa", ".json"] * 10)


def test_every_published_clip_is_trusted_and_matches_its_record(home, sheet, fake_models):
    run(sheet)
    with open_signer(DevelopmentCA(home / "signer")) as signer:
        anchors = signer.anchors_pem()

    for clip in (home / "bucket").rglob("*.mp4"):
        record = json.loads(clip.with_suffix(".json").read_text())
        facts = probe(clip)
        report = verify(clip, anchors, sha256=record["clip"]["sha256"])
        assert report.state == "trusted"
        assert failures(second_opinion(clip, anchors)) == set()
        assert report.generation["variant_id"] == record["variant_id"]
        assert (facts.width, facts.height, facts.num_frames) == (
            record["clip"]["width"],
            record["clip"]["height"],
            record["clip"]["num_frames"],
        )
        assert record["clip"]["key"].endswith(clip.name)
        assert record["score"]["prompt_rank"] >= 1


def test_a_second_run_regenerates_nothing(home, sheet, fake_models, monkeypatch):
    campaign_id = run(sheet)
    before = {path: path.stat().st_mtime_ns for path in home.joinpath("bucket").rglob("*") if path.is_file()}
    events = len(catalogue().variants.events(campaign_id))
    monkeypatch.setattr(fake_models, "generate", lambda _: pytest.fail("generated again"))

    run(sheet)

    assert {path: path.stat().st_mtime_ns for path in home.joinpath("bucket").rglob("*") if path.is_file()} == before
    assert len(catalogue().variants.events(campaign_id)) == events


@pytest.fixture
def second_sheet(tmp_path: Path) -> Path:
    """A sheet with two of the clips of ``sheet``."""
    other = tmp_path / "summer.csv"
    other.write_text("brief_id,prompt,variants,colour\nagain,a {colour} circle on a white background,2,red\n")
    return other


def test_another_campaign_has_its_own_objects_from_the_same_frames(home, sheet, second_sheet, fake_models, monkeypatch):
    first = run(sheet)
    monkeypatch.setattr(fake_models, "generate", lambda _: pytest.fail("generated again"))

    campaign_id = run(second_sheet)

    with open_signer(DevelopmentCA(home / "signer")) as signer:
        anchors = signer.anchors_pem()
    rows = catalogue().variants.of_campaign(campaign_id)
    published = {row.signed.key: row for row in catalogue().variants.of_campaign(first) if row.signed}
    frames = {row.clip.sha256 for row in published.values()}
    assert [row.state for row in rows] == ["published"] * 2
    for row in rows:
        record = json.loads((home / "bucket" / row.signed.record_key).read_text())
        report = verify(home / "bucket" / row.signed.key, anchors)
        assert row.signed.key.startswith(f"{campaign_id}/")
        assert row.signed.key not in published
        assert record["campaign_id"] == campaign_id
        assert report.generation["variant_id"] == row.variant_id
        assert row.clip.sha256 in frames
        assert row.clip.device_seconds == 0
    assert sorted(row.state for row in published.values()) == ["published"] * len(published)


def test_frames_that_are_gone_are_generated_again(home, sheet, second_sheet, fake_models):
    for row in catalogue().variants.of_campaign(run(sheet)):
        if row.clip:
            Staging(home / "staging").located(row.clip).path.unlink()

    campaign_id = run(second_sheet)

    assert {row.state for row in catalogue().variants.of_campaign(campaign_id)} == {"published"}


def test_campaigns_share_clips_if_the_setting_says_so(home, sheet, second_sheet, fake_models, monkeypatch):
    monkeypatch.setenv("REELMILL_SHARE_CLIPS", "true")
    run(sheet)

    campaign_id = run(second_sheet)

    report = report_of(catalogue(), campaign_id)
    assert report.briefs[0].published == 2
    assert not (home / "bucket" / campaign_id).exists()


def test_a_campaign_keeps_the_sharing_it_was_registered_with(home, sheet, fake_models, monkeypatch):
    monkeypatch.setenv("REELMILL_SHARE_CLIPS", "true")
    campaign_id = run(sheet)
    monkeypatch.delenv("REELMILL_SHARE_CLIPS")
    before = {row.variant_id for row in catalogue().variants.of_campaign(campaign_id)}

    run(sheet)

    assert {row.variant_id for row in catalogue().variants.of_campaign(campaign_id)} == before


def test_one_variant_that_fails_does_not_stop_the_rest(home, sheet, fake_models):
    first = catalogue_ids(sheet)[0]
    fake_models.failures[first] = GenerationError("the model saw no light")

    report = report_of(catalogue(), run(sheet))

    circle = report.briefs[0]
    assert (circle.published, circle.failed, dict(circle.reasons)) == (7, 1, {"generation": 1})


def catalogue_ids(sheet: Path) -> list[str]:
    from flows.submit import read_sheet
    from tasks.plan.expand import expand
    from tasks.runtime.resources import cards_of

    settings = load_settings()
    resources = resources_of(settings)
    intake = read_sheet(settings, resources, sheet)
    planned = expand(
        intake.checked.briefs, cards_of(resources), settings.model, campaign_id=intake.campaign.campaign_id
    )
    return [item.variant_id for item in planned]


def test_a_clip_that_does_not_show_its_prompt_fails_and_is_kept(home, fake_models, tmp_path):
    sheet = tmp_path / "odd.csv"
    sheet.write_text("brief_id,prompt\nodd,there is nothing here\n")

    campaign_id = run(sheet)

    row = catalogue().variants.of_campaign(campaign_id)[0]
    assert row.state == "failed"
    assert [reason.code for reason in row.reasons] == ["adherence"]
    clip = Staging(home / "staging").located(row.clip)
    assert clip.path.is_file()
    assert clip.poster.is_file()
    assert not list((home / "bucket").rglob("*.mp4"))


def test_lowering_the_threshold_publishes_without_generating(home, fake_models, tmp_path, monkeypatch):
    sheet = tmp_path / "odd.csv"
    sheet.write_text("brief_id,prompt,min_adherence\nodd,there is nothing here,0.5\n")
    run(sheet)
    sheet.write_text("brief_id,prompt,min_adherence\nodd,there is nothing here,-1\n")
    monkeypatch.setattr(fake_models, "generate", lambda _: pytest.fail("generated again"))

    campaign_id = run(sheet)

    assert report_of(catalogue(), campaign_id).published == 1


def test_review_required_waits_for_a_person(home, sheet, fake_models):
    campaign_id = run(sheet, review="required")
    rows = catalogue().variants.of_campaign(campaign_id, ["passed"])
    assert len(rows) == 10
    assert not list((home / "bucket").rglob("*.mp4"))

    decide(catalogue(), [rows[0].variant_id], "approved", "person:ann")
    run(sheet, review="required")

    assert report_of(catalogue(), campaign_id).published == 1
    clip = next((home / "bucket").rglob("*.mp4"))
    assert "human_validated" in verify(clip, None).store


def test_a_lost_master_is_regenerated_and_reviewed_again(home, sheet, fake_models):
    campaign_id = run(sheet, review="required")
    rows = catalogue().variants.of_campaign(campaign_id, ["passed"])
    shutil.rmtree(home / "staging")
    decide(catalogue(), [row.variant_id for row in rows], "approved", "person:ann")

    run(sheet, review="required")

    states = catalogue().progress.tally(campaign_id)
    assert states.get("published", 0) == 0
    assert states["passed"] == 10
    [alert] = catalogue().alerts.all(kind="staging-lost", campaign_id=campaign_id)
    assert "its staged master is missing or damaged" in alert.text
    assert alert.detail["variants"][0] in {row.variant_id for row in rows}


@pytest.fixture
def s3_keys(monkeypatch):
    """Set the credentials of moto in the environment of the flow."""
    monkeypatch.setenv("REELMILL_BUCKET_ACCESS_KEY", "test")
    monkeypatch.setenv("REELMILL_BUCKET_SECRET_KEY", "test-secret")


def test_publishing_to_s3(home, sheet, fake_models, s3_endpoint, s3_bucket_name, s3_keys):
    from tasks.runtime.resources import bucket_of

    place = {"bucket": f"s3://{s3_bucket_name}/media", "bucket_endpoint": s3_endpoint, "bucket_region": "us-east-1"}
    run(sheet, **place)

    resources = resources_of(load_settings(**place))
    keys = list(bucket_of(resources).list())
    assert len(keys) == 40
    clip = next(key for key in keys if key.endswith(".mp4"))
    assert bucket_of(resources).head(clip).sha256[:16] in clip


def test_a_refused_bucket_is_reported_before_generation(home, sheet, fake_models, s3_endpoint, s3_keys, monkeypatch):
    monkeypatch.setattr(fake_models, "generate", lambda _: pytest.fail("generated although the bucket was refused"))
    with pytest.raises(BucketRefusedError, match="nowhere"):
        run(sheet, bucket="s3://nowhere", bucket_endpoint=s3_endpoint, bucket_region="us-east-1")


@pytest.mark.parametrize("name", ["bucket_secret_key", "catalogue_url"])
def test_secrets_are_refused_as_flow_parameters(home, sheet, fake_models, name):
    with pytest.raises(SettingsError, match=f"REELMILL_{name.upper()}"):
        run(sheet, **{name: "canary"})


def test_another_bucket_is_refused_once_clips_are_published(home, sheet, fake_models, tmp_path):
    run(sheet)
    with pytest.raises(BucketRefusedError, match="are already published in the folder under REELMILL_HOME"):
        run(sheet, bucket=str(tmp_path / "other"))


def test_a_campaign_without_review_does_not_approve_shared_clips_under_review(home, fake_models, tmp_path):
    waiting, hasty = tmp_path / "waiting.csv", tmp_path / "hasty.csv"
    for sheet, brief_id in ((waiting, "w"), (hasty, "h")):
        sheet.write_text(f"brief_id,prompt\n{brief_id},a red circle\n")
    first = run(waiting, review="required")
    run(hasty)
    assert catalogue().progress.tally(first) == {"passed": 1}
    second = catalogue().campaigns.all()[0].campaign_id
    assert report_of(catalogue(), second).unfinished == 0
    assert Remaining(resources_of(load_settings()), second, 0.25).is_done("auto")


def test_clips_stored_on_another_machine_are_left_to_it(home, sheet, fake_models):
    campaign_id = run(sheet, review="required")
    rows = catalogue().variants.of_campaign(campaign_id, ["passed"])
    (home / "machine.id").write_bytes(b"another.")
    decide(catalogue(), [row.variant_id for row in rows], "approved", "person:ann")

    run(sheet, review="required")

    assert catalogue().progress.tally(campaign_id)["approved"] == 10
    assert report_of(catalogue(), campaign_id).unfinished == 10


def test_a_clip_that_cannot_be_signed_does_not_block_the_others(home, sheet, fake_models, monkeypatch):
    from manifests.errors import UntrustedCredentialError
    from tasks.deliver import deliver

    sign, refused = deliver.sign_clip, []

    def sign_all_but_one(resources, signer, lease, asked):
        if not refused or lease.variant_id in refused:
            refused.append(lease.variant_id)
            raise UntrustedCredentialError("not this one")
        return sign(resources, signer, lease, asked)

    monkeypatch.setattr(deliver, "sign_clip", sign_all_but_one)
    with pytest.raises(UntrustedCredentialError, match="not this one"):
        run(sheet)
    campaign_id = catalogue().campaigns.all()[0].campaign_id
    assert catalogue().progress.tally(campaign_id) == {"published": 9, "approved": 1, "not needed": 2}
    monkeypatch.setattr(deliver, "sign_clip", sign)
    run(sheet)
    assert report_of(catalogue(), campaign_id).published == 10


def test_a_campaign_on_postgresql(home, sheet, fake_models, postgres_url, monkeypatch):
    monkeypatch.setenv("REELMILL_CATALOGUE_URL", postgres_url)
    campaign_id = run(sheet)
    resources = resources_of(load_settings())
    assert report_of(catalogue_of(resources), campaign_id).published == 10
    catalogue_of(resources).close()
    close_resources()


def test_missing_weights_are_reported(home, sheet, tmp_path):
    with pytest.raises(IncompleteWeightsError, match="starter"):
        run(sheet, weights_root=tmp_path / "empty")


def test_bad_rows_stop_the_campaign_unless_the_good_ones_suffice(home, fake_models, tmp_path):
    sheet = tmp_path / "mixed.csv"
    sheet.write_text("prompt,placements\na red circle,16:9\na blue circle,7:3\n")
    with pytest.raises(RejectedSheetError, match="'7:3'"):
        run(sheet)

    from flows.campaign import campaign

    campaign_id = campaign(sheet=str(sheet), accept_good_rows=True)
    assert report_of(catalogue(), campaign_id).published == 1


def test_the_limit_on_variants_is_enforced(home, sheet, fake_models):
    with pytest.raises(TooManyVariantsError, match="12 variants, but the limit is 5"):
        run(sheet, max_variants=5)


def test_an_interrupted_run_releases_its_leases_and_can_be_resumed(home, sheet, fake_models, monkeypatch):
    paint = fake_models.generate
    made = []

    def generate(variants):
        for item in paint(variants):
            made.append(item)
            if len(made) == 2:
                os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)
            yield item

    monkeypatch.setattr(fake_models, "generate", generate)
    with pytest.raises(KeyboardInterrupt):
        run(sheet)
    campaign_id = catalogue().campaigns.all()[0].campaign_id
    states = catalogue().progress.tally(campaign_id)
    assert "leased" not in states
    assert states["planned"] > 2  # two are not needed in any case
    assert not catalogue().leases.owners()

    monkeypatch.setattr(fake_models, "generate", paint)
    assert report_of(catalogue(), run(sheet)).published == 10
