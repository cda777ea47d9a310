"""A signing key that every user of the machine can read is reported; group permissions are accepted."""

import logging
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_runner import reelmill
from credentials import Authority

from flows import registration
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from tasks.doctor.signing import check_signer
from tasks.runtime.resources import close_resources


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The key of the configured signer, in a folder that all users can enter, unlike that of pytest."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        chain, made = Authority().write(tmp_path / "pem")
        shutil.copy(made, folder / "signing key.pem")
        for setting, value in {
            "HOME": tmp_path / "home",
            "SIGNER": "pem",
            "SIGNER_CHAIN": chain,
            "SIGNER_KEY": folder / "signing key.pem",
        }.items():
            monkeypatch.setenv(f"REELMILL_{setting}", str(value))
        monkeypatch.chdir(tmp_path)
        close_resources()
        registration._checked.clear()
        yield folder / "signing key.pem"
        close_resources()


def warning_of(key: Path) -> str:
    return (
        f"Every user of this machine can read or replace the signing key {key}. Run `chmod o= '{key}'`; in Kubernetes, "
        "set `defaultMode: 0440` for the volume of the key."
    )


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602])
def test_a_key_that_all_users_can_read_is_reported(key: Path, mode: int, capsys, caplog):
    key.chmod(mode)
    resources = resources_of(load_settings())
    finding = check_signer(resources)
    assert finding.level == "warn"
    assert f"{finding.message.partition('Every')[1]}{finding.message.partition('Every')[2]} {finding.fix}" == (
        warning_of(key)
    )
    shown = reelmill(capsys, "signer")
    assert (shown.code, " ".join(shown.err.split())) == (0, f"Warning: {warning_of(key)}")
    with caplog.at_level(logging.WARNING):
        registration.check_delivery(resources)  # as before each run
    assert warning_of(key) in caplog.messages


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440, 0o640, 0o660])
def test_a_key_of_an_owner_and_a_group_is_accepted(key: Path, mode: int, capsys):
    key.chmod(mode)
    assert check_signer(resources_of(load_settings())).level == "ok"
    assert reelmill(capsys, "signer").err == ""


def test_a_key_in_a_private_folder_is_accepted(key: Path):
    key.chmod(0o644)
    key.parent.chmod(0o700)
    assert check_signer(resources_of(load_settings())).level == "ok"
