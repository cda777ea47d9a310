"""The outcome of every row of a campaign's sheet, including the rows that were not run."""

from collections import defaultdict

from adapters.sheets import Outcome
from app.report.report import CampaignReport
from tasks.intake.intake import Intake

NOT_RUN = "not run"
HIDDEN = "hidden or filtered out; unhide the row, or include hidden rows (--include-hidden)"


def outcomes_of(report: CampaignReport, intake: Intake) -> dict[int, Outcome]:
    """Return the outcomes for the results sheet, by row number; for a row that was not run, why."""
    checked, reading = intake.checked, intake.table.reading
    reasons: dict[int, str] = {} if reading.hidden_included else dict.fromkeys(reading.hidden_rows, HIDDEN)
    reasons |= {row: f"no brief: {reason}" for row, reason in checked.skip_reasons.items()}
    wrong: defaultdict[int, list[str]] = defaultdict(list)
    for problem in checked.problems:
        if problem.row:
            wrong[problem.row].append(problem.sentence)
    reasons |= {row: " ".join(sentences) for row, sentences in wrong.items()}
    return {row: Outcome(NOT_RUN, why=why) for row, why in reasons.items()} | report.outcomes()
