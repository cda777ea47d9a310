"""Masters staged in the bucket: every host can fetch them, complete or not at all."""

import hashlib
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from s3_server import S3_KEYS

from manifests.clip import Clip
from manifests.errors import BucketError, GenerationError
from tasks.runtime.files.first_frames import FirstFrames
from tasks.runtime.files.shared_staging import (
    SHARED,
    fetch_sound,
    fetch_staged,
    is_reachable,
    key_of_sound,
    keys_of_staged,
    share,
)
from tasks.runtime.files.staging import Staging
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig, bucket_of, close_resources, first_frames_of

VARIANT = "ab" * 16


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> BucketConfig:
    if request.param == "local":
        return BucketConfig(str(tmp_path / "bucket"))
    name, endpoint = (request.getfixturevalue(each) for each in ("s3_bucket_name", "s3_endpoint"))
    return BucketConfig(f"s3://{name}/clips", endpoint=endpoint, region="us-east-1", **S3_KEYS)


@pytest.fixture
def hosts(place: BucketConfig, tmp_path: Path):
    """Resources of two hosts that share only the bucket."""
    yield tuple(
        Resources(
            f"sqlite:///{tmp_path / name}.db",
            place,
            SignerConfig("development", tmp_path / name / "signer"),
            tmp_path / name / "staging",
            first_frames=tmp_path / name / "first-frames",
            machine=name,
            shared=True,
        )
        for name in ("maker", "other")
    )
    close_resources()


def made_on(resources: Resources, master: bytes = b"moving pictures", poster: bytes = b"a picture") -> Clip:
    folder = Staging(resources.staging).folder(VARIANT)
    (folder / "master.mp4").write_bytes(master)
    (folder / "poster.jpg").write_bytes(poster)
    return Clip(
        variant_id=VARIANT,
        path=folder / "master.mp4",
        poster=folder / "poster.jpg",
        sha256=hashlib.sha256(master).hexdigest(),
        size=len(master),
        height=64,
        width=64,
        num_frames=9,
        fps=8,
        device_seconds=1.0,
        machine=resources.machine,
    )


def test_another_host_can_fetch_a_shared_clip(hosts):
    maker, other = hosts
    shared = share(maker, made_on(maker))
    assert shared.machine == SHARED
    assert is_reachable(other, shared)
    here = fetch_staged(other, shared)
    assert here is not None
    assert here.path.is_relative_to(other.staging)
    assert (here.path.read_bytes(), here.poster.read_bytes()) == (b"moving pictures", b"a picture")


def test_the_sound_of_a_clip_is_shared_with_it(hosts):
    maker, other = hosts
    clip = made_on(maker)
    sound = Staging(maker.staging).folder(VARIANT) / "sound.flac"
    sound.write_bytes(b"waves")
    shared = share(maker, replace(clip, sound_sha256=hashlib.sha256(b"waves").hexdigest()))
    assert not sound.exists(), "the disks of workers are small"
    here = fetch_sound(other, shared)
    assert here.is_relative_to(other.staging)
    assert here.read_bytes() == b"waves"
    here.write_bytes(b"other waves")
    assert fetch_sound(other, shared).read_bytes() == b"waves"
    bucket_of(maker).remove(key_of_sound(shared))
    here.unlink()
    assert fetch_sound(other, shared) is None


def test_a_silent_clip_has_no_sound_to_fetch(hosts):
    maker, other = hosts
    assert fetch_sound(other, share(maker, made_on(maker))) is None


def test_a_clip_that_is_not_shared_is_only_reachable_on_its_host(hosts):
    maker, other = hosts
    clip = made_on(maker)
    assert is_reachable(maker, clip)
    assert not is_reachable(other, clip)


def test_sharing_twice_has_no_effect_even_with_another_poster(hosts):
    maker, other = hosts
    share(maker, made_on(maker))
    shared = share(maker, made_on(maker, poster=b"the same frame, written by another version"))
    assert sorted(bucket_of(maker).list("staging/")) == sorted(keys_of_staged(shared))
    assert fetch_staged(other, shared).poster.read_bytes() == b"a picture"


def test_two_attempts_do_not_mix(hosts):
    maker, other = hosts
    first, second = share(maker, made_on(maker)), share(maker, made_on(maker, b"another try"))
    assert fetch_staged(other, second).path.read_bytes() == b"another try"
    assert fetch_staged(other, first).path.read_bytes() == b"moving pictures"


@pytest.mark.parametrize("gone", [0, 1], ids=["master", "poster"])
def test_a_clip_missing_in_the_bucket_is_reported_as_missing(hosts, gone):
    maker, other = hosts
    shared = share(maker, made_on(maker))
    bucket_of(maker).remove(keys_of_staged(shared)[gone])
    assert fetch_staged(other, shared) is None


def test_a_damaged_copy_is_fetched_again(hosts):
    maker, other = hosts
    shared = share(maker, made_on(maker))
    fetch_staged(other, shared).path.write_bytes(b"cut o")
    assert fetch_staged(other, shared).path.read_bytes() == b"moving pictures"


def test_an_unreachable_bucket_raises_instead_of_reporting_a_missing_clip(hosts, monkeypatch):
    maker, other = hosts
    shared = share(maker, made_on(maker))

    def refused(*_):
        raise BucketError("away")

    monkeypatch.setattr(type(bucket_of(other)), "read", refused)
    with pytest.raises(BucketError, match="away"):
        fetch_staged(other, shared)


def test_concurrent_fetches_give_complete_files(hosts):
    maker, other = hosts
    shared, found = share(maker, made_on(maker, b"x" * 300_000)), []
    threads = [threading.Thread(target=lambda: found.append(fetch_staged(other, shared))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(clip and clip.path.stat().st_size == 300_000 for clip in found)


def test_first_frames_are_available_on_other_hosts(hosts, tmp_path):
    maker, other = hosts
    Image.new("RGB", (96, 96), (9, 99, 200)).save(tmp_path / "start.png")
    kept = first_frames_of(maker).add(tmp_path / "start.png")
    with pytest.raises(GenerationError, match="is not in"):
        FirstFrames(other.first_frames).pixels(kept)
    assert tuple(first_frames_of(other).pixels(kept)[0, 0]) == (9, 99, 200)
    assert first_frames_of(other).path(kept).is_relative_to(other.first_frames)
