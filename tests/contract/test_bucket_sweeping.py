"""What the sweeper needs from every bucket: listings with size and time, and moves without data loss."""

import hashlib
import threading
import time
from pathlib import Path

import pytest
from s3_server import S3_KEYS, client

from adapters.bucket import Bucket, open_bucket
from manifests.errors import BucketError, BucketRefusedError, KeyTakenError

HEADERS = {"content_type": "video/mp4", "cache_control": "public, max-age=31536000, immutable"}


@pytest.fixture(params=["local", "s3", "s3 with prefix", "s3 with versions"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Bucket:
    if request.param == "local":
        return open_bucket(str(tmp_path / "bucket"))
    name, endpoint = request.getfixturevalue("s3_bucket_name"), request.getfixturevalue("s3_endpoint")
    if request.param == "s3 with versions":
        client(endpoint).put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    prefix = "/brand/spring" if request.param == "s3 with prefix" else ""
    return open_bucket(f"s3://{name}{prefix}", endpoint=endpoint, **S3_KEYS)


@pytest.fixture
def put(bucket: Bucket, tmp_path: Path):
    def put(key: str, content: bytes = b"moving pictures") -> None:
        path = tmp_path / "source"
        path.write_bytes(content)
        bucket.put_new(key, path, sha256=hashlib.sha256(content).hexdigest(), **HEADERS)

    return put


def test_entries_have_key_size_and_time_and_are_sorted_by_key(bucket, put):
    began = time.time()
    keys = ["a-b/1.mp4", "a/1.mp4", "a/10.mp4", "a.mp4", "ab/3.mp4", "a/1/deep.mp4", "z.mp4"]
    for number, key in enumerate(keys):
        put(key, b"x" * number)
    entries = list(bucket.entries())
    assert [entry.key for entry in entries] == sorted(keys) == list(bucket.list())
    assert {entry.key: entry.size for entry in entries} == {key: number for number, key in enumerate(keys)}
    assert all(began - 5 <= entry.modified <= time.time() + 5 for entry in entries)


def test_entries_are_limited_to_the_prefix(bucket, put):
    for key in ("a/1.mp4", "a/10.mp4", "a/b/1.mp4", "ab/3.mp4"):
        put(key)
    assert [entry.key for entry in bucket.entries("a/")] == ["a/1.mp4", "a/10.mp4", "a/b/1.mp4"]
    assert [entry.key for entry in bucket.entries("a/1")] == ["a/1.mp4", "a/10.mp4"]
    assert list(bucket.entries("none/")) == []


def test_a_moved_object_exists_only_under_its_new_key(bucket, put):
    put("spring/clip.mp4", b"moved")
    put("spring/clip.mp4.json", b"stays")
    assert bucket.move("spring/clip.mp4", "quarantine/spring/clip.mp4")
    assert bucket.read("quarantine/spring/clip.mp4") == b"moved"
    assert bucket.head("quarantine/spring/clip.mp4").sha256 == hashlib.sha256(b"moved").hexdigest()
    assert bucket.head("spring/clip.mp4") is None
    assert [entry.key for entry in bucket.entries()] == ["quarantine/spring/clip.mp4", "spring/clip.mp4.json"]


def test_a_move_can_be_undone_and_the_key_reused(bucket, put):
    put("a.mp4", b"same")
    assert bucket.move("a.mp4", "b.mp4")
    assert bucket.move("b.mp4", "a.mp4")
    put("a.mp4", b"same")
    assert bucket.move("a.mp4", "b.mp4")
    put("a.mp4", b"another")
    assert (bucket.read("a.mp4"), bucket.read("b.mp4")) == (b"another", b"same")


def test_moving_a_missing_object_returns_false(bucket):
    assert not bucket.move("spring/none.mp4", "quarantine/none.mp4")
    assert list(bucket.entries()) == []


def test_an_interrupted_move_is_completed_by_the_next(bucket, put):
    put("a.mp4", b"same")
    put("b.mp4", b"same")
    assert bucket.move("a.mp4", "b.mp4")
    assert list(bucket.list()) == ["b.mp4"]


def test_a_move_does_not_overwrite_different_content(bucket, put):
    put("a.mp4", b"one")
    put("b.mp4", b"two")
    with pytest.raises(KeyTakenError, match=r"b\.mp4"):
        bucket.move("a.mp4", "b.mp4")
    assert (bucket.read("a.mp4"), bucket.read("b.mp4")) == (b"one", b"two")


def test_concurrent_moves_do_not_lose_the_object(bucket, put):
    put("a.mp4", b"precious")
    outcomes: list[bool] = []
    threads = [threading.Thread(target=lambda: outcomes.append(bucket.move("a.mp4", "b.mp4"))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(outcomes) == 5
    assert any(outcomes)
    assert list(bucket.list()) == ["b.mp4"]
    assert bucket.read("b.mp4") == b"precious"


@pytest.mark.parametrize("keys", [("../a.mp4", "b.mp4"), ("a.mp4", "/etc/passwd"), ("a.mp4", "a//b")])
def test_invalid_keys_are_not_moved(bucket, put, keys):
    put("a.mp4")
    with pytest.raises(BucketError, match="Invalid key"):
        bucket.move(*keys)
    assert list(bucket.list()) == ["a.mp4"]


def test_a_move_in_a_versioned_bucket_keeps_old_versions(s3_endpoint, s3_bucket_name):
    store = client(s3_endpoint)
    store.put_bucket_versioning(Bucket=s3_bucket_name, VersioningConfiguration={"Status": "Enabled"})
    for content in (b"one", b"two"):
        store.put_object(Bucket=s3_bucket_name, Key="a.mp4", Body=content)
    bucket = open_bucket(f"s3://{s3_bucket_name}", endpoint=s3_endpoint, **S3_KEYS)
    assert bucket.move("a.mp4", "b.mp4")
    assert bucket.read("b.mp4") == b"two"
    left = store.list_object_versions(Bucket=s3_bucket_name, Prefix="a.mp4")
    assert [
        store.get_object(Bucket=s3_bucket_name, Key="a.mp4", VersionId=item["VersionId"])["Body"].read()
        for item in left["Versions"]
    ] == [b"two", b"one"]


def test_folder_placeholder_objects_are_not_listed(s3_endpoint, s3_bucket_name):
    store = client(s3_endpoint)
    for key in ("spring/", "spring/clip.mp4"):
        store.put_object(Bucket=s3_bucket_name, Key=key, Body=b"")
    bucket = open_bucket(f"s3://{s3_bucket_name}", endpoint=s3_endpoint, **S3_KEYS)
    assert [entry.key for entry in bucket.entries()] == ["spring/clip.mp4"]


def test_symbolic_links_are_neither_listed_nor_followed(tmp_path):
    root = tmp_path / "bucket"
    (root / "a").mkdir(parents=True)
    (root / "a" / "clip.mp4").write_bytes(b"x")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.mp4").write_bytes(b"x")
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "alias.mp4").symlink_to(root / "a" / "clip.mp4")
    (root / ".incoming").mkdir()
    (root / ".incoming" / "tmphalf").write_bytes(b"x")
    bucket = open_bucket(str(root))
    assert [entry.key for entry in bucket.entries()] == ["a/clip.mp4"]
    with pytest.raises(BucketError, match="symbolic link"):
        bucket.move("link/secret.mp4", "b.mp4")


def test_a_move_without_write_permission_is_refused(tmp_path, monkeypatch):
    root = tmp_path / "bucket"
    root.mkdir()
    (root / "a.mp4").write_bytes(b"x")

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(root / "b.mp4"))

    monkeypatch.setattr("os.link", denied)
    with pytest.raises(BucketRefusedError, match="Check its permissions"):
        open_bucket(str(root)).move("a.mp4", "b.mp4")
    assert (root / "a.mp4").read_bytes() == b"x"
