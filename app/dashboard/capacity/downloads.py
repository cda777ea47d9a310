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
MAX_FILES_PER_LINK = 96
MAX_FILES_OF_LINKS = 192
"""The same for the visitors of one share link and of all links: they take no slots of people who are signed in."""
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
        self._visitors: Counter[str] = Counter()
        self._links: Counter[str] = Counter()
        self._readers = CapacityLimiter(READERS)

    @contextmanager
    def admit(self, person: str) -> Iterator[None]:
        """Count a download until the end of the context.

        Raises:
            TooManyDownloadsError: this person has MAX_PER_PERSON downloads in progress.
            ServerBusyError: all people together have MAX_DOWNLOADS.
        """
        per_person, most = (MAX_FILES_PER_PERSON, MAX_FILES) if self._are_files else (MAX_PER_PERSON, MAX_DOWNLOADS)
        with _counted(self._running, person, per_person, most):
            yield

    @contextmanager
    def admit_visitor(self, link: str, network: str) -> Iterator[None]:
        """Count a file for a visitor of a share link until the end of the context.

        Raises:
            TooManyDownloadsError: this network has MAX_FILES_PER_PERSON files of the link in progress.
            ServerBusyError: the link or all links together have too many.
        """
        with (
            _counted(self._visitors, f"{link} {network}", MAX_FILES_PER_PERSON, MAX_FILES_OF_LINKS),
            _counted(self._links, link, MAX_FILES_PER_LINK, MAX_FILES_OF_LINKS, is_shared=True),
        ):
            yield

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


@contextmanager
def _counted(
    running: Counter[str], key: str, most_of_one: int, most: int, *, is_shared: bool = False
) -> Iterator[None]:
    """Count one more for a key until the end of the context; ``is_shared`` if several people have the same key."""
    if running[key] >= most_of_one and not is_shared:
        raise TooManyDownloadsError(
            f"You already have {running[key]} downloads in progress. "
            "Wait until one of them has finished, then try again."
        )
    if running[key] >= most_of_one or running.total() >= most:
        limit = most_of_one if running[key] >= most_of_one else most
        raise ServerBusyError(f"{limit} downloads are in progress. Try again in a few minutes.")
    running[key] += 1
    try:
        yield
    finally:
        running[key] -= 1
        if not running[key]:
            del running[key]


def _next_block(pieces: Iterator[bytes]) -> bytes:
    """Return the next BLOCK bytes or more; empty at the end."""
    block = bytearray()
    for piece in pieces:
        block += piece
        if len(block) >= BLOCK:
            break
    return bytes(block)
