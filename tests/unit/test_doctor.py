"""`reelmill doctor` finds problems, suggests fixes, respects its time limits and shows no secrets."""

import http.client
import json
import re
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest
import s3_server
from cli_runner import reelmill
from credentials import Authority
from cryptography.hazmat.primitives.asymmetric import ec
from infra_files import INFRA

from adapters.catalogue import open_catalogue
from adapters.catalogue.views import health
from flows.doctor import doctor_config
from flows.runtime.resources import resources_of
from flows.settings import load_settings, prepare_proxies
from manifests.errors import ReelmillError
from tasks.doctor import program
from tasks.doctor.check import Check, Finding, run_checks
from tasks.doctor.checks import checks_of
from tasks.doctor.clock import check_clock
from tasks.doctor.program import check_devices, check_memory, check_versions, check_weights
from tasks.doctor.proxies import check_proxies
from tasks.doctor.servers import check_prefect, check_ray, check_webhook
from tasks.doctor.signing import check_signer
from tasks.doctor.stores import check_bucket, check_database, check_disk
from tasks.runtime.resources import BucketConfig, card_of, close_resources

Answer = Callable[[BaseHTTPRequestHandler], tuple[int, dict[str, str], bytes]]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    close_resources()
    yield tmp_path / "home"
    close_resources()


def found(check: Callable[[], Finding], limit_s: float = 60.0) -> Finding:
    (finding,) = run_checks({"it": Check(check, limit_s)})
    assert finding.check == "it"
    if finding.level != "ok":
        assert finding.fix or re.search(r"[.;] ", finding.message), "no fix is suggested"
    return finding


def publish_one(file: Path) -> None:
    """Insert a published clip into a catalogue; only its state matters."""
    with closing(sqlite3.connect(file)) as connection, connection:
        columns = [
            (name, kind, default)
            for _, name, kind, is_needed, default, _ in connection.execute("PRAGMA table_info(variants)")
            if is_needed and default is None
        ]
        values = [
            "published" if name == "state" else 0 if kind in ("INTEGER", "FLOAT", "BIGINT") else name[:8]
            for name, kind, _ in columns
        ]
        names = ", ".join(name for name, *_ in columns)
        connection.execute(f"INSERT INTO variants ({names}) VALUES ({', '.join('?' * len(values))})", values)


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """Answer every request with the function; yield the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self) -> None:
            status, headers, body = answer(self)
            self.send_response_only(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = reply

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class TestRunChecks:
    def test_checks_run_concurrently_and_time_out(self):
        def hang() -> Finding:
            time.sleep(120)
            raise AssertionError

        began = time.monotonic()
        findings = run_checks(
            {"one": Check(hang, 0.5), "two": Check(hang, 0.5), "three": Check(lambda: Finding("ok", "x"))}
        )
        assert time.monotonic() - began < 30
        assert [(each.check, each.level) for each in findings] == [("one", "fail"), ("two", "fail"), ("three", "ok")]
        assert "No answer within 0 s" in findings[0].message or "No answer within 1 s" in findings[0].message

    @pytest.mark.parametrize(
        ("error", "message"),
        [
            (ReelmillError("The disk is full. Free some space."), "The disk is full. Free some space."),
            (PermissionError(13, "Permission denied", "/etc/shadow"), "/etc/shadow: Permission denied."),
            (ValueError("odd"), "ValueError: odd"),
        ],
    )
    def test_every_error_becomes_a_finding(self, error, message):
        def fail() -> Finding:
            raise error

        (finding,) = run_checks({"it": Check(fail)})
        assert (finding.level, finding.message) == ("fail", message)

    def test_secrets_are_redacted(self):
        url = "postgresql://reelmill:correcthorse@db/clips"
        assert "correcthorse" not in found(lambda: Finding("fail", f"{url} is wrong", f"fix {url}")).message


class TestVersions:
    def package(self, folder: Path, name: str, version: str, *lines: str) -> None:
        place = folder / f"{name}-{version}.dist-info"
        place.mkdir(parents=True)
        head = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        (place / "METADATA").write_text("\n".join([*head, *lines]))

    def test_requirements_are_met_here(self):
        finding = found(lambda: check_versions(("ray",)))
        assert finding.level == "ok", finding.message
        assert "torch " in finding.message

    def test_a_fastapi_version_that_breaks_prefects_server_is_reported(self, tmp_path, monkeypatch):
        self.package(tmp_path, "fastapi", "0.165.0")
        monkeypatch.syspath_prepend(str(tmp_path))
        finding = found(check_versions)
        assert finding.level == "fail"
        assert "fastapi is 0.165.0, but Reelmill requires <0.151" in finding.message
        assert "constraints.txt" in finding.fix

    def test_a_torchvision_built_for_another_torch_is_reported(self, tmp_path, monkeypatch):
        self.package(tmp_path, "torchvision", "0.21.0")
        monkeypatch.syspath_prepend(str(tmp_path))
        assert "torchvision is 0.21.0" in found(check_versions).message

    def test_a_build_suffix_does_not_change_the_version(self, tmp_path, monkeypatch):
        from importlib.metadata import version

        self.package(tmp_path, "torch", f"{version('torch').partition('+')[0]}+cu130")
        monkeypatch.syspath_prepend(str(tmp_path))
        assert found(check_versions).level == "ok"

    def test_a_missing_package_is_reported(self, tmp_path, monkeypatch):
        self.package(tmp_path, "reelmill", "0.1.0", "Requires-Dist: surely-not-installed")
        monkeypatch.syspath_prepend(str(tmp_path))
        assert "surely-not-installed is not installed" in found(check_versions).message

    def test_an_unsupported_python_is_reported(self, tmp_path, monkeypatch):
        self.package(tmp_path, "reelmill", "0.1.0", "Requires-Python: >=3.99")
        monkeypatch.syspath_prepend(str(tmp_path))
        assert "Reelmill requires >=3.99" in found(check_versions).message

    def test_running_without_an_installed_package_is_reported(self, monkeypatch):
        monkeypatch.setattr(program, "PROGRAM", "surely-not-installed")
        assert found(check_versions).level == "warn"


class TestModels:
    def test_a_missing_device_is_reported(self):
        finding = found(lambda: check_devices(("cuda:7",)))
        assert finding.level == "fail"
        assert "REELMILL_DEVICE names cuda:7, but this machine has " in finding.message
        assert found(lambda: check_devices(("cpu",))).level == "ok"

    def test_a_driver_that_torch_does_not_see_is_reported(self, tmp_path, monkeypatch):
        monkeypatch.setattr(program, "find_devices", lambda: ("cpu",))
        (tmp_path / "version").touch()
        monkeypatch.setattr(program, "NVIDIA", tmp_path / "version")
        assert "torch finds no GPU" in found(lambda: check_devices(())).message

    def test_missing_weights_are_reported(self, home, tmp_path, monkeypatch):
        assert found(lambda: check_weights(resources_of(load_settings()), "starter")).level == "ok"
        monkeypatch.setenv("REELMILL_WEIGHTS_ROOT", str(tmp_path / "nothing"))
        resources = resources_of(load_settings())
        assert found(lambda: check_weights(resources, "starter")).level == "fail"
        assert found(lambda: check_weights(resources, "starter", here=False)).level == "warn"

    def test_the_memory_rung_on_each_gpu_is_reported(self, home, monkeypatch):
        free = {"cuda:0": 60.0, "cuda:1": 60.0}
        monkeypatch.setattr(program, "find_devices", lambda: tuple(free))
        monkeypatch.setattr(program, "free_memory_gb", free.get)
        resources = resources_of(load_settings())

        def finding():
            return found(lambda: check_memory(resources, "wan2.1-i2v-14b-480p"))

        assert finding().level == "ok"
        assert "at the memory rung whole; 60.0 GB are free" in finding().message
        free["cuda:1"] = 20.0
        assert finding().level == "warn"
        assert "on cuda:1 at the memory rung group_offload; 20.0 GB are free" in finding().message
        free["cuda:0"] = 2.0
        monkeypatch.setattr(program, "capacity_bytes", lambda device: 24e9)
        assert finding().level == "warn"  # another program uses it
        monkeypatch.setattr(program, "capacity_bytes", lambda device: 3e9)
        assert finding().level == "fail"
        assert "on cuda:0 even at the memory rung sequential, but 2.0 GB are free" in finding().message

    def test_memory_is_not_checked_on_a_cpu(self, home):
        assert found(lambda: check_memory(resources_of(load_settings()), "starter")).level == "ok"

    def test_an_unknown_card_is_reported(self, home):
        assert (
            "none-such is not available"
            in found(lambda: check_weights(resources_of(load_settings()), "none-such")).message
        )


class TestBucket:
    def place(self, endpoint: str, name: str) -> BucketConfig:
        return BucketConfig(f"s3://{name}/clips", endpoint=endpoint, region="us-east-1", **s3_server.S3_KEYS)

    def keys(self, endpoint: str, name: str) -> list[str]:
        listed = s3_server.client(endpoint).list_objects_v2(Bucket=name)
        return [item["Key"] for item in listed.get("Contents", ())]

    def test_the_check_leaves_a_folder_unchanged(self, tmp_path):
        assert found(lambda: check_bucket(BucketConfig(str(tmp_path / "bucket")))).level == "ok"
        assert [path for path in (tmp_path / "bucket").rglob("*") if path.is_file()] == []

    def test_the_check_does_not_create_a_missing_folder(self, tmp_path):
        (tmp_path / "there").mkdir()
        assert found(lambda: check_bucket(BucketConfig(str(tmp_path / "mount" / "clips")))).level == "ok"
        assert found(lambda: check_bucket(BucketConfig(str(tmp_path / "there")))).level == "ok"
        assert [path.name for path in tmp_path.rglob("*")] == ["there"]

    @pytest.mark.parametrize("is_there", [True, False])
    def test_a_folder_without_the_published_clips_is_reported(self, tmp_path, is_there):
        url, place = f"sqlite:///{tmp_path / 'catalogue.sqlite'}", tmp_path / "mount"
        assert found(lambda: check_bucket(BucketConfig(str(place)), url)).level == "ok"
        with closing(open_catalogue(url)):
            pass
        assert found(lambda: check_bucket(BucketConfig(str(place)), url)).level == "ok"
        publish_one(tmp_path / "catalogue.sqlite")
        if is_there:
            place.mkdir()
        finding = found(lambda: check_bucket(BucketConfig(str(place)), url))
        assert (finding.level, "is empty, although the catalogue lists 1 published" in finding.message) == (
            "warn",
            True,
        ), finding.message
        assert place.exists() == is_there
        place.mkdir(exist_ok=True)
        (place / "clip.mp4").touch()
        assert found(lambda: check_bucket(BucketConfig(str(place)), url)).level == "ok"

    @pytest.mark.parametrize(("status", "code"), [(501, "NotImplemented"), (400, "InvalidRequest")])
    def test_a_store_without_conditional_writes_is_explained(self, s3_endpoint, s3_bucket_name, status, code):
        def answer(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
            body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
            if request.headers.get("If-None-Match"):
                return status, {}, f"<Error><Code>{code}</Code></Error>".encode()
            upstream = http.client.HTTPConnection(s3_endpoint.removeprefix("http://"), timeout=20)
            upstream.request(request.command, request.path, body, dict(request.headers))
            response = upstream.getresponse()
            return response.status, {"ETag": response.headers.get("ETag", "")}, response.read()

        with serving(answer) as url:
            finding = found(lambda: check_bucket(self.place(url, s3_bucket_name)))
        assert (finding.level, "does not support If-None-Match on PutObject" in finding.message) == ("fail", True)
        assert self.keys(s3_endpoint, s3_bucket_name) == []

    def test_the_check_leaves_a_store_unchanged(self, s3_endpoint, s3_bucket_name):
        finding = found(lambda: check_bucket(self.place(s3_endpoint, s3_bucket_name)))
        assert finding.level == "ok", finding.message
        assert self.keys(s3_endpoint, s3_bucket_name) == []

    def test_a_bucket_folder_below_a_file_is_reported(self, tmp_path):
        (tmp_path / "file").touch()
        assert found(lambda: check_bucket(BucketConfig(str(tmp_path / "file" / "bucket")))).level == "fail"

    def test_a_missing_bucket_is_reported(self, s3_endpoint):
        finding = found(lambda: check_bucket(self.place(s3_endpoint, "nobody-made-this")))
        assert (finding.level, "does not exist" in finding.message) == ("fail", True)

    def test_an_unreachable_store_is_reported(self):
        finding = found(lambda: check_bucket(self.place(f"http://127.0.0.1:{closed_port()}", "clips")))
        assert (finding.level, "does not respond" in finding.message) == ("fail", True)

    @contextmanager
    def between(self, upstream: str, heeds_conditions: bool = True, may_delete: bool = True) -> Iterator[str]:
        """Proxy to a store; it can ignore conditional writes and refuse deletions."""

        def forward(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
            body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
            if request.command == "DELETE" and not may_delete:
                return 403, {}, b"<Error><Code>AccessDenied</Code></Error>"
            passed = {
                name: value
                for name, value in request.headers.items()
                if name.lower() not in ("host", "expect") and (heeds_conditions or name.lower() != "if-none-match")
            }
            away = http.client.HTTPConnection(upstream.removeprefix("http://"), timeout=20)
            away.request(request.command, request.path, body, passed)
            answer = away.getresponse()
            content = answer.read()
            kept = {
                name: value
                for name, value in answer.getheaders()
                if name.lower() not in ("connection", "transfer-encoding", "content-length")
            }
            if request.command == "HEAD":
                kept["Content-Length"] = answer.getheader("Content-Length") or "0"
            return answer.status, kept, content

        with serving(forward) as url:
            yield url

    def test_a_store_without_conditional_writes_is_reported(self, s3_endpoint, s3_bucket_name):
        with self.between(s3_endpoint, heeds_conditions=False) as careless:
            finding = found(lambda: check_bucket(self.place(careless, s3_bucket_name)))
        assert finding.level == "fail"
        assert "was overwritten with different content" in finding.message
        assert "If-None-Match" in finding.fix
        assert self.keys(s3_endpoint, s3_bucket_name) == []

    def test_a_role_without_permission_to_delete_is_reported(self, s3_endpoint, s3_bucket_name):
        with self.between(s3_endpoint, may_delete=False) as strict:
            finding = found(lambda: check_bucket(self.place(strict, s3_bucket_name)))
        assert finding.level == "warn"
        (left,) = self.keys(s3_endpoint, s3_bucket_name)
        assert left.removeprefix("clips/") in finding.message, "the remaining object is not named"


def as_ordinary_role(url: str) -> str:
    """Return the URL for a role of the server that is no superuser and may work on the catalogue."""
    with psycopg.connect(url, autocommit=True) as connection:
        if not connection.execute("SELECT FROM pg_roles WHERE rolname = 'ordinary'").fetchone():
            connection.execute("CREATE ROLE ordinary LOGIN")
        connection.execute("GRANT SELECT ON alembic_version TO ordinary")
        connection.execute("GRANT SELECT, UPDATE ON audit_head TO ordinary")
    return url.replace("//reelmill@", "//ordinary@")


class TestDatabase:
    def test_the_check_creates_nothing(self, tmp_path):
        url = f"sqlite:///{tmp_path / 'catalogue.sqlite'}"
        assert "no catalogue yet" in found(lambda: check_database(url)).message
        assert not (tmp_path / "catalogue.sqlite").exists()

    def test_a_current_database_passes(self, catalogue_url):
        open_catalogue(catalogue_url).close()
        if catalogue_url.startswith("postgresql"):
            catalogue_url = as_ordinary_role(catalogue_url)
        finding = found(lambda: check_database(catalogue_url))
        assert finding.level == "ok", finding.message
        assert f"revision {health.HEAD}" in finding.message

    def test_a_superuser_is_reported(self, postgres_url):
        open_catalogue(postgres_url).close()
        finding = found(lambda: check_database(postgres_url))
        assert (finding.level, "is a superuser of the server" in finding.message) == ("warn", True)
        assert (INFRA / "postgresql" / "roles.sql").is_file(), "the fix names this file"

    def test_an_empty_database_is_recognised(self, postgres_url):
        assert "is empty" in found(lambda: check_database(postgres_url)).message

    @pytest.mark.parametrize(("revision", "level"), [("0003", "warn"), ("9999", "fail")])
    def test_another_schema_revision_is_reported(self, tmp_path, revision, level):
        file = tmp_path / "catalogue.sqlite"
        open_catalogue(f"sqlite:///{file}").close()
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        finding = found(lambda: check_database(f"sqlite:///{file}"))
        assert (finding.level, revision in finding.message) == (level, True)
        with sqlite3.connect(file) as connection:
            assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (revision,)

    def test_an_unreachable_server_does_not_reveal_the_password(self):
        url = f"postgresql://reelmill:correcthorse@127.0.0.1:{closed_port()}/clips"
        finding = found(lambda: check_database(url))
        assert (finding.level, "does not respond" in finding.message) == ("fail", True)
        assert "correcthorse" not in finding.message

    def test_a_read_only_database_is_reported(self, postgres_url):
        open_catalogue(postgres_url).close()
        name = postgres_url.rpartition("/")[2]
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        finding = found(lambda: check_database(postgres_url))
        assert (finding.level, "is read-only" in finding.message) == ("fail", True)

    def test_a_locked_database_is_reported(self, tmp_path, monkeypatch):
        monkeypatch.setattr(health, "PATIENCE_S", 0.3)
        file = tmp_path / "catalogue.sqlite"
        open_catalogue(f"sqlite:///{file}").close()
        with sqlite3.connect(file, isolation_level=None) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            finding = found(lambda: check_database(f"sqlite:///{file}"))
        connection.close()
        assert (finding.level, "locked by another process" in finding.message) == ("fail", True)

    @pytest.mark.parametrize("url", ["mysql://db/clips", "nonsense", "sqlite://"])
    def test_an_invalid_catalogue_url_is_reported(self, url):
        assert found(lambda: check_database(url)).level == "fail"

    def test_a_file_that_is_not_a_database_is_reported(self, tmp_path):
        (tmp_path / "catalogue.sqlite").write_bytes(b"not a database at all " * 100)
        assert found(lambda: check_database(f"sqlite:///{tmp_path / 'catalogue.sqlite'}")).level == "fail"


class TestSigner:
    def resources(self, monkeypatch, chain: Path, key: Path):
        monkeypatch.setenv("REELMILL_SIGNER", "pem")
        monkeypatch.setenv("REELMILL_SIGNER_CHAIN", str(chain))
        monkeypatch.setenv("REELMILL_SIGNER_KEY", str(key))
        return resources_of(load_settings())

    @pytest.mark.parametrize(("days", "level"), [(300, "ok"), (31, "ok"), (29, "warn")])
    def test_a_certificate_that_expires_soon_is_reported(self, home, tmp_path, monkeypatch, days, level):
        resources = self.resources(monkeypatch, *Authority().write(tmp_path / "pem", end=timedelta(days=days, hours=1)))
        finding = found(lambda: check_signer(resources))
        assert (finding.level, f"in {days} days" in finding.message) == (level, True)
        assert "the test clip is Trusted" in finding.message

    def test_an_expired_certificate_is_reported(self, home, tmp_path, monkeypatch):
        resources = self.resources(
            monkeypatch, *Authority().write(tmp_path / "pem", start=timedelta(days=-9), end=timedelta(days=-1))
        )
        assert (
            found(lambda: check_signer(resources)).level,
            "expired" in found(lambda: check_signer(resources)).message,
        ) == ("fail", True)

    def test_a_key_of_another_certificate_is_reported(self, home, tmp_path, monkeypatch):
        chain, _ = Authority().write(tmp_path / "one")
        _, key = Authority().write(tmp_path / "other", key=ec.generate_private_key(ec.SECP256R1()))
        finding = found(lambda: check_signer(self.resources(monkeypatch, chain, key)))
        assert (finding.level, "does not belong to the certificate" in finding.message) == ("fail", True)

    def test_a_missing_key_is_reported(self, home, tmp_path, monkeypatch):
        chain, _ = Authority().write(tmp_path / "one")
        assert found(lambda: check_signer(self.resources(monkeypatch, chain, tmp_path / "none.pem"))).level == "fail"

    @pytest.mark.parametrize(
        ("name", "value"), [("CATALOGUE_URL", "postgresql://reelmill@db/clips"), ("BUCKET", "s3://clips/spring")]
    )
    def test_a_development_ca_on_several_machines_is_reported(self, home, tmp_path, monkeypatch, name, value):
        assert found(lambda: check_signer(resources_of(load_settings()))).level == "ok"
        monkeypatch.setenv(f"REELMILL_{name}", value)
        finding = found(lambda: check_signer(resources_of(load_settings())))
        assert (finding.level, "each machine has its own" in finding.message) == ("warn", True)
        own = self.resources(monkeypatch, *Authority().write(tmp_path / "pem"))
        assert found(lambda: check_signer(own)).level == "ok"

    def test_an_unreachable_time_stamp_service_is_reported(self, home, monkeypatch):
        monkeypatch.setenv("REELMILL_TSA_URL", f"http://127.0.0.1:{closed_port()}")
        finding = found(lambda: check_signer(resources_of(load_settings())))
        assert (finding.level, "o timestamp from" in finding.message) == ("fail", True)


class TestClock:
    def check(self, ahead_s: float) -> Finding:
        def answer(_: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
            return 403, {"Date": formatdate(time.time() + ahead_s, usegmt=True)}, b""

        with serving(answer) as url:
            return found(lambda: check_clock("sqlite:///none.sqlite", BucketConfig("s3://clips", endpoint=url)))

    @pytest.mark.parametrize(
        ("ahead_s", "level", "message"),
        [
            (0, "ok", "within a second of this machine's"),
            (60, "warn", "s ahead of this machine's"),
            (-60, "warn", "s behind this machine's"),
            (3600, "fail", "s ahead of this machine's"),
            (-3600, "fail", "s behind this machine's"),
        ],
    )
    def test_the_clock_is_compared_with_the_stores(self, ahead_s, level, message):
        finding = self.check(ahead_s)
        assert (finding.level, message in finding.message) == (level, True), finding.message

    def test_the_clock_is_compared_with_the_databases(self, postgres_url):
        open_catalogue(postgres_url).close()
        place = BucketConfig("/folder")
        same = found(lambda: check_clock(postgres_url, place))
        assert same.message == "The database's clock is within a second of this machine's."
        slow = found(lambda: check_clock(postgres_url, place, now=lambda: time.time() - 400))
        assert (slow.level, "400 s ahead of this machine's" in slow.message) == ("fail", True)

    @pytest.mark.parametrize("date", ["", "tomorrow"])
    def test_a_store_without_a_valid_date_is_reported(self, date):
        with serving(lambda _: (200, {"Date": date} if date else {}, b"")) as url:
            finding = found(lambda: check_clock("sqlite:///none.sqlite", BucketConfig("s3://clips", endpoint=url)))
        assert finding.message == "There is no other clock to compare with."


class TestDisk:
    def test_free_disk_space_is_checked(self, tmp_path):
        assert found(lambda: check_disk(tmp_path, 1, 1)).level == "ok"
        assert found(lambda: check_disk(tmp_path, 1, 10**18)).level == "warn"
        assert found(lambda: check_disk(tmp_path, 10**18, 10**18)).level == "fail"
        assert list(tmp_path.iterdir()) == []

    def test_the_disk_of_the_bucket_folder_is_checked(self, tmp_path, monkeypatch):
        other = Path("/dev/shm")
        if other.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("/dev/shm is on the same disk")
        finding = found(lambda: check_disk(tmp_path, 1, 1, other / "not-there" / "clips"))
        assert (finding.level, str(tmp_path) in finding.message, f"{other}: " in finding.message) == ("ok", True, True)
        free = shutil.disk_usage(other).free
        least = min(free, shutil.disk_usage(tmp_path).free) + 1
        finding = found(lambda: check_disk(tmp_path, least, least, other / "clips"))
        assert finding.level == "fail"
        assert finding.message.startswith(str(other if free < least else tmp_path))

    def test_a_home_that_is_not_writable_is_reported(self):
        assert found(lambda: check_disk(Path("/proc"))).level == "fail"


class TestServers:
    def test_a_missing_prefect_url_is_not_an_error(self):
        assert found(lambda: check_prefect("")).level == "ok"

    def test_an_unreachable_prefect_server_is_reported(self):
        finding = found(lambda: check_prefect(f"http://127.0.0.1:{closed_port()}/api"))
        assert (finding.level, "does not respond" in finding.message) == ("fail", True)

    def prefect(self, version: str, auth: str = "") -> Answer:
        def answer(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
            if auth and request.headers.get("Authorization") != auth:
                return 401, {}, b"{}"
            bodies = {"/api/health": b"true", "/api/admin/version": json.dumps(version).encode()}
            return (200, {}, bodies[request.path]) if request.path in bodies else (404, {}, b"no")

        return answer

    def test_the_version_of_the_prefect_server_is_checked(self):
        from importlib.metadata import version

        with serving(self.prefect(version("prefect"))) as url:
            assert found(lambda: check_prefect(f"{url}/api")).level == "ok"
            assert "is not a Prefect API" in found(lambda: check_prefect(url)).message
        with serving(self.prefect("2.20.1")) as url:
            finding = found(lambda: check_prefect(f"{url}/api"))
            assert (finding.level, "has version 2.20.1, but this installation has" in finding.message) == ("warn", True)

    def test_a_prefect_server_that_requires_credentials_is_reported(self):
        from importlib.metadata import version

        with serving(self.prefect(version("prefect"), "Basic YTpi")) as url:
            refused = found(lambda: check_prefect(f"{url}/api", "a:correcthorse"))
            assert (refused.level, "PREFECT_API_AUTH_STRING" in refused.fix) == ("fail", True)
            assert "correcthorse" not in refused.message
            assert found(lambda: check_prefect(f"{url}/api", "a:b")).level == "ok"

    @pytest.mark.parametrize(
        ("url", "level"),
        [
            ("", "ok"),
            ("https://hooks.slack.com/services/T0/B0/correcthorse", "ok"),
            ("http://hooks.example/correcthorse", "warn"),
            ("correcthorse", "fail"),
            ("ftp://x/correcthorse", "fail"),
        ],
    )
    def test_the_webhook_setting_is_checked(self, url, level):
        finding = found(lambda: check_webhook(url))
        assert finding.level == level
        assert "correcthorse" not in finding.message

    @pytest.mark.slow
    def test_an_unreachable_ray_cluster_is_reported(self, home):
        card = card_of(resources_of(load_settings()), "starter")
        began = time.monotonic()
        finding = found(lambda: check_ray(f"127.0.0.1:{closed_port()}", card, limit_s=12))
        assert time.monotonic() - began < 30
        assert (finding.level, "does not respond" in finding.message) == ("fail", True)


class TestProxies:
    @pytest.fixture(autouse=True)
    def _no_proxies(self, monkeypatch):
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "reelmill_unusable_all_proxy"):
            for each in (name, name.upper()):
                monkeypatch.setenv(each, "restored after the test")
                monkeypatch.delenv(each)

    def check(self, **services: str) -> Finding:
        return found(lambda: check_proxies(services))

    def test_a_proxy_for_this_machine_is_reported(self, monkeypatch):
        assert self.check().message == "Without a proxy: this machine."
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
        finding = self.check()
        assert (finding.level, "NO_PROXY" in finding.fix) == ("fail", True)
        prepare_proxies()  # as every command does
        assert self.check().level == "ok"

    def test_a_request_that_another_program_answers_is_reported(self, monkeypatch):
        with serving(lambda _: (200, {}, b"a proxy's own page")) as url:
            monkeypatch.setenv("http_proxy", url)
            assert self.check().level == "fail"

    def test_services_are_listed_with_their_proxies(self, monkeypatch):
        monkeypatch.setenv("HTTPS_PROXY", "http://me:correcthorse@proxy.example:3128")
        monkeypatch.setenv("NO_PROXY", "store.example")
        prepare_proxies()
        finding = self.check(bucket="https://store.example", webhook="https://hooks.example/correcthorse")
        assert (finding.level, finding.message) == (
            "ok",
            "Webhook through http://proxy.example:3128; without a proxy: this machine, bucket (store.example).",
        )

    def test_a_proxy_that_cannot_be_used_fails_if_a_service_needs_it(self, monkeypatch):
        monkeypatch.setenv("ALL_PROXY", "socks5://proxy.example:1080")
        prepare_proxies()
        finding = self.check()
        assert (finding.level, "ALL_PROXY (socks5://proxy.example:1080) is not used" in finding.message) == ("ok", True)
        finding = self.check(bucket="https://store.example")
        assert (finding.level, "add store.example to NO_PROXY" in finding.message) == ("fail", True)

    def test_all_services_of_the_settings_are_checked(self, home, monkeypatch):
        for name, value in {
            "BUCKET": "s3://clips/x",
            "TSA_URL": "http://tsa.example",
            "ALERT_WEBHOOK": "https://hooks.example/x",
            "OIDC_ISSUER": "https://id.example",
        }.items():
            monkeypatch.setenv(f"REELMILL_{name}", value)
        monkeypatch.setenv("PREFECT_API_URL", "http://prefect.example/api")
        message = found(checks_of(doctor_config(load_settings()))["proxies"].function).message
        for host in ("s3.amazonaws.com", "tsa.example", "hooks.example", "id.example", "prefect.example"):
            assert f"({host})" in message


class TestCommand:
    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch):
        """Skip the import of torch; devices are tested above."""
        monkeypatch.setattr("tasks.doctor.checks.check_devices", lambda *_: Finding("ok", "cpu."))

    def test_all_checks_pass_on_a_bare_machine(self, home, capsys):
        ended = reelmill(capsys, "doctor")
        assert ended.code == 0, ended.out
        assert "All checks passed." in ended.out
        assert "FAIL" not in ended.out

    def test_commands_ask_this_machine_without_a_proxy(self, home, capsys, monkeypatch):
        dead = f"http://127.0.0.1:{closed_port()}"
        for name, value in {"HTTP_PROXY": dead, "NO_PROXY": "intranet.example"}.items():
            monkeypatch.setenv(name, value)
            monkeypatch.setenv(name.lower(), value)
        findings = json.loads(reelmill(capsys, "doctor", "--json").out)["findings"]
        assert [each["level"] for each in findings if each["check"] == "proxies"] == ["ok"]

    def test_a_failure_exits_with_1_and_shows_no_secret(self, home, capsys, monkeypatch):
        canary = "correcthorse"
        monkeypatch.setenv("REELMILL_CATALOGUE_URL", f"postgresql://me:{canary}1@127.0.0.1:{closed_port()}/x")
        monkeypatch.setenv("REELMILL_BUCKET", "s3://clips/x")
        monkeypatch.setenv("REELMILL_BUCKET_ENDPOINT", f"http://127.0.0.1:{closed_port()}")
        monkeypatch.setenv("REELMILL_BUCKET_ACCESS_KEY", f"{canary}2")
        monkeypatch.setenv("REELMILL_BUCKET_SECRET_KEY", f"{canary}3")
        monkeypatch.setenv("REELMILL_ALERT_WEBHOOK", f"https://hooks.slack.com/{canary}4")
        monkeypatch.setenv("PREFECT_API_URL", f"http://me:{canary}5@127.0.0.1:{closed_port()}/api")
        monkeypatch.setenv("PREFECT_API_KEY", f"{canary}6")
        ended = reelmill(capsys, "doctor", "--json")
        answer = json.loads(ended.out)
        assert (ended.code, answer["ok"]) == (1, False)
        failed = {each["check"] for each in answer["findings"] if each["level"] == "fail"}
        assert failed == {"bucket", "database", "prefect"}
        assert canary not in ended.out + ended.err

    def test_contradicting_settings_are_reported(self, home, monkeypatch):
        monkeypatch.setenv("REELMILL_RUNNER", "ray")
        monkeypatch.setenv("REELMILL_RAY_ADDRESS", "head.example:6379")
        check = checks_of(doctor_config(load_settings()))["settings"]
        assert "an SQLite catalogue is a file on one of them" in found(check.function).message
        assert "ray" in checks_of(doctor_config(load_settings()))

    def test_an_unused_ray_address_is_reported(self, home, monkeypatch):
        monkeypatch.setenv("REELMILL_RAY_ADDRESS", "head.example:6379")
        finding = found(checks_of(doctor_config(load_settings()))["settings"].function)
        assert (finding.level, "set to head.example:6379 but not used" in finding.message) == ("warn", True)
        monkeypatch.delenv("REELMILL_RAY_ADDRESS")
        assert found(checks_of(doctor_config(load_settings()))["settings"].function).level == "ok"


class TestSchedules:
    STOCK = str(Path(__file__).parents[2] / "examples" / "stock.csv")

    def check(self, monkeypatch, **settings: str) -> Finding:
        for name, value in settings.items():
            monkeypatch.setenv(f"REELMILL_{name.upper()}", value)
        return found(checks_of(doctor_config(load_settings()))["schedules"].function)

    def test_a_valid_schedule_passes(self, home, monkeypatch, tmp_path):
        finding = self.check(monkeypatch, stock=self.STOCK, watch=str(tmp_path), timezone="Europe/Berlin")
        assert finding.level == "ok", finding.message
        assert "Stock at '0 22 * * *'; sweep at '30 6 * * *' (Europe/Berlin)" in finding.message

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"stock_cron": "at night"}, "REELMILL_STOCK_CRON"),
            ({"sweep_cron": "x"}, "REELMILL_SWEEP_CRON"),
            ({"timezone": "Mars/Olympus"}, "Unknown time zone 'Mars/Olympus'"),
            ({"stock_until": "6 o'clock"}, "not a valid time of day"),
            ({"stock_budget_money": "5"}, "REELMILL_STOCK_BUDGET_MONEY needs a price"),
            ({"stock": "nothing.csv"}, "no stock sheet 'nothing.csv'"),
            (
                {"stock": str(Path(STOCK).with_name("spring.csv"))},
                "The nightly run cannot use the sheet in REELMILL_STOCK",
            ),
            ({"watch": "/nowhere"}, "The watched folder /nowhere cannot be listed"),
        ],
    )
    def test_problems_of_the_nightly_run_are_reported_in_advance(self, home, monkeypatch, wrong, message):
        finding = self.check(monkeypatch, **{"stock": self.STOCK, **wrong})
        assert (finding.level, message in finding.message) == ("fail", True), finding.message

    def test_an_unreachable_stock_sheet_is_reported(self, home, monkeypatch):
        finding = self.check(
            monkeypatch,
            stock="s3://sheets/stock.csv",
            bucket_region="us-east-1",
            bucket_access_key="a",
            bucket_secret_key="b",
            bucket_endpoint=f"http://127.0.0.1:{closed_port()}",
        )
        assert (finding.level, "could not be checked" in finding.message) == ("warn", True)
