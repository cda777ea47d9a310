"""Fast process starts: fork from a server process that has imported everything and holds no open resources."""

import multiprocessing
from multiprocessing.context import ForkServerContext

_PRELOADED = ["__main__", "benchmarks.fanout.crowd", "benchmarks.fanout.devices"]


def context() -> ForkServerContext:
    """Return a multiprocessing context. Its server process ends with this process."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(_PRELOADED)
    return found
