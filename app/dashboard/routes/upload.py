"""A new sheet: handed in, checked row by row on the page, and run once its owner says so."""

import hashlib
import mimetypes
import re
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from adapters.files.durable import write_durably
from adapters.sheets import annotate, write_template
from app.dashboard.auth.roles import Reviewer
from app.dashboard.deps import Deps, PageDeps
from app.dashboard.routes.media import MediaNotFoundError
from app.dashboard.templating import page
from flows.registration import kept_pictures, uploads_of
from manifests.errors import PlanError, ReelmillError, SheetError
from manifests.identity import slug
from manifests.sheet import CellProblem
from tasks.intake.intake import Intake, take_in
from tasks.plan.expand import LARGEST_SHEET, check_cap, expand
from tasks.plan.plan import make_plan

router = APIRouter()
LARGEST = 20_000_000
LARGEST_PICTURE = 30_000_000
MAX_PICTURES = 200
SHOWN_ROWS = 200
SHEETS = (".csv", ".tsv", ".xlsx")
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
_KEY = re.compile(r"[0-9a-f]{32}")


@router.get("/upload")
def form(request: Request, person: Reviewer) -> HTMLResponse:
    """Ask for a sheet."""
    return page(request, "upload.html", problem="")


@router.post("/upload")
def receive(
    request: Request, deps: PageDeps, person: Reviewer, sheet: UploadFile, pictures: list[UploadFile] | None = None
) -> Response:
    """Keep a sheet with its pictures, and lead to what was found in it."""
    try:
        key = _store_upload(deps, sheet, [each for each in (pictures or [])[:MAX_PICTURES] if each.filename])
    except SheetError as error:
        return page(request, "upload.html", 400, problem=str(error))
    return RedirectResponse(f"/upload/{key}", 303)


@router.get("/upload/template.xlsx")
def template(deps: PageDeps, person: Reviewer) -> Response:
    """Respond with an empty sheet that explains every column."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "sheet.xlsx")
        write_template(out, sorted(deps.session.cards))
        return Response(
            out.read_bytes(),
            media_type=mimetypes.guess_type(out.name)[0],
            headers={"Content-Disposition": 'attachment; filename="sheet.xlsx"'},
        )


def _store_upload(deps: Deps, sheet: UploadFile, pictures: list[UploadFile]) -> str:
    """Keep an upload in a folder of its own; return its key.

    Raises:
        SheetError: a file is not what it is taken for, is empty, or is too large.
    """
    name = _plain_name(sheet.filename or "", SHEETS, "a sheet")
    content = _read(sheet, LARGEST)
    files = {
        _plain_name(each.filename or "", PICTURES, "a picture", keep=True): _read(each, LARGEST_PICTURE)
        for each in pictures
    }
    digest = hashlib.sha256(content)
    for other in sorted(files):
        digest.update(other.encode() + hashlib.sha256(files[other]).digest())
    key = digest.hexdigest()[:32]
    folder = _uploads(deps) / key
    folder.mkdir(parents=True, exist_ok=True)
    for other, data in files.items():
        write_durably(folder / other, data)
    write_durably(folder / name, content)
    return key


@router.get("/upload/{key}")
def checked(request: Request, key: str, deps: PageDeps, person: Reviewer) -> HTMLResponse:
    """Show every row with what is wrong with it, and what a run would make."""
    intake = _intake(deps, key)
    plan, problem = _plan(deps, intake)
    return page(
        request,
        "checked.html",
        key=key,
        intake=intake,
        rows=_rows(intake),
        plan=plan,
        problem=problem,
        shown=SHOWN_ROWS,
        review=deps.session.settings.review,
    )


@router.get("/upload/{key}/annotated")
def annotated(key: str, deps: PageDeps, person: Reviewer) -> Response:
    """Respond with a copy of the sheet in which bad cells are marked."""
    intake = _intake(deps, key)
    folder = _uploads(deps) / key / "marked"
    folder.mkdir(exist_ok=True)
    out = folder / f"{slug(intake.table.name)}-marked.xlsx"
    out.unlink(missing_ok=True)
    annotate(intake.table, intake.checked.problems, intake.checked.warnings, out)
    return FileResponse(out, filename=out.name, headers={"Cache-Control": "no-store"})


@router.post("/upload/{key}/run")
def run(
    key: str,
    deps: PageDeps,
    person: Reviewer,
    review: Annotated[Literal["auto", "required"], Form()] = "required",
    good_rows: Annotated[str, Form()] = "",
    sample: Annotated[str, Form()] = "",
) -> Response:
    """Begin the campaign; it is checked again, as it lies here."""
    intake = _intake(deps, key)
    if not intake.checked.briefs:
        raise SheetError("No row of the sheet can be used; mend it and hand it in again.")
    if intake.checked.problems and not good_rows:
        raise SheetError("The sheet has bad rows; mend them, or choose to run the good rows alone.")
    options = ["--review", review, *(["--accept-good-rows"] if intake.checked.problems else [])]
    if sample.strip():
        if not (sample.strip().isdecimal() and 1 <= int(sample) <= 1_000_000):
            raise ReelmillError(f"A sample of {sample!r} is none; give a whole number from 1.")
        options += ["--sample", str(int(sample))]
    campaign_id = intake.campaign.campaign_id
    deps.jobs.run(campaign_id, intake.table.path, *options)
    deps.catalogue.audit.note(person.actor, "run", campaign_id, sheet=intake.table.name, review=review)
    return RedirectResponse(f"/started/{campaign_id}", 303)


@router.get("/started/{campaign_id}")
def started(request: Request, campaign_id: str, deps: PageDeps, person: Reviewer) -> Response:
    """Lead to the campaign once it is registered; until then say what the program says."""
    if any(row.campaign_id == campaign_id for row in deps.catalogue.campaigns.all()):
        there = f"/campaigns/{campaign_id}"
        if request.headers.get("HX-Request"):
            return Response(headers={"HX-Redirect": there})
        return RedirectResponse(there, 303)
    job = deps.jobs.state(campaign_id)
    if job is None:
        raise MediaNotFoundError("Nothing was started under this name; hand the sheet in again.")
    return page(request, "started.html", job=job, campaign_id=campaign_id)


def _intake(deps: Deps, key: str) -> Intake:
    """Read an upload; its pictures come from its own folder, for it may have been written by anyone."""
    folder = _uploads(deps) / key
    found = [path for path in sorted(folder.glob("*")) if path.suffix in SHEETS] if _KEY.fullmatch(key) else []
    if not found:
        raise MediaNotFoundError("This upload is not here; hand the sheet in again.")
    session = deps.session
    return take_in(
        found[0], session.cards, session.settings.model, kept_pictures(session.resources, found[0]), confined=True
    )


def _plan(deps: Deps, intake: Intake) -> tuple[Any, str]:
    """Return what a run would make, and the sentence of what forbids it."""
    session, briefs = deps.session, intake.checked.briefs
    try:
        check_cap(briefs, LARGEST_SHEET)
        planned = expand(briefs, session.cards, session.settings.model, session.settings.profile)
        plan = make_plan(
            planned,
            deps.catalogue.variants.states,
            session.cards,
            deps.catalogue.progress.device_rates(),
            session.settings.shard_size,
        )
        check_cap(briefs, session.settings.max_variants)
    except PlanError as error:
        return None, str(error)
    return plan, ""


def _rows(intake: Intake) -> list[dict[str, Any]]:
    """Return the rows to show: all bad ones, and good ones up to SHOWN_ROWS."""
    bad: defaultdict[int, list[CellProblem]] = defaultdict(list)
    odd: defaultdict[int, list[CellProblem]] = defaultdict(list)
    for problem in intake.checked.problems:
        bad[problem.row].append(problem)
    for warning in intake.checked.warnings:
        odd[warning.row].append(warning)
    header = intake.table.header_row
    first = {"number": header, "cells": (), "bad": bad[header], "odd": odd[header], "marked": set()}
    rows: list[dict[str, Any]] = [first] if bad[header] else []
    good = 0
    for row in intake.table.rows:
        good += not bad[row.number]
        if bad[row.number] or good <= SHOWN_ROWS:
            marked = {problem.column for problem in bad[row.number]}
            rows.append(
                {
                    "number": row.number,
                    "cells": [row.cell(index) for index in range(len(intake.table.columns))],
                    "bad": bad[row.number],
                    "odd": odd[row.number],
                    "marked": marked,
                }
            )
    return rows


def _plain_name(given: str, endings: tuple[str, ...], what: str, *, keep: bool = False) -> str:
    """Return a file name without any folder. A picture keeps its own, since the sheet's cells say it."""
    base = given.replace("\\", "/").rpartition("/")[2]
    suffix = Path(base).suffix.lower()
    if suffix not in endings:
        raise SheetError(f"{base[:80]!r} is not {what}; hand in {', '.join(endings)}.")
    if not keep:
        return slug(Path(base).stem) + suffix
    if base.startswith(".") or not base.isprintable() or len(base.encode()) > 200:
        raise SheetError(f"The picture's name {base[:80]!r} cannot be kept; rename it.")
    return base


def _read(upload: UploadFile, most: int) -> bytes:
    content = upload.file.read(most + 1)
    if len(content) > most:
        raise SheetError(f"{upload.filename!r} is larger than {most / 1e6:.0f} MB; split it, or use `reelmill run`.")
    if not content:
        raise SheetError(f"{upload.filename!r} is empty; hand in the sheet as your program saved it.")
    return content


def _uploads(deps: Deps) -> Path:
    return uploads_of(deps.session.settings)
