"""Each failure gives one clear sentence and a non-zero exit code, never a traceback."""

import os
import re
import socket
import subprocess

import pytest
from cli_runner import reelmill

from tasks.runtime.resources import close_resources


def refused(ended, sentence: str) -> None:
    """Assert that the command failed with this sentence (a regex) and without a traceback."""
    assert ended.code != 0
    assert re.search(sentence, ended.err), ended.err
    assert "Traceback" not in ended.err + ended.out
    told = [line for line in ended.err.splitlines() if line.startswith("Error: ")]
    assert len(told) == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "nowhere.csv"], "'nowhere.csv' does not exist. Check the name and the folder"),
        (["validate", "nowhere.csv"], "'nowhere.csv' does not exist. Check the name and the folder"),
        (["run", "."], "is a folder"),
        (["plan", "spring.csv", "--model", "veo"], "There is no model 'veo'. List the models with `reelmill models`"),
        (["plan", "spring.csv", "--model", "sora"], "sora cannot run: OpenAI shut down the Sora API on 24 September"),
        (["models", "show", "startre"], "No model card is named 'startre'. Did you mean starter"),
        (["status", "winter"], "No campaign in the catalogue is called 'winter'"),
        (["retry", "winter", "--failed"], "No campaign in the catalogue is called 'winter'"),
        (["approve", "winter", "--all"], "No campaign in the catalogue is called 'winter'"),
        (["run", "spring.csv", "--bucket", "ftp://x"], "'ftp://x' is not a bucket. Use a folder or s3://name/prefix"),
        (["plan", "spring.csv", "--max-variants", "5"], "expands to 12 variants, but the limit is 5"),
        (
            ["plan", "spring.csv", "--budget", "5"],
            "^Error: Invalid option --budget: '5' has no currency. Enter it",
        ),
        (["run", "spring.csv", "--review", "perhaps"], "^Error: Invalid option --review: Input should be 'auto' or"),
        (["verify", "nowhere.mp4"], "nowhere.mp4: No such file"),
        (["verify", "spring.csv"], "is not a media file. Use a video"),
        (["init", "spring.csv"], "spring.csv already exists. Choose another file, or overwrite it with --force"),
    ],
)
def test_a_wrong_argument_is_reported(home, sheet, capsys, words, sentence):
    refused(reelmill(capsys, *words), sentence)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("LEASE_S", "soon", "Invalid setting 'lease_s'.*REELMILL_LEASE_S"),
        ("REVIEW", "perhaps", "Invalid setting 'review'.*REELMILL_REVIEW"),
        ("CATALOGUE_URL", "oracle://x", "Invalid catalogue URL"),
        ("SIGNER", "pem", "needs a certificate chain. Set REELMILL_SIGNER_CHAIN"),
        ("HOME", "/proc/reelmill", "/proc/reelmill: No such file or directory. Check the path"),
    ],
)
def test_a_wrong_setting_is_reported(home, sheet, capsys, monkeypatch, name, value, sentence):
    monkeypatch.setenv(f"REELMILL_{name}", value)
    refused(reelmill(capsys, "signer" if name == "SIGNER" else "status"), sentence)


def test_a_broken_settings_file_is_reported(home, sheet, capsys, tmp_path):
    (tmp_path / "reelmill.toml").write_text("lease_s = = 3\n")
    refused(reelmill(capsys, "status"), "Cannot read reelmill.toml: ")


def test_an_unknown_setting_in_the_file_is_reported(home, sheet, capsys, tmp_path):
    (tmp_path / "reelmill.toml").write_text("leese_s = 3\n")
    refused(reelmill(capsys, "status"), "Unknown setting 'leese_s' in reelmill.toml")


def test_a_missing_signing_key_is_reported_before_generation(home, sheet, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("REELMILL_SIGNER", "pem")
    monkeypatch.setenv("REELMILL_SIGNER_CHAIN", str(tmp_path / "chain.pem"))
    monkeypatch.setenv("REELMILL_SIGNER_KEY", str(tmp_path / "key.pem"))
    refused(reelmill(capsys, "run", sheet), "chain.pem")


def test_incomplete_weights_are_reported(home, sheet, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("REELMILL_WEIGHTS_ROOT", str(tmp_path / "weights"))
    (tmp_path / "weights" / "starter" / "t2v").mkdir(parents=True)
    refused(reelmill(capsys, "run", sheet), "The weights of starter in .* cannot be used: .*model_index.json")


def test_a_database_of_a_newer_version_is_reported(home, sheet, capsys):
    import sqlite3

    reelmill(capsys, "status")
    close_resources()
    with sqlite3.connect(home / "catalogue.sqlite") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999_future'")
    database.close()
    refused(reelmill(capsys, "status"), "newer")


def test_a_file_that_is_not_a_database_is_reported(home, sheet, capsys):
    home.mkdir()
    (home / "catalogue.sqlite").write_bytes(b"not a database" * 100)
    refused(reelmill(capsys, "status"), "is not a catalogue, or is damaged")


def test_an_unreachable_database_is_reported(home, sheet, capsys, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("REELMILL_CATALOGUE_URL", f"postgresql://127.0.0.1:{unused.getsockname()[1]}/reelmill")
        refused(reelmill(capsys, "status"), "does not respond")


def test_a_full_disk_is_reported_before_generation(sheet, home, capsys, tmp_path, monkeypatch):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", small], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a tmpfs is not permitted on this machine")
    try:
        monkeypatch.setenv("REELMILL_HOME", str(small / "home"))
        refused(reelmill(capsys, "run", sheet), r"4 MB free, but a run needs at least 100 MB. Free some space")
    finally:
        close_resources()
        subprocess.run(["umount", small], check=True)


def test_debug_shows_the_traceback(home, sheet, capsys):
    with pytest.raises(Exception, match="There is no model 'veo'"):
        reelmill(capsys, "--debug", "plan", sheet, "--model", "veo")


def test_no_secret_is_shown_in_an_error(home, sheet, capsys, monkeypatch):
    monkeypatch.setenv("REELMILL_CATALOGUE_URL", "postgresql://me:canary@127.0.0.1:9/x")
    ended = reelmill(capsys, "status")
    assert ended.code == 1
    assert "canary" not in ended.out + ended.err


def test_a_home_that_is_not_writable_is_reported(home, sheet, capsys, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "file"))
    refused(reelmill(capsys, "status"), "file: (File exists|Not a directory)")
    assert os.path.isfile(tmp_path / "file")
