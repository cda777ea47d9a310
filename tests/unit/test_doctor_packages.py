"""`reelmill doctor` reports packages of others that have the names of ours."""

import base64
import hashlib
import os
from importlib.metadata import PathDistribution

from adapters.child_python import isolated_environment
from tasks.doctor import packages
from tasks.doctor.packages import check_packages


def test_the_packages_of_this_installation_are_fine():
    finding = check_packages()
    assert finding.level == "ok", finding
    assert str(packages.ROOT) in finding.message


def test_a_package_in_another_folder_of_pythonpath_fails(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("")
    elsewhere = {**isolated_environment(), "PYTHONPATH": f"{tmp_path}{os.pathsep}{packages.ROOT}"}
    monkeypatch.setattr(packages, "isolated_environment", lambda: elsewhere)
    finding = check_packages()
    assert finding.level == "fail"
    assert finding.message == (
        f"Child processes import models from {tmp_path}/models/__init__.py instead of {packages.ROOT}/models."
    )
    assert "PYTHONPATH" in finding.fix


def test_a_module_named_like_a_standard_one_fails(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit('my own json')")
    elsewhere = {**isolated_environment(), "PYTHONPATH": f"{tmp_path}{os.pathsep}{packages.ROOT}"}
    monkeypatch.setattr(packages, "isolated_environment", lambda: elsewhere)
    finding = check_packages()
    assert (finding.level, finding.message) == ("fail", "Child processes cannot start: my own json.")


def test_another_distribution_with_such_a_package_is_a_warning(monkeypatch):
    monkeypatch.setattr(packages, "packages_distributions", lambda: {"app": ["reelmill", "fastapi-demo"]})
    finding = check_packages()
    assert finding.level == "warn"
    assert "The distribution fastapi-demo also installs a package that is called app." in finding.message
    assert "separate environment" in finding.fix


def test_overwritten_and_deleted_files_fail(tmp_path, monkeypatch):
    """A wheel that another one was installed over."""
    record = ""
    for name in ("app/__init__.py", "models/card.py", "tasks/gone.py"):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text(name)
        digest = base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest()).decode().rstrip("=")
        record += f"{name},sha256={digest},{len(name)}\n"
    info = tmp_path / "reelmill-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: reelmill\nVersion: 0.1.0\n")
    (info / "RECORD").write_text(record)
    monkeypatch.setattr(packages, "distribution", lambda _: PathDistribution(info))
    monkeypatch.setattr(packages, "packages_distributions", dict)
    assert check_packages().level == "ok"
    (tmp_path / "models" / "card.py").write_text("of another program")
    (tmp_path / "tasks" / "gone.py").unlink()
    finding = check_packages()
    assert finding.level == "fail"
    assert "models/card.py, tasks/gone.py." in finding.message
