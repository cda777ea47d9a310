"""Description of the watched location for people."""

from pathlib import Path

from manifests.errors import SettingsError


def watched_line(location: str) -> str:
    """Return a description of the watched location, also if the folder does not exist yet.

    Raises:
        SettingsError: the location is a file.
    """
    if not location:
        return "nothing (set REELMILL_WATCH to a folder or s3://name/prefix)"
    folder = Path(location).expanduser()
    is_path = "://" not in location
    if is_path and folder.exists() and not folder.is_dir():
        raise SettingsError(
            f"{location!r} is a file and cannot be watched. Set REELMILL_WATCH to the folder that receives the sheets."
        )
    missing = " (does not exist yet)" if is_path and not folder.exists() else ""
    return f"{location}{missing} – for each new sheet, a receipt is written next to it"
