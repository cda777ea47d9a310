"""Timestamps from a working authority and from failing ones."""

import os
import time
from datetime import UTC, datetime, timedelta

import pytest
import time_stamps
from credentials import Authority, definition, files, second_opinion, sign

from adapters.c2pa.manifest_store import read_store, trust_context
from adapters.c2pa.post_sign_check import check_read_back
from adapters.c2pa.signer import DevelopmentCA, KeyFile, TimeStamps, open_signer
from adapters.c2pa.verifier import verify
from adapters.proxies import tidy
from manifests.errors import SignerUnavailableError, TimeStampUnavailableError

AUTHORITY = Authority()


@pytest.fixture(scope="module")
def tsa(tmp_path_factory):
    with time_stamps.running(tmp_path_factory.mktemp("tsa") / "well") as running:
        yield running


def test_a_time_stamp_contains_the_signing_time(tsa, tmp_path):
    paths = files(tmp_path)
    start = datetime.now(UTC).replace(microsecond=0)
    with open_signer(DevelopmentCA(tmp_path / "ca"), TimeStamps(tsa.url, tsa.root)) as signer:
        signed = sign(signer, paths)
        report = verify(paths.out, signer.anchors_pem())
    assert signer.describe().tsa == tsa.url
    assert (report.state, report.time_stamped) == ("trusted", True)
    assert report.signer.time == signed.signed_at
    assert start <= datetime.fromisoformat(signed.signed_at) <= datetime.now(UTC)


@pytest.mark.parametrize(
    "proxies", [{"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "x"}, {"ALL_PROXY": "socks5://127.0.0.1:9"}], ids=str
)
def test_an_authority_on_this_machine_is_asked_without_a_proxy(tsa, tmp_path, monkeypatch, proxies):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REELMILL_UNUSABLE_ALL_PROXY"):
        for each in (name, name.lower()):
            monkeypatch.setenv(each, "restored after the test")
            monkeypatch.delenv(each)
    os.environ.update(proxies)
    tidy(os.environ)
    paths = files(tmp_path)
    with open_signer(DevelopmentCA(tmp_path / "ca"), TimeStamps(tsa.url, tsa.root)) as signer:
        sign(signer, paths)
        assert verify(paths.out, signer.anchors_pem()).time_stamped


def test_a_clip_has_no_time_stamp_without_an_authority(tmp_path):
    paths = files(tmp_path)
    with open_signer(DevelopmentCA(tmp_path / "ca")) as signer:
        sign(signer, paths)
        report = verify(paths.out, signer.anchors_pem())
    assert not report.time_stamped
    assert report.signer.time is None


def test_a_time_stamped_clip_stays_trusted_after_the_certificate_expires(tsa, tmp_path):
    chain, key = AUTHORITY.write(tmp_path / "keys", end=timedelta(seconds=5))
    paths, bare = files(tmp_path), tmp_path / "bare.mp4"
    with open_signer(KeyFile(chain, key), TimeStamps(tsa.url, tsa.root)) as signer:
        sign(signer, paths)
        anchors, facts = signer.anchors_pem(), signer.describe()
    with open_signer(KeyFile(chain, key)) as signer:
        signer.sign(paths.clip, paths.poster, definition(), bare, tmp_path / "bare.c2pa")
        without_its_root = signer.anchors_pem()
    time.sleep(max(0.0, (facts.not_after - datetime.now(UTC)).total_seconds()) + 1.1)
    assert verify(paths.out, anchors).state == "trusted"
    assert second_opinion(paths.out, anchors, tsa_trust_pem=tsa.root.read_text())["validation_state"] == "Trusted"
    for path, trusted in ((bare, anchors), (paths.out, without_its_root)):
        report = verify(path, trusted)
        assert report.state == "invalid"
        assert "the signer's certificate has expired" in report.sentence


@pytest.mark.parametrize(
    "manner",
    [
        "refusing",
        "hanging up",
        "nonsense",
        "for something else",
        pytest.param("hanging", marks=pytest.mark.slow),
    ],
)
def test_a_failing_authority_leaves_no_signed_clip(tmp_path, manner):
    paths = files(tmp_path)
    start = time.monotonic()
    with (
        time_stamps.running(tmp_path / "tsa", manner) as tsa,
        open_signer(DevelopmentCA(tmp_path / "ca"), TimeStamps(tsa.url)) as signer,
        pytest.raises(TimeStampUnavailableError, match=r"No timestamp from http://127\.0\.0\.1") as caught,
    ):
        sign(signer, paths)
    assert caught.value.transient
    assert time.monotonic() - start < 45
    assert not list(paths.out.parent.iterdir())


def test_signing_succeeds_when_the_authority_is_available_again(tsa, tmp_path):
    paths = files(tmp_path)
    with time_stamps.running(tmp_path / "tsa", "refusing") as broken:
        away = TimeStamps(broken.url)
    with open_signer(DevelopmentCA(tmp_path / "ca"), away) as signer, pytest.raises(TimeStampUnavailableError):
        sign(signer, paths)
    with open_signer(DevelopmentCA(tmp_path / "ca"), TimeStamps(tsa.url, tsa.root)) as signer:
        assert sign(signer, paths).size


def test_a_missing_time_stamp_is_detected(tmp_path):
    """Today the library already raises if it gets no timestamp; this covers a version that does not."""
    paths, made = files(tmp_path), definition()
    with open_signer(DevelopmentCA(tmp_path / "ca")) as signer, open(sign(signer, paths, made).path, "rb") as file:
        reading = read_store(file, trust_context(signer.anchors_pem()))
    assert check_read_back(reading, made, None) is reading
    with pytest.raises(TimeStampUnavailableError, match="did not return a valid timestamp"):
        check_read_back(reading, made, "http://tsa.example.com")


@pytest.mark.parametrize("url", ["", "tsa.example.com", "ftp://tsa.example.com"])
def test_an_invalid_address_is_refused_at_once(url):
    with pytest.raises(SignerUnavailableError, match="starts with http:// or https://"):
        TimeStamps(url)
