"""The ZIP file of selected clips: missing clips are listed, and too many are refused."""

import io
import zipfile
from pathlib import Path

import pytest
import samples
from dashboard_client import client_of, session_in


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    return client_of(session_in(tmp_path / "home"), "viewer")


def test_missing_clips_are_listed_and_the_table_has_every_clip(client):
    ids = [item.variant_id for item in samples.planned(3)]
    answer = client.get("/bundle", params={"id": [*ids, ids[0]]})
    assert answer.headers["content-disposition"] == 'attachment; filename="reelmill-clips.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        [table, missing] = archive.namelist()
        assert archive.read(table).decode().count("\n") == 4
        told = archive.read(missing).decode().splitlines()
    assert (table, missing) == (f"{samples.campaign().campaign_id}.csv", "missing.txt")
    assert len(told) == 3
    assert all(any(key[:12] in line for key in ids) for line in told)


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ("", 400, "0 clips are selected. A ZIP file can contain 1 to 100 clips."),
        ("&".join(f"id={number:032x}" for number in range(101)), 400, "101 clips are selected"),
        ("id=" + "0" * 32, 404, "The catalogue has no variant"),
    ],
)
def test_an_invalid_selection_is_refused(client, query: str, status: int, sentence: str):
    answer = client.get(f"/bundle?{query}")
    assert answer.status_code == status
    assert sentence in answer.text
