"""Visitors of share links, who are strangers, leave file slots to people who are signed in."""

from contextlib import ExitStack

import pytest
from starlette.requests import Request

from app.dashboard.capacity.downloads import (
    MAX_FILES,
    MAX_FILES_OF_LINKS,
    MAX_FILES_PER_LINK,
    MAX_FILES_PER_PERSON,
    Downloads,
    TooManyDownloadsError,
)
from app.dashboard.capacity.route import site_key
from app.dashboard.capacity.work_limit import ServerBusyError


def visit(files: Downloads, stack: ExitStack, link: str, networks: int) -> int:
    """Start as many files as possible from each of many networks, and return their number."""
    started = 0
    for number in range(networks):
        while True:
            try:
                stack.enter_context(files.admit_visitor(link, f"10.{number}.0.0"))
            except (TooManyDownloadsError, ServerBusyError):
                break
            started += 1
    return started


def test_visitors_of_a_link_take_no_slots_of_people_who_are_signed_in():
    files = Downloads(are_files=True)
    with ExitStack() as visitors, ExitStack() as people:
        assert visit(files, visitors, "one", 100) == MAX_FILES_PER_LINK
        with pytest.raises(ServerBusyError, match=f"{MAX_FILES_PER_LINK} downloads are in progress"):
            visitors.enter_context(files.admit_visitor("one", "192.0.2.1"))
        visitors.enter_context(files.admit_visitor("another", "192.0.2.1"))
        assert sum(visit(files, visitors, f"link {number}", 100) for number in range(9)) < MAX_FILES_OF_LINKS
        with pytest.raises(ServerBusyError, match=f"{MAX_FILES_OF_LINKS} downloads are in progress"):
            visitors.enter_context(files.admit_visitor("last", "192.0.2.1"))
        for number in range(MAX_FILES):
            people.enter_context(files.admit(f"person:{number}"))
        with pytest.raises(ServerBusyError):
            people.enter_context(files.admit("person:last"))


def test_slots_are_free_again_at_the_end():
    files = Downloads(are_files=True)
    for _ in range(3):
        with ExitStack() as visitors:
            assert visit(files, visitors, "one", 1) == MAX_FILES_PER_PERSON
            assert visit(files, visitors, "one", 1) == 0
    assert not files._visitors
    assert not files._links


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8:1:2::3", "2001:db8:1:ffff::1", True),
        ("2001:db8:1:2::3", "2001:db8:2:2::3", False),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_one_site_of_ipv6_counts_as_one_network(one: str, other: str, is_same: bool):
    keys = [site_key(Request({"type": "http", "client": (address, 1)})) for address in (one, other)]
    assert (keys[0] == keys[1]) is is_same
