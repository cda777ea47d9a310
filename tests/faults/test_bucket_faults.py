"""Failures of the object store: the campaign completes, or it stops and can be resumed."""

from dataclasses import replace

import proxy
import pytest
from audit import Findings
from campaign_run import STOPPED, World, finish, start

from adapters.bucket import s3
from adapters.bucket.s3 import S3Bucket

FAULTS = ["500", "503", "409", "reset", "lost answer", "hang", "truncated answer", "cut request"]


def shorten_waits() -> None:
    """Shorten the timeout to half a second, and the pauses between retries to 10 ms."""
    S3Bucket.__init__.__kwdefaults__["timeout_s"] = 0.5
    vars(s3).update(QUICK_S=(0.01, 0.02), PATIENT_S=(0.05, 0.1, 0.2, 0.4))


def behind(world: World, store: proxy.Proxy) -> World:
    return replace(world, bucket=replace(world.bucket, endpoint=store.url))


@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, marks=() if fault in ("500", "lost answer") else pytest.mark.slow) for fault in FAULTS],
)
def test_a_fault_at_every_second_request_is_harmless(served_world, findings_of, s3_endpoint, fault: str):
    with proxy.running(s3_endpoint, proxy.every_second(fault)) as store:
        assert finish(start(behind(served_world, store), shorten_waits)) == 0
        assert store.met.count(fault) >= 8
    assert findings_of(served_world) == Findings()


def test_a_refusing_bucket_stops_the_run_before_generation(served_world, findings_of, s3_endpoint):
    with proxy.running(s3_endpoint, lambda _: "403") as store:
        assert finish(start(behind(served_world, store), shorten_waits)) == STOPPED
        assert store.methods == ["HEAD", "PUT"]  # the clock check reads the time of any response; nothing is retried
    message = served_world.error_file.read_text()
    assert message.startswith("BucketRefusedError: The bucket clips-")
    assert message.endswith(
        "refused the request (AccessDenied). Check its name, the credentials and their write permission."
    )
    assert not list((served_world.home / "staging").rglob("*.mp4"))


@pytest.mark.parametrize(
    ("quirk", "error", "said"),
    [
        ("condition 501", "BucketRefusedError", "does not support If-None-Match on PutObject"),
        ("condition ignored", "BucketRefusedError", "does not support If-None-Match on PutObject"),
        ("html", "BucketRefusedError", "is not that of an S3 store"),
        ("clock 3900", "WrongClockError", "but the bucket's clock is 65 min ahead. Set the wrong one of the clocks"),
        ("region", "BucketRefusedError", "is in the region eu-central-1"),
    ],
)
def test_an_unsuitable_store_stops_the_run_before_generation(
    served_world, s3_endpoint, quirk: str, error: str, said: str
):
    with proxy.running(s3_endpoint, lambda _: quirk) as store:
        assert finish(start(behind(served_world, store), shorten_waits)) == STOPPED
    message = served_world.error_file.read_text()
    assert message.startswith(f"{error}: ")
    assert said in message
    assert "later" not in message
    assert not list((served_world.home / "staging").rglob("*.mp4"))


@pytest.mark.parametrize("first", [6, *(pytest.param(first, marks=pytest.mark.slow) for first in (8, 11))])
def test_an_unreachable_store_stops_the_run_and_the_next_run_completes_it(
    served_world, findings_of, s3_endpoint, first: int
):
    with proxy.running(s3_endpoint, lambda number: "reset" if number >= first else None) as store:
        assert finish(start(behind(served_world, store), shorten_waits)) == STOPPED
        assert served_world.error_file.read_text().startswith("BucketUnreachableError: The bucket clips-")
        assert "unfinished" in findings_of(served_world).counts
        store.choose = lambda _: None
        assert finish(start(behind(served_world, store), shorten_waits)) == 0
    assert findings_of(served_world) == Findings()


def test_a_mixture_of_all_faults_is_harmless(served_world, findings_of, s3_endpoint):
    with proxy.running(s3_endpoint, proxy.some(0.4, FAULTS, seed=7)) as store:
        codes = [finish(start(behind(served_world, store), shorten_waits)) for _ in range(2)]
        assert codes[-1] == 0
    assert len(set(store.met)) >= 4
    assert findings_of(served_world) == Findings()
