"""Check that Python imports the packages of this installation, and not others with the same names."""

import base64
import hashlib
import json
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

from adapters.child_python import PYTHON, ROOT, isolated_environment
from tasks.doctor.check import FAIL, OK, WARN, Finding

PROGRAM = "reelmill"
PACKAGES = ("adapters", "app", "flows", "manifests", "models", "tasks")
SEPARATE = "Install Reelmill into a separate environment, for example with `pipx install reelmill`."
_ASK = (
    "import importlib.util, json, sys; "
    "found = {name: importlib.util.find_spec(name) for name in sys.argv[1:]}; "
    "print(json.dumps({name: spec and (spec.origin or '') for name, spec in found.items()}))"
)
SHOWN = 3


def check_packages() -> Finding:
    """Check where child processes find our packages, and whether another distribution installed over them."""
    asked = _ask()
    if asked.returncode:
        return Finding(
            FAIL,
            f"Child processes cannot start: {(asked.stderr.strip() or 'no output').splitlines()[-1].rstrip('.')}.",
            "Remove from PYTHONPATH the folders whose modules have the names of standard modules.",
        )
    if shadowed := list(_shadowed(json.loads(asked.stdout))):
        return Finding(
            FAIL,
            "; ".join(shadowed) + ".",
            f"Remove that folder from PYTHONPATH, or uninstall what it belongs to. {SEPARATE}",
        )
    if changed := list(_changed()):
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        return Finding(
            FAIL,
            f"Files of Reelmill were changed or deleted after the installation: {', '.join(changed[:SHOWN])}{more}.",
            f"Another distribution may have overwritten them. {SEPARATE}",
        )
    if others := list(_others()):
        return Finding(WARN, "; ".join(others) + ". Installing or removing it can overwrite ours.", SEPARATE)
    return Finding(OK, f"{', '.join(PACKAGES)} are imported from {ROOT}.")


def _ask() -> "subprocess.CompletedProcess[str]":
    """Ask a child process for the file that it would import for each package."""
    command = [*PYTHON, "-c", _ASK, *PACKAGES]
    return subprocess.run(command, env=isolated_environment(), capture_output=True, text=True, check=False)  # noqa: S603


def _shadowed(origins: dict[str, str | None]) -> Iterator[str]:
    for name, origin in origins.items():
        if origin is None:
            yield f"Child processes do not find the package {name}"
        elif Path(origin) != ROOT / name / "__init__.py":
            yield f"Child processes import {name} from {origin or 'another folder'} instead of {ROOT / name}"


def _changed() -> Iterator[str]:
    """Yield the modules whose content differs from the record of the installation; a checkout has no record."""
    try:
        files = distribution(PROGRAM).files or []
    except PackageNotFoundError:
        return
    for file in files:
        if file.hash and file.suffix == ".py" and file.parts[0] in PACKAGES:
            path = Path(str(file.locate()))
            if not path.is_file() or _digest(path, file.hash.mode) != file.hash.value:
                yield str(file)


def _digest(path: Path, algorithm: str) -> str:
    return base64.urlsafe_b64encode(hashlib.new(algorithm, path.read_bytes()).digest()).decode().rstrip("=")


def _others() -> Iterator[str]:
    installed = packages_distributions()
    for name in PACKAGES:
        for other in sorted(set(installed.get(name, ())) - {PROGRAM}):
            yield f"The distribution {other} also installs a package that is called {name}"
