"""Both kinds of watched locations behave the same."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import s3_server

from adapters.inbox import Inbox, open_inbox
from benchmarks.harness.postgres import free_port
from manifests.errors import BucketRefusedError, BucketUnreachableError, SettingsError

Put = Callable[[str, bytes], None]


@pytest.fixture(params=["folder", "s3"])
def inbox(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Inbox, Put]:
    """Return a watched location, and a function that puts a file there."""
    if request.param == "folder":
        folder = tmp_path / "in"
        (folder / "below").mkdir(parents=True)
        return open_inbox(str(folder)), lambda name, data: (folder / name).write_bytes(data) and None
    endpoint, name = request.getfixturevalue("s3_endpoint"), request.getfixturevalue("s3_bucket_name")
    store = s3_server.client(endpoint)
    return (
        open_inbox(f"s3://{name}/sheets", endpoint=endpoint, **s3_server.S3_KEYS),
        lambda key, data: store.put_object(Bucket=name, Key=f"sheets/{key}", Body=data) and None,
    )


def test_files_are_listed_by_name(inbox):
    place, put = inbox
    for name in ("b.csv", "Frühling & Co.xlsx", "A 1.csv", ".hidden.csv", "below/other.csv"):
        put(name, b"prompt\n")
    assert [each.name for each in place.list_files()] == ["A 1.csv", "Frühling & Co.xlsx", "b.csv"]
    assert {each.size for each in place.list_files()} == {7}


def test_different_content_has_a_different_stamp(inbox):
    place, put = inbox
    put("a.csv", b"prompt\none\n")
    before = place.list_files()
    assert [each.stamp for each in place.list_files()] == [each.stamp for each in before]
    put("a.csv", b"prompt\ntwo\n")
    assert place.list_files()[0].stamp != before[0].stamp


def test_fetch_is_limited_in_size_and_returns_none_for_a_missing_file(inbox):
    place, put = inbox
    put("a.csv", b"0123456789")
    assert place.fetch("a.csv", 10) == b"0123456789"
    assert len(place.fetch("a.csv", 4)) == 5
    assert place.fetch("gone.csv", 10) is None


def test_a_written_file_replaces_an_existing_one(inbox):
    place, _ = inbox
    for data in (b"{}", b'{"state": "accepted"}'):
        place.write("a.csv.receipt.json", data)
    assert place.fetch("a.csv.receipt.json", 100) == b'{"state": "accepted"}'
    assert [each.name for each in place.list_files()] == ["a.csv.receipt.json"]


def test_symbolic_links_and_pipes_are_not_listed(tmp_path):
    (tmp_path / "secret.csv").write_bytes(b"x")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    os.mkfifo(folder / "pipe.csv")
    place = open_inbox(str(folder))
    assert place.list_files() == []
    assert place.fetch("pipe.csv", 10) == b""
    assert place.fetch("link.csv", 10) == b""
    with pytest.raises(BucketRefusedError):
        place.fetch("../secret.csv", 10)


def test_an_unavailable_location_raises(tmp_path, s3_endpoint):
    with pytest.raises(BucketUnreachableError, match=r"watched folder .*nowhere cannot be listed"):
        open_inbox(str(tmp_path / "nowhere")).list_files()
    with pytest.raises(BucketUnreachableError):
        open_inbox(str(tmp_path / "nowhere")).fetch("a.csv", 1)
    with pytest.raises(BucketUnreachableError, match="does not respond"):
        open_inbox("s3://sheets", endpoint=f"http://127.0.0.1:{free_port()}", **s3_server.S3_KEYS).list_files()
    with pytest.raises(BucketRefusedError, match="bucket no-such-bucket-here does not exist"):
        open_inbox("s3://no-such-bucket-here", endpoint=s3_endpoint, **s3_server.S3_KEYS).list_files()


@pytest.mark.parametrize("location", ["", "ftp://host/sheets", "s3://"])
def test_unsupported_locations_are_refused(location):
    with pytest.raises(SettingsError, match="REELMILL_WATCH"):
        open_inbox(location)
