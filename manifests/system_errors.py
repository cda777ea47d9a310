"""Errors of the operating system as sentences: what is wrong with a disk or a process, and how to fix it."""

import errno

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No space or no free inodes, a used-up quota, or a file larger than the system allows."""
TOO_MANY_FILES = (errno.EMFILE, errno.ENFILE)
FREE_SPACE = (
    "Free some space (`df -h` and `df -i` show what is used), or stop Reelmill, move the folder REELMILL_HOME to "
    "another disk and set REELMILL_HOME to its new path. Then run the command again."
)


def full_disk_text(where: object) -> str:
    """Return the message for a full disk; everything that was finished before is kept."""
    return f"The disk of {where} is full. {FREE_SPACE}"


def read_only_text(where: object) -> str:
    """Return the message for a read-only file system."""
    return (
        f"{where} is on a read-only file system; a disk may also become read-only after an error (see `dmesg`). Mount "
        "it writable, then run the command again."
    )


def too_many_files_text() -> str:
    """Return the message for a process that has no file handle left."""
    return "This process has too many open files. Raise the limit with `ulimit -n 4096`, then run the command again."


def system_error_text(error: OSError, where: object = None) -> str:
    """Return an error of the operating system as one message.

    Args:
        where: the path that was used; None for that of the error.
    """
    place = where or error.filename
    if error.errno in DISK_FULL:
        return full_disk_text(place or "REELMILL_HOME or the output folder")
    if error.errno == errno.EROFS:
        return read_only_text(place or "The output folder")
    if error.errno in TOO_MANY_FILES:
        return too_many_files_text()
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"{place or 'System error'}: {error.strerror}. Give the user who runs Reelmill access to the file and its "
            "folder, for example with `chown`, then run the command again."
        )
    return f"{place or 'System error'}: {error.strerror or error}. Check the path and its permissions."
