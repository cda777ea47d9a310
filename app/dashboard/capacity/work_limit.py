"""A limit on one kind of work: threads in total, threads per person, and how many requests may wait."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from anyio import CapacityLimiter, Semaphore, to_thread

from manifests.errors import ReelmillError

T = TypeVar("T")


class TooManyRequestsError(ReelmillError):
    """You have too many requests in progress. Wait until they have finished, then try again."""


class ServerBusyError(ReelmillError):
    """The dashboard is busy with the requests of many people. Try again in a moment."""

    transient = True


class Limits(NamedTuple):
    """Numbers of a WorkLimit.

    Attributes:
        threads: calls that run at the same time.
        per_person: the same, for one person. Fewer than ``threads``, so that others always have one.
        waiting: requests of one person that run or wait.
        waiting_in_total: the same, for all people.
    """

    threads: int
    per_person: int
    waiting: int
    waiting_in_total: int = 2000


class _Person:
    def __init__(self, per_person: int) -> None:
        self.running = Semaphore(per_person)
        self.requests = 0


class WorkLimit:
    """Run calls in worker threads. Requests wait without a thread, in the order of their arrival.

    Each person waits for their own earlier requests first, so the requests of one person do not delay other people.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._threads = CapacityLimiter(limits.threads)
        self._people: dict[str, _Person] = {}
        self._total = 0

    async def run(self, person: str, call: Callable[[], T]) -> T:
        """Run a call in a thread and return its result.

        Raises:
            TooManyRequestsError: this person has too many requests of this kind in progress.
            ServerBusyError: all people together have too many.
        """
        own = self._admit(person)
        try:
            async with own.running:
                return await to_thread.run_sync(call, limiter=self._threads)
        finally:
            self._leave(person, own)

    def _admit(self, person: str) -> _Person:
        if self._total >= self._limits.waiting_in_total:
            raise ServerBusyError
        own = self._people.setdefault(person, _Person(self._limits.per_person))
        if own.requests >= self._limits.waiting:
            raise TooManyRequestsError
        own.requests += 1
        self._total += 1
        return own

    def _leave(self, person: str, own: _Person) -> None:
        self._total -= 1
        own.requests -= 1
        if not own.requests:
            del self._people[person]
