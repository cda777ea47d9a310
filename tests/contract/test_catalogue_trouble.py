"""Database failures end with one clear error message."""

import multiprocessing
import shutil
import sqlite3
import time
from pathlib import Path

import psycopg
import pytest
import samples
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sealed_catalogue import drop_deliverables, drop_triggers
from sqlalchemy import Connection, event

from adapters.catalogue import Catalogue, Filter, migrations, open_catalogue
from adapters.catalogue.core import schema
from adapters.catalogue.core.engine import wal_is_safe
from adapters.catalogue.core.tables import metadata
from benchmarks.harness import postgres
from manifests.errors import CatalogueError, CatalogueUnreachableError, DiskFullError, NewerCatalogueError


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def test_the_migrations_create_the_tables_of_the_code(catalogue: Catalogue):
    with catalogue.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    assert migrations.head() == schema.HEAD


def test_an_older_catalogue_is_migrated_with_all_its_data(catalogue_url: str):
    with open_catalogue(catalogue_url) as catalogue:
        ids = samples.filled(catalogue, 5)
        samples.bring_to(catalogue, ids[0], "published")
        rows, events = catalogue.variants.of_campaign(samples.campaign().campaign_id), catalogue.variants.events()
        listed = catalogue.gallery.page(Filter(), "newest").rows
        with catalogue.database.writing() as connection:
            step_back(connection)
    with open_catalogue(catalogue_url) as catalogue:
        assert catalogue.variants.of_campaign(samples.campaign().campaign_id) == rows
        assert catalogue.variants.events() == events
        again = catalogue.gallery.page(Filter(), "newest").rows
        assert [(row.variant_id, row.key) for row in again] == [
            (row.variant_id, pytest.approx(row.key, abs=1.0)) for row in listed
        ]
        assert catalogue.gallery.page(Filter(text="red ball", model="starter", seed=3)).rows[0].variant_id == ids[3]
        assert catalogue.audit.verify().ok
        with catalogue.database.reading() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def step_back(connection: Connection) -> None:
    """Restore the tables of revision 0001."""
    drop_triggers(connection)
    drop_deliverables(connection)
    for table in (
        "sessions",
        "tokens",
        "accounts",
        "shares",
        "views",
        "reviews",
        "comments",
        "audit",
        "audit_head",
        "device_use",
        "provider_jobs",
        "provider_accounts",
        "runs",
        "alerts",
        "arrivals",
        "night_schedules",
    ):
        connection.exec_driver_sql(f"DROP TABLE {table}")
    if connection.dialect.name == "postgresql":
        for function in ("audit", "events", "reviews"):
            connection.exec_driver_sql(f"DROP FUNCTION {function}_refuses CASCADE")
    for index in ("score", "state_score", "made", "state_made", "seed", "parent"):
        connection.exec_driver_sql(f"DROP INDEX variants_by_{index}")
    for column in ("card", "seed", "prompt", "made_at", "sort_score"):
        connection.exec_driver_sql(f"ALTER TABLE variants DROP COLUMN {column}")
    for statement in (
        "ALTER TABLE campaigns DROP COLUMN seal",
        "ALTER TABLE events DROP COLUMN seal",
        "ALTER TABLE events DROP COLUMN clip_sha256",
        "ALTER TABLE campaigns DROP COLUMN priority",
        "ALTER TABLE campaigns DROP COLUMN standing",
        "ALTER TABLE campaigns DROP COLUMN stood",
        "ALTER TABLE memberships DROP COLUMN seal",
        "ALTER TABLE memberships DROP COLUMN locale",
        "ALTER TABLE campaigns DROP COLUMN thresholds",
        "ALTER TABLE campaigns DROP COLUMN second_share",
        "DROP INDEX variants_by_state",
        "DROP INDEX memberships_by_variant",
        "CREATE INDEX memberships_by_variant ON memberships (variant_id)",
        "UPDATE alembic_version SET version_num = '0001'",
    ):
        connection.exec_driver_sql(statement)


def test_opening_a_current_catalogue_is_fast_and_changes_nothing(catalogue_url: str):
    open_catalogue(catalogue_url).close()
    started = time.process_time()
    with open_catalogue(catalogue_url) as catalogue:
        assert time.process_time() - started < 0.3
        assert catalogue.campaigns.all() == []


def _open(url: str, start, answer) -> None:
    start.wait()
    with open_catalogue(url) as catalogue:
        answer.put(catalogue.campaigns.all())


def test_several_processes_can_create_a_catalogue_at_once(catalogue_url: str):
    context = multiprocessing.get_context("spawn")
    start, answer = context.Barrier(4), context.Queue()
    processes = [context.Process(target=_open, args=(catalogue_url, start, answer)) for _ in range(4)]
    for process in processes:
        process.start()
    assert [answer.get(timeout=60) for _ in processes] == [[]] * 4
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0] * 4


def test_a_newer_catalogue_is_refused(catalogue_url: str):
    with open_catalogue(catalogue_url) as catalogue, catalogue.database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(NewerCatalogueError, match=r"newer version of Reelmill. Upgrade Reelmill"):
        open_catalogue(catalogue_url)


def test_an_absent_server_is_unreachable():
    with pytest.raises(CatalogueUnreachableError, match=r"127\.0\.0\.1/reelmill does not respond") as trouble:
        open_catalogue(f"postgresql://someone:secret@127.0.0.1:{postgres.free_port()}/reelmill")
    assert "secret" not in str(trouble.value)
    assert trouble.value.transient


def test_a_missing_database_is_named(postgres_server_url: str):
    with pytest.raises(CatalogueUnreachableError, match="no-such-database"):
        open_catalogue(f"{postgres_server_url}/no-such-database")


def _lose_the_connection(catalogue: Catalogue, url: str) -> None:
    with catalogue.database.writing() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(%s)", [pid])
        connection.exec_driver_sql("SELECT 1")


def test_a_lost_connection_raises_and_the_next_one_works(postgres_url: str):
    with open_catalogue(postgres_url) as catalogue:
        samples.filled(catalogue, 1)
        with pytest.raises(CatalogueUnreachableError):
            _lose_the_connection(catalogue, postgres_url)
        assert catalogue.progress.tally(samples.campaign().campaign_id) == {"planned": 1}


@pytest.mark.parametrize("url", ["mysql://host/db", "nonsense", "", "sqlite://", "sqlite:///:memory:"])
def test_unsupported_urls_are_refused(url: str):
    with pytest.raises(CatalogueError, match="sqlite:///"):
        open_catalogue(url)


def test_a_file_that_is_not_a_database_is_not_changed(tmp_path: Path):
    path = tmp_path / "notes.db"
    path.write_text("dear diary " * 200)
    with pytest.raises(CatalogueError, match="is not a catalogue"):
        open_catalogue(f"sqlite:///{path}")
    assert path.read_text() == "dear diary " * 200


def test_a_folder_that_cannot_be_created_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CatalogueUnreachableError, match=r"Cannot create the catalogue's folder .*file/sub"):
        open_catalogue(f"sqlite:///{tmp_path}/file/sub/catalogue.db")


def test_a_database_locked_for_too_long_raises_and_loses_nothing(sqlite_url: str):
    with open_catalogue(sqlite_url, patience=0.2) as catalogue:
        samples.filled(catalogue, 1)
        holder = sqlite3.connect(file_of(sqlite_url), isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(CatalogueUnreachableError, match="locked by another process"):
            samples.take(catalogue, [samples.variant().variant_id])
        holder.execute("ROLLBACK")
        holder.close()
        assert len(samples.take(catalogue, [samples.variant().variant_id])) == 1


def test_a_row_locked_for_too_long_raises(postgres_url: str):
    with open_catalogue(postgres_url, patience=0.2) as catalogue, psycopg.connect(postgres_url) as holder:
        (variant_id,) = samples.filled(catalogue, 1)
        holder.execute("SELECT * FROM variants FOR UPDATE")
        with pytest.raises(CatalogueUnreachableError, match="locked by another process"):
            catalogue.decisions.quarantine([variant_id], "odd")


def test_a_full_disk_raises_and_rolls_back_the_batch(sqlite_url: str):
    with open_catalogue(sqlite_url) as catalogue:
        samples.filled(catalogue, 10)
        pages = 60

        @event.listens_for(catalogue.database.engine, "checkout")
        def _shrink(connection, *_) -> None:
            connection.execute(f"PRAGMA max_page_count = {pages}")

        with pytest.raises(DiskFullError, match="Free some space"):
            catalogue.campaigns.add_variants(samples.campaign().campaign_id, samples.planned(3000))
        assert catalogue.progress.tally(samples.campaign().campaign_id) == {"planned": 10}
        pages = 1_000_000
        assert catalogue.campaigns.add_variants(samples.campaign().campaign_id, samples.planned(3000)) == 2990


def test_a_full_disk_of_postgresql_raises(postgres_url: str):
    with (
        open_catalogue(postgres_url) as catalogue,
        pytest.raises(DiskFullError),
        catalogue.database.writing() as connection,
    ):
        connection.exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END $$")


def test_writing_to_a_read_only_file_raises(sqlite_url: str, monkeypatch: pytest.MonkeyPatch):
    open_catalogue(sqlite_url).close()
    with open_catalogue(f"sqlite:///file:{file_of(sqlite_url)}?mode=ro&uri=true") as catalogue:
        assert catalogue.campaigns.all() == []
        with pytest.raises(CatalogueUnreachableError, match="cannot be opened for writing"):
            catalogue.campaigns.add(samples.campaign(), {})


def test_a_journal_left_by_a_killed_writer_is_rolled_back(sqlite_url: str, tmp_path: Path):
    with open_catalogue(sqlite_url) as catalogue:
        samples.filled(catalogue, 5)
        if wal_is_safe():
            pytest.skip("this SQLite version uses a write-ahead log instead of a rollback journal")
        with catalogue.database.writing() as connection:
            connection.exec_driver_sql("PRAGMA cache_size = 1")
            connection.exec_driver_sql("PRAGMA cache_spill = 1")
            connection.exec_driver_sql("UPDATE variants SET body = hex(randomblob(20000))")
            for name in ("catalogue.db", "catalogue.db-journal"):
                shutil.copy(file_of(sqlite_url).parent / name, tmp_path / name)
    assert (tmp_path / "catalogue.db-journal").stat().st_size > 0
    with open_catalogue(f"sqlite:///{tmp_path}/catalogue.db") as found:
        assert len(found.variants.of_campaign(samples.campaign().campaign_id)) == 5


def test_the_write_ahead_log_is_used_only_with_safe_sqlite_versions():
    unsafe = [(3, 40, 1), (3, 44, 5), (3, 45, 0), (3, 50, 6), (3, 51, 2)]
    safe = [(3, 44, 6), (3, 50, 7), (3, 51, 3), (3, 52, 0)]
    assert [wal_is_safe(version) for version in unsafe + safe] == [False] * 5 + [True] * 4


def test_sqlite_is_set_up_to_survive_a_power_cut(durable_sqlite, sqlite_url: str):
    with open_catalogue(sqlite_url) as catalogue, catalogue.database.reading() as connection:
        asked = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert asked == {
        "journal_mode": "wal" if wal_is_safe() else "truncate",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 30000,
    }


@pytest.mark.slow
def test_ten_thousand_durable_verdicts_take_seconds(catalogue: Catalogue):
    ids = samples.filled(catalogue, 10_000)
    started = time.process_time()
    for start in range(0, 10_000, 500):
        leases = samples.take(catalogue, ids[start : start + 500])
        catalogue.results.record_batch(
            [
                (
                    lease,
                    samples.clip(lease.variant_id),
                    samples.score(lease.variant_id),
                    samples.passed(lease.variant_id),
                )
                for lease in leases
            ]
        )
    assert time.process_time() - started < 30
    assert catalogue.progress.tally(samples.campaign().campaign_id) == {"passed": 10_000}
