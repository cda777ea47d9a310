"""Campaign sheets: reading, checking, writing them."""

from manifests.sheet.annotate import annotate
from manifests.sheet.check import Checked, campaign_of, check_table
from manifests.sheet.handback import Outcome, hand_back
from manifests.sheet.problem import BriefCheck, CellProblem, Complaint
from manifests.sheet.reader import read_table
from manifests.sheet.table import Row, Table
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
