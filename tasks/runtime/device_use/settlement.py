"""Book what killed processes of this machine have used."""

import logging
from pathlib import Path

from adapters.catalogue import Catalogue, catalogue_name
from manifests.errors import ReelmillError
from tasks.runtime.device_use.use_file import uses_left

log = logging.getLogger(__name__)

FOLDER = "device-use"


def folder_of(staging: Path) -> Path:
    """Return the folder of the uses that are not booked yet, next to that of the staged clips."""
    return staging.parent / FOLDER


def settle_dead_uses(catalogue: Catalogue, folder: Path) -> float:
    """Book the uses of processes that have ended without doing so; return their seconds.

    A use that the catalogue refuses stays in its file, for example because its campaign is missing.
    """
    seconds = 0.0
    for use, file in uses_left(folder, catalogue_name(catalogue.url)):
        try:
            catalogue.device_use.book([use])
        except ReelmillError as error:
            log.warning("%.1f s of device time in %s could not be booked: %s", use.seconds, file.path, error)
            continue
        file.remove()
        seconds += use.seconds
    return seconds
