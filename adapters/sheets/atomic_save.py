"""Saving a file in one step: whole, or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from manifests.errors import DiskFullError, SheetError


@contextmanager
def saving(out: Path) -> Iterator[Path]:
    """Yield a name beside ``out`` to write to; what lies there is then renamed.

    Raises:
        DiskFullError: no room.
        SheetError: the folder is missing or cannot be written.
    """
    unfinished = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        unfinished.touch()
        yield unfinished
        os.replace(unfinished, out)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"The disk is full, '{out}' was not written; free some space.") from error
        message = f"'{out}' cannot be written ({error.strerror}); check the folder and its rights."
        raise SheetError(message) from error
    finally:
        with suppress(OSError):
            unfinished.unlink()
