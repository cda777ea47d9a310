"""Read and write sheets: CSV, TSV and XLSX files.

The writers load on first use: the child process that parses uploaded files imports this package too and must stay
small (see sandbox_child.py).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from adapters.sheets.reader import read_table

if TYPE_CHECKING:
    from adapters.sheets.annotated_copy import annotate
    from adapters.sheets.results.outcome import ClipResult, Outcome
    from adapters.sheets.results.results_sheet import results_path, write_results
    from adapters.sheets.template import write_template

__all__ = ["ClipResult", "Outcome", "annotate", "read_table", "results_path", "write_results", "write_template"]

_WRITERS = {
    "annotate": "annotated_copy",
    "write_results": "results.results_sheet",
    "results_path": "results.results_sheet",
    "ClipResult": "results.outcome",
    "Outcome": "results.outcome",
    "write_template": "template",
}


def __getattr__(name: str) -> Any:
    if name not in _WRITERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WRITERS[name]}"), name)
