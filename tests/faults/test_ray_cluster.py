"""A campaign on a real Ray cluster of two worker nodes, with PostgreSQL, S3 and Prefect's server. Whichever process is
killed, the campaign ends with nothing missing, corrupt, orphaned, doubled or unfinished.

The tests print the times from the kill to the next clip and to the end (``pytest -rP``); docs/operations.md lists them.
"""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import prefect_process
import psycopg
import pytest
import ray_cluster
import ray_stub
import s3_server
from audit import Findings, audit, collect
from hosted_world import paid, write_card
from psycopg.rows import dict_row
from ray_cluster import NODES, Cluster
from review_program import PROGRAM, environment
from services import missing_service
from vendor_server import VendorServer

from adapters.catalogue import open_catalogue
from benchmarks.harness import postgres
from manifests.hosted.job import JobState

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PATIENCE_S = 240.0
LEASE_S = 10
CLIPS = 24
SHEET = f"brief_id,prompt,placements,variants\nball,a red ball,1:1,{CLIPS}\n"


@dataclass(frozen=True, slots=True)
class Place:
    """The installation of a driver, and the services that it shares with the cluster."""

    cluster: Cluster
    home: Path
    catalogue_url: str
    s3_endpoint: str
    bucket: str
    prefect_url: str

    def start(self, sheet: str = SHEET, **settings: object) -> subprocess.Popen[str]:
        """Start ``reelmill run`` with a sheet, as a user does."""
        path = self.home.with_name("sheet.csv")
        path.write_text(sheet)
        named = {
            "runner": "ray",
            "ray_address": self.cluster.address,
            "staging": "bucket",
            "lease_s": LEASE_S,
            "catalogue_url": self.catalogue_url,
            "bucket": f"s3://{self.bucket}/clips",
            "shard_size": 6,
            "bucket_endpoint": self.s3_endpoint,
            "bucket_region": "us-east-1",
            "bucket_access_key": s3_server.S3_KEYS["access_key"],
            "bucket_secret_key": s3_server.S3_KEYS["secret_key"],
            **settings,
        }
        variables = {f"REELMILL_{name.upper()}": str(value) for name, value in named.items()}
        with self.log.open("a") as log:
            return subprocess.Popen(
                [*PROGRAM, "run", str(path)],
                cwd=self.home.parent,
                stdout=log,
                stderr=log,
                text=True,
                env={
                    **environment(self.home),
                    **self.cluster.environment,
                    **variables,
                    "PREFECT_API_URL": self.prefect_url,
                },
            )

    @property
    def log(self) -> Path:
        return self.home.with_name("driver.log")

    def rows(self) -> list[dict[str, str]]:
        """Return the variants; none if the table does not exist yet."""
        return self._ask("SELECT variant_id, state, lease_owner, prompt, reasons, error, tries FROM variants")

    def made_by(self) -> Counter[int]:
        """Return how many clips each process has generated."""
        rows = self._ask("SELECT actor FROM events WHERE to_state IN ('passed', 'failed')")
        return Counter(int(row["actor"].rsplit(":", 2)[1]) for row in rows)

    def findings(self, endings: dict[str, str] | None = None) -> Findings:
        """Audit the result. Variants must end in the state of ``endings`` for their prompt, by default published."""
        client = s3_server.client(self.s3_endpoint)
        keys = [
            item["Key"]
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
            for item in page.get("Contents", ())
            if not item["Key"].startswith("clips/staging/")
        ]
        objects = {
            key.removeprefix("clips/"): client.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys
        }
        expected = {
            row["variant_id"]: next(
                (state for word, state in (endings or {}).items() if word in row["prompt"]), "published"
            )
            for row in self.rows()
        }
        return audit(collect(self.catalogue_url, objects), expected, (self.home / "signer" / "root.pem").read_text())

    def _ask(self, query: str) -> list[dict[str, str]]:
        try:
            with psycopg.connect(self.catalogue_url, row_factory=dict_row, connect_timeout=5) as connection:
                return connection.execute(query).fetchall()
        except (psycopg.errors.UndefinedTable, psycopg.OperationalError):
            return []


def wait_until(what: Callable[[], bool], driver: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, f"timed out after {PATIENCE_S} s"
        assert driver is None or driver.poll() is None, "the driver ended early"
        time.sleep(0.1)


def ended(driver: subprocess.Popen[str], place: Place) -> int:
    """Wait until a driver ends; return its exit code."""
    try:
        return driver.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        driver.kill()
        raise AssertionError(f"the driver did not end: {place.log.read_text()[-3000:]}") from None


def run_again_if_needed(code: int, place: Place, sheet: str = SHEET, **settings: object) -> int:
    """Run once more if the first run ended with an error; return the number of runs."""
    if code == 0:
        return 1
    assert ended(place.start(sheet, **settings), place) == 0, place.log.read_text()[-3000:]
    return 2


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with ray_cluster.running(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def prefect_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prefect_process.running(tmp_path_factory.mktemp("prefect")) as server:
        yield server.url


@pytest.fixture
def place(
    cluster: Cluster, prefect_url: str, tmp_path: Path, postgres_url: str, s3_endpoint: str, s3_bucket_name: str
) -> Place:
    cluster.board.plan(pauses=dict.fromkeys(NODES, 0.4))
    return Place(cluster, tmp_path / "home", postgres_url, s3_endpoint, s3_bucket_name, prefect_url)


@contextmanager
def clock(what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - started:.1f} s")


def test_the_starter_loads_once_per_worker_and_the_faster_worker_generates_more(place: Place):
    place.cluster.board.plan(real=True)
    sheet = "brief_id,prompt,placements,variants\ncircle,a red circle drifting right on a white background,1:1,10\n"
    driver = place.start(sheet, shard_size=1)
    wait_until(lambda: len(place.cluster.board.loads) == len(NODES), driver)
    slow = place.cluster.board.loads[1].pid
    with ray_cluster.throttled(slow):
        assert ended(driver, place) == 0, place.log.read_text()[-3000:]
    assert {load.node for load in place.cluster.board.loads} == set(NODES)
    assert len(place.cluster.board.loads) == len(NODES), "a model was loaded again"
    made = place.made_by()
    assert made.total() == 10
    assert made[slow] < made.total() / 2, f"the throttled worker generated {made[slow]} of {made.total()}"
    print(f"clips generated by the throttled worker and the other: {made[slow]}, {made.total() - made[slow]}")
    states = Counter(row["state"] for row in place.rows())
    assert states.keys() <= {"published", "failed"}
    assert place.findings({row["variant_id"]: row["state"] for row in place.rows()}).counts == {}


def is_held_by(place: Place, pid: int) -> bool:
    """Return whether a process holds the lease of a variant."""
    return any(f":{pid}:" in (row["lease_owner"] or "") for row in place.rows())


@pytest.mark.parametrize("lost", ["worker", "node"])
def test_a_worker_is_killed_in_the_middle_of_a_shard(place: Place, lost: str):
    driver = place.start()
    wait_until(lambda: len(place.made_by()) == len(NODES) and place.made_by().total() >= 4, driver)
    victim = place.cluster.board.loads[0]
    # Between two leases, a worker has none for a moment; on a busy machine the moment is long.
    wait_until(lambda: is_held_by(place, victim.pid), driver)
    if lost == "node":
        place.cluster.kill(victim.node)
    else:
        os.kill(victim.pid, signal.SIGKILL)
    try:
        with clock(f"killed a {lost}, until the run's end"):
            with clock(f"killed a {lost}, until its leases have passed to another worker"):
                wait_until(lambda: not is_held_by(place, victim.pid))
            assert run_again_if_needed(ended(driver, place), place) == 1, "the run did not recover automatically"
    finally:
        place.cluster.restore()
    assert len(place.rows()) == CLIPS
    assert place.findings().counts == {}


def test_the_driver_is_killed(place: Place):
    driver = place.start()
    wait_until(lambda: place.made_by().total() >= 4, driver)
    driver.kill()
    driver.wait()
    before = place.made_by().total()
    with clock("killed the driver, from the next run's start to its end"):
        again = place.start()
        with clock("killed the driver, from the next run's start to its first clip"):
            wait_until(lambda: place.made_by().total() > before + 1, again)
        assert ended(again, place) == 0, place.log.read_text()[-3000:]
    assert len(place.rows()) == CLIPS
    assert place.findings().counts == {}


def test_the_database_is_killed(place: Place):
    binaries = postgres.find_binaries()
    if binaries is None:
        missing_service("PostgreSQL (Debian's package postgresql)")
    with postgres.running(binaries) as database:
        with psycopg.connect(f"{database.url}/postgres", autocommit=True) as admin:
            admin.execute("CREATE DATABASE clips")
        own = Place(
            place.cluster, place.home, f"{database.url}/clips", place.s3_endpoint, place.bucket, place.prefect_url
        )
        driver = own.start()
        wait_until(lambda: own.made_by().total() >= 4, driver)
        database.kill()
        time.sleep(2.0)
        with clock("killed the database, from its start to the end of the campaign"):
            database.start()
            runs = run_again_if_needed(ended(driver, own), own)
        print(f"runs: {runs}")
        assert len(own.rows()) == CLIPS
        assert own.findings().counts == {}


def test_prefects_server_is_killed(place: Place, tmp_path: Path):
    (tmp_path / "prefect").mkdir()
    with prefect_process.running(tmp_path / "prefect") as server:
        own = Place(place.cluster, place.home, place.catalogue_url, place.s3_endpoint, place.bucket, server.url)
        driver = own.start()
        wait_until(lambda: own.made_by().total() >= 4, driver)
        server.kill()
        time.sleep(2.0)
        with clock("killed Prefect's server, from its start to the end of the campaign"):
            server.start()
            runs = run_again_if_needed(ended(driver, own), own)
        print(f"runs: {runs}")
    assert len(own.rows()) == CLIPS
    assert own.findings().counts == {}


def test_only_the_poison_variant_is_quarantined_and_its_error_is_stored(place: Place):
    sheet = "brief_id,prompt,placements,variants\nball,a red ball,1:1,8\nbad,a poison ball,1:1,1\n"
    place.cluster.board.plan()
    with clock("a poison variant, three tries"):
        code = ended(place.start(sheet, attempts=3), place)
        run_again_if_needed(code, place, sheet, attempts=3)
    poisoned = [row for row in place.rows() if "poison" in row["prompt"]]
    assert [row["state"] for row in poisoned] == ["quarantined"]
    assert "3" in (poisoned[0]["error"] or ""), poisoned
    assert place.findings({"poison": "quarantined"}).counts == {}
    deaths = Counter(load.pid for load in place.cluster.board.loads)
    # Each of the three tries ends one process, and in each round every node loads the model to share the shard.
    assert len(deaths) <= 3 + 3 * len(NODES), "Ray retried it too often"


def run_sheet(folder: Path, home: Path, variables: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run ``sheet.csv`` of a folder with a Ray cluster of its own, in a new process."""
    own = {"REELMILL_RUNNER": "ray", "PYTHONPATH": ray_cluster.PATHS, **ray_stub.variables(folder, "here")}
    return subprocess.run(
        [*PROGRAM, "run", "sheet.csv"],
        cwd=folder,
        env={**environment(home), **own, **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def test_ray_on_one_machine_needs_no_services(prefect_url: str, tmp_path: Path):
    home = tmp_path / "home"
    ray_stub.Board(tmp_path).plan()
    (tmp_path / "sheet.csv").write_text("brief_id,prompt,placements,variants\nball,a red ball,1:1,4\n")
    done = run_sheet(tmp_path, home, {"PREFECT_API_URL": prefect_url})
    assert done.returncode == 0, done.stdout + done.stderr
    url, bucket = f"sqlite:///{home / 'catalogue.sqlite'}", home / "bucket"
    objects = {
        path.relative_to(bucket).as_posix(): path.read_bytes()
        for path in bucket.rglob("*")
        if path.is_file() and path.parent.name != ".incoming"
    }
    evidence = collect(url, objects)
    assert len(evidence.rows) == 4
    assert (
        audit(evidence, dict.fromkeys(evidence.rows, "published"), (home / "signer" / "root.pem").read_text()).counts
        == {}
    )


def test_a_hosted_card_runs_in_the_driver_while_ray_generates_the_clips_of_a_local_one(
    prefect_url: str, tmp_path: Path
):
    home, key = tmp_path / "home", "secret-key-of-the-account"
    ray_stub.Board(tmp_path).plan()
    (tmp_path / "sheet.csv").write_text(
        "brief_id,prompt,placements,variants,duration_s,model,min_adherence\n"
        "a,a cup,1:1,3,1,hosted,-1\nb,a red ball,1:1,3,,starter,\n"
    )
    with VendorServer("runway", polls_until_done=2, key=key) as vendor:
        cards = write_card(tmp_path / "cards", "hosted", vendor.base_url, "runway", **paid("none"))
        variables = {
            "REELMILL_MODEL_FOLDERS": json.dumps([str(cards)]),
            "REELMILL_PROVIDER_VENDOR_KEY": key,
            "REELMILL_BUDGET": "5 USD",
            "REELMILL_CURRENCY": "USD",
            "REELMILL_DEVICE_PRICES": json.dumps({"cpu": 0.5}),
            "PREFECT_API_URL": prefect_url,
        }
        done = run_sheet(tmp_path, home, variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert vendor.billed == {"a cup": 3}
    with open_catalogue(f"sqlite:///{home / 'catalogue.sqlite'}") as catalogue:
        [campaign] = catalogue.campaigns.all()
        rows = catalogue.variants.of_campaign(campaign.campaign_id)
        jobs = catalogue.provider_jobs.list()
    assert Counter(row.state for row in rows if row.variant.card == "starter") == {"published": 3}
    hosted = [row for row in rows if row.variant.card == "hosted"]
    assert all(row.score and row.error is None and row.state in ("published", "failed") for row in hosted), hosted
    assert all(job.fetched_at for job in jobs)
    assert [job.state for job in jobs] == [JobState.DONE] * 3
    drivers = {job.owner.rsplit(":", 2)[1] for job in jobs}
    assert not drivers & {str(load.pid) for load in ray_stub.Board(tmp_path).loads}, "Ray's workers have no keys"
    assert ray_stub.Board(tmp_path).loads
    assert key not in done.stdout + done.stderr
