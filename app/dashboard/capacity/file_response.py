"""Files that are sent without an open file per client: clients that do not read would use up the file descriptors."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anyio import to_thread
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

BLOCK = 1 << 17
"""Bytes that are read at once."""


class ChangedFileError(OSError):
    """The file was replaced while it was sent. The connection is closed, so that the client notices it."""


class BlockFileResponse(FileResponse):
    """A file that is opened for each block."""

    chunk_size = BLOCK

    @asynccontextmanager
    async def _open_file(self) -> AsyncIterator[Any]:
        yield _Blocks(self.path)


class _Blocks:
    """Reads a file as an asynchronous file does, but keeps nothing open between two reads."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._position = 0
        self._file: tuple[int, int, int] | None = None

    async def seek(self, position: int) -> None:
        self._position = position

    async def read(self, size: int) -> bytes:
        data = await to_thread.run_sync(self._read, size)
        self._position += len(data)
        return data

    def _read(self, size: int) -> bytes:
        with open(self._path, "rb") as file:
            about = os.fstat(file.fileno())
            found = (about.st_ino, about.st_size, about.st_mtime_ns)
            self._file = self._file or found
            if found != self._file:
                raise ChangedFileError(f"{self._path} was replaced while it was sent.")
            file.seek(self._position)
            return file.read(size)


class StaticFilesInMemory(StaticFiles):
    """Small files that do not change while the program runs, sent from memory."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._contents: dict[str, bytes] = {}

    def file_response(
        self, full_path: Any, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Return the content of a file, or that it is not modified."""
        found = super().file_response(full_path, stat_result, scope, status_code)
        if not isinstance(found, FileResponse):
            return found
        name = str(full_path)
        if name not in self._contents:
            with open(full_path, "rb") as file:
                self._contents[name] = file.read()
        headers = {key: value for key, value in found.headers.items() if key in ("etag", "last-modified")}
        return Response(self._contents[name], status_code, headers, found.media_type)
