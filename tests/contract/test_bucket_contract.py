"""The contract of every bucket, tested on each implementation."""

import hashlib
import threading
import urllib.request
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from s3_server import S3_KEYS

from adapters.bucket import Bucket, Head, open_bucket
from adapters.bucket.base import PIECE
from manifests.errors import BucketError, KeyTakenError

HEADERS = {"content_type": "video/mp4", "cache_control": "public, max-age=31536000, immutable"}


ODD = "Spring Sale #1?/50% off %20 & +ü~"
"""A prefix, or a folder, with characters that have a meaning in URLs."""
PREFIXES = {"s3": "", "s3 with prefix": "/brand/spring", "s3 with odd prefix": f"/{ODD}"}


@pytest.fixture(params=["local", "local with odd folder", *PREFIXES])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Bucket:
    if request.param.startswith("local"):
        return open_bucket(str(tmp_path / (ODD if "odd" in request.param else "bucket")))
    prefix = PREFIXES[request.param]
    name = request.getfixturevalue("s3_bucket_name")
    return open_bucket(f"s3://{name}{prefix}", endpoint=request.getfixturevalue("s3_endpoint"), **S3_KEYS)


@pytest.fixture
def file_of(tmp_path: Path):
    def make(content: bytes, name: str = "clip.mp4") -> tuple[Path, str]:
        path = tmp_path / name
        path.write_bytes(content)
        return path, hashlib.sha256(content).hexdigest()

    return make


def test_an_uploaded_object_can_be_read_and_found(bucket, file_of):
    path, sha256 = file_of(b"moving pictures")
    assert bucket.head("spring/clip.mp4") is None
    bucket.put_new("spring/clip.mp4", path, sha256=sha256, **HEADERS)
    assert bucket.read("spring/clip.mp4") == b"moving pictures"
    assert bucket.head("spring/clip.mp4") == Head(15, sha256)


def test_uploading_identical_content_again_succeeds(bucket, file_of):
    path, sha256 = file_of(b"same")
    for _ in range(2):
        bucket.put_new("a/clip.mp4", path, sha256=sha256, **HEADERS)
    assert list(bucket.list()) == ["a/clip.mp4"]


def test_different_content_under_an_existing_key_is_refused(bucket, file_of):
    path, sha256 = file_of(b"first")
    bucket.put_new("a/clip.mp4", path, sha256=sha256, **HEADERS)
    other, other_sha256 = file_of(b"other", "other.mp4")
    with pytest.raises(KeyTakenError, match=r"a/clip\.mp4"):
        bucket.put_new("a/clip.mp4", other, sha256=other_sha256, **HEADERS)
    assert bucket.read("a/clip.mp4") == b"first"


def test_a_file_that_changed_since_it_was_hashed_is_not_uploaded(bucket, file_of):
    path, sha256 = file_of(b"whole")
    path.write_bytes(b"who")
    with pytest.raises(BucketError, match="changed since"):
        bucket.put_new("a/clip.mp4", path, sha256=sha256, **HEADERS)
    assert bucket.head("a/clip.mp4") is None
    assert list(bucket.list()) == []


def test_a_missing_file_is_named(bucket, tmp_path):
    with pytest.raises(BucketError, match=r"gone\.mp4"):
        bucket.put_new("a/clip.mp4", tmp_path / "gone.mp4", sha256="0" * 64, **HEADERS)


def test_an_empty_file_can_be_uploaded(bucket, file_of):
    path, sha256 = file_of(b"")
    bucket.put_new("empty.c2pa", path, sha256=sha256, **HEADERS)
    assert bucket.head("empty.c2pa") == Head(0, sha256)


def test_a_large_object_is_read_in_pieces_and_its_size_without_reading(bucket, file_of):
    content = bytes(range(256)) * 3000
    path, sha256 = file_of(content)
    bucket.put_new("a/clip.mp4", path, content_type="video/mp4", cache_control="no-store", sha256=sha256)
    pieces = list(bucket.read_pieces("a/clip.mp4"))
    assert (b"".join(pieces), bucket.size("a/clip.mp4")) == (content, len(content))
    assert len(pieces) > 1
    assert max(map(len, pieces)) <= PIECE


def test_a_missing_object_has_no_size_and_no_pieces(bucket):
    assert bucket.size("a/none.mp4") is None
    with pytest.raises(BucketError, match=r"a/none\.mp4"):
        list(bucket.read_pieces("a/none.mp4"))


def test_list_is_sorted_and_limited_to_the_prefix(bucket, file_of):
    path, sha256 = file_of(b"x")
    for key in ("b/2.mp4", "a/1.mp4", "a/10.mp4", "ab/3.mp4"):
        bucket.put_new(key, path, sha256=sha256, **HEADERS)
    assert list(bucket.list()) == ["a/1.mp4", "a/10.mp4", "ab/3.mp4", "b/2.mp4"]
    assert list(bucket.list("a/")) == ["a/1.mp4", "a/10.mp4"]


def test_the_url_of_an_object_opens_it(bucket, file_of):
    path, sha256 = file_of(b"moving pictures")
    bucket.put_new("a/clip.mp4", path, sha256=sha256, **HEADERS)
    url = bucket.url("a/clip.mp4")
    assert url.isascii()
    assert not set(url) & set(' #?"<>')
    if url.startswith("file:"):
        with urllib.request.urlopen(url) as response:
            assert response.read() == b"moving pictures"
    else:  # the store allows only signed requests
        signed = bucket.presigned("a/clip.mp4", 60)
        assert httpx.get(signed).content == b"moving pictures"
        assert url == signed.partition("?")[0]


def test_reading_a_missing_object_names_its_key(bucket):
    with pytest.raises(BucketError, match=r"spring/none\.mp4"):
        bucket.read("spring/none.mp4")


def test_check_reports_success_and_leaves_no_objects(bucket):
    assert bucket.check().endswith("is writable.")
    assert list(bucket.list()) == []


def test_one_of_several_concurrent_writers_wins_and_the_others_get_an_error(bucket, file_of):
    files = [file_of(f"writer {number}".encode(), f"{number}.mp4") for number in range(6)]
    outcomes: list[str] = []

    def write(path: Path, sha256: str) -> None:
        try:
            bucket.put_new("race/clip.mp4", path, sha256=sha256, **HEADERS)
            outcomes.append(sha256)
        except KeyTakenError:
            outcomes.append("taken")

    threads = [threading.Thread(target=write, args=file) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [outcome for outcome in outcomes if outcome != "taken"]
    assert len(outcomes) == 6
    assert [bucket.head("race/clip.mp4").sha256] == winners


BAD_KEYS = [
    "",
    "/etc/passwd",
    "../up.mp4",
    "a/../../up.mp4",
    "a//b",
    "a/",
    "nul\0.mp4",
    ".hidden",
    "a/.incoming/b",
    "a\\b",
    "C:x",
    "\u202egnp.exe",
    "a b",
    "ü.mp4",
    "a/" * 500 + "b",
    "x\n",
    "a/./b",
    "~root",
    "%2e%2e/x",
]
ODD_PARTS = st.sampled_from(["..", ".", "a", "b.mp4", "", "\0", "\u202e", "/", "\\", "~"])


@pytest.mark.parametrize("key", BAD_KEYS)
def test_invalid_keys_are_refused(bucket, file_of, key):
    path, sha256 = file_of(b"x")
    with pytest.raises(BucketError, match="Invalid key"):
        bucket.put_new(key, path, sha256=sha256, **HEADERS)
    for reading in (bucket.head, bucket.read, bucket.url):
        with pytest.raises(BucketError, match="Invalid key"):
            reading(key)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.one_of(st.text(max_size=30), st.lists(ODD_PARTS, max_size=6).map("/".join)))
def test_no_key_escapes_the_folder(tmp_path_factory, key):
    outside = tmp_path_factory.mktemp("outside")
    source = outside / "source"
    source.write_bytes(b"x")
    bucket = open_bucket(str(outside / "inside"))
    try:
        bucket.put_new(key, source, sha256=hashlib.sha256(b"x").hexdigest(), **HEADERS)
    except BucketError:
        assert not (outside / "inside").exists()
    else:
        assert list(bucket.list()) == [key]
    assert sorted(path.name for path in outside.iterdir()) in (["source"], ["inside", "source"])


def test_remove_deletes_only_the_object_and_can_be_repeated(bucket, file_of):
    path, sha256 = file_of(b"once")
    for key in ("a/clip.mp4", "a/clip.mp4x"):
        bucket.put_new(key, path, sha256=sha256, **HEADERS)
    for _ in range(2):
        bucket.remove("a/clip.mp4")
        assert bucket.head("a/clip.mp4") is None
    assert list(bucket.list()) == ["a/clip.mp4x"]
    with pytest.raises(BucketError, match="Invalid key"):
        bucket.remove("../clip.mp4")


def test_an_object_has_a_local_path_or_a_temporary_url(bucket, file_of):
    path, sha256 = file_of(b"moving")
    bucket.put_new("a/clip.mp4", path, sha256=sha256, **HEADERS)
    here, url = bucket.local_path("a/clip.mp4"), bucket.presigned("a/clip.mp4", 120)
    assert (here is None) != (url is None)
    if here:
        assert here.read_bytes() == b"moving"
        assert bucket.local_path("a/other.mp4") is None
    else:
        answer = httpx.get(url)
        assert (answer.content, answer.headers["content-type"]) == (b"moving", "video/mp4")
        assert "X-Amz-Expires=120" in url or "Expires=" in url
    for seconds in (0, 301):
        with pytest.raises(ValueError, match="1 to 300 seconds"):
            bucket.presigned("a/clip.mp4", seconds)
