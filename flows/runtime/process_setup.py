"""What the processes have in common that `reelmill up` keeps alive."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from flows.runtime.logs import prepare_logs
from flows.settings import Settings, load_settings
from manifests.errors import ReelmillError, SettingsError

WRONG_SETTINGS = os.EX_CONFIG
"""Exit code where starting again is of no use."""


@contextmanager
def program() -> Iterator[Settings]:
    """Yield the settings, with logs as they say; an error of ours ends the process with its sentence."""
    try:
        settings = load_settings()
        prepare_logs(settings)
        yield settings
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(WRONG_SETTINGS)
    except ReelmillError as error:
        sys.exit(str(error))
