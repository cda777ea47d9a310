"""The sweep command and flow, with really signed clips."""

import json
from pathlib import Path

import pytest
from cli_runner import reelmill
from sweep_world import DAY_S, aged

from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.errors import SettingsError
from tasks.runtime.resources import catalogue_of

pytestmark = pytest.mark.usefixtures("prefect_server", "fake_models")


@pytest.fixture
def clips(home: Path, sheet: Path, capsys) -> list[Path]:
    """Ten published clips in the bucket."""
    assert reelmill(capsys, "run", sheet).code == 0
    found = sorted((home / "bucket").rglob("*.mp4"))
    assert len(found) == 10
    return found


def swept(capsys, *options: str) -> tuple[int, dict]:
    ended = reelmill(capsys, "sweep", "--json", *options)
    return ended.code, json.loads(ended.out)


def test_an_intact_installation_has_no_findings(clips, capsys):
    code, report = swept(capsys)
    assert (code, report["found"], report["needs_person"]) == (0, {}, False)
    assert report["looked"] == {"clips": 10, "objects": 40, "hashes": 40, "credentials": 10}
    ended = reelmill(capsys, "sweep", "--sample", 3)
    assert ended.code == 0
    assert "10 published clips compared" in ended.out
    assert "3 credentials verified" in ended.out
    assert "No findings." in ended.out


def test_damage_is_reported_and_needs_a_person(clips, capsys, home):
    tampered, missing = clips[0], clips[1]
    tampered.write_bytes(tampered.read_bytes() + b"\0\0\0\x08free")
    missing.unlink()
    orphan = clips[2].with_name("odd.mp4")
    orphan.write_bytes(b"x")
    aged(orphan, 2 * DAY_S)
    code, planned = swept(capsys, "--dry-run")
    assert (code, planned["dry_run"]) == (1, True)
    assert orphan.exists()
    code, report = swept(capsys)
    assert code == 1
    assert {kind: found["count"] for kind, found in report["found"].items()} == {
        "missing": 1,
        "differing": 1,
        "orphan": 1,
        "untrusted": 1,
    }
    assert planned["found"] == report["found"]
    assert tampered.name in report["found"]["untrusted"]["names"][0]
    assert missing.name in report["found"]["missing"]["names"][0]
    assert [path.name for path in (home / "bucket" / "quarantine").rglob("*.mp4")] == ["odd.mp4"]
    (alert,) = catalogue_of(resources_of(load_settings())).alerts.all(kind="sweep")
    assert "1 published file missing from the bucket" in alert.text
    assert "odd.mp4" not in alert.text
    ended = reelmill(capsys, "sweep")
    assert ended.code == 1
    assert "Some findings need a person's attention." in ended.err
    words = " ".join(ended.out.split())
    assert "1 published file missing from the bucket" in words
    assert "Restore it" in words
    assert "withdraw its clip in the dashboard" in words


def test_a_clip_that_another_authority_signed_is_not_trusted(clips, capsys, home):
    for path in (home / "signer").iterdir():
        path.unlink()
    code, report = swept(capsys, "--sample", "2")
    assert code == 1
    assert report["found"]["untrusted"]["count"] == 2
    assert "reelmill signer" in catalogue_of(resources_of(load_settings())).alerts.all(kind="sweep")[0].text


def test_without_a_signer_the_other_steps_run(clips, capsys, monkeypatch):
    clips[0].unlink()
    monkeypatch.setenv("REELMILL_SIGNER", "pem")
    monkeypatch.setenv("REELMILL_SIGNER_CHAIN", "/nowhere/chain.pem")
    monkeypatch.setenv("REELMILL_SIGNER_KEY", "/nowhere/key.pem")
    code, report = swept(capsys)
    assert (code, sorted(report["found"])) == (1, ["missing", "not-done"])
    assert "chain.pem" in report["found"]["not-done"]["names"][0]


def test_each_campaign_is_compared_with_its_own_bucket(clips, capsys, tmp_path):
    other = tmp_path / "autumn.csv"
    other.write_text("brief_id,prompt,placements\nleaf,a yellow circle,1:1\n")
    assert reelmill(capsys, "run", other, "--bucket", tmp_path / "elsewhere").code == 0
    (clip,) = (tmp_path / "elsewhere").rglob("*.mp4")
    code, report = swept(capsys)
    assert (code, report["found"], report["looked"]["clips"]) == (0, {}, 11)
    clip.unlink()
    code, report = swept(capsys)
    assert (code, report["found"]["missing"]["count"]) == (1, 1)


def test_before_the_first_campaign_there_is_nothing_to_sweep(home, capsys):
    ended = reelmill(capsys, "sweep")
    assert ended.code == 0
    assert "Checked: leases and staged files; no published clips were compared." in ended.out


def test_the_flow_publishes_its_report_as_artifacts(clips, capsys):
    from flows.sweep import sweep

    report = sweep(sample=2)
    assert report == swept(capsys, "--sample", "2")[1]
    clips[0].unlink()
    sweep(sample=0, dry_run=True)
    table, summary = artifact("sweep"), artifact("sweep-summary")
    (row,) = json.loads(table)
    assert (row["found"], row["number"]) == ("published files missing from the bucket", 1)
    assert clips[0].name in row["names"]
    assert "**Some findings need a person's attention.** Dry run: nothing was changed." in summary
    assert "- 10 published clips compared" in summary


def artifact(key: str) -> str:
    from prefect.artifacts import Artifact

    found = Artifact.get(key)
    assert found
    return found.data


@pytest.mark.parametrize("sample", [-1, 1_000_000, "many"])
def test_the_flow_refuses_invalid_parameters(home, sample):
    from prefect.exceptions import ParameterTypeError

    from flows.sweep import sweep

    with pytest.raises(ParameterTypeError, match="sample"):
        sweep(sample=sample)


def test_the_flow_refuses_secrets_as_parameters(home):
    from flows.sweep import sweep

    with pytest.raises(SettingsError, match="REELMILL_BUCKET_SECRET_KEY"):
        sweep(settings={"bucket_secret_key": "hidden"})
