"""Setup of the processes that `reelmill up` supervises."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from adapters.readable_output import make_output_readable
from flows.runtime.logs import prepare_logs
from flows.settings import Settings, load_settings, prepare_proxies
from manifests.errors import ReelmillError, SettingsError

WRONG_SETTINGS = os.EX_CONFIG
"""Exit code after which a restart is pointless."""


@contextmanager
def process_settings() -> Iterator[Settings]:
    """Configure logging and yield the settings; a ReelmillError ends the process with its message."""
    prepare_proxies()
    make_output_readable()
    try:
        settings = load_settings()
        prepare_logs(settings)
        yield settings
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(WRONG_SETTINGS)
    except ReelmillError as error:
        sys.exit(str(error))
