"""Commands that plan, run and monitor campaigns."""

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.cli.bounds import bounds_of
from app.cli.commands.review import actor_name
from app.cli.commands.steering import standing_json, standing_line
from app.cli.completion import close_campaign, run_campaign, show_report
from app.cli.findings import show_skipped, show_warnings
from app.cli.linked_sheet import local_sheet, showing_downloads
from app.cli.options import (
    CAMPAIGN_HELP,
    AsJson,
    BucketOption,
    Budget,
    BudgetHours,
    CampaignName,
    Encoding,
    Endpoint,
    Finish,
    GoodRows,
    IncludeHidden,
    MaxVariants,
    Model,
    Out,
    Priority,
    Sample,
    Sheet,
    Tab,
    Until,
)
from app.cli.output import say, say_json, states_text, warn
from app.cli.plan_text import plan_json, plan_sentence, show_plan_details
from app.cli.prompts import MAX_PROMPTS, prompt_lines, show_prompts
from app.cli.run_outcome import outcome_of
from app.cli.table import show_table
from app.report.report import report_of
from app.report.spending import cost_json, spending_of
from app.session import Session
from flows.prices import fallback_note
from flows.registration import check_plan, fallbacks_in, plan_of, satisfied_by, shares_clips, wanting_in
from flows.start_checks import changes_of, missing_profiles
from flows.submit import read_sheet, submit
from manifests.errors import ModelError, ReelmillError
from manifests.pluralize import counted
from manifests.sheet.reading import ReadingOptions
from manifests.states import UNFINISHED, State
from manifests.variant import PlannedVariant
from models.card import LocalCard, ModelCard
from models.registry import get_card, get_scorer_card, weights_problem
from tasks.intake.intake import Intake, raise_for_errors
from tasks.intake.reading_line import reading_line
from tasks.plan.deliverable_counts import deliverable_lines, deliverables_in
from tasks.plan.expand import MAX_VARIANTS, check_cap, expand, sample
from tasks.plan.licence import clearances_of, ineffective_attestations, refuse_unsupported, waiting_sentences
from tasks.plan.plan import Plan
from tasks.plan.sample_check import check_sample
from tasks.review.retry_failed import Retried, retry_failed
from tasks.runtime.campaign_status import FAILED, stage_of, status_of
from tasks.runtime.providers.readiness import ReadyState, pauses_of, problems_of, unknown_providers
from tasks.runtime.steering import resume_campaign

TO_PUBLISH = (State.PASSED, State.APPROVED, State.SIGNING)


def plan(
    sheet: Sheet,
    model: Model = None,
    finish: Finish = None,
    max_variants: MaxVariants = None,
    sample_size: Sample = None,
    accept_good_rows: GoodRows = False,
    tab: Tab = None,
    include_hidden: IncludeHidden = False,
    encoding: Encoding = None,
    budget: Budget = None,
    prompts: Annotated[
        bool, typer.Option("--prompts", help=f"List the prompts after filling in; at most {MAX_PROMPTS:,}.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a run would generate, skip and cost, without running it."""
    session = Session.open(model=model, finish=finish, max_variants=max_variants, budget=budget)
    path = local_sheet(session, sheet)
    reading = ReadingOptions(tab or "", include_hidden, encoding or "")
    with showing_downloads() as on_download:
        intake = read_sheet(session.settings, session.resources, path, reading, on_download=on_download)
    raise_for_errors(intake, accept_good_rows)
    if not as_json:
        _show_findings(intake, path)
    check_cap(intake.checked.briefs, MAX_VARIANTS)
    campaign_id = intake.campaign.campaign_id
    owner = "" if shares_clips(session.settings, session.resources, campaign_id) else campaign_id
    planned = expand(intake.checked.briefs, session.cards, session.settings.model, session.settings.profile, owner)
    asked: Iterable[PlannedVariant] = planned
    if sample_size is not None:
        asked = sample(planned, sample_size)
        check_sample(session.catalogue, campaign_id, (each.variant_id for each in asked))
    listed: list[PlannedVariant] = []
    preview = plan_of(
        session.settings,
        session.resources,
        _noting(asked, listed) if prompts else asked,
        satisfied_by(session.resources, intake),
        wanting_in(intake.checked.briefs),
        fallbacks_in(intake.checked.briefs),
    )
    refuse_unsupported(session.resources, preview.by_card)
    sampled = None if sample_size is None else asked
    deliverables = deliverables_in(intake, session.cards, session.settings.model, sampled)
    unready = _unready(session, preview)
    notices = _notices(session, intake)
    refusal = _refusal(session, intake, preview, sample_size)
    note = "" if refusal else fallback_note(session.settings.money_limit, preview)
    if as_json:
        waiting = [*waiting_sentences(preview.by_card, clearances_of(session.resources)), *unready, *notices]
        head = {"campaign_id": campaign_id, "read_as": reading_line(intake)}
        finished = {"deliverables": [each._asdict() for each in deliverables]} if deliverables else {}
        more = {"prompts": list(map(asdict, prompt_lines(intake, listed)))} if prompts else {}
        say_json({**head, **plan_json(preview), "waiting": waiting, "budget_note": note, **finished, **more})
    else:
        if refusal:
            warn(f"Error: {refusal}")  # first, because the tables can be long
        command = _run_command(path, model, finish, max_variants, sample_size, accept_good_rows, budget, reading)
        _show_plan(session, intake, preview, "" if refusal else command)
        for line in deliverable_lines(deliverables, intake.checked.briefs):
            say(line)
        for sentence in (*([note] if note else []), *unready, *notices, *unknown_providers(session.resources)):
            warn(f"Warning: {sentence}")
        if prompts:
            show_prompts(intake, listed, preview.asked)
    if refusal and as_json:
        raise refusal
    if refusal:
        raise typer.Exit(1)


def run(
    sheet: Sheet,
    model: Model = None,
    finish: Finish = None,
    bucket: BucketOption = None,
    endpoint: Endpoint = None,
    max_variants: MaxVariants = None,
    sample_size: Sample = None,
    accept_good_rows: GoodRows = False,
    tab: Tab = None,
    include_hidden: IncludeHidden = False,
    encoding: Encoding = None,
    review: Annotated[
        str | None,
        typer.Option("--review", metavar="MODE", help="auto publishes clips that pass; required waits for approval."),
    ] = None,
    priority: Priority = None,
    until: Until = None,
    budget_hours: BudgetHours = None,
    budget: Budget = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Generate, score, sign and publish the clips of a sheet.

    Re-run the same command to resume.
    """
    overrides = {
        "model": model,
        "finish": finish,
        "bucket": bucket,
        "bucket_endpoint": endpoint,
        "max_variants": max_variants,
        "review": review,
        "budget": budget,
    }
    session = Session.open(**overrides)
    bounds = bounds_of(until, budget_hours, session.settings.timezone)
    path = local_sheet(session, sheet)
    with showing_downloads() as on_download:
        campaign_id, intake = submit(
            session.settings,
            session.resources,
            path,
            accept_good_rows=accept_good_rows,
            sample_size=sample_size,
            reading=ReadingOptions(tab or "", include_hidden, encoding or ""),
            on_download=on_download,
            will_run=True,
        )
    if not as_json:
        say(reading_line(intake))
        _show_findings(intake, path)
    for sentence in missing_profiles(session.settings, session.resources, intake.checked.briefs):
        warn(f"Warning: {sentence}")
    if priority is not None:
        session.catalogue.steering.set_priority(campaign_id, priority, actor_name())
    if not as_json:
        _warn_of_licences(session, campaign_id)
    outcome = run_campaign(session, campaign_id, as_json, overrides, bounds)
    close_campaign(session, campaign_id, intake, out, as_json, outcome)


def status(
    campaign: Annotated[str | None, typer.Argument(metavar="[CAMPAIGN]", help=CAMPAIGN_HELP)] = None,
    as_json: AsJson = False,
) -> None:
    """Show the status of all campaigns, or of one in detail."""
    session = Session.open()
    catalogue = session.catalogue
    session.settle()
    if campaign:
        head = catalogue.campaigns.get(campaign)
        report = report_of(catalogue, head.campaign_id, clearances_of(session.resources), session.prices)
        now = status_of(catalogue, head.campaign_id)
        if as_json:
            say_json({**report.as_json(), **standing_json(head), "status": now.state, "message": now.message})
        else:
            show_report(report, session.prices)
            say(standing_line(head))
            if now.state == FAILED:
                say(now.message)
        return
    rows = [(row, catalogue.progress.tally(row.campaign_id)) for row in catalogue.campaigns.all()]
    stages = {row.campaign_id: stage_of(catalogue, row) for row, _ in rows}
    used, jobs, prices = catalogue.device_use.by_campaign(), catalogue.provider_jobs.money_by_campaign(), session.prices
    names = [row.campaign_id for row, _ in rows]
    spent = {name: spending_of(used.get(name, []), prices, jobs.get(name, [])) for name in names}
    made = catalogue.deliverables.counts_by_campaign()
    if as_json:
        say_json(
            [
                {
                    "campaign_id": row.campaign_id,
                    "name": row.name,
                    "states": states,
                    "deliverables": dict(made.get(row.campaign_id, {})),
                    "status": stages[row.campaign_id],
                    **cost_json(spent[row.campaign_id], prices, states.get(State.PUBLISHED, 0)),
                    **standing_json(row),
                }
                for row, states in rows
            ]
        )
    elif rows:
        has_prices = prices.are_known or bool(jobs)
        show_table(
            [
                *("campaign", "status", "priority", "variants", "states"),
                *(["deliverables"] if made else []),
                *(["cost"] if has_prices else []),
            ],
            [
                (
                    row.campaign_id,
                    stages[row.campaign_id],
                    row.priority,
                    sum(states.values()),
                    states_text(states),
                    *([states_text(made[row.campaign_id]) if row.campaign_id in made else ""] if made else []),
                    *([spent[row.campaign_id].text] if has_prices else []),
                )
                for row, states in rows
            ],
        )
    else:
        say("No campaigns yet. Start one with `reelmill run SHEET`.")


def retry(
    campaign: CampaignName,
    failed: Annotated[
        bool, typer.Option("--failed", help="Retry all failed variants and deliverables; required.")
    ] = False,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Retry the failed variants and deliverables of a campaign.

    Variants that failed with an error are generated with the same seed.

    Clips that failed the automatic checks are generated with a new seed.
    """
    if not failed:
        raise ReelmillError("The option --failed is missing. Use `reelmill retry CAMPAIGN --failed`.")
    session, campaign_id = Session.of_campaign(campaign)
    retried = retry_failed(session.catalogue, campaign_id)
    if not as_json:
        say(_retried_text(retried))
    if any(retried):
        outcome = run_campaign(session, campaign_id, as_json, {})
    else:
        outcome = outcome_of(session.catalogue, campaign_id)
    close_campaign(session, campaign_id, None, out, as_json, outcome)


def resume(
    campaign: CampaignName,
    reopen: Annotated[bool, typer.Option("--reopen", help="Also resume a cancelled campaign.")] = False,
    if_active: Annotated[
        bool, typer.Option("--if-active", help="Do nothing if the campaign is paused or cancelled.")
    ] = False,
    priority: Priority = None,
    until: Until = None,
    budget_hours: BudgetHours = None,
    budget: Budget = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Resume a campaign; this also ends a pause.

    Generates planned variants, then signs and publishes approved clips.
    """
    session, campaign_id = Session.of_campaign(campaign, budget=budget)
    bounds = bounds_of(until, budget_hours, session.settings.timezone)
    if not if_active:
        resume_campaign(session.catalogue, campaign_id, actor_name(), reopen)
    if priority is not None:
        session.catalogue.steering.set_priority(campaign_id, priority, actor_name())
    outcome = run_campaign(session, campaign_id, as_json, {"budget": budget}, bounds)
    close_campaign(session, campaign_id, None, out, as_json, outcome)


def _refusal(session: Session, intake: Intake, preview: Plan, sample_size: int | None) -> ReelmillError | None:
    """Return why a run of the plan would be refused; None if it would not."""
    try:
        check_cap(intake.checked.briefs, session.settings.max_variants, sample_size)
        check_plan(session.settings, preview)
    except ReelmillError as error:
        return error
    return None


def _notices(session: Session, intake: Intake) -> list[str]:
    """Return which model or profile a run would use that the user may not expect, one sentence each."""
    settings, resources = session.settings, session.resources
    return [*changes_of(settings, resources, intake), *missing_profiles(settings, resources, intake.checked.briefs)]


def _unready(session: Session, preview: Plan) -> list[str]:
    """Return why hosted models of a plan cannot be used yet. A plan needs no key, so that users can compare prices.

    Raises:
        ModelError: a model is retired, or its address cannot be used.
    """
    found = [each for _, each in problems_of(session.resources, preview.by_card, pauses_of(session.catalogue))]
    for each in found:
        if each.state in (ReadyState.RETIRED, ReadyState.UNUSABLE):
            raise ModelError(each.problem)
    return [each.problem for each in found]


def _noting(planned: Iterable[PlannedVariant], listed: list[PlannedVariant]) -> Iterator[PlannedVariant]:
    """Yield the variants, and add the first MAX_PROMPTS of them to a list."""
    for item in planned:
        if len(listed) < MAX_PROMPTS:
            listed.append(item)
        yield item


def _show_findings(intake: Intake, sheet: Path) -> None:
    show_warnings(intake.checked.warnings, intake.row_count, sheet)
    show_skipped(intake.checked.problems, sheet)


def _retried_text(retried: Retried) -> str:
    made = counted(retried.deliverables, "deliverable{s} {are} made")
    return (
        f"{counted(retried.same_seed, 'variant{s} {are} retried')} with the same seed, "
        f"{counted(retried.new_seed, 'variant{s}')} with a new seed."
        f"{f' {made} again.' if retried.deliverables else ''}"
    )


def _warn_of_licences(session: Session, campaign_id: str) -> None:
    """Warn, before device time is spent, of clips that could not be published."""
    for warning in (*ineffective_attestations(session.resources), *unknown_providers(session.resources)):
        warn(f"Warning: {warning}")
    spare = session.catalogue.progress.not_needed(campaign_id)
    pending = session.catalogue.variants.of_campaign(campaign_id, [*UNFINISHED, *TO_PUBLISH])
    rows = [row for row in pending if row.variant_id not in spare]
    clearances = clearances_of(session.resources)
    numbers = Counter(row.variant.card for row in rows)
    for sentence in waiting_sentences(numbers, clearances):
        warn(f"Warning: {sentence}")
    if numbers and not any(clearances[name].is_given for name in numbers if name in clearances):
        warn("Warning: No clip of this run can be published until then. Clips are generated, scored and kept.")


def _run_command(
    sheet: Path,
    model: str | None,
    finish: str | None,
    max_variants: int | None,
    sample_size: int | None,
    accept_good_rows: bool,
    budget: str | None,
    reading: ReadingOptions,
) -> str:
    """Return the command that starts what ``reelmill plan`` has shown."""
    given = {
        "--model": model,
        "--finish": finish,
        "--max-variants": max_variants,
        "--sample": sample_size,
        "--budget": budget,
        "--tab": reading.tab or None,
        "--encoding": reading.encoding or None,
    }
    options = [f"{name} {shlex.quote(str(value))}" for name, value in given.items() if value is not None]
    options += ["--accept-good-rows"] * accept_good_rows + ["--include-hidden"] * reading.include_hidden
    return " ".join(["reelmill run", shlex.quote(str(sheet)), *options])


def _show_plan(session: Session, intake: Intake, preview: Plan, command: str) -> None:
    say(plan_sentence(preview, command))
    say(reading_line(intake))
    show_plan_details(intake, preview)
    folders = session.settings.model_folders
    cards = [get_card(name, folders).with_profile(session.settings.profile) for name in preview.by_card]
    scorers = [get_scorer_card(name, folders) for name in {card.scorer: None for card in cards}]
    with_weights: list[LocalCard] = [*(card for card in cards if isinstance(card, ModelCard)), *scorers]
    for each in with_weights:
        if problem := weights_problem(each, session.settings.weights_root):
            warn(f"Warning: {problem}")
    for sentence in (
        *ineffective_attestations(session.resources),
        *waiting_sentences(preview.by_card, clearances_of(session.resources)),
    ):
        warn(f"Warning: {sentence}")
