"""Stores that are not quite S3, or not S3 at all, are recognised by the check before a run and reported precisely."""

import hashlib
from pathlib import Path

import proxy
import pytest
from botocore.exceptions import ClientError
from s3_server import S3_KEYS, client

from adapters.bucket import open_bucket
from adapters.bucket.s3 import S3Bucket
from adapters.bucket.s3_errors import Store, is_temporary
from adapters.inbox import open_inbox
from manifests.errors import BucketRefusedError


@pytest.fixture
def quirky(s3_endpoint: str):
    """A store behind a proxy; tests choose its quirk."""
    with proxy.running(s3_endpoint, lambda _: None) as store:
        yield store


def bucket_of(store: proxy.Proxy, name: str) -> S3Bucket:
    return S3Bucket(name, "clips", endpoint=store.url, region="us-east-1", pauses_s=(0.0, 0.0), **S3_KEYS)


def keys(endpoint: str, name: str) -> list[str]:
    return [item["Key"] for item in client(endpoint).list_objects_v2(Bucket=name).get("Contents", ())]


def put(bucket: S3Bucket, folder: Path, content: bytes = b"x") -> None:
    path = folder / "clip.mp4"
    path.write_bytes(content)
    bucket.put_new(
        "a.mp4", path, content_type="video/mp4", cache_control="x", sha256=hashlib.sha256(content).hexdigest()
    )


@pytest.mark.parametrize("quirk", [*proxy.CONDITIONAL, "condition ignored"])
def test_a_store_without_conditional_writes_is_refused(quirky, s3_endpoint, s3_bucket_name, quirk):
    quirky.choose = lambda _: quirk
    with pytest.raises(BucketRefusedError, match="does not support If-None-Match on PutObject") as refused:
        bucket_of(quirky, s3_bucket_name).check()
    assert "Publish to a store that supports it" in str(refused.value)
    assert not refused.value.transient
    assert len(quirky.met) <= 7, "a refusal is not retried"
    assert keys(s3_endpoint, s3_bucket_name) == []


def test_a_501_of_a_publish_is_not_retried(quirky, s3_bucket_name, tmp_path):
    quirky.choose = lambda _: "condition 501"
    with pytest.raises(BucketRefusedError, match="functionality that is not implemented") as refused:
        put(bucket_of(quirky, s3_bucket_name), tmp_path)
    assert (len(quirky.met), refused.value.transient, "again" in str(refused.value)) == (1, False, False)


@pytest.mark.parametrize("status", range(500, 512))
def test_only_a_server_error_that_may_pass_is_temporary(status):
    error = ClientError({"Error": {"Code": "X"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject")
    assert is_temporary(error) == (status not in (501, 505, 507, 511))


@pytest.mark.parametrize("quirk", sorted(proxy.FOREIGN))
def test_an_answer_that_is_not_s3_is_reported_as_such(quirky, s3_bucket_name, tmp_path, quirk):
    quirky.choose = lambda _: quirk
    bucket = bucket_of(quirky, s3_bucket_name)
    calls = {
        "check": bucket.check,
        "put": lambda: put(bucket, tmp_path),
        "read": lambda: bucket.read("a.mp4"),
        "list": lambda: list(bucket.list()),
        "move": lambda: bucket.move("a.mp4", "b.mp4"),
        "inbox": open_inbox(f"s3://{s3_bucket_name}/in", endpoint=quirky.url, region="us-east-1", **S3_KEYS).list_files,
    }
    if proxy.FOREIGN[quirk][0] < 400:
        calls["head"] = lambda: bucket.head("a.mp4")
    for name, call in calls.items():
        if name == "move" and proxy.FOREIGN[quirk][0] >= 400:
            continue  # it begins with HEAD, whose refusal has no body
        with pytest.raises(BucketRefusedError, match="is not that of an S3 store") as refused:
            call()
        assert quirky.url in str(refused.value), name
        assert not refused.value.transient


def test_an_html_page_is_no_answer_to_a_delete(quirky, s3_bucket_name):
    quirky.choose = lambda number: "html" if number else None
    with pytest.raises(BucketRefusedError, match="is not that of an S3 store"):
        bucket_of(quirky, s3_bucket_name).remove("a.mp4")


def test_an_html_object_is_not_taken_for_a_sign_in_page(s3_endpoint, s3_bucket_name):
    client(s3_endpoint).put_object(Bucket=s3_bucket_name, Key="page.html", Body=b"<html>", ContentType="text/html")
    bucket = open_bucket(f"s3://{s3_bucket_name}", endpoint=s3_endpoint, **S3_KEYS)
    assert bucket.read("page.html") == b"<html>"
    assert bucket.head("page.html").size == 6


def test_another_region_is_named(quirky, s3_bucket_name):
    quirky.choose = lambda _: "region"
    with pytest.raises(BucketRefusedError) as refused:
        bucket_of(quirky, s3_bucket_name).check()
    assert f"bucket {s3_bucket_name} is in the region eu-central-1, not in us-east-1" in str(refused.value)
    assert "Set REELMILL_BUCKET_REGION=eu-central-1 and set the endpoint of that region" in str(refused.value)


@pytest.mark.parametrize(
    ("quirk", "said"),
    [
        ("clock 3900", "the bucket's clock is 65 min ahead"),
        ("clock -7300", "the bucket's clock is 2.0 h behind"),
        ("clock 200000", "the bucket's clock is 2 days ahead"),
        ("clock", "it differs too much from the bucket's clock"),
    ],
)
def test_a_wrong_clock_is_named(quirky, s3_bucket_name, quirk, said):
    quirky.choose = lambda _: quirk
    with pytest.raises(BucketRefusedError) as refused:
        bucket_of(quirky, s3_bucket_name).check()
    begin = (
        f"The bucket {s3_bucket_name} refuses all requests (RequestTimeTooSkewed), because this machine's clock seems"
    )
    assert str(refused.value).startswith(begin)
    assert f", but {said}. Set the wrong one of the clocks right, for example with `timedatectl" in str(refused.value)


def test_the_reason_of_a_refusal_is_shown(quirky, s3_bucket_name):
    quirky.choose = lambda _: "encryption required"
    with pytest.raises(BucketRefusedError, match=r"\(AccessDenied: server side encryption required\)"):
        bucket_of(quirky, s3_bucket_name).check()


def test_a_store_without_deletion_keeps_one_test_object(quirky, s3_endpoint, s3_bucket_name):
    quirky.choose = lambda _: "no delete"
    for _ in range(3):
        assert bucket_of(quirky, s3_bucket_name).check().endswith("is writable.")
    assert keys(s3_endpoint, s3_bucket_name) == ["clips/reelmill-check"]
    quirky.choose = lambda _: None
    bucket_of(quirky, s3_bucket_name).check()
    assert keys(s3_endpoint, s3_bucket_name) == []


def test_a_versioned_bucket_keeps_no_versions_of_the_test_object(s3_endpoint, s3_bucket_name):
    store = client(s3_endpoint)
    store.put_bucket_versioning(Bucket=s3_bucket_name, VersioningConfiguration={"Status": "Enabled"})
    bucket = open_bucket(f"s3://{s3_bucket_name}", endpoint=s3_endpoint, **S3_KEYS)
    for _ in range(2):
        bucket.check()
    left = store.list_object_versions(Bucket=s3_bucket_name)
    assert not left.keys() & {"Versions", "DeleteMarkers"}


@pytest.mark.parametrize("endpoint", ["minio:9000", "127.0.0.1:9000", "not a url", "http://"])
def test_an_endpoint_that_is_not_a_url_is_refused(endpoint):
    with pytest.raises(BucketRefusedError, match=r"Invalid endpoint .*REELMILL_BUCKET_ENDPOINT"):
        open_bucket("s3://clips", endpoint=endpoint, **S3_KEYS)


def test_https_to_a_plain_http_store_is_explained(s3_endpoint):
    bucket = S3Bucket("clips", endpoint=s3_endpoint.replace("http:", "https:"), pauses_s=(), **S3_KEYS)
    with pytest.raises(BucketRefusedError, match="whether the endpoint begins with http:// or https://"):
        bucket.check()


def test_a_full_store_is_named_and_not_retried(quirky, s3_bucket_name):
    quirky.choose = lambda _: "full"
    with pytest.raises(BucketRefusedError, match="has no space left") as refused:
        bucket_of(quirky, s3_bucket_name).check()
    assert not refused.value.transient


def test_a_store_that_refuses_every_new_object_is_found_before_a_run(quirky, s3_bucket_name):
    quirky.choose = lambda _: "exists always"
    with pytest.raises(BucketRefusedError, match="it refuses a new object as if it existed"):
        bucket_of(quirky, s3_bucket_name).check()


def test_a_region_that_only_the_message_names_is_found():
    details = {"Code": "AuthorizationHeaderMalformed", "Message": "the region is wrong; expecting 'eu-central-1'"}
    error = ClientError({"Error": details, "ResponseMetadata": {"HTTPStatusCode": 400}}, "PutObject")
    refused = Store("clips", "https://s3.example", "us-east-1", False).refusal(error)
    assert "Set REELMILL_BUCKET_REGION=eu-central-1." in str(refused)
