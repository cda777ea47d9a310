"""Locations of buckets: characters with a meaning in URLs are kept, and what cannot work is refused."""

import hashlib
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from s3_server import S3_KEYS, client

from adapters.bucket import open_bucket
from adapters.bucket.location import file_location, s3_location
from adapters.inbox import open_inbox
from manifests.errors import BucketRefusedError

ENDPOINT = {"endpoint": "http://127.0.0.1:9", **S3_KEYS}


@pytest.mark.parametrize(
    ("location", "name", "prefix"),
    [
        ("s3://bk", "bk", ""),
        ("s3://bk/", "bk", ""),
        ("s3://bk/Spring Sale #1", "bk", "Spring Sale #1"),
        ("s3://bk/Spring Sale #2/", "bk", "Spring Sale #2"),
        ("s3://bk/what?/now", "bk", "what?/now"),
        ("s3://bk/50%25 off", "bk", "50%25 off"),
        ("s3://bk/a%20b", "bk", "a%20b"),
        ("s3://bk/Frühling/夏/عيد", "bk", "Frühling/夏/عيد"),
        ("s3://bk/a&b=c;d+e@f:g", "bk", "a&b=c;d+e@f:g"),
        ("S3://My.Bucket_1/x", "My.Bucket_1", "x"),
        ("  s3://bk/x\n", "bk", "x"),
        ("s3://bk//x//", "bk", "x"),
    ],
)
def test_a_prefix_is_kept_as_it_is_written(location, name, prefix):
    assert s3_location(location) == (name, prefix)


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("s3://bk/a//b", "contains '//'"),
        ("s3://bk/a/../b", "'/../'"),
        ("s3://bk/./b", "'/./'"),
        ("s3://bk/a\nb", "control character"),
        ("s3://bk/a\x00b", "control character"),
        ("s3://bk/a\ud800", "control character"),
        ("s3://bk/" + "ü" * 300, "longer than 500 bytes"),
        ("s3://127.0.0.1:9000/bk", "is not a valid bucket name"),
        ("s3://key:secret@bk/x", "is not a valid bucket name"),
        ("s3://bk#1", "is not a valid bucket name"),
        ("s3://my bucket/x", "is not a valid bucket name"),
        ("s3://bk?x/y", "is not a valid bucket name"),
    ],
)
def test_a_prefix_that_cannot_work_is_refused(location, said):
    for opened in (open_bucket, open_inbox):
        with pytest.raises(BucketRefusedError) as refused:
            opened(location, **ENDPOINT)
        assert said in str(refused.value)


def test_prefixes_that_differ_after_a_hash_stay_apart(s3_endpoint, s3_bucket_name, tmp_path: Path):
    for number in (1, 2):
        bucket = open_bucket(f"s3://{s3_bucket_name}/Spring Sale #{number}", endpoint=s3_endpoint, **S3_KEYS)
        bucket.check()
        source = tmp_path / "clip.mp4"
        source.write_bytes(b"%d" % number)
        bucket.put_new(
            "clip.mp4",
            source,
            content_type="video/mp4",
            cache_control="x",
            sha256=hashlib.sha256(b"%d" % number).hexdigest(),
        )
        assert httpx.get(bucket.presigned("clip.mp4", 60)).content == b"%d" % number
        assert bucket.url("clip.mp4").endswith(f"/Spring%20Sale%20%23{number}/clip.mp4")
    found = client(s3_endpoint).list_objects_v2(Bucket=s3_bucket_name)["Contents"]
    assert [item["Key"] for item in found] == ["Spring Sale #1/clip.mp4", "Spring Sale #2/clip.mp4"]


def test_public_urls_are_encoded_as_well():
    bucket = open_bucket("s3://bk/Spring Sale #1/ü", public_url="https://cdn.example/", **ENDPOINT)
    assert bucket.url("a.mp4") == "https://cdn.example/Spring%20Sale%20%231/%C3%BC/a.mp4"


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("file:///data/Spring%20Sale%20%231", "/data/Spring Sale #1"),
        ("file:///data/Spring Sale #1", "/data/Spring Sale #1"),
        ("file:///data/what?", "/data/what?"),
        ("file://localhost/data", "/data"),
        ("FILE:///data/50% off", "/data/50% off"),
    ],
)
def test_a_file_url_keeps_its_whole_path(location, path):
    assert file_location(location) == Path(path)
    assert open_bucket(location).folder == Path(path)


@pytest.mark.parametrize("location", ["file://nas/clips", "file://"])
def test_a_file_url_of_another_machine_is_refused(location):
    with pytest.raises(BucketRefusedError, match="is not a bucket"):
        open_bucket(location)


@pytest.fixture(scope="module")
def opened():
    return open_bucket("s3://bk", **ENDPOINT)


@given(prefix=st.text(min_size=1, max_size=40))
def test_every_prefix_is_kept_exactly_or_refused(opened, prefix):
    assume(prefix.strip() == prefix)
    try:
        place = s3_location(f"s3://bk/{prefix}")
    except BucketRefusedError:
        return
    assert place == ("bk", prefix.strip("/"))
    opened._prefix = f"{place.prefix}/" if place.prefix else ""
    parts = urlsplit(opened.url("a.mp4"))
    assert (parts.query, parts.fragment) == ("", "")
    assert unquote(parts.path) == "/".join(["/bk", *([place.prefix] if place.prefix else []), "a.mp4"])
