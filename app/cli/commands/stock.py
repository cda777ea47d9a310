"""`reelmill stock`: start a nightly run of stock footage now."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from app.cli.completion import files_of
from app.cli.findings import show_warnings
from app.cli.options import AsJson
from app.cli.output import say, say_json
from app.cli.progress import live_progress
from app.cli.run_outcome import EXIT_STOPPED, STOPPED_BY_PEOPLE
from app.cli.table import show_table
from app.report.contact_sheet import write_contact_sheet
from app.session import Session
from flows.nightly import final_report, limits_of, prepare, register_night
from flows.prefect.embedded_server import prefect_server
from flows.registration import check_run
from flows.settings import prepare_prefect
from manifests.errors import RejectedSheetError
from manifests.nightly.night_report import NightReport
from tasks.stock.stock_sheet import validate_stock_sheet


def stock(
    sheet: Annotated[
        str,
        typer.Argument(
            metavar="[SHEET]", help="CSV, TSV, XLSX, XLS or ODS file, or a key in the bucket; default: REELMILL_STOCK."
        ),
    ] = "",
    until: Annotated[
        str | None,
        typer.Option(
            "--until", metavar="TIME", help="Time after which no new clips are started (HH:MM). Use '' for no end."
        ),
    ] = None,
    budget_h: Annotated[
        float | None,
        typer.Option("--budget-hours", metavar="HOURS", help="Maximum device hours. 0: no limit."),
    ] = None,
    budget_money: Annotated[
        float | None,
        typer.Option(
            "--budget-money", metavar="MONEY", help="Maximum cost, in the currency of --price-hour. 0: no limit."
        ),
    ] = None,
    price_h: Annotated[
        float | None, typer.Option("--price-hour", metavar="MONEY", help="Price of one device hour.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be generated, without starting.")] = False,
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="Model if the sheet does not list any.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Folder for the contact sheet and the clip table.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Generate the clips of a stock sheet that do not exist yet.

    Re-run the same command in the same night to resume.
    """
    session, starts = Session.open(model=model), time.time()
    settings, resources = session.settings, session.resources
    limits = limits_of(settings, until, budget_h, budget_money, price_h, dry_run=dry_run)
    try:
        run = prepare(settings, resources, sheet, limits, starts)
    except RejectedSheetError:
        _show_problems(session, sheet or settings.stock)
        raise
    if not as_json:
        show_warnings(run.warnings, len({warning.row for warning in run.warnings}))
    if run.report.ended:
        _show(run.report, {}, as_json)
        return
    register_night(settings, resources, run)
    check_run(settings, resources, run.campaign_id)
    prepare_prefect(settings.home)
    with (
        prefect_server(settings.home, session.import_libraries),
        live_progress(session.catalogue, run.campaign_id, shown=not as_json),
    ):
        from flows.stock import stock as night

        result = night(
            sheet=sheet,
            until=until,
            budget_h=budget_h,
            budget_money=budget_money,
            price_h=price_h,
            starts=starts,
            settings={"model": model} if model else {},
        )
    report = final_report(resources, run, result["ended"])
    _show(report, _files(session, report.campaign_id, out), as_json)
    if report.ended in STOPPED_BY_PEOPLE:
        raise typer.Exit(EXIT_STOPPED)


def _show_problems(session: Session, place: str) -> None:
    """Print all errors of the sheet; the exception names only the first ones."""
    _, checked = validate_stock_sheet(session.resources, place, session.cards, session.settings.model)
    for problem in checked.problems:
        say(problem.sentence)


def _files(session: Session, campaign_id: str, out: Path | None) -> dict[str, Path | None]:
    folder = out or session.settings.home / "campaigns" / campaign_id
    sheet = write_contact_sheet(
        session.resources, session.catalogue.variants.of_campaign(campaign_id), folder / "contact-sheet.png"
    )
    return {"contact_sheet": sheet, "clips": files_of(session, campaign_id, folder)["clips"]}


def _show(report: NightReport, files: Mapping[str, Path | None], as_json: bool) -> None:
    if as_json:
        say_json({**report.as_json(), **files})
        return
    show_table(["nightly run", report.day], report.rows())
    say(f"\n{report.sentence}")
    for what, path in files.items():
        if path:
            say(f"{what.replace('_', ' ').capitalize()}: {path}")
    if report.campaign_id:
        say(f"Campaign: {report.campaign_id}")
