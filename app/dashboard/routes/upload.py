"""Upload a campaign sheet, show the validation result row by row, and run the campaign."""

import mimetypes
import tempfile
from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request, UploadFile
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from adapters.presets.templates import load_templates
from adapters.sheets import annotate, write_template
from adapters.sheets.text.encodings import DETECTED, UTF_8
from app.dashboard.auth.roles import Reviewer
from app.dashboard.capacity.route import LimitedRoute
from app.dashboard.capacity.work import Work, does
from app.dashboard.deps import Deps, PageDeps
from app.dashboard.form_advice import candidates
from app.dashboard.routes.media import MediaNotFoundError
from app.dashboard.templating import page
from app.report.plan_prices import price_notes, shown_prices, total_text
from flows.prices import fallback_note
from flows.registration import check_plan, fallbacks_in, plan_of, satisfied_by, shares_clips, wanting_in
from flows.submit import read_sheet
from manifests.errors import (
    OverBudgetError,
    PlanError,
    ReelmillError,
    SettingsError,
    SheetError,
    UnreadableSheetError,
)
from manifests.identity import file_stem, slug
from manifests.sheet import CellProblem, Row
from manifests.sheet.reading import ReadingOptions
from tasks.intake.intake import Intake
from tasks.intake.reading_line import reading_line
from tasks.intake.sources.sheet_link import LinkedSheet, download_sheet, is_link
from tasks.intake.sources.sheet_store import (
    MAX_PICTURE_BYTES,
    MAX_PICTURES,
    MAX_SHEET_BYTES,
    PICTURE_SUFFIXES,
    SHEET_SUFFIXES,
    SheetStore,
)
from tasks.plan.deliverable_counts import deliverable_lines, deliverables_in
from tasks.plan.expand import MAX_VARIANTS, check_cap, expand
from tasks.plan.plan import Plan
from tasks.runtime.providers.readiness import pauses_of, problems_in_briefs

router = APIRouter(route_class=LimitedRoute)
SHOWN_ROWS = 200
ENCODINGS = {each.option: each.name for each in (UTF_8, *DETECTED)}
"""Encodings to choose from if the encoding of an upload is a guess or ambiguous, by their options."""


def reading_options(tab: str = "", hidden: str = "", encoding: str = "") -> ReadingOptions:
    """Return what a person chose for reading a sheet, from the query."""
    return ReadingOptions(tab, bool(hidden), encoding if encoding in ENCODINGS else "")


Chosen = Annotated[ReadingOptions, Depends(reading_options)]


@router.get("/upload")
def form(request: Request, person: Reviewer) -> HTMLResponse:
    """Show the upload form."""
    return page(request, "upload.html", problem="", suffixes=SHEET_SUFFIXES)


@router.post("/upload")
@does(Work.SHEETS)
def receive(
    request: Request,
    deps: PageDeps,
    person: Reviewer,
    sheet: UploadFile | None = None,
    pictures: list[UploadFile] | None = None,
    link: Annotated[str, Form()] = "",
) -> Response:
    """Store an uploaded or linked sheet with its pictures and redirect to the validation result."""
    try:
        name, content = _sheet_of(sheet, link)
        key = _store_upload(deps, name, content, [each for each in pictures or [] if each.filename], person.name)
    except SheetError as error:
        return page(request, "upload.html", 400, problem=str(error), suffixes=SHEET_SUFFIXES)
    return RedirectResponse(f"/upload/{key}", 303)


@router.get("/upload/template.xlsx")
@does(Work.SHEETS)
def template(deps: PageDeps, person: Reviewer) -> Response:
    """Return an empty sheet that explains every column."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "sheet.xlsx")
        write_template(out, sorted(deps.session.cards), list(load_templates()))
        return Response(
            out.read_bytes(),
            media_type=mimetypes.guess_type(out.name)[0],
            headers={"Content-Disposition": 'attachment; filename="sheet.xlsx"'},
        )


def _sheet_of(sheet: UploadFile | None, link: str) -> LinkedSheet:
    """Return the name and the content of the uploaded or linked sheet.

    Raises:
        SheetError: there is none or there are two, or the sheet cannot be read.
    """
    is_uploaded = bool(sheet and sheet.filename)
    if is_uploaded == bool(link.strip()):
        raise SheetError("Choose a file or enter a link, but not both.")
    if sheet and is_uploaded:
        return LinkedSheet(_plain_name(sheet.filename or "", SHEET_SUFFIXES, "a sheet"), _read(sheet, MAX_SHEET_BYTES))
    if not is_link(link):
        raise SheetError(f"{link.strip()[:80]!r} is not a link. Enter a link that starts with https://.")
    return download_sheet(link)


def _store_upload(deps: Deps, name: str, content: bytes, pictures: list[UploadFile], uploader: str) -> str:
    """Store a sheet with its pictures in a separate folder and return its key.

    Raises:
        SheetError: a picture has an unsupported type, is empty or too large, or there are too many.
    """
    if len(pictures) > MAX_PICTURES:
        raise SheetError(
            f"{len(pictures)} pictures were selected, and the limit for one sheet is {MAX_PICTURES}. Split the sheet, "
            "or run `reelmill run`, which has no such limit."
        )
    files = {
        _plain_name(each.filename or "", PICTURE_SUFFIXES, "a picture", keep=True): _read(each, MAX_PICTURE_BYTES)
        for each in pictures
    }
    return _store(deps).add_upload(name, content, files, uploader)


@router.get("/upload/{key}")
@does(Work.SHEETS)
def checked(request: Request, key: str, deps: PageDeps, person: Reviewer, chosen: Chosen) -> HTMLResponse:
    """Show every row with its errors and warnings, how the file was read, and the plan of a run.

    If the file cannot be read as chosen, the page shows the message and lets the person choose again.
    """
    try:
        return _checked(request, key, deps, chosen)
    except UnreadableSheetError as error:
        problem = str(error)
    if chosen.tab:
        with suppress(UnreadableSheetError):
            return _checked(request, key, deps, replace(chosen, tab=""), problem)
    return _unreadable(request, key, chosen, problem, _upload(deps, key).name, _store(deps).uploader(key))


def _checked(request: Request, key: str, deps: Deps, chosen: ReadingOptions, unread: str = "") -> HTMLResponse:
    """Show a sheet that can be read; ``unread`` says why another choice cannot."""
    intake = _intake(deps, key, chosen)
    plan, problem = _plan(deps, intake)
    return page(
        request,
        "checked.html",
        400 if unread else 200,
        key=key,
        uploader=_store(deps).uploader(key),
        intake=intake,
        rows=_rows(intake),
        read_as=reading_line(intake),
        total=intake.row_count,
        plan=plan,
        problem=unread or problem,
        unready=problems_in_briefs(
            deps.session.resources, intake.checked.briefs, deps.session.settings.model, pauses_of(deps.catalogue)
        ),
        over_budget=_over_budget(deps, plan),
        priced=shown_prices(plan) if plan else (),
        has_fallbacks=plan is not None and any(line.fallbacks for line in plan.prices),
        plan_total=total_text(plan) if plan else "",
        price_notes=list(price_notes(plan)) if plan else [],
        deliverables=_deliverables(deps, intake) if plan else [],
        shown=SHOWN_ROWS,
        review=deps.session.settings.review,
        chosen=chosen,
        query=_query(chosen),
        whole=[warning for warning in intake.checked.warnings if not warning.row],
        tabs=_tabs(intake),
        encodings=ENCODINGS,
    )


def _unreadable(
    request: Request, key: str, chosen: ReadingOptions, problem: str, name: str, uploader: str
) -> HTMLResponse:
    """Show why a sheet cannot be read, with the choices that can change it; the plausible encodings come first."""
    first = {option: ENCODINGS[option] for option in candidates(problem) if option in ENCODINGS}
    return page(
        request,
        "unreadable.html",
        400,
        key=key,
        name=name,
        uploader=uploader,
        problem=problem,
        chosen=chosen,
        encodings=first | ENCODINGS if "encoding" in problem or chosen.encoding else {},
        hidden="--include-hidden" in problem or chosen.include_hidden,
    )


@router.get("/upload/{key}/annotated")
@does(Work.SHEETS)
def annotated(key: str, deps: PageDeps, person: Reviewer, chosen: Chosen) -> Response:
    """Return a copy of the sheet with highlighted errors."""
    intake = _intake(deps, key, chosen)
    folder = _store(deps).uploads / key / "marked"
    folder.mkdir(exist_ok=True)
    out = folder / f"{file_stem(intake.table.name)}-marked.xlsx"
    out.unlink(missing_ok=True)
    annotate(intake.table, intake.checked.problems, intake.checked.warnings, out)
    return FileResponse(out, filename=out.name, headers={"Cache-Control": "no-store"})


@router.post("/upload/{key}/run")
@does(Work.SHEETS)
def run(
    key: str,
    deps: PageDeps,
    person: Reviewer,
    review: Annotated[Literal["auto", "required"], Form()] = "required",
    good_rows: Annotated[str, Form()] = "",
    sample: Annotated[str, Form()] = "",
    tab: Annotated[str, Form()] = "",
    hidden: Annotated[str, Form()] = "",
    encoding: Annotated[str, Form()] = "",
) -> Response:
    """Validate the stored sheet again, read as on the page, and start the campaign."""
    chosen = reading_options(tab, hidden, encoding)
    intake = _intake(deps, key, chosen)
    if not intake.checked.briefs:
        raise SheetError("The sheet has no valid rows. Fix the errors and upload the sheet again.")
    if intake.checked.problems and not good_rows:
        raise SheetError("The sheet has rows with errors. Fix them, or choose to run only the valid rows.")
    options = ["--review", review, *(["--accept-good-rows"] if intake.checked.problems else [])]
    if sample.strip():
        if not (sample.strip().isdecimal() and 1 <= int(sample) <= 1_000_000):
            raise ReelmillError(f"The number of clips {sample!r} is invalid. Enter a whole number from 1 to 1,000,000.")
        options += ["--sample", str(int(sample))]
    options += _command_options(chosen)
    campaign_id = intake.campaign.campaign_id
    deps.jobs.run(campaign_id, intake.table.path, *options)
    deps.catalogue.audit.note(person.actor, "run", campaign_id, sheet=intake.table.name, review=review)
    return RedirectResponse(f"/started/{campaign_id}", 303)


@router.get("/started/{campaign_id}")
def started(request: Request, campaign_id: str, deps: PageDeps, person: Reviewer) -> Response:
    """Redirect to the campaign once it is registered; until then show the program's output."""
    if any(row.campaign_id == campaign_id for row in deps.catalogue.campaigns.all()):
        there = f"/campaigns/{campaign_id}"
        if request.headers.get("HX-Request"):
            return Response(headers={"HX-Redirect": there})
        return RedirectResponse(there, 303)
    job = deps.jobs.state(campaign_id)
    if job is None:
        raise MediaNotFoundError("No campaign with this name was started. Upload the sheet again.")
    return page(request, "started.html", job=job, campaign_id=campaign_id)


def _command_options(chosen: ReadingOptions) -> list[str]:
    """Return the options of `reelmill run` that read the sheet as on the page."""
    given = {"--tab": chosen.tab, "--encoding": chosen.encoding}
    options = [f"{name}={value}" for name, value in given.items() if value]
    return [*options, *(["--include-hidden"] if chosen.include_hidden else [])]


def _query(chosen: ReadingOptions) -> str:
    """Return the query of a link to the same reading of the sheet."""
    given = {"tab": chosen.tab, "hidden": "1" if chosen.include_hidden else "", "encoding": chosen.encoding}
    query = urlencode({name: value for name, value in given.items() if value})
    return f"?{query}" if query else ""


def _tabs(intake: Intake) -> list[str]:
    """Return the tabs to choose from: the one that was read, and others with a prompt column."""
    others = [tab.name for tab in intake.table.reading.unread_tabs]
    return [intake.table.tab, *others] if others else []


def _intake(deps: Deps, key: str, chosen: ReadingOptions) -> Intake:
    """Read an upload. Its pictures must come from its own folder, because the sheet is untrusted input."""
    return read_sheet(deps.session.settings, deps.session.resources, _upload(deps, key), chosen)


def _upload(deps: Deps, key: str) -> Path:
    sheet = _store(deps).upload(key)
    if sheet is None:
        raise MediaNotFoundError("This upload does not exist. Upload the sheet again.")
    return sheet


def _plan(deps: Deps, intake: Intake) -> tuple[Plan | None, str]:
    """Return the plan of a run and an error message; the plan is None if the sheet cannot be run."""
    session, briefs = deps.session, intake.checked.briefs
    try:
        check_cap(briefs, MAX_VARIANTS)
        campaign_id = intake.campaign.campaign_id
        owner = "" if shares_clips(session.settings, session.resources, campaign_id) else campaign_id
        planned = expand(briefs, session.cards, session.settings.model, session.settings.profile, owner)
        plan = plan_of(
            session.settings,
            session.resources,
            planned,
            satisfied_by(session.resources, intake),
            wanting_in(briefs),
            fallbacks_in(briefs),
        )
        check_cap(briefs, session.settings.max_variants)
    except PlanError as error:
        return None, str(error)
    return plan, ""


def _deliverables(deps: Deps, intake: Intake) -> list[str]:
    """Return how many deliverables a run gives, one line for each placement and locale; none without finishing."""
    counts = deliverables_in(intake, deps.session.cards, deps.session.settings.model)
    return deliverable_lines(counts, intake.checked.briefs)


def _over_budget(deps: Deps, plan: Plan | None) -> str:
    """Return why a run of all clips would be refused for its cost; empty if it would not."""
    try:
        if plan:
            check_plan(deps.session.settings, plan)
    except (OverBudgetError, SettingsError) as error:
        return str(error)
    return fallback_note(deps.session.settings.money_limit, plan) if plan else ""


def _rows(intake: Intake) -> list[dict[str, Any]]:
    """Return the rows to show: the header row if something is wrong with it, all rows with errors, some valid ones."""
    errors: defaultdict[int, list[CellProblem]] = defaultdict(list)
    warnings: defaultdict[int, list[CellProblem]] = defaultdict(list)
    for problem in intake.checked.problems:
        errors[problem.row].append(problem)
    for warning in intake.checked.warnings:
        warnings[warning.row].append(warning)
    header = intake.table.header_row
    first = {"number": header, "cells": (), "errors": errors[header], "warnings": warnings[header], "marked": set()}
    rows: list[dict[str, Any]] = [first] if errors[header] or warnings[header] else []
    valid = 0
    unreadable = [Row(bad.number, (bad.value,)) for bad in intake.table.reading.bad_rows if bad.number != header]
    for row in sorted((*intake.table.rows, *unreadable)):
        if row.number in intake.checked.skipped and not warnings[row.number]:
            continue
        valid += not errors[row.number]
        if errors[row.number] or valid <= SHOWN_ROWS:
            marked = {problem.column for problem in errors[row.number]}
            rows.append(
                {
                    "number": row.number,
                    "cells": [row.cell(index) for index in range(len(intake.table.columns))],
                    "errors": errors[row.number],
                    "warnings": warnings[row.number],
                    "marked": marked,
                }
            )
    return rows


def _plain_name(given: str, endings: tuple[str, ...], what: str, *, keep: bool = False) -> str:
    """Return a safe file name without folders. A picture keeps its name, because the sheet refers to it."""
    base = given.replace("\\", "/").rpartition("/")[2]
    suffix = Path(base).suffix.lower()
    if suffix not in endings:
        raise SheetError(f"{base[:80]!r} is not {what}. Upload a file of type {', '.join(endings)}.")
    if not keep:
        return slug(Path(base).stem) + suffix
    if base.startswith(".") or not base.isprintable() or len(base.encode()) > 200:
        raise SheetError(f"The picture name {base[:80]!r} is not supported. Rename the picture.")
    return base


def _read(upload: UploadFile, most: int) -> bytes:
    content = upload.file.read(most + 1)
    if len(content) > most:
        raise SheetError(
            f"{upload.filename!r} is larger than {most / 1e6:.0f} MB, the limit for uploads. Upload a smaller file, or "
            "run the sheet with `reelmill run`, which has higher limits."
        )
    if not content:
        raise SheetError(f"{upload.filename!r} is empty. Save the file again and upload it.")
    return content


def _store(deps: Deps) -> SheetStore:
    return SheetStore(deps.session.settings.home)
