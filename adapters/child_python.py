"""How to start Python children that import this installation, whatever files the working directory contains."""

import os
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PYTHON = (sys.executable, "-P")
"""Python without the working directory on its import path: a stray ``app.py`` there would shadow ours."""

ROOT = Path(__file__).parents[1]
"""Folder that contains our packages."""


def isolated_environment(base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return an environment for a Python child and everything that the child starts.

    A checkout is not always installed; its children import the modules that this process imports. Relative parts of
    PYTHONPATH would stand for the working directory, so they are left out.
    """
    paths = [path for path in base.get("PYTHONPATH", "").split(os.pathsep) if Path(path).is_absolute()]
    paths = [*_checkout(), *(path for path in paths if path != str(ROOT))]
    environment = {**base, "PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(paths)}
    return environment if paths else {name: value for name, value in environment.items() if name != "PYTHONPATH"}


def ray_job_config() -> Any:
    """Return the configuration with which Ray's workers import this installation.

    By default, Ray puts the driver's working directory and the folder of its script on the workers' import path.
    """
    from ray.job_config import JobConfig  # Ray is optional, and slow to import

    class _InstalledCode(JobConfig):
        def _runtime_env_has_working_dir(self) -> bool:
            return True

    return _InstalledCode(_py_driver_sys_path=_checkout())


def _checkout() -> list[str]:
    """Return the folder of a checkout, whose packages are not in site-packages; otherwise an empty list."""
    return [] if str(ROOT) in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")) else [str(ROOT)]
