"""Campaign sheets: reading, checking, writing them.

What writes workbooks is loaded when it is first asked for: the child process that parses
people's files imports this package too, and must stay small (see child.py).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from manifests.sheet.check import Checked, campaign_of, check_table
from manifests.sheet.problem import BriefCheck, CellProblem, Complaint
from manifests.sheet.reader import read_table
from manifests.sheet.table import Row, Table

if TYPE_CHECKING:
    from manifests.sheet.annotated import annotate
    from manifests.sheet.handback import Outcome, hand_back
    from manifests.sheet.template import write_template

__all__ = [
    "BriefCheck",
    "CellProblem",
    "Checked",
    "Complaint",
    "Outcome",
    "Row",
    "Table",
    "annotate",
    "campaign_of",
    "check_table",
    "hand_back",
    "read_table",
    "write_template",
]

_WRITERS = {"annotate": "annotated", "hand_back": "handback", "Outcome": "handback", "write_template": "template"}


def __getattr__(name: str) -> Any:
    if name not in _WRITERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WRITERS[name]}"), name)
