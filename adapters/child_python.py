"""How to start Python children that import this installation, whatever files the working directory contains."""

import os
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

PYTHON = (sys.executable, "-P")
"""Python without the working directory on its import path: a stray ``app.py`` there would shadow ours."""

_ROOT = Path(__file__).parents[1]


def isolated_environment(base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return an environment for a Python child and everything that the child starts.

    A checkout is not always installed; its children import the modules that this process imports.
    """
    environment = {**base, "PYTHONSAFEPATH": "1"}
    if str(_ROOT) not in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        paths = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
        environment["PYTHONPATH"] = os.pathsep.join([str(_ROOT), *(path for path in paths if path != str(_ROOT))])
    return environment
