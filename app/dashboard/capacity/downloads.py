"""Long downloads: a limited number at a time, streamed with little memory and no thread while a client reads."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, contextmanager

from anyio import CapacityLimiter, to_thread
from fastapi.responses import StreamingResponse
from starlette.types import Send

from app.dashboard.capacity.work_limit import ServerBusyError, TooManyRequestsError

MAX_DOWNLOADS = 16
MAX_PER_PERSON = 2
MAX_FILES = 300
MAX_FILES_PER_PERSON = 24
"""Clips and other files that are sent at once. A browser opens six connections, and a player seeks with new ones."""
READERS = 4
"""Threads that read files and objects for all downloads."""
BLOCK = 1 << 19
"""Bytes that a download reads at once, which is about the memory that it needs."""


class TooManyDownloadsError(TooManyRequestsError):
    """Too many downloads of one account are in progress."""


class Downloads:
    """The downloads in progress, by person."""

    def __init__(self, *, are_files: bool = False) -> None:
        self._are_files = are_files
        self._running: Counter[str] = Counter()
        self._readers = CapacityLimiter(READERS)

    @contextmanager
    def admit(self, person: str) -> Iterator[None]:
        """Count a download until the end of the context.

        Raises:
            TooManyDownloadsError: this person has MAX_PER_PERSON downloads in progress.
            ServerBusyError: all people together have MAX_DOWNLOADS.
        """
        per_person, most = (MAX_FILES_PER_PERSON, MAX_FILES) if self._are_files else (MAX_PER_PERSON, MAX_DOWNLOADS)
        if self._running[person] >= per_person:
            raise TooManyDownloadsError(
                f"You already have {self._running[person]} downloads in progress. "
                "Wait until one of them has finished, then try again."
            )
        if self._running.total() >= most:
            raise ServerBusyError(f"{most} downloads are in progress. Try again in a few minutes.")
        self._running[person] += 1
        try:
            yield
        finally:
            self._running[person] -= 1
            self._running += Counter()  # drops people without downloads

    async def blocks(self, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
        """Read blocks in a thread, one at a time. No thread is in use while the client receives a block."""
        try:
            while block := await to_thread.run_sync(_next_block, pieces, limiter=self._readers):
                yield block
        finally:
            close = getattr(pieces, "close", None)  # closes the open file or connection
            if close:
                close()


class DownloadResponse(StreamingResponse):
    """A download with its length, so that a client notices if it ends early."""

    def __init__(self, blocks: AsyncIterator[bytes], length: int, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(blocks, media_type=media_type, headers={**headers, "Content-Length": str(length)})
        self._blocks = blocks

    async def stream_response(self, send: Send) -> None:
        """Send the download, and close its source at once if the client disconnects."""
        async with aclosing(self._blocks):  # type: ignore[type-var]
            await super().stream_response(send)


def _next_block(pieces: Iterator[bytes]) -> bytes:
    """Return the next BLOCK bytes or more; empty at the end."""
    block = bytearray()
    for piece in pieces:
        block += piece
        if len(block) >= BLOCK:
            break
    return bytes(block)
