"""The sound of a clip, from the frames of a generator to the staging folder and the catalogue."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import samples
from fake_scorer import FakeScorer

from adapters.catalogue import Catalogue, open_catalogue
from adapters.media.sound import read_sound
from adapters.media.soundtrack.decode import decode, has_sound
from adapters.media.soundtrack.samples import as_stereo
from adapters.media.video import encode
from manifests.errors import DiskFullError
from manifests.system_errors import DISK_FULL
from models.fake import paint
from models.protocols import Generated, Sound
from tasks.plan.shard import Job, Shard
from tasks.render import postprocess
from tasks.render.clip_reuse import reused_clips
from tasks.render.outcomes import Judged, RenderedJob
from tasks.render.postprocess import Postprocessor
from tasks.runtime.files.staging import Staging, sha256_of
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig

WAVES = Sound(np.linspace(-1, 1, 3200, dtype=np.float32).reshape(2, 1600), 800)


@pytest.fixture
def resources(tmp_path: Path) -> Resources:
    signer = SignerConfig("development", tmp_path / "signer")
    return Resources("", BucketConfig(str(tmp_path / "bucket")), signer, tmp_path / "staging", ("cpu",), machine="here")


@pytest.fixture
def catalogue(new_sqlite_url: str) -> Iterator[Catalogue]:
    with open_catalogue(new_sqlite_url) as opened:
        yield opened


def judged(resources: Resources, catalogue: Catalogue, sound: Sound | None) -> Judged:
    """Postprocess one clip with this sound, and record it."""
    [variant_id] = samples.filled(catalogue, 1)
    [lease] = samples.take(catalogue, [variant_id])
    job = Job(lease.variant, variant_id, ("b1",), 0.0)
    shard = Shard("c", (job,), {}, (lease.variant.prompt,), 1.0)
    made = RenderedJob(job, lease, Generated(lease.variant, paint(lease.variant), 0.0, 1.0, sound=sound))
    outcome = Postprocessor(resources, shard, FakeScorer)(made)
    assert isinstance(outcome, Judged)
    catalogue.results.record_batch([(lease, outcome.clip, outcome.score, outcome.verdict)])
    return outcome


def test_the_sound_of_a_clip_is_kept_next_to_it(resources: Resources, catalogue: Catalogue):
    judged(resources, catalogue, WAVES)
    clip = catalogue.variants.get(samples.planned(1)[0].variant_id).clip
    sound = Staging(resources.staging).sound_of(clip)
    assert sha256_of(sound) == clip.sound_sha256
    samples_again, rate = read_sound(sound)
    assert rate == WAVES.rate
    assert np.abs(samples_again - WAVES.samples).max() < 1e-4


def test_the_master_contains_the_sound(resources: Resources, catalogue: Catalogue):
    waves = np.sin(np.arange(16_000 * 3) / 10, dtype=np.float32)[None] * 0.5
    outcome = judged(resources, catalogue, Sound(waves, 16_000))
    clip = catalogue.variants.get(outcome.lease.variant_id).clip
    assert clip.has_audio
    heard = decode(Staging(resources.staging).located(clip).path)
    expected = as_stereo(waves, 16_000)[:, : heard.shape[1]]
    assert heard.shape[1] == round(clip.duration_s * 48_000)
    assert np.corrcoef(heard[0], expected[0])[0, 1] > 0.99, "in sync, and the same sound"


def test_the_picture_of_a_master_is_the_same_with_sound(resources: Resources, catalogue: Catalogue):
    outcome = judged(resources, catalogue, WAVES)
    silent = resources.staging / "silent.mp4"
    encode(paint(outcome.lease.variant), outcome.lease.variant.fps, silent, resources.master_crf)
    with av.open(str(outcome.clip.path)) as one, av.open(str(silent)) as other:
        packets, others = ([bytes(packet) for packet in each.demux(video=0)] for each in (one, other))
    assert packets == others


def test_a_silent_clip_has_no_sound(resources: Resources, catalogue: Catalogue):
    outcome = judged(resources, catalogue, None)
    assert outcome.clip.sound_sha256 == ""
    assert Staging(resources.staging).sound_of(outcome.clip) is None
    assert not list(resources.staging.rglob("*.flac"))
    assert not outcome.clip.has_audio
    assert not has_sound(outcome.clip.path)


def test_a_reused_clip_has_the_sound_of_its_source(resources: Resources, catalogue: Catalogue):
    outcome = judged(resources, catalogue, WAVES)
    [item] = samples.planned(1)
    variant = item.variant._replace(campaign_id="other")
    other = samples.campaign("Other")
    catalogue.campaigns.add(other, {})
    catalogue.campaigns.add_variants(other.campaign_id, [item._replace(variant=variant, variant_id=variant.variant_id)])
    leases = samples.take(catalogue, [variant.variant_id])
    [clip] = reused_clips(resources, catalogue, leases).values()
    assert clip.sound_sha256 == outcome.clip.sound_sha256
    assert sha256_of(Staging(resources.staging).sound_of(clip)) == clip.sound_sha256


def test_a_clip_whose_sound_is_lost_is_not_reused(resources: Resources, catalogue: Catalogue):
    outcome = judged(resources, catalogue, WAVES)
    Staging(resources.staging).sound_of(outcome.clip).unlink()
    variant = outcome.job.variant._replace(campaign_id="other")
    other = samples.campaign("Other")
    catalogue.campaigns.add(other, {})
    [item] = samples.planned(1)
    catalogue.campaigns.add_variants(other.campaign_id, [item._replace(variant=variant, variant_id=variant.variant_id)])
    assert not reused_clips(resources, catalogue, samples.take(catalogue, [variant.variant_id]))


def test_a_full_disk_stops_the_run(resources: Resources, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch):
    def full(*_):
        raise OSError(DISK_FULL[0], "No space left on device")

    monkeypatch.setattr(postprocess, "write_sound", full)
    with pytest.raises(DiskFullError):
        judged(resources, catalogue, WAVES)
