"""What the sweeper asks of every bucket: listings with size and time, and moves that lose nothing."""

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


def test_entries_tell_key_size_and_time_in_the_keys_order(bucket, put):
    began = time.time()
    keys = ["a-b/1.mp4", "a/1.mp4", "a/10.mp4", "a.mp4", "ab/3.mp4", "a/1/deep.mp4", "z.mp4"]
    for number, key in enumerate(keys):
        put(key, b"x" * number)
    entries = list(bucket.entries())
    assert [entry.key for entry in entries] == sorted(keys) == list(bucket.list())
    assert {entry.key: entry.size for entry in entries} == {key: number for number, key in enumerate(keys)}
    assert all(began - 5 <= entry.modified <= time.time() + 5 for entry in entries)


def test_entries_keep_to_their_prefix(bucket, put):
    for key in ("a/1.mp4", "a/10.mp4", "a/b/1.mp4", "ab/3.mp4"):
        put(key)
    assert [entry.key for entry in bucket.entries("a/")] == ["a/1.mp4", "a/10.mp4", "a/b/1.mp4"]
    assert [entry.key for entry in bucket.entries("a/1")] == ["a/1.mp4", "a/10.mp4"]
    assert list(bucket.entries("none/")) == []


def test_what_is_moved_lies_under_the_new_key_alone(bucket, put):
    put("spring/clip.mp4", b"moved")
    put("spring/clip.mp4.json", b"stays")
    assert bucket.move("spring/clip.mp4", "quarantine/spring/clip.mp4")
    assert bucket.read("quarantine/spring/clip.mp4") == b"moved"
    assert bucket.head("quarantine/spring/clip.mp4").sha256 == hashlib.sha256(b"moved").hexdigest()
    assert bucket.head("spring/clip.mp4") is None
    assert [entry.key for entry in bucket.entries()] == ["quarantine/spring/clip.mp4", "spring/clip.mp4.json"]


def test_a_move_can_be_taken_back_and_the_key_be_put_again(bucket, put):
    put("a.mp4", b"same")
    assert bucket.move("a.mp4", "b.mp4")
    assert bucket.move("b.mp4", "a.mp4")
    put("a.mp4", b"same")
    assert bucket.move("a.mp4", "b.mp4")
    put("a.mp4", b"another")
    assert (bucket.read("a.mp4"), bucket.read("b.mp4")) == (b"another", b"same")


def test_nothing_to_move_is_said(bucket):
    assert not bucket.move("spring/none.mp4", "quarantine/none.mp4")
    assert list(bucket.entries()) == []


def test_a_move_that_was_cut_off_is_finished_by_the_next(bucket, put):
    put("a.mp4", b"same")
    put("b.mp4", b"same")
    assert bucket.move("a.mp4", "b.mp4")
    assert list(bucket.list()) == ["b.mp4"]


def test_other_bytes_under_the_new_key_are_kept_and_so_is_the_old_one(bucket, put):
    put("a.mp4", b"one")
    put("b.mp4", b"two")
    with pytest.raises(KeyTakenError, match=r"b\.mp4"):
        bucket.move("a.mp4", "b.mp4")
    assert (bucket.read("a.mp4"), bucket.read("b.mp4")) == (b"one", b"two")


def test_several_movers_of_one_object_do_not_lose_it(bucket, put):
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
def test_keys_that_mean_something_else_are_not_moved(bucket, put, keys):
    put("a.mp4")
    with pytest.raises(BucketError, match="Invalid key"):
        bucket.move(*keys)
    assert list(bucket.list()) == ["a.mp4"]


def test_a_bucket_that_keeps_versions_keeps_those_of_what_was_moved(s3_endpoint, s3_bucket_name):
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


def test_the_objects_that_stand_for_folders_are_no_entries(s3_endpoint, s3_bucket_name):
    store = client(s3_endpoint)
    for key in ("spring/", "spring/clip.mp4"):
        store.put_object(Bucket=s3_bucket_name, Key=key, Body=b"")
    bucket = open_bucket(f"s3://{s3_bucket_name}", endpoint=s3_endpoint, **S3_KEYS)
    assert [entry.key for entry in bucket.entries()] == ["spring/clip.mp4"]


def test_links_in_a_folder_are_neither_listed_nor_followed(tmp_path):
    root = tmp_path / "bucket"
    (root / "a").mkdir(parents=True)
    (root / "a" / "clip.mp4").write_bytes(b"x")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.mp4").write_bytes(b"x")
    (root / "door").symlink_to(tmp_path / "outside")
    (root / "alias.mp4").symlink_to(root / "a" / "clip.mp4")
    (root / ".incoming").mkdir()
    (root / ".incoming" / "tmphalf").write_bytes(b"x")
    bucket = open_bucket(str(root))
    assert [entry.key for entry in bucket.entries()] == ["a/clip.mp4"]
    with pytest.raises(BucketError, match="symbolic link"):
        bucket.move("door/secret.mp4", "b.mp4")


def test_a_folder_that_may_not_be_written_refuses_a_move(tmp_path, monkeypatch):
    root = tmp_path / "bucket"
    root.mkdir()
    (root / "a.mp4").write_bytes(b"x")

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(root / "b.mp4"))

    monkeypatch.setattr("os.link", denied)
    with pytest.raises(BucketRefusedError, match="Check its permissions"):
        open_bucket(str(root)).move("a.mp4", "b.mp4")
    assert (root / "a.mp4").read_bytes() == b"x"
