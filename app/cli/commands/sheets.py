"""`reelmill init` and `reelmill validate`: write and check sheets."""

from pathlib import Path
from typing import Annotated

import typer

from adapters.presets.templates import load_templates
from adapters.sheets import annotate, write_template
from app.cli.findings import show_errors, show_warnings
from app.cli.linked_sheet import local_sheet, showing_downloads
from app.cli.options import AsJson, Encoding, Finish, IncludeHidden, MaxVariants, Model, Sheet, Tab
from app.cli.output import say, say_json, warn
from app.session import Session
from flows.start_checks import missing_profiles
from flows.submit import read_sheet
from manifests.errors import SheetError, TooManyVariantsError
from manifests.pluralize import count_of
from manifests.sheet import CellProblem, Checked
from manifests.sheet.reading import ReadingOptions
from tasks.intake.reading_line import reading_line
from tasks.plan.deliverable_counts import deliverable_lines, deliverables_in
from tasks.plan.expand import check_cap
from tasks.runtime.providers.readiness import problems_in_briefs, unknown_providers


def init(
    sheet: Annotated[Path, typer.Argument(metavar="SHEET", help="File to write: .xlsx or .csv.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write a template sheet. The .xlsx template explains every column."""
    if sheet.exists() and not force:
        raise SheetError(f"{sheet} already exists. Choose another file, or overwrite it with --force.")
    write_template(sheet, sorted(Session.open().cards), list(load_templates()))
    say(f"Wrote {sheet}. Fill in the prompts, then run: reelmill validate {sheet}")


def validate(
    sheet: Sheet,
    annotated: Annotated[
        Path | None,
        typer.Option(
            "--annotate", metavar="FILE", help="Write the texts of the sheet as .xlsx with errors and warnings marked."
        ),
    ] = None,
    accept_good_rows: Annotated[
        bool, typer.Option("--accept-good-rows", help="Succeed if at least one row is valid.")
    ] = False,
    tab: Tab = None,
    include_hidden: IncludeHidden = False,
    encoding: Encoding = None,
    model: Model = None,
    finish: Finish = None,
    max_variants: MaxVariants = None,
    as_json: AsJson = False,
) -> None:
    """Check a sheet and report all its errors."""
    session = Session.open(model=model, finish=finish, max_variants=max_variants)
    path = local_sheet(session, sheet)
    reading = ReadingOptions(tab or "", include_hidden, encoding or "")
    with showing_downloads() as on_download:
        intake = read_sheet(session.settings, session.resources, path, reading, on_download=on_download)
    checked = intake.checked
    too_many = _too_many(checked, session.settings.max_variants)
    unready = [
        *problems_in_briefs(session.resources, checked.briefs, session.settings.model),
        *missing_profiles(session.settings, session.resources, checked.briefs),
        *unknown_providers(session.resources),
    ]
    rows = intake.row_count
    deliverables = () if too_many else deliverables_in(intake, session.cards, session.settings.model)
    if annotated:
        annotate(intake.table, checked.problems, checked.warnings, annotated)
    if as_json:
        say_json(
            {
                "sheet": str(path),
                "read_as": reading_line(intake),
                "campaign_id": intake.campaign.campaign_id,
                "good_rows": len(checked.briefs),
                "variants": sum(brief.combinations * brief.variants for brief in checked.briefs),
                "too_many_variants": too_many,
                **({"deliverables": [each._asdict() for each in deliverables]} if deliverables else {}),
                "problems": [_as_json(problem) for problem in checked.problems],
                "warnings": [_as_json(warning) for warning in checked.warnings],
                "unready": unready,
            }
        )
    else:
        show_errors(checked.problems, path)
        if too_many:
            say(too_many)
        show_warnings(checked.warnings, rows, path)
        for sentence in unready:
            warn(f"Warning: {sentence}")
        if annotated:
            say(f"Wrote {annotated}, in which the errors and warnings are marked.")
        errors = len(checked.problems) + bool(too_many)
        say(reading_line(intake))
        for line in deliverable_lines(deliverables, checked.briefs):
            say(line)
        say(_summary(rows, len(checked.briefs), errors, len(checked.warnings)))
    if not checked.briefs or (checked.problems and not accept_good_rows) or too_many:
        raise typer.Exit(1)


def _too_many(checked: Checked, max_variants: int) -> str:
    """Return the error of a sheet that expands to too many variants, or an empty text."""
    try:
        check_cap(checked.briefs, max_variants)
    except TooManyVariantsError as error:
        return str(error)
    return ""


def _summary(rows: int, valid: int, errors: int, warnings: int) -> str:
    """Return ``2 errors, 1 warning; 3 of 5 rows are valid.``"""
    counts = [count_of(number, noun) for number, noun in ((errors, "error"), (warnings, "warning")) if number]
    of = f"{valid:,} of {count_of(rows, 'row')} {'is' if 1 in (valid, rows) else 'are'} valid."
    return f"{', '.join(counts) or 'No errors'}; {of}"


def _as_json(problem: CellProblem) -> dict[str, object]:
    values = problem._asdict()
    del values["summary"]
    if not values["rows"]:
        del values["rows"]
    return {**values, "sentence": problem.sentence}
