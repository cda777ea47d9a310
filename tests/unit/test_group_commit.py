"""Transactions of several threads in one commit: each gets its own result or error, after the commit."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event, text

from adapters.catalogue.core.database import Database
from adapters.catalogue.core.engine import build_engine
from manifests.errors import CatalogueError, NotFoundError

THREADS = 8


@pytest.fixture
def database(tmp_path):
    found = Database(build_engine(f"sqlite:///{tmp_path}/file.sqlite", 5.0))
    with found.writing() as connection:
        connection.execute(text("CREATE TABLE notes (word TEXT PRIMARY KEY)"))
    yield found
    found.close()


def words(database):
    with database.reading() as connection:
        return set(connection.execute(text("SELECT word FROM notes")).scalars())


def insert(word, error=None):
    def work(connection):
        connection.execute(text("INSERT INTO notes VALUES (:word)"), {"word": word})
        if error:
            raise error
        return word

    return work


def together(database, works):
    """Run works in threads that all wait while the first transaction is open; return results or errors."""
    begun, may_end = threading.Event(), threading.Event()

    def first(connection):
        begun.set()
        assert may_end.wait(10)
        return "first"

    def run(work):
        try:
            return database.write(work)
        except Exception as error:  # noqa: BLE001 - compared by the tests
            return error

    with ThreadPoolExecutor(len(works) + 1) as pool:
        held = pool.submit(run, first)
        assert begun.wait(10)
        found = [pool.submit(run, work) for work in works]
        deadline = threading.Event()
        while len(database._together._waiting) < len(works) and not deadline.wait(0.01):
            pass
        may_end.set()
        assert held.result() == "first"
        return [each.result() for each in found]


def test_waiting_threads_share_one_commit(database):
    commits = []
    event.listen(database.engine, "commit", lambda _: commits.append(1))
    names = [f"word {number}" for number in range(THREADS)]
    assert together(database, [insert(name) for name in names]) == names
    assert words(database) == set(names)
    assert len(commits) == 2


def test_a_single_thread_needs_no_savepoint(database):
    statements = []
    event.listen(database.engine, "savepoint", lambda *_: statements.append(1))
    error = NotFoundError("none")
    assert database.write(insert("a")) == "a"
    with pytest.raises(NotFoundError) as found:
        database.write(insert("b", error))
    assert found.value is error
    assert words(database) == {"a"}
    assert not statements


def test_an_error_undoes_its_own_part_only(database):
    error = NotFoundError("none")
    assert together(database, [insert("a"), insert("b", error), insert("c")]) == ["a", error, "c"]
    assert words(database) == {"a", "c"}


def test_a_failure_of_the_database_leaves_the_others_their_own_transactions(database):
    database.write(insert("a"))
    first, second, third = together(database, [insert("b"), insert("a"), insert("c")])
    assert (first, third) == ("b", "c")
    assert isinstance(second, CatalogueError)
    assert words(database) == {"a", "b", "c"}


def test_an_unexpected_error_reaches_its_own_thread(database):
    first, second = together(database, [insert("a", ZeroDivisionError()), insert("b")])
    assert isinstance(first, ZeroDivisionError)
    assert second == "b"
    assert words(database) == {"b"}


def test_a_single_transaction_raises_its_error(database):
    with pytest.raises(NotFoundError):
        database.write(insert("a", NotFoundError("none")))
    with pytest.raises(CatalogueError):
        database.write(lambda connection: connection.execute(text("SELECT * FROM nothing")))
    assert database.write(insert("a")) == "a"
