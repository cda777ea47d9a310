"""A provider's file, from the download to the published clip: master, credential, record."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import samples
from credentials import PROVENANCE, boxes, failures, second_opinion
from fake_scorer import FakeScorer
from PIL import Image
from provider_files import HD, Look, colour_error, stored_packets, write_file

from adapters.c2pa.signer import DevelopmentCA, Signer, open_signer
from adapters.c2pa.verifier import verify
from adapters.catalogue import Catalogue, Lease
from adapters.media.video_facts import probe
from adapters.media.video_frames import frames_of
from app.cli.commands.admin.credentials import show_report
from manifests.clip import Clip
from manifests.credentials.credential import generation_definition
from manifests.credentials.credential_report import CredentialReport
from manifests.placement import Placement
from manifests.states import State
from manifests.variant import PlannedVariant, Variant
from tasks.deliver.deliver import deliver
from tasks.plan.shard import Job, Shard
from tasks.render.clip_reuse import reused_clips
from tasks.render.outcomes import Failed, Fetched, Judged, RenderedJob
from tasks.render.postprocess import Postprocessor
from tasks.runtime.files.shared_staging import SHARED
from tasks.runtime.files.staging import ORIGINAL, Staging, sha256_of
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig, catalogue_of, close_resources, signer_of

CARD = {
    "name": "vendor-video",
    "kind": "hosted-text-to-video",
    "title": "Vendor Video 2",
    "description": "A model of a test.",
    "licence": {"name": "Vendor terms"},
    "provider": "vendor",
    "protocol": "openai_videos",
    "base_url": "https://api.vendor.example",
    "model": "video-2",
    "sizes": {"16:9": {"height": 96, "width": 160, "word": "16:9", "tolerance": 2}},
    "durations": {"allowed": [1, 2], "default_s": 1, "tolerance_s": 0.1},
    "fps": 24,
    "min_adherence": -1.0,
    "limits_of_account": {"concurrency": 2},
    "poll_s": 1.0,
    "reconcile": "external_id",
}
VARIANT = Variant("vendor-video", "r1", "a grey square slides over colours", "", 3, 96, 160, 24, 24, 0, 0.0)
VP9 = Look(codec="libvpx-vp9")
AUDIT_KEY = bytes(range(32))


@pytest.fixture
def world(tmp_path: Path, new_sqlite_url: str) -> Iterator["World"]:
    folder = tmp_path / "cards"
    folder.mkdir()
    (folder / "vendor-video.json").write_text(json.dumps(CARD))
    resources = Resources(
        new_sqlite_url,
        BucketConfig(str(tmp_path / "bucket")),
        SignerConfig("development", tmp_path / "signer"),
        tmp_path / "staging",
        first_frames=tmp_path / "first-frames",
        devices=("cpu",),
        machine="here",
        model_folders=(folder,),
        prompt_key=b"a secret of tests",
        audit_key=AUDIT_KEY,
    )
    try:
        yield World(resources, tmp_path)
    finally:
        close_resources()


class World:
    """An installation with one planned variant of a hosted card."""

    def __init__(self, resources: Resources, folder: Path) -> None:
        self.resources = resources
        self.folder = folder
        self.campaign = samples.campaign()
        self.catalogue.campaigns.add(self.campaign, {})
        item = PlannedVariant("b1", Placement("tiktok", "16:9"), VARIANT, VARIANT.variant_id, ())
        self.catalogue.campaigns.add_variants(self.campaign.campaign_id, [item])

    @property
    def catalogue(self) -> Catalogue:
        return catalogue_of(self.resources)

    @property
    def staging(self) -> Path:
        return Staging(self.resources.staging).folder(VARIANT.variant_id)

    def lease(self) -> Lease:
        [lease] = samples.take(self.catalogue, [VARIANT.variant_id])
        return lease

    def judge(self, lease: Lease, generated: Fetched | None) -> Judged | Failed:
        job = Job(VARIANT, VARIANT.variant_id, ("b1",), -1.0)
        shard = Shard(self.campaign.campaign_id, (job,), {}, (VARIANT.prompt,), 1.0)
        return Postprocessor(self.resources, shard, FakeScorer)(RenderedJob(job, lease, generated))

    def fetch(self, path: Path, **facts) -> Clip:
        """Postprocess and record a provider's file; the clip passes."""
        lease = self.lease()
        outcome = self.judge(lease, Fetched(VARIANT, path, "vendor", "job-1", **facts))
        assert isinstance(outcome, Judged), outcome
        assert outcome.verdict.passed, outcome.verdict
        self.catalogue.results.record_batch([(lease, outcome.clip, outcome.score, outcome.verdict)])
        return outcome.clip

    def publish(self) -> tuple[Path, dict]:
        """Deliver the clip; return the published file and its record."""
        rendered = threading.Event()
        rendered.set()
        assert deliver(self.resources, self.campaign.campaign_id, "auto", rendered) == 1
        row = self.catalogue.variants.get(VARIANT.variant_id)
        assert row.state == State.PUBLISHED
        bucket = self.folder / "bucket"
        return bucket / row.signed.key, json.loads((bucket / row.signed.record_key).read_text())

    def trusted(self, path: Path) -> CredentialReport:
        """Return the report on a published clip, which both validators trust."""
        with signer_of(self.resources) as signer:
            anchors = signer.anchors_pem()
        opinion = second_opinion(path, anchors)
        assert (opinion["validation_state"], failures(opinion)) == ("Trusted", set())
        report = verify(path, anchors)
        assert report.state == "trusted", report.sentence
        return report


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[Signer]:
    """A signer that our installation does not know."""
    with open_signer(DevelopmentCA(tmp_path / "vendor ca")) as signer:
        yield signer


def signed_by(vendor: Signer, path: Path) -> Path:
    """Return the file with the credential of a provider."""
    out = path.with_name(f"signed {path.name}")
    poster = path.with_name("vendor.jpg")
    Image.new("RGB", (16, 16)).save(poster)
    definition = generation_definition(replace(PROVENANCE, title="Video 2 output", model_name="Video 2"))
    vendor.sign(path, poster, definition, out, path.with_name("vendor.c2pa"))
    return out


def with_changed_byte(path: Path, place: Callable[[bytes], int]) -> Path:
    data = bytearray(path.read_bytes())
    data[place(bytes(data))] ^= 1
    path.write_bytes(data)
    return path


def end_of(kind: str, before: int) -> Callable[[bytes], int]:
    return lambda data: next(end for name, _, end in boxes(data) if name == kind) - before


def start_of(kind: str, after: int) -> Callable[[bytes], int]:
    return lambda data: next(start for name, start, _ in boxes(data) if name == kind) + after


@pytest.mark.parametrize(
    ("look", "options"),
    [
        (HD, {}),
        (HD, {"movflags": ""}),
        (HD, {"movflags": "frag_keyframe+empty_moov"}),
        (Look(codec="libx265"), {}),
        (Look(6, 6, full_range=True), {"sound": None}),
    ],
    ids=["h264", "index last", "fragmented", "hevc", "silent full range"],
)
def test_an_mp4_is_published_as_it_was_delivered(world, look, options):
    path = write_file(world.folder / "download.mp4", look, **options)
    delivered = path.read_bytes()
    clip = world.fetch(path, cost_micros=250_000, currency="USD", revised_prompt="a square, cinematic")
    assert clip.path.read_bytes() == delivered
    assert not path.exists()
    published, record = world.publish()
    report = world.trusted(published)
    assert report.actions == ("created by a generative model (Vendor Video 2, vendor/video-2)",)
    assert report.ingredients == ()
    (world.folder / "delivered.mp4").write_bytes(delivered)
    assert stored_packets(published) == stored_packets(world.folder / "delivered.mp4")
    assert clip.has_audio is (options.get("sound", "aac") is not None)
    assert colour_error(next(frames_of(published))) <= 3
    assert record["provider"] == {
        "name": "vendor",
        "model": "video-2",
        "job_id": "job-1",
        "cost_micros": 250_000,
        "currency": "USD",
        "cost_is_estimate": False,
        "transcoded": False,
        "original_sha256": None,
        "parent_credential": None,
        "revised_prompt_sha256": clip.revised_prompt_sha256,
    }
    assert record["clip"]["codec"] == probe(published).codec == clip.codec
    assert record["clip"]["has_audio"] is probe(published).has_audio


def test_the_credential_names_vendor_and_model_and_no_seed(world):
    world.fetch(write_file(world.folder / "download.mp4"), revised_prompt="a square, cinematic")
    published, _ = world.publish()
    report = world.trusted(published)
    facts = report.generation
    assert (facts["provider"], facts["model"], facts["take"]) == ("vendor", "video-2", "3")
    assert "seed" not in facts
    assert len(facts["revised_prompt_sha256"]) == 64
    store = json.loads(report.store)
    assertions = {each["label"]: each["data"] for each in store["manifests"][report.manifest_label]["assertions"]}
    assert assertions["c2pa.ai-disclosure"]["modelName"] == "Vendor Video 2"
    assert assertions["c2pa.ai-disclosure"]["modelIdentifier"] == "vendor/video-2"
    assert assertions["cawg.metadata"]["Iptc4xmpExt:AISystemVersionUsed"] == "video-2"
    assert not [word for word in ("diffusers", "job-1", "cinematic") if word in report.store]


def test_an_unknown_signer_of_the_provider_becomes_the_parent(world, vendor):
    path = signed_by(vendor, write_file(world.folder / "download.mp4"))
    delivered = stored_packets(path)
    vendors = verify(path)
    clip = world.fetch(path)
    assert clip.parent_credential == "valid"
    published, record = world.publish()
    report = world.trusted(published)
    assert [(each.title, each.relationship) for each in report.ingredients] == [("Video 2 output", "parentOf")]
    assert report.actions == (
        "created by a generative model (Video 2, LTXPipeline, diffusers 0.42.1)",
        "opened from “Video 2 output” (Vendor Video 2)",
        "published",
    )
    assert report.generation["parent_credential"] == record["provider"]["parent_credential"] == "valid"
    assert stored_packets(published) == delivered
    assert report.findings == ()
    manifests = json.loads(report.store)["manifests"]
    assert manifests[vendors.manifest_label] == json.loads(vendors.store)["manifests"][vendors.manifest_label]


@pytest.mark.parametrize(
    ("place", "sentence", "title"),
    [
        (end_of("mdat", 40), "the pixels, the sound or the file's structure were changed", "Video 2 output"),
        (start_of("uuid", 800), "a statement of the credential was changed", "Video 2 output"),
        (start_of("uuid", 60), None, "original file"),
    ],
    ids=["changed pixels", "changed statement", "unreadable credential"],
)
def test_an_invalid_credential_of_the_provider_is_disclosed(world, vendor, place, sentence, title):
    path = with_changed_byte(signed_by(vendor, write_file(world.folder / "download.mp4")), place)
    clip = world.fetch(path)
    assert clip.parent_credential == "invalid"
    published, record = world.publish()
    report = world.trusted(published)
    assert [(each.title, each.relationship) for each in report.ingredients] == [(title, "parentOf")]
    assert report.generation["parent_credential"] == record["provider"]["parent_credential"] == "invalid"
    if sentence:
        assert report.actions[-2:] == (f"opened from “{title}” (Vendor Video 2)", "published")
        assert f"according to the signer, already in the provider's file “{title}”, {sentence}" in report.sentence
    else:  # what was done before is not readable
        assert report.actions == ("opened (Vendor Video 2)", "published")


def test_a_credential_that_became_invalid_later_is_not_excused(world, vendor):
    """Only what the signer states is excused: the same file with another statement is refused by the verifier."""
    world.fetch(signed_by(vendor, write_file(world.folder / "download.mp4")))
    published, _ = world.publish()
    data = published.read_bytes()
    changed = world.folder / "changed.mp4"
    changed.write_bytes(data.replace(b"Video 2 output", b"Video 3 output", 1))
    with signer_of(world.resources) as signer:
        assert verify(changed, signer.anchors_pem()).state == "invalid"


@pytest.mark.parametrize(
    ("look", "options"),
    [
        (VP9, {"muxer": "webm", "sound": "libopus"}),
        (Look(codec="prores_ks", pix_fmt="yuv422p10le"), {"muxer": "mov"}),
        (Look(pix_fmt="yuv420p10le"), {}),
    ],
    ids=["webm", "mov", "10 bits"],
)
def test_another_format_is_transcoded_and_the_original_is_the_parent(world, look, options):
    path = write_file(world.folder / "download", look, **options)
    delivered = path.read_bytes()
    clip = world.fetch(path)
    original = world.staging / ORIGINAL
    assert original.read_bytes() == delivered
    assert (clip.transcoded, clip.original_sha256, clip.codec) == (True, sha256_of(original), "h264")
    published, record = world.publish()
    report = world.trusted(published)
    assert report.actions == (
        "opened (Vendor Video 2)",
        f"transcoded (Reelmill, {reelmill_version(report)})",
        "published",
    )
    assert [(each.title, each.relationship) for each in report.ingredients] == [("original file", "parentOf")]
    assert record["provider"]["transcoded"] is True
    assert report.generation["original_sha256"] == record["provider"]["original_sha256"] == clip.original_sha256
    assert probe(published).can_be_master


def reelmill_version(report: CredentialReport) -> str:
    store = json.loads(report.store)
    [generator, *_] = store["manifests"][report.manifest_label]["claim_generator_info"]
    return str(generator["version"])


def test_the_credential_of_an_original_survives_the_transcoding(world, vendor):
    path = signed_by(vendor, write_file(world.folder / "download.mp4", Look(pix_fmt="yuv420p10le")))
    assert world.fetch(path).parent_credential == "valid"
    published, _ = world.publish()
    report = world.trusted(published)
    assert [(each.title, each.relationship) for each in report.ingredients] == [("Video 2 output", "parentOf")]
    assert report.actions[:2] == (
        "created by a generative model (Video 2, LTXPipeline, diffusers 0.42.1)",
        "opened from “Video 2 output” (Vendor Video 2)",
    )


def test_size_and_length_may_differ_within_the_tolerance_of_the_card(world):
    path = write_file(world.folder / "download.mp4", height=98, num_frames=26)
    clip = world.fetch(path)
    assert (clip.height, clip.num_frames) == (98, 26)
    _, record = world.publish()
    assert record["clip"]["duration_s"] == pytest.approx(26 / 24)


@pytest.mark.parametrize(
    ("options", "reason"), [({"height": 100}, "wrong size"), ({"num_frames": 30}, "wrong duration")]
)
def test_larger_differences_fail_the_gate(world, options, reason):
    path = write_file(world.folder / "download.mp4", **options)
    outcome = world.judge(world.lease(), Fetched(VARIANT, path, "vendor", "job-1"))
    assert [each.code for each in outcome.verdict.reasons] == [reason]


def test_odd_frame_rates_are_kept_exactly(world):
    clip = world.fetch(write_file(world.folder / "download.mp4", fps=Fraction(24000, 1001)))
    assert (clip.fps, clip.frame_rate) == (24, "24000/1001")
    assert clip.duration_s == pytest.approx(1.001)
    _, record = world.publish()
    assert record["clip"]["frame_rate"] == "24000/1001"


def test_a_damaged_file_fails_its_variant_with_the_reason(world):
    path = write_file(world.folder / "download.mp4")
    path.write_bytes(path.read_bytes()[:-100])
    outcome = world.judge(world.lease(), Fetched(VARIANT, path, "vendor", "job-1"))
    assert isinstance(outcome, Failed)
    assert outcome.clip is None
    assert "it is truncated" in outcome.reason


def test_a_staged_file_is_scored_again_without_the_provider(world):
    clip = world.fetch(write_file(world.folder / "download.mp4"))
    row = world.catalogue.variants.get(VARIANT.variant_id)
    lease = Lease(VARIANT.variant_id, "me", 1, row)
    again = world.judge(lease, None)
    assert again.clip == replace(clip, path=again.clip.path, poster=again.clip.poster)
    assert again.score == row.score


def test_the_catalogue_keeps_the_facts_of_the_file(world):
    clip = world.fetch(
        write_file(world.folder / "download", VP9, muxer="webm", sound="libopus"), cost_micros=7, currency="EUR"
    )
    stored = world.catalogue.variants.get(VARIANT.variant_id).clip
    assert replace(stored, path=clip.path, poster=clip.poster) == clip
    assert (stored.provider, stored.job_id, stored.cost_micros, stored.currency) == ("vendor", "job-1", 7, "EUR")


def test_an_original_is_shared_through_the_bucket_with_its_master(world):
    world.resources = replace(world.resources, shared=True)
    clip = world.fetch(write_file(world.folder / "download", VP9, muxer="webm", sound=None))
    assert clip.machine == SHARED
    assert not (world.staging / ORIGINAL).exists()
    published, _ = world.publish()
    assert [each.relationship for each in world.trusted(published).ingredients] == ["parentOf"]


def test_a_reused_clip_has_its_original_and_costs_nothing(world):
    world.fetch(write_file(world.folder / "download", VP9, muxer="webm", sound=None), cost_micros=7, currency="EUR")
    other, variant = samples.campaign("Other"), VARIANT._replace(campaign_id="other")
    world.catalogue.campaigns.add(other, {})
    item = PlannedVariant("b1", Placement("tiktok", "16:9"), variant, variant.variant_id, ())
    world.catalogue.campaigns.add_variants(other.campaign_id, [item])
    leases = samples.take(world.catalogue, [variant.variant_id])
    [clip] = reused_clips(world.resources, world.catalogue, leases).values()
    assert sha256_of(Staging(world.resources.staging).original_of(clip)) == clip.original_sha256
    assert (clip.cost_micros, clip.currency) == (0, "EUR")


def test_reelmill_verify_names_the_problems_of_the_parent(world, vendor, capsys):
    path = with_changed_byte(signed_by(vendor, write_file(world.folder / "download.mp4")), end_of("mdat", 40))
    world.fetch(path)
    published, _ = world.publish()
    show_report("clip.mp4", world.trusted(published))
    [line] = [line for line in capsys.readouterr().out.splitlines() if "made from" in line]
    assert "made from Video 2 output (parentOf): the signer is not trusted; the pixels, the sound or" in line
