"""A catalogue that was deleted or emptied does not count as a new one: clips would be published twice."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import samples
from cli_runner import Ended, reelmill

from adapters.catalogue import open_catalogue
from flows import registration
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.errors import CatalogueError
from manifests.sheet import Checked
from tasks.doctor.stores import check_audit_key, check_bucket, check_database
from tasks.intake.intake import Intake
from tasks.runtime.resources import close_resources

Command = Callable[..., Ended]
KEY = "ab" * 32
CLIP = "spring-3f2a/circle/0123456789ab-0123456789abcdef.mp4"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in list(os.environ):
        if name.startswith("REELMILL_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("app.cli.commands.admin.accounts._password", lambda _: "Quartz-lantern-92-harbour")
    monkeypatch.chdir(tmp_path)
    close_resources()
    yield tmp_path / "home"
    close_resources()


@pytest.fixture
def command(home: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command as a new process would."""

    def run(*words: object) -> Ended:
        close_resources()
        ended = reelmill(capsys, *words)
        return Ended(ended.code, ended.out, " ".join(ended.err.split()))

    return run


def register(campaign: str = "Spring") -> str:
    settings = load_settings()
    planned = samples.campaign(campaign)
    close_resources()
    return registration.register(settings, resources_of(settings), Intake(None, Checked(planned.briefs), planned))


def check_stores() -> None:
    """Run the check of `reelmill doctor`."""
    resources = resources_of(load_settings())
    check_database(resources.catalogue_url, resources.staging, resources.sealed_catalogues)


def use(command: Command) -> None:
    assert command("accounts", "add", "ann", "--role", "admin").code == 0


def strip_seals(file: Path) -> None:
    """Remove the seals, as someone can who may write to the database."""
    close_resources()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE audit_head SET seal = NULL, key_id = NULL, sealed_from = NULL")
        connection.execute("UPDATE accounts SET seal = NULL, role = 'admin'")
    connection.close()


def check_refused_until_sealed(command: Command, problem: str) -> None:
    """Check that nothing starts in a lost catalogue, and that the advice for a deliberate fresh start works."""
    for words in (("alerts",), ("status", "spring"), ("accounts", "add", "eve"), ("audit", "verify")):
        refused = command(*words)
        assert refused.code == 1
        assert problem in refused.err
        assert "Restore it from a backup" in refused.err or "restore it from a backup" in refused.err
    for check in (register, check_stores):
        with pytest.raises(CatalogueError, match=problem):
            check()

    assert "run `reelmill audit seal`" in refused.err
    assert command("audit", "seal", "--yes").code == 0
    use(command)
    assert command("audit", "verify").code == 0
    check_stores()


@pytest.mark.parametrize("schema", [False, True])
def test_an_emptied_file_is_refused(home: Path, command: Command, schema: bool):
    use(command)
    close_resources()
    (home / "catalogue.sqlite").write_bytes(b"")
    if schema:
        open_catalogue(f"sqlite:///{home / 'catalogue.sqlite'}").close()
    check_refused_until_sealed(command, "is empty, although this installation has used it")


def test_a_deleted_file_is_refused_when_staging_is_empty(home: Path, command: Command):
    use(command)
    close_resources()
    (home / "catalogue.sqlite").unlink()
    check_refused_until_sealed(command, "is missing, although this installation has used it")


def test_emptied_tables_are_refused(home: Path, command: Command):
    """The head of the log is reset too, so that it looks like that of a new catalogue."""
    use(command)
    close_resources()
    with sqlite3.connect(home / "catalogue.sqlite") as connection:
        names = "SELECT name FROM sqlite_master WHERE type = ?"
        for (name,) in connection.execute(names, ["trigger"]).fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for (name,) in connection.execute(names, ["table"]).fetchall():
            if name not in ("alembic_version", "audit_head", "sqlite_sequence"):
                connection.execute(f"DELETE FROM {name}")
        connection.execute(
            "UPDATE audit_head SET entries = 0, digest = ?, since_event = 0, sealed_from = NULL, key_id = NULL, "
            "seal = NULL",
            ["0" * 64],
        )
    connection.close()
    check_refused_until_sealed(command, "is empty, although this installation has used it")


def test_an_empty_database_is_refused(home: Path, command: Command, postgres_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REELMILL_CATALOGUE_URL", postgres_url)
    use(command)
    close_resources()
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    check_refused_until_sealed(command, "is empty, although this installation has used it")


def test_a_new_catalogue_without_content_is_not_lost(home: Path, command: Command):
    for _ in range(2):
        assert command("alerts").code == 0
    use(command)


def add_object(home: Path, key: str) -> None:
    path = home / "bucket" / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def test_an_empty_catalogue_is_refused_if_its_bucket_has_clips(
    home: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The home does not know the catalogue, or its content is that of an early backup."""
    add_object(home, CLIP)
    use(command)
    with pytest.raises(CatalogueError, match=rf"contains no campaign, although .* such as {CLIP}"):
        register()
    resources = resources_of(load_settings())
    with pytest.raises(CatalogueError, match="contains no campaign"):
        check_bucket(resources.bucket, resources.catalogue_url)

    monkeypatch.setenv("REELMILL_BUCKET", str(tmp_path / "other"))
    assert register()


def test_clips_in_the_bucket_can_be_accepted(home: Path, command: Command):
    add_object(home, CLIP)
    with pytest.raises(CatalogueError, match="run `reelmill audit seal`"):
        register()
    assert command("audit", "seal", "--yes").code == 0
    assert register() == samples.campaign().campaign_id
    assert command("audit", "verify").code == 0


def test_sealing_mentions_campaigns_only_if_there_are_some(home: Path, command: Command):
    use(command)
    assert "resume" not in command("audit", "seal", "--yes").out
    close_resources()
    register()
    assert "resume the campaigns" in " ".join(command("audit", "seal", "--yes").out.split())


def test_other_objects_and_further_campaigns_are_accepted(home: Path, command: Command):
    for key in ("audit/0123/000000000001-0123456789abcdef.json", "staging/ab/x.mp4", "videos/2026/holiday.mp4"):
        add_object(home, key)
    register()
    add_object(home, CLIP)
    register("Summer")


def assert_not_sealed_automatically(command: Command) -> None:
    for _ in range(2):
        refused = command("accounts", "add", "eve")
        assert refused.code == 1
        assert "run `reelmill audit seal` once" in refused.err


def assert_sealing_repairs(command: Command) -> None:
    assert command("audit", "seal", "--yes").code == 0
    assert command("accounts", "add", "ben").code == 0
    assert command("audit", "verify").code == 0


def test_another_home_does_not_seal_a_stripped_catalogue(
    home: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A new host has the same key and no memory of the catalogue; what was forged meanwhile would become genuine."""
    monkeypatch.setenv("REELMILL_AUDIT_KEY", KEY)
    monkeypatch.setenv("REELMILL_CATALOGUE_URL", f"sqlite:///{tmp_path / 'shared.sqlite'}")
    use(command)
    strip_seals(tmp_path / "shared.sqlite")
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "new-host"))

    assert_not_sealed_automatically(command)
    finding = check_audit_key(resources_of(load_settings()))
    assert (finding.level, finding.message) == ("fail", "The audit log of this catalogue is not sealed.")

    assert_sealing_repairs(command)


def test_a_moved_home_does_not_seal_a_stripped_catalogue(
    home: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The home lists the catalogue under the path that it had before, and has the key."""
    use(command)
    strip_seals(home / "catalogue.sqlite")
    home.rename(tmp_path / "moved")
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "moved"))

    assert_not_sealed_automatically(command)
    assert check_audit_key(resources_of(load_settings())).level == "fail"
    assert "is not sealed" in command("audit", "verify").err

    assert_sealing_repairs(command)


def test_a_moved_home_uses_its_sealed_catalogue(
    home: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    use(command)
    close_resources()
    home.rename(tmp_path / "moved")
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "moved"))
    assert command("accounts", "add", "ben").code == 0
    assert command("audit", "verify").code == 0
    assert check_audit_key(resources_of(load_settings())).level == "ok"

    strip_seals(tmp_path / "moved" / "catalogue.sqlite")
    assert "the seal was removed" in command("accounts", "add", "eve").err


def test_a_home_uses_a_second_catalogue_that_is_new(
    home: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    use(command)
    monkeypatch.setenv("REELMILL_CATALOGUE_URL", f"sqlite:///{tmp_path / 'second.sqlite'}")
    assert command("accounts", "add", "ben").code == 0
    assert command("audit", "verify").code == 0
    strip_seals(tmp_path / "second.sqlite")
    assert "the seal was removed" in command("accounts", "add", "eve").err


def test_the_key_of_the_home_seals_a_catalogue_of_an_earlier_version(home: Path, command: Command):
    home.mkdir()
    with open_catalogue(f"sqlite:///{home / 'catalogue.sqlite'}") as catalogue:
        catalogue.accounts.add("ann", "admin", "test")
    assert command("accounts", "role", "ann", "admin").code == 0
    assert command("audit", "verify").code == 0


def check_audit_fails(problem: str) -> None:
    """Check that `reelmill doctor` reports a problem of the log, and what to do, without changing the memory of it."""
    settings = load_settings()
    [mark] = (settings.home / "audit.marks").iterdir()
    before = mark.read_bytes()
    finding = check_audit_key(resources_of(settings))
    assert finding.level == "fail"
    assert problem in finding.message
    assert "`reelmill audit" in finding.fix
    assert mark.read_bytes() == before


def test_doctor_reports_a_lost_known_entry(home: Path, command: Command):
    """An older backup of the database has a shorter log, with a genuine head."""
    use(command)
    close_resources()
    shutil.copy(home / "catalogue.sqlite", home / "older.sqlite")
    assert command("accounts", "add", "ben").code == 0
    assert check_audit_key(resources_of(load_settings())).level == "ok"
    close_resources()
    shutil.copy(home / "older.sqlite", home / "catalogue.sqlite")
    check_audit_fails("no longer contains entry")

    assert command("audit", "accept-restore", "--reason", "backup of May", "--yes").code == 0
    assert check_audit_key(resources_of(load_settings())).level == "ok"


@pytest.mark.parametrize("change", ["DELETE FROM audit WHERE audit_id = 1", "UPDATE audit SET actor = 'person:eve'"])
def test_doctor_reports_a_changed_log(home: Path, command: Command, change: str):
    use(command)
    assert command("accounts", "add", "ben").code == 0
    close_resources()
    with closing(sqlite3.connect(home / "catalogue.sqlite")) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(change)
        connection.commit()
    check_audit_fails("audit log")


def test_doctor_reports_a_damaged_mark(home: Path, command: Command):
    use(command)
    close_resources()
    [mark] = (home / "audit.marks").iterdir()
    mark.write_text("nonsense")
    finding = check_audit_key(resources_of(load_settings()))
    assert finding.level == "fail"
    assert "is damaged" in finding.message
