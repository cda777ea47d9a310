"""The process of a flow run that the runner of `reelmill up` starts, instead of ``python -m prefect.engine``."""

import importlib
import runpy

from prefect.utilities import importtools


def main() -> None:
    """Run the flow run that Prefect's variables name.

    Prefect would import the flow's module with the working directory first on the import path, where a file such as
    ``tasks.py`` or ``json.py`` would replace the installed module.
    """
    importtools.load_module = importlib.import_module  # type: ignore[assignment]
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
