"""`reelmill init` and `reelmill validate`: sheets before they become campaigns."""

from pathlib import Path
from typing import Annotated

import typer

from adapters.sheets import annotate, write_template
from app.cli.output import say, say_json, warn
from app.session import Session
from flows.registration import kept_pictures
from manifests.errors import SheetError
from manifests.pluralize import count_of
from manifests.sheet import CellProblem
from tasks.intake.intake import take_in
from tasks.plan.expand import check_cap

SHOWN_WARNINGS = 12


def init(
    sheet: Annotated[Path, typer.Argument(help="Where to write the template: .xlsx or .csv.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a template sheet that explains every column."""
    if sheet.exists() and not force:
        raise SheetError(f"{sheet} exists already; name another file, or replace it by --force.")
    write_template(sheet, sorted(Session.open().cards))
    say(f"Wrote {sheet}. Fill in the prompts, then: reelmill validate {sheet}")


def validate(
    sheet: Annotated[Path, typer.Argument(help="CSV, TSV or XLSX.")],
    annotated: Annotated[Path | None, typer.Option("--annotate", help="Write a copy with bad cells marked.")] = None,
    accept_good_rows: Annotated[bool, typer.Option("--accept-good-rows", help="Succeed if any row is good.")] = False,
    model: Annotated[str | None, typer.Option("--model", help="Card for rows that name none.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a sheet and report every bad cell at once; runs nothing."""
    session = Session.open(model=model)
    intake = take_in(sheet, session.cards, session.settings.model, kept_pictures(session.resources, sheet))
    checked = intake.checked
    if annotated:
        annotate(intake.table, checked.problems, checked.warnings, annotated)
    if as_json:
        say_json(
            {
                "sheet": str(sheet),
                "campaign_id": intake.campaign.campaign_id,
                "good_rows": len(checked.briefs),
                "variants": sum(brief.combinations * brief.variants for brief in checked.briefs),
                "problems": [_as_json(problem) for problem in checked.problems],
                "warnings": [_as_json(warning) for warning in checked.warnings],
            }
        )
    else:
        for problem in checked.problems:
            say(problem.sentence)
        tell_warnings(checked.warnings)
        if annotated:
            say(f"Wrote {annotated} with the bad cells marked.")
        _summary(len(intake.table.rows), len(checked.briefs), len(checked.problems))
    if not checked.briefs or (checked.problems and not accept_good_rows):
        raise typer.Exit(1)
    check_cap(checked.briefs, session.settings.max_variants)


def tell_warnings(warnings: tuple[CellProblem, ...]) -> None:
    """Print warnings, the first few of them whole."""
    for warning in warnings[:SHOWN_WARNINGS]:
        warn(f"Warning: {warning.sentence}")
    if len(warnings) > SHOWN_WARNINGS:
        warn(
            f"And {count_of(len(warnings) - SHOWN_WARNINGS, 'more warning')}; reelmill validate --json lists them all."
        )


def _summary(rows: int, good: int, problems: int) -> None:
    if problems:
        say(
            f"{count_of(problems, 'problem')}; {good} of {count_of(rows, 'row')} "
            f"{'is' if 1 in (good, rows) else 'are'} good."
        )
    else:
        say("The one row is good." if good == 1 else f"All {good} rows are good.")


def _as_json(problem: CellProblem) -> dict[str, object]:
    return {**problem._asdict(), "sentence": problem.sentence}
