"""Processes that begin without importing everything anew: forked from one that has, and that holds nothing open."""

import multiprocessing
from multiprocessing.context import ForkServerContext

_PRELOADED = ["__main__", "benchmarks.fanout_crowd", "benchmarks.fanout_devices"]


def context() -> ForkServerContext:
    """Return what starts them; the process that they are forked from ends with this one."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(_PRELOADED)
    return found
