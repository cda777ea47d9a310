"""Settings for shards on several hosts: which are refused before a run starts, and what counts as one host."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.fan_out.fan_out import check_fan_out, is_loopback, pool_of, shares_staging, spans_hosts
from flows.settings import Settings
from manifests.errors import SettingsError

MANY = {"runner": "ray", "ray_address": "head:6379", "catalogue_url": "postgresql://clips", "bucket": "s3://clips"}


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect:4200/api")


def test_settings_that_every_host_can_reach_are_accepted():
    check_fan_out(Settings(**MANY))


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"catalogue_url": ""}, "Set REELMILL_CATALOGUE_URL to a PostgreSQL"),
        ({"catalogue_url": "sqlite:///clips.db"}, "Set REELMILL_CATALOGUE_URL to a PostgreSQL"),
        ({"bucket": ""}, "Set REELMILL_BUCKET to an S3 bucket"),
        ({"bucket": "/mnt/clips"}, "Set REELMILL_BUCKET to an S3 bucket"),
        ({"staging": "local"}, "REELMILL_STAGING to bucket or auto"),
    ],
)
def test_settings_that_only_one_host_can_reach_are_refused(wrong, names):
    with pytest.raises(SettingsError, match=names):
        check_fan_out(Settings(**MANY | wrong))


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:4200/api", "http://localhost:4200/api", "http://[::1]:4200/api"])
def test_a_prefect_server_that_only_one_host_can_reach_is_refused(monkeypatch, url):
    monkeypatch.setenv("PREFECT_API_URL", url)
    with pytest.raises(SettingsError, match="PREFECT_API_URL does not name a Prefect server"):
        check_fan_out(Settings(**MANY))


@pytest.mark.parametrize(
    "one_host",
    [
        {"runner": "threads"},
        {"runner": "threads", "ray_address": "head:6379"},
        {"runner": "ray"},
        {"runner": "ray", "ray_address": "127.0.0.1:6379"},
        {"runner": "ray", "ray_address": "ray://localhost:10001"},
    ],
)
def test_a_single_host_can_keep_everything_in_its_home(one_host):
    check_fan_out(Settings(**one_host))
    assert not spans_hosts(Settings(**one_host))
    assert not shares_staging(Settings(**one_host))


@pytest.mark.parametrize("address", ["auto", "head:6379", "ray://head:10001", "192.0.2.7:6379", "[2001:db8::7]:6379"])
def test_any_other_address_counts_as_many_hosts_and_shares_staging(address):
    settings = Settings(**MANY | {"ray_address": address})
    assert spans_hosts(settings)
    assert shares_staging(settings)


@given(st.ip_addresses(), st.integers(1, 65535), st.sampled_from(["", "ray://", "http://"]))
def test_loopback_is_recognised_from_the_address(address, port, scheme):
    host = f"[{address}]" if address.version == 6 else str(address)
    assert is_loopback(f"{scheme}{host}:{port}") == address.is_loopback


def test_runs_that_share_devices_share_a_pool():
    assert pool_of(Settings(), "a") == pool_of(Settings(), "a") != pool_of(Settings(), "b")
    assert pool_of(Settings(**MANY), "a") == pool_of(Settings(**MANY), "b") != pool_of(Settings(), "a")
