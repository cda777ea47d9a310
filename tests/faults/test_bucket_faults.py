"""A store that fails in every way it can: the campaign ends whole, or stops and goes on later."""

from dataclasses import replace

import botocore.retries.standard
import proxy
import pytest
from audit import Findings
from campaign_run import STOPPED, World, finish, start

from adapters.bucket.s3 import S3Bucket

FAULTS = ["500", "503", "409", "reset", "lost answer", "hang", "truncated answer", "cut request"]


def hurry() -> None:
    """Wait less: a hung answer for less than a second, retries hardly at all."""
    S3Bucket.__init__.__kwdefaults__["timeout_s"] = 0.5
    botocore.retries.standard.ExponentialBackoff.delay_amount = lambda *_: 0.01


def behind(world: World, store: proxy.Proxy) -> World:
    return replace(world, bucket=replace(world.bucket, endpoint=store.url))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_every_second_request_does_no_harm(served_world, findings_of, s3_endpoint, fault: str):
    with proxy.running(s3_endpoint, proxy.every_second(fault)) as store:
        assert finish(start(behind(served_world, store), hurry)) == 0
        assert store.met.count(fault) >= 8
    assert findings_of(served_world) == Findings()


def test_a_bucket_that_refuses_stops_the_run_before_anything_is_made(served_world, findings_of, s3_endpoint):
    with proxy.running(s3_endpoint, lambda _: "403") as store:
        assert finish(start(behind(served_world, store), hurry)) == STOPPED
        assert len(store.met) == 1
    told = served_world.told.read_text()
    assert told.startswith("BucketRefusedError: The bucket clips-")
    assert told.endswith(
        "refused the request (AccessDenied). Check its name, the credentials and their write permission."
    )
    assert not list((served_world.home / "staging").rglob("*.mp4"))


@pytest.mark.parametrize("first", [3, 5, 8])
def test_a_store_that_goes_away_stops_the_run_and_a_later_one_ends_it(
    served_world, findings_of, s3_endpoint, first: int
):
    with proxy.running(s3_endpoint, lambda number: "reset" if number >= first else None) as store:
        assert finish(start(behind(served_world, store), hurry)) == STOPPED
        assert served_world.told.read_text().startswith("BucketUnreachableError: The bucket clips-")
        assert "unfinished" in findings_of(served_world).counts
        store.choose = lambda _: None
        assert finish(start(behind(served_world, store), hurry)) == 0
    assert findings_of(served_world) == Findings()


def test_a_mixture_of_all_faults_does_no_harm(served_world, findings_of, s3_endpoint):
    with proxy.running(s3_endpoint, proxy.some(0.4, FAULTS, seed=7)) as store:
        codes = [finish(start(behind(served_world, store), hurry)) for _ in range(2)]
        assert codes[-1] == 0
    assert len(set(store.met)) >= 4
    assert findings_of(served_world) == Findings()
