"""A working directory with modules named like ours, and like those of libraries."""

from pathlib import Path

NAMES = ("app", "flows", "tasks", "adapters", "models", "manifests", "prefect", "typer", "rich", "json", "queue")


def make_hostile(folder: Path) -> Path:
    """Write the modules: importing one of them creates a marker file and ends the process."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        marker = folder / f"{name}-was-imported"
        path = folder / f"{name}.py"
        if name in ("models", "manifests"):
            path = folder / name / "__init__.py"
            path.parent.mkdir()
        path.write_text(f"open({str(marker)!r}, 'w').close()\nraise SystemExit('hostile')\n")
    return folder


def imported(folder: Path) -> list[str]:
    """Return the names of the modules that were imported."""
    return sorted(path.name.removesuffix("-was-imported") for path in folder.glob("*-was-imported"))
