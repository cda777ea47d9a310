"""Rules of campaign and stock sheets: columns, cells and rows. Pure; ``adapters.sheets`` reads and writes the files."""

from manifests.sheet.problem import BriefCheck, CellIssue, CellProblem
from manifests.sheet.table import Row, Table
from manifests.sheet.table_check import Checked, campaign_of, check_table

__all__ = ["BriefCheck", "CellIssue", "CellProblem", "Checked", "Row", "Table", "campaign_of", "check_table"]
