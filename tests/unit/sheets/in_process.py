"""The work of the sandboxed child, in this process."""

import contextlib
import io
import json
import subprocess
from dataclasses import asdict

import pytest

from adapters.sheets import sandbox, sandbox_child
from manifests.errors import UnreadableSheetError
from manifests.sheet.reading import ReadingOptions


def parse_here(data: bytes, kind: str, options: ReadingOptions) -> list[bytes]:
    """Return what the child would print."""
    given = json.dumps(asdict(options))
    printed, arguments = io.StringIO(), ["-c", kind, given]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox_child, "_limit", lambda: None)
        patch.setattr("sys.argv", arguments)
        patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        try:
            with contextlib.redirect_stdout(printed):
                sandbox_child.main()
        except Exception as error:  # noqa: BLE001 the child would die
            died = subprocess.CompletedProcess(arguments, 1, b"", repr(error).encode())
            raise UnreadableSheetError(sandbox._death(died)) from sandbox.SandboxError(died)
    return printed.getvalue().encode().splitlines()
