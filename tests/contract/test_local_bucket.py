"""Behaviour of the local bucket that other buckets do not share."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from adapters.bucket import open_bucket
from manifests.errors import BucketError, BucketRefusedError, DiskFullError

HEADERS = {"content_type": "video/mp4", "cache_control": "no-store"}


def put(bucket, source: Path, key: str = "a/clip.mp4") -> None:
    bucket.put_new(key, source, sha256=hashlib.sha256(source.read_bytes()).hexdigest(), **HEADERS)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.mp4"
    path.write_bytes(b"moving pictures")
    return path


def test_a_symbolic_link_out_of_the_bucket_is_not_followed(tmp_path, source):
    bucket = open_bucket(str(tmp_path / "bucket"))
    put(bucket, source)
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "bucket" / "link").symlink_to(outside)
    with pytest.raises(BucketError, match="symbolic link"):
        put(bucket, source, "link/clip.mp4")
    assert list(outside.iterdir()) == []


def test_an_upload_leaves_only_the_object(tmp_path, source):
    bucket = open_bucket((tmp_path / "bucket").as_uri())
    put(bucket, source)
    files = [path for path in (tmp_path / "bucket").rglob("*") if path.is_file()]
    assert files == [tmp_path / "bucket" / "a" / "clip.mp4"]


def test_leftovers_of_killed_writers_are_not_listed_and_are_removed_after_a_day(tmp_path, source):
    bucket = open_bucket(str(tmp_path / "bucket"))
    put(bucket, source)
    leftover = tmp_path / "bucket" / ".incoming" / "tmpdead"
    leftover.write_bytes(b"half")
    assert list(bucket.list()) == ["a/clip.mp4"]
    bucket.check()
    assert leftover.exists()
    os.utime(leftover, (0, 0))
    bucket.check()
    assert not leftover.exists()


def test_a_file_instead_of_a_folder_is_refused(source):
    with pytest.raises(BucketRefusedError, match="cannot be used as a bucket"):
        open_bucket(str(source)).check()


def test_urls_are_file_urls_or_public_urls(tmp_path):
    assert open_bucket(str(tmp_path)).url("a/b.mp4") == (tmp_path / "a/b.mp4").as_uri()
    assert open_bucket(str(tmp_path), public_url="https://clips.example/").url("a.mp4") == "https://clips.example/a.mp4"


@pytest.mark.parametrize("location", ["", "gs://bucket/x", "https://example.com", "s3://"])
def test_unsupported_locations_are_refused(location):
    with pytest.raises(BucketRefusedError, match="is not a bucket"):
        open_bucket(location)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk requires root")
def test_a_full_disk_raises_and_leaves_no_object(tmp_path, source):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine does not allow mounting a small disk")
    try:
        bucket = open_bucket(str(small / "bucket"))
        source.write_bytes(os.urandom(256 * 1024))
        with pytest.raises(DiskFullError, match=str(small)):
            put(bucket, source)
        assert list(bucket.list()) == []
        source.write_bytes(b"fits")
        put(bucket, source)
    finally:
        subprocess.run(["umount", small], check=True)
