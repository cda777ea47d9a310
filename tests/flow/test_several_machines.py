"""Two machines with one PostgreSQL catalogue and one bucket, without Ray."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_runner import reelmill

from flows.runtime.resources import resources_of
from flows.settings import load_settings
from tasks.runtime.resources import catalogue_of, close_resources

pytestmark = pytest.mark.usefixtures("prefect_server", "fake_models")


@pytest.fixture
def use(tmp_path: Path, monkeypatch, postgres_url: str) -> Callable[[str], None]:
    """Switch to a machine, which is known by its home."""
    monkeypatch.setenv("REELMILL_CATALOGUE_URL", postgres_url)
    monkeypatch.setenv("REELMILL_BUCKET", str(tmp_path / "bucket"))
    monkeypatch.setenv("REELMILL_REVIEW", "required")
    monkeypatch.setenv("REELMILL_AUDIT_KEY", "ab" * 32)

    def switch(name: str) -> None:
        monkeypatch.setenv("REELMILL_HOME", str(tmp_path / name))
        monkeypatch.setattr(socket, "gethostname", lambda: name)

    yield switch
    catalogue_of(resources_of(load_settings())).close()
    close_resources()


def test_clips_in_the_home_of_another_machine_are_named_with_the_fix(home, sheet, capsys, use):
    use("first")
    reelmill(capsys, "run", sheet)
    use("second")
    catalogue = catalogue_of(resources_of(load_settings()))
    campaign_id = catalogue.campaigns.all()[0].campaign_id
    approved = reelmill(capsys, "approve", campaign_id, "--all")
    expected = (
        f"10 approved clips are not published by second, because their files are in another REELMILL_HOME, on first. "
        f"Run `reelmill resume {campaign_id}` there. To publish later clips from any machine, set "
        "REELMILL_STAGING=bucket on all of them."
    )
    said = " ".join(approved.err.split())
    assert (approved.code, expected in said, "re-run the same command" in said) == (1, True, False), said
    status = " ".join(reelmill(capsys, "status", campaign_id).out.split())
    assert f"The run has ended, but {expected}" in status
    [alert] = catalogue.alerts.all(kind="failed")
    assert f"has ended, but {expected} Status:" in alert.text

    use("first")
    assert reelmill(capsys, "resume", campaign_id).code == 0
    assert catalogue.progress.tally(campaign_id)["published"] == 10


def test_clips_staged_in_the_bucket_are_published_by_any_machine(home, sheet, capsys, use, monkeypatch):
    monkeypatch.setenv("REELMILL_STAGING", "bucket")
    use("first")
    reelmill(capsys, "run", sheet)
    use("second")
    catalogue = catalogue_of(resources_of(load_settings()))
    campaign_id = catalogue.campaigns.all()[0].campaign_id
    assert reelmill(capsys, "approve", campaign_id, "--all").code == 0
    assert catalogue.progress.tally(campaign_id)["published"] == 10
