"""Atomic saving: a file is written completely or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from adapters.files.umask import create_unfinished
from manifests.errors import DiskFullError, SheetError
from manifests.system_errors import DISK_FULL, TOO_MANY_FILES, system_error_text


@contextmanager
def saving(out: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of ``out``; the file written there is then renamed to ``out``.

    Raises:
        DiskFullError: the disk is full.
        SheetError: the folder does not exist or is not writable.
    """
    unfinished = None
    try:
        unfinished, handle = create_unfinished(out)
        os.close(handle)
        yield unfinished
        os.replace(unfinished, out)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise DiskFullError(
                f"The disk is full, so '{out}' was not written. Free some space (`df -h` and `df -i` show what is "
                "used) and run the command again."
            ) from error
        if error.errno in (errno.EROFS, *TOO_MANY_FILES):
            raise SheetError(f"'{out}' cannot be written. {system_error_text(error, out.parent)}") from error
        message = f"'{out}' cannot be written ({error.strerror}). Check the folder and its permissions."
        raise SheetError(message) from error
    finally:
        if unfinished:
            with suppress(OSError):
                unfinished.unlink()
