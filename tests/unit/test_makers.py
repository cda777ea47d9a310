"""Threads that make deliverables."""

import os
import sys
import threading
from types import SimpleNamespace

import pytest

from tasks.finish.makers import NICENESS, Makers, number_of_makers


def lease(name: str):
    return SimpleNamespace(deliverable_id=name)


@pytest.mark.parametrize(("cores", "number"), [(1, 1), (2, 1), (3, 1), (4, 2), (16, 8), (64, 8)])
def test_half_as_many_are_made_as_there_are_cores(cores: int, number: int):
    assert number_of_makers(cores) == number


def test_results_and_errors_come_in_the_order_of_completion():
    go_on = threading.Event()

    def make(each):
        if each.deliverable_id == "slow":
            go_on.wait(10)
            return "file"
        raise ValueError("odd")

    with Makers(make, 2) as makers:
        for name in ("slow", "broken"):
            makers.start(lease(name))
        assert makers.room == 2
        first = makers.next(10)
        assert (first.lease.deliverable_id, first.file, str(first.error)) == ("broken", None, "odd")
        assert makers.next(0) is None
        go_on.set()
        assert makers.next(10).file == "file"
        assert (makers.room, makers.leases) == (4, {})


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a niceness per thread")
def test_makers_leave_the_processor_to_rendering():
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with Makers(lambda _: os.getpriority(os.PRIO_PROCESS, 0), 1) as makers:
        makers.start(lease("one"))
        made = makers.next(10)
    assert made.file == min(before + NICENESS, 19)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_those_that_wait_are_not_started_after_the_end():
    made, began, go_on = [], threading.Event(), threading.Event()

    def make(each):
        began.set()
        go_on.wait(10)
        made.append(each.deliverable_id)

    with Makers(make, 1) as makers:
        makers.start(lease("first"))
        makers.start(lease("second"))
        began.wait(10)
        threading.Timer(0.05, go_on.set).start()
    assert made == ["first"]
