"""A wrong clock signs no clip, changes no certificate and is reported once; a later run publishes the clips."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cli_runner import reelmill
from credentials import Authority
from fake_scorer import FakeScorer

from adapters.c2pa import development_ca
from adapters.c2pa.certificates import is_issued_by, read_certificates
from adapters.c2pa.development_ca import development_chain, replace_implausible
from adapters.c2pa.verifier import verify
from adapters.catalogue import Catalogue
from flows.registration import check_delivery, register
from flows.runtime.resources import resources_of
from flows.settings import Settings, load_settings
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.errors import SignerUnavailableError, WrongClockError
from manifests.sheet import Checked
from models.fake import FakeGenerator
from tasks.deliver import deliver as delivery
from tasks.deliver import signing_clock
from tasks.deliver.deliver import deliver
from tasks.deliver.signing_clock import SigningClock, signing_clock_of
from tasks.doctor.clock import check_clock
from tasks.intake.intake import Intake
from tasks.plan.remaining import Remaining
from tasks.render.render import render_shard
from tasks.runtime import devices as devices_module
from tasks.runtime import resources as opened
from tasks.runtime.bucket_clock import bucket_ahead_s
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig, catalogue_of, close_resources, signer_of

DAY_S = 86_400.0
CAMPAIGN = Campaign("Clock", "c" * 64, tuple(Brief(row, f"b{row}", (f"a cup {row}",)) for row in (2, 3, 4)))


class WallClock:
    """This machine's clock, which tests set."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    """The clock that signing and the development CA use."""
    wall = WallClock()

    class Now(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "datetime":  # type: ignore[override]
            return datetime.fromtimestamp(wall(), UTC)

    monkeypatch.setattr(development_ca, "datetime", Now)
    monkeypatch.setattr(signing_clock, "wall_clock", wall)
    return wall


@pytest.fixture
def resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Resources]:
    """Resources in which three clips are rendered and passed, but not signed."""
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(devices_module, "open_generator", lambda *_, **__: FakeGenerator())
    monkeypatch.setattr(opened, "open_scorer", lambda *_, **__: FakeScorer())
    monkeypatch.chdir(tmp_path)
    close_resources()
    made = resources_of(load_settings())
    register(Settings(), made, Intake(None, Checked(CAMPAIGN.briefs), CAMPAIGN))  # type: ignore[arg-type]
    for shard in Remaining(made, CAMPAIGN.campaign_id, 0.25).shards(4):
        render_shard(made, shard)
    yield made
    close_resources()


def sign_all(resources: Resources) -> int:
    rendered = threading.Event()
    rendered.set()
    return deliver(resources, CAMPAIGN.campaign_id, "auto", rendered)


def tally(resources: Resources) -> dict[str, int]:
    return dict(catalogue_of(resources).progress.tally(CAMPAIGN.campaign_id))


def signer_files(resources: Resources) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in resources.signer.folder.iterdir()}


def published(resources: Resources) -> list[Path]:
    return sorted(Path(resources.bucket.location).rglob("*.mp4"))


@contextmanager
def store_with_clock(ahead_s: float) -> Iterator[str]:
    """Serve a store that refuses every request, with its own clock in the Date header."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(403)
            self.send_header("Date", formatdate(time.time() + ahead_s, usegmt=True))
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def clock_alerts(catalogue: Catalogue) -> list[str]:
    return [alert.text for alert in catalogue.alerts.all(kind="clock")]


@pytest.mark.parametrize("days", [-400, -2, -0.01])
def test_a_clock_that_was_set_back_signs_nothing_and_changes_no_certificate(resources, clock, days):
    before = signer_files(resources)
    clock.ahead_s = days * DAY_S

    for _ in range(2):
        with pytest.raises(WrongClockError, match=r"the newest entry of the catalogue \(.*\) is .* later") as refused:
            sign_all(resources)
    with pytest.raises(WrongClockError):
        check_delivery(resources)

    assert "approved clips stay approved and are published then" in str(refused.value)
    assert signer_files(resources) == before
    assert (tally(resources), published(resources)) == ({"passed": 3}, [])
    assert len(clock_alerts(catalogue_of(resources))) == 1
    clock.ahead_s = 0.0
    assert sign_all(resources) == 3


def test_a_clock_that_is_set_back_during_a_delivery_stops_it_at_the_next_clip(resources, clock, monkeypatch):
    sign = delivery.sign_clip

    def sign_and_set_back(*arguments):
        facts = sign(*arguments)
        clock.ahead_s = -2 * DAY_S
        return facts

    monkeypatch.setattr(delivery, "sign_clip", sign_and_set_back)
    with pytest.raises(WrongClockError):
        sign_all(resources)
    assert tally(resources) == {"published": 1, "approved": 2}
    clock.ahead_s = 0.0
    monkeypatch.setattr(delivery, "sign_clip", sign)
    assert sign_all(resources) == 2


def test_clips_signed_while_the_clock_was_ahead_are_trusted_when_it_is_right_again(resources, clock):
    """Without another clock, an installation that was off for a year looks the same; so this must do no harm."""
    root = read_certificates(resources.signer.folder / "root.pem")
    leaf = read_certificates(resources.signer.folder / "leaf.pem")
    clock.ahead_s = 400 * DAY_S
    assert sign_all(resources) == 3
    assert read_certificates(resources.signer.folder / "leaf.pem") != leaf, "it had expired by this clock"
    assert read_certificates(resources.signer.folder / "root.pem") == root
    clock.ahead_s = 0.0
    with signer_of(resources) as signer:
        anchors = signer.anchors_pem()
    assert [verify(clip, anchors).state for clip in published(resources)] == ["trusted"] * 3
    check_delivery(resources)


@pytest.mark.parametrize("ahead_days", [-2, 400])
def test_a_clock_that_disagrees_with_the_bucket_signs_nothing(resources, clock, monkeypatch, ahead_days):
    with store_with_clock(ahead_days * DAY_S) as url:
        place = BucketConfig("s3://clips", endpoint=url)
        monkeypatch.setattr(signing_clock, "bucket_ahead_s", lambda _, now: bucket_ahead_s(place, now))
        signing_clock_of.cache_clear()  # forget the reading before the start of the store
        word = "ahead" if ahead_days > 0 else "behind"
        with pytest.raises(WrongClockError, match=rf"the bucket's clock is {abs(ahead_days)} days {word}") as refused:
            sign_all(resources)
        assert "--accept" not in str(refused.value), "one of the two clocks is wrong"
        with pytest.raises(WrongClockError):
            SigningClock(resources).accept("person:ann")
    assert (tally(resources), published(resources)) == ({"passed": 3}, [])


def test_a_clock_that_disagrees_with_the_database_signs_nothing(tmp_path, postgres_url):
    close_resources()
    made = Resources(
        postgres_url,
        BucketConfig(str(tmp_path)),
        SignerConfig("development", tmp_path / "signer"),
        tmp_path / "staging",
    )
    SigningClock(made).check()
    for ahead_s in (-2 * DAY_S, 400 * DAY_S):
        with pytest.raises(WrongClockError, match=r"the database's clock is \d+ days (ahead|behind)"):
            SigningClock(made, now=lambda ahead_s=ahead_s: time.time() + ahead_s).check()
    close_resources()


def test_on_a_new_installation_a_clock_before_the_installation_of_the_program_creates_no_ca(tmp_path, clock):
    close_resources()
    home = tmp_path / "new"
    home.mkdir()
    made = Resources(
        f"sqlite:///{home}/catalogue.sqlite",
        BucketConfig(str(home / "bucket")),
        SignerConfig("development", home / "signer"),
        home / "staging",
    )
    clock.ahead_s = -400 * DAY_S
    with pytest.raises(WrongClockError, match=r"the installation of Reelmill \(the time of its files\) is from"):
        check_delivery(made)
    assert not (home / "signer").exists()
    close_resources()


def test_times_from_the_future_can_be_accepted_and_a_later_mistake_is_still_found(resources, clock, capsys):
    """The clock was ahead by mistake, and is right again: `reelmill clock --accept`, as the message suggests."""
    clock.ahead_s = -100 * DAY_S  # so everything in the catalogue is from the future
    with pytest.raises(WrongClockError, match=r"run `reelmill clock --accept`"):
        sign_all(resources)
    assert reelmill(capsys, "clock").code == 1

    ended = reelmill(capsys, "clock", "--accept")

    assert ended.code == 0, ended
    assert "Accepted: times up to" in ended.out
    entry, *_ = catalogue_of(resources).audit.entries()
    assert (entry.action, entry.actor.startswith("person:")) == ("clock-accepted", True)
    assert catalogue_of(resources).audit.verify().ok
    signing_clock_of(resources).check()
    assert "Nothing to accept." in reelmill(capsys, "clock", "--accept").out
    clock.ahead_s = -102 * DAY_S
    with pytest.raises(WrongClockError):
        signing_clock_of(resources).check()


def test_after_accepting_the_development_ca_is_valid_and_older_clips_stay_trusted(resources, clock, capsys):
    assert sign_all(resources) == 3
    clock.ahead_s = -100 * DAY_S
    before = signer_files(resources)
    assert reelmill(capsys, "clock", "--accept").code == 0
    assert signer_files(resources)["root.pem"] != before["root.pem"]
    check_delivery(resources)
    clock.ahead_s = 0.0
    with signer_of(resources) as signer:
        anchors = signer.anchors_pem()
    assert [verify(clip, anchors).state for clip in published(resources)] == ["trusted"] * 3


def test_small_differences_do_not_matter(resources, clock):
    clock.ahead_s = -60.0
    assert sign_all(resources) == 3


def test_the_check_before_each_clip_takes_less_than_a_fifth_of_a_millisecond(resources):
    checked = SigningClock(resources)
    with signer_of(resources) as signer:
        certificates = signer.validity()
    checked.check(certificates)
    began = time.process_time()
    for _ in range(1000):
        checked.check(certificates)
    assert (time.process_time() - began) / 1000 < 0.0002


def test_an_expired_certificate_is_reported_with_the_clock(resources, tmp_path):
    chain, key = Authority().write(tmp_path / "pem")
    made = replace(resources, signer=SignerConfig("pem", tmp_path, chain=chain, key=key))
    with signer_of(made) as signer:
        certificates = signer.validity()
    assert len(certificates) == 3, "the leaf, its issuer and the root"
    SigningClock(made).check(certificates)
    with pytest.raises(SignerUnavailableError, match=r"expired on .*, and this machine's clock says .* Renew the cert"):
        SigningClock(made, now=lambda: time.time() + 301 * DAY_S).check(certificates)


def test_the_doctor_reports_a_clock_behind_the_catalogue(resources):
    finding = check_clock(resources.catalogue_url, resources.bucket, now=lambda: time.time() - 2 * DAY_S)
    assert finding.level == "fail"
    assert re.search(r"the newest entry of the catalogue \(.* of a .*\) is from", finding.message)
    assert "in a container, set the clock of the host" in finding.fix


class TestDevelopmentCA:
    NOW = datetime.now(UTC)

    @pytest.mark.parametrize("days", [-4000, -400, -2])
    def test_a_certificate_that_is_not_valid_yet_is_kept(self, tmp_path, days):
        before, _ = development_chain(tmp_path, self.NOW)
        after, _ = development_chain(tmp_path, self.NOW + timedelta(days=days))
        assert after == before

    @pytest.mark.parametrize("days", [336, 364, 400, 2000])
    def test_a_renewed_leaf_is_valid_since_its_root_is(self, tmp_path, days):
        before, _ = development_chain(tmp_path, self.NOW)
        after, _ = development_chain(tmp_path, self.NOW + timedelta(days=days))
        assert after.leaf != before.leaf
        assert after.anchors == before.anchors
        assert after.leaf.not_valid_before_utc == before.anchors[0].not_valid_before_utc
        assert after.leaf.not_valid_after_utc > self.NOW + timedelta(days=days + 300)

    def test_the_root_is_replaced_in_its_last_year_and_kept_after_it(self, tmp_path):
        before, _ = development_chain(tmp_path, self.NOW)
        late, _ = development_chain(tmp_path, self.NOW + timedelta(days=3651))
        assert late == before, "nine idle years are less likely than a wrong clock"
        renewed, _ = development_chain(tmp_path, self.NOW + timedelta(days=3300))
        assert renewed.anchors == (renewed.anchors[0], before.anchors[0])
        assert renewed.anchors[0] != before.anchors[0]
        assert is_issued_by(renewed.leaf, renewed.anchors[0])

    @pytest.mark.parametrize("days", [-400, 3651])
    def test_a_person_can_have_implausible_certificates_replaced(self, tmp_path, days):
        before, _ = development_chain(tmp_path, self.NOW)
        then = self.NOW + timedelta(days=days)
        assert replace_implausible(tmp_path, then)
        after, _ = development_chain(tmp_path, then)
        assert after.anchors == (after.anchors[0], before.anchors[0])
        assert after.leaf.not_valid_before_utc <= then < after.leaf.not_valid_after_utc
        assert not replace_implausible(tmp_path, then)
