"""Generated requests: the API keeps its OpenAPI contract, and no request causes a server error."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dashboard_server import ROLES, Recorder, serving, session_with_clips

from app.api.routes import openapi
from app.session import Session

EXAMPLES = 12
ALL_PHASES = "examples,coverage,fuzzing,stateful"
CALLS = {None: 200, "viewer": 400, "reviewer": 500, "admin": 500}
"""Least number of generated requests by role: 1,600 in sum."""
SEEN: dict[str | None, set[int]] = {
    None: {401},
    "viewer": {200, 401, 403, 404, 405, 422},
    "reviewer": {200, 201, 401, 404, 405, 415, 422},
    "admin": {200, 201, 401, 404, 405, 415, 422},
}
"""Statuses that the requests must reach; without them, they would test only the first check of a route."""


@contextmanager
def served(home: Path, monkeypatch: pytest.MonkeyPatch, url: str = "") -> Iterator[tuple[Session, str, Recorder]]:
    monkeypatch.setenv("REELMILL_HOME", str(home))
    monkeypatch.setenv("REELMILL_CATALOGUE_URL", url)
    # A regenerated clip must not start the program hundreds of times.
    monkeypatch.setattr("app.dashboard.background.jobs.Jobs.resume", lambda self, campaign_id: None)
    session = session_with_clips(home, url)
    with serving(session) as (address, recorder):
        yield session, address, recorder


def fuzz(url: str, folder: Path, token: str | None, examples: int = EXAMPLES, phases: str = ALL_PHASES) -> None:
    """Run all checks of schemathesis, which generates valid and invalid requests and sequences of requests."""
    (folder / "openapi.json").write_text(json.dumps(openapi()))
    command = [sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--url", url, "--checks", "all"]
    command += ["--max-examples", str(examples), "--seed", "1", "--no-color", "--continue-on-failure", "--no-shrink"]
    command += ["--phases", phases]
    command += ["--suppress-health-check", "all", "--request-timeout", "20"]
    command += ["--header", f"Authorization: Bearer {token}"] if token else []
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.parametrize("role", [None, *ROLES])
def test_the_api_keeps_its_contract_for_every_role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str | None):
    with served(tmp_path / "home", monkeypatch) as (session, url, recorder):
        token = session.catalogue.tokens.add(role, "fuzz", 3600, "test") if role else None
        if role:
            fuzz(url, tmp_path, token)
        else:  # all requests end at the same check
            fuzz(url, tmp_path, token, 25, "fuzzing")
        assert recorder.broken == []
        assert recorder.statuses.total() >= CALLS[role]
        assert set(recorder.statuses) >= SEEN[role], recorder.statuses
        assert role or set(recorder.statuses) <= {400, 401, 404, 405}
        assert session.catalogue.audit.verify().ok


@pytest.mark.slow
def test_the_api_keeps_its_contract_on_postgresql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str):
    with served(tmp_path / "home", monkeypatch, postgres_url) as (session, url, recorder):
        fuzz(url, tmp_path, session.catalogue.tokens.add("admin", "fuzz", 3600, "test"), 10)
        assert recorder.broken == []
        assert session.catalogue.audit.verify().ok
