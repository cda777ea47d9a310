"""What people are told of the watched place before it is looked at."""

from pathlib import Path

from manifests.errors import SettingsError


def watched_line(location: str) -> str:
    """Return where sheets arrive; a folder that is not there is waited for, and that is said.

    Raises:
        SettingsError: it is a file.
    """
    if not location:
        return "nothing; let REELMILL_WATCH name a folder or s3://name/prefix"
    folder = Path(location).expanduser()
    is_path = "://" not in location
    if is_path and folder.exists() and not folder.is_dir():
        raise SettingsError(
            f"{location!r} is a file and cannot be watched; let REELMILL_WATCH name the folder in which sheets arrive."
        )
    missing = " (not there yet)" if is_path and not folder.exists() else ""
    return f"{location}{missing} – a sheet that is dropped there is answered beside it"
