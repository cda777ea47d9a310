"""Start test processes by forking one that has imported everything already."""

import multiprocessing
import os
import sys
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from unittest.mock import patch


def fork_server() -> ForkServerContext:
    """Return the context whose processes are forked; its server is started once.

    The server of Python 3.11 ignores the search path of this process, so it gets it from its environment. Otherwise it
    would import nothing, and each test process would import everything itself.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["warm"])
    with patch.dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path))):
        forkserver.ensure_running()
    return context
