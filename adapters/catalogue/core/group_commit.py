"""Commit the transactions of several threads together.

A commit on SQLite waits several times for the disk, and only one transaction can write at a time. Threads that follow
many provider jobs would wait for each other's commits: while one commit is on its way, the others are collected, and
the next commit contains all of them.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Generic, TypeVar

from sqlalchemy import Connection

from manifests.errors import ReelmillError

T = TypeVar("T")


class _Waiting(Generic[T]):
    """The part of one thread in a common transaction."""

    def __init__(self, work: Callable[[Connection], T]) -> None:
        self.work = work
        self.is_done = False
        self._result: T | None = None
        self._error: ReelmillError | None = None

    def run(self, connection: Connection) -> Callable[[], None]:
        """Do the work in a savepoint; return what is to be called after the commit."""
        result: T | None = None
        error: ReelmillError | None = None
        try:
            with connection.begin_nested():
                result = self.work(connection)
        except ReelmillError as found:
            error = found
        return partial(self._finish, result, error)

    def run_alone(self, writing: Callable[[], AbstractContextManager[Connection]]) -> None:
        """Do the work in a separate transaction, which needs no savepoint."""
        try:
            with writing() as connection:
                result = self.work(connection)
        except ReelmillError as error:
            self._finish(None, error)
        else:
            self._finish(result, None)

    def _finish(self, result: T | None, error: ReelmillError | None) -> None:
        self._result, self._error, self.is_done = result, error, True

    @property
    def outcome(self) -> T:
        """The result after the commit; raises the error of the work."""
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]


class GroupCommit:
    """Runs transactions of threads, as many in one commit as are waiting.

    Args:
        writing: opens a transaction that is committed at its end.
    """

    def __init__(self, writing: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._writing = writing
        self._list = threading.Lock()
        self._leader = threading.Lock()
        self._waiting: list[_Waiting[object]] = []

    def __call__(self, work: Callable[[Connection], T]) -> T:
        """Return the result of ``work`` after it has been committed; raises its errors.

        Args:
            work: may be called a second time, in a transaction of its own, if the common one fails.
        """
        waiting = _Waiting(work)
        with self._list:
            self._waiting.append(waiting)  # type: ignore[arg-type]
        try:
            with self._leader:
                if not waiting.is_done:
                    self._commit(waiting)
        finally:
            with self._list:
                self._waiting = [each for each in self._waiting if each is not waiting]
        if waiting.is_done:
            return waiting.outcome
        with self._writing() as connection:  # the common transaction failed
            return work(connection)

    def _commit(self, own: _Waiting[T]) -> None:
        """Run and commit everything that waits; nothing is marked as done if this fails."""
        with self._list:
            batch, self._waiting = self._waiting, []
        if batch == [own]:
            return own.run_alone(self._writing)
        finished: list[Callable[[], None]] = []
        try:
            with self._writing() as connection:
                finished += [each.run(connection) for each in batch]
        except Exception:
            if len(batch) == 1:
                raise
            return  # each thread runs its own part
        for finish in finished:
            finish()
