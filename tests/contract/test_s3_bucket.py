"""Behaviour of S3 buckets that other buckets do not share."""

import hashlib
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from s3_server import S3_KEYS, client

from adapters.bucket import open_bucket
from adapters.bucket.s3 import S3Bucket
from benchmarks.harness import postgres
from manifests.errors import BucketRefusedError, BucketUnreachableError


def test_content_type_and_cache_headers_are_stored(s3_endpoint, s3_bucket_name, tmp_path: Path):
    source = tmp_path / "clip.mp4"
    source.write_bytes(b"x")
    bucket = open_bucket(f"s3://{s3_bucket_name}/brand", endpoint=s3_endpoint, **S3_KEYS)
    bucket.put_new(
        "clip.mp4",
        source,
        content_type="video/mp4",
        cache_control="max-age=60",
        sha256=hashlib.sha256(b"x").hexdigest(),
    )
    found = client(s3_endpoint).head_object(Bucket=s3_bucket_name, Key="brand/clip.mp4")
    assert (found["ContentType"], found["CacheControl"]) == ("video/mp4", "max-age=60")


def test_a_missing_bucket_is_named(s3_endpoint):
    bucket = open_bucket("s3://no-such-bucket-here", endpoint=s3_endpoint, **S3_KEYS)
    with pytest.raises(BucketRefusedError, match=r"bucket no-such-bucket-here does not exist\. Create it"):
        bucket.check()


def test_an_endpoint_that_does_not_respond_raises(tmp_path):
    endpoint = f"http://127.0.0.1:{postgres.free_port()}"
    bucket = S3Bucket("clips", endpoint=endpoint, timeout_s=1, pauses_s=(), **S3_KEYS)
    with pytest.raises(BucketUnreachableError, match="clips does not respond"):
        bucket.check()


def test_missing_credentials_raise(s3_endpoint, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(BucketRefusedError, match="credentials"):
        open_bucket("s3://clips", endpoint=s3_endpoint).check()


def test_urls_are_endpoint_urls_or_public_urls(s3_endpoint):
    own = open_bucket("s3://clips/brand", endpoint=s3_endpoint, **S3_KEYS)
    public = open_bucket("s3://clips/brand", endpoint=s3_endpoint, public_url="https://cdn.example/", **S3_KEYS)
    assert own.url("a.mp4") == f"{s3_endpoint}/clips/brand/a.mp4"
    assert public.url("a.mp4") == "https://cdn.example/brand/a.mp4"


def test_remove_without_permission_to_list_versions_raises(s3_endpoint, s3_bucket_name, monkeypatch):
    bucket = open_bucket(f"s3://{s3_bucket_name}", endpoint=s3_endpoint, **S3_KEYS)

    def denied(**_: str):
        raise ClientError(
            {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}, "ListObjectVersions"
        )

    monkeypatch.setattr(bucket._client, "list_object_versions", denied)
    with pytest.raises(BucketRefusedError):
        bucket.remove("clip.mp4")


def test_every_version_is_removed(s3_endpoint, s3_bucket_name, tmp_path: Path):
    store = client(s3_endpoint)
    store.put_object(Bucket=s3_bucket_name, Key="clip.mp4", Body=b"from before versions were kept")
    store.put_bucket_versioning(Bucket=s3_bucket_name, VersioningConfiguration={"Status": "Enabled"})
    for content in (b"one", b"two"):
        store.put_object(Bucket=s3_bucket_name, Key="clip.mp4", Body=content)
    store.put_object(Bucket=s3_bucket_name, Key="clip.mp4.json", Body=b"{}")
    open_bucket(f"s3://{s3_bucket_name}", endpoint=s3_endpoint, **S3_KEYS).remove("clip.mp4")
    left = store.list_object_versions(Bucket=s3_bucket_name)
    assert [item["Key"] for item in left["Versions"]] == ["clip.mp4.json"]
    assert "DeleteMarkers" not in left
