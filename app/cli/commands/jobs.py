"""`reelmill jobs`: list provider jobs and settle uncertain ones."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer

from app.cli.commands.review import actor_name
from app.cli.options import CAMPAIGN_HELP, AsJson
from app.cli.output import say, say_json
from app.cli.table import show_table
from app.job_facts import Facts, advice_of, answer_facts, job_facts, job_times, request_facts
from app.session import Session
from manifests.errors import ReelmillError
from manifests.hosted.job import JobState
from manifests.hosted.job_decisions import SHORT, Decision, refusal_of
from manifests.hosted.provider_job import ProviderJob
from manifests.nightly.night import zone_of
from manifests.pluralize import any_of
from tasks.runtime.providers.provider_jobs import (
    cancel_at_provider,
    checked_ref,
    is_overdue,
    jobs_for_people,
    money_text,
    state_text,
)

TERMS = (
    "An uncertain job may or may not have been accepted by the provider, so its clip is not submitted again until you "
    "adopt or discard the job. An overdue job has not ended by its deadline. A lost job counts as paid, but the "
    "provider no longer has its file. The expected cost of a job is reserved until the job ends."
)
jobs = typer.Typer(no_args_is_help=True, help=f"List provider jobs and settle uncertain ones.\n\n{TERMS}")

OVERDUE, ALL = "overdue", "all"
STATES = (*(str(state) for state in JobState), OVERDUE, ALL)
Job = Annotated[str, typer.Argument(metavar="JOB", help="Id of a job. The first characters are enough.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]


@jobs.command("list")
def list_jobs(
    state: Annotated[
        str | None,
        typer.Option("--state", metavar="STATE", help=f"{any_of(STATES)}; default: jobs that need a decision."),
    ] = None,
    campaign: Annotated[str | None, typer.Option("--campaign", metavar="CAMPAIGN", help=CAMPAIGN_HELP)] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="NUMBER", min=1, help="Number of jobs to list, newest first.")
    ] = 100,
    as_json: AsJson = False,
) -> None:
    """List provider jobs; by default, those that need a decision.

    An uncertain job may or may not have been accepted by the provider. An overdue job has not ended by its deadline.
    A lost job counts as paid, but the provider no longer has its file.
    """
    session = Session.open()
    campaign_id = session.catalogue.campaigns.get(campaign).campaign_id if campaign else None
    found = _jobs(session, state, campaign_id, limit)
    if as_json:
        say_json([_as_json(job) for job in found])
    elif found:
        _show_list(found, session.settings.timezone)
    elif state is None:
        say("No job needs a decision. List all with `reelmill jobs list --state all`.")
    else:
        say("No such jobs.")


@jobs.command()
def show(job: Job, as_json: AsJson = False) -> None:
    """Show the details of a job."""
    session = Session.open()
    found = session.catalogue.provider_jobs.get(job)
    if as_json:
        say_json(_as_json(found))
        return
    for name, value in _facts(session, found):
        say(f"{name}: {value}")
    if advice := advice_of(found):
        say(f"\n{advice}")


@jobs.command()
def adopt(
    job: Job,
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="The provider's reference of the job.")],
    as_json: AsJson = False,
) -> None:
    """Record that the provider has an uncertain or a lost job; the next run downloads its clip."""
    session = Session.open()
    found = session.catalogue.provider_jobs.get(job)
    adopted = session.catalogue.provider_jobs.adopt(found.job_id, checked_ref(reference), actor_name())
    if as_json:
        say_json(_as_json(adopted))
        return
    was_lost = found.state == JobState.LOST
    command = f"retry {adopted.campaign_id} --failed" if was_lost else f"resume {adopted.campaign_id}"
    say(f"{adopted.job_id} is submitted as {adopted.vendor_ref}. Download its clip with `reelmill {command}`.")


@jobs.command()
def discard(
    job: Job,
    billed: Annotated[
        bool, typer.Option("--billed", help="The provider billed the job; its cost stays in the totals.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Record that the provider did not accept a job, or close a lost one.

    The clip may then be submitted again. Check the provider's list of jobs first: if the job is there, the clip is
    billed twice.
    """
    session = Session.open()
    found = session.catalogue.provider_jobs.get(job)
    _check(found, Decision.DISCARD, billed)
    if not yes and not typer.confirm(_discard_question(found, billed), err=True):
        raise ReelmillError("Nothing was changed.")
    discarded = session.catalogue.provider_jobs.discard(found.job_id, actor_name(), is_billed=billed)
    if as_json:
        say_json(_as_json(discarded))
        return
    again = f"Generate its clip again with `reelmill retry {found.campaign_id} --failed`."
    if found.state != JobState.LOST:
        again = "If its clip is still needed, the next run submits it again."
    say(f"{discarded.job_id} is {discarded.state} ({money_text(discarded)}). {again}")


@jobs.command()
def cancel(job: Job, yes: Yes = False, as_json: AsJson = False) -> None:
    """Ask the provider to cancel a submitted job, if its API supports this."""
    session = Session.open()
    found = session.catalogue.provider_jobs.get(job)
    _check(found, Decision.CANCEL)
    question = f"Cancel {found.job_id} at {found.provider}? It may still be billed."
    if not yes and not typer.confirm(question, err=True):
        raise ReelmillError("Nothing was changed.")
    cancel_at_provider(session.resources, found, actor_name())
    if as_json:
        say_json(_as_json(session.catalogue.provider_jobs.get(found.job_id)))
        return
    say(f"{found.provider} was asked to cancel {found.job_id}. The next run records the result.")


def _check(job: ProviderJob, decision: Decision, billed: bool = False) -> None:
    """Refuse an impossible decision before the user is asked to confirm it.

    Raises:
        ReelmillError: the state of the job does not allow it.
    """
    if why := refusal_of(job, decision, is_billed=billed):
        raise ReelmillError(why)


def _jobs(session: Session, state: str | None, campaign_id: str | None, limit: int) -> list[ProviderJob]:
    """Return the jobs to list.

    Raises:
        ReelmillError: there is no such state.
    """
    if state is None:
        return jobs_for_people(session.catalogue, campaign_id, limit)
    if state not in STATES:
        raise ReelmillError(f"There is no state {state!r}. Use {any_of(STATES)}.")
    every = session.catalogue.provider_jobs
    if state == OVERDUE:
        return [job for job in every.overdue(limit) if campaign_id in (None, job.campaign_id)]
    return every.list(None if state == ALL else JobState(state), campaign_id, limit=limit)


def _show_list(found: Sequence[ProviderJob], zone: str) -> None:
    show_table(
        ["job", "campaign", "provider, model", "submitted", "state", "cost"],
        [
            (
                job.job_id[:SHORT],
                job.campaign_id,
                f"{job.provider}, {job.card}",
                _time(job.submitted_at, zone),
                state_text(job),
                money_text(job),
            )
            for job in found
        ],
    )
    reasons = [(job.job_id[:SHORT], job.error) for job in found if job.error]
    for index, (job_id, reason) in enumerate(reasons):
        say(f"{'' if index else chr(10)}{job_id}: {reason}", indent=2)
    say("\n`reelmill jobs show JOB` shows the details and the next step.")


def _facts(session: Session, job: ProviderJob) -> Facts:
    zone, variant = session.settings.timezone, session.catalogue.variants.get(job.variant_id).variant
    sent = [] if job.submitted_at else [("Submitted", "not sent")]
    times = [(moment.name, _time(moment.at, zone)) for moment in job_times(job)]
    return [*job_facts(job), *answer_facts(job), *request_facts(job, variant), *sent, *times]


def _discard_question(job: ProviderJob, billed: bool) -> str:
    if billed:
        return f"Close {job.job_id} as billed? Its cost ({money_text(job)}) counts as spent."
    return f"If {job.provider} accepted {job.job_id} ({money_text(job)}), its clip is billed twice. Discard the job?"


def _time(at: float | None, zone: str) -> str:
    return f"{datetime.fromtimestamp(at, zone_of(zone)):%Y-%m-%d %H:%M}" if at else ""


def _as_json(job: ProviderJob) -> dict[str, Any]:
    """Return a job for programs, without the addresses that the provider returned, which may be signed."""
    plain = asdict(job)
    del plain["links"]
    return {**plain, "state": str(job.state), "overdue": is_overdue(job), "advice": advice_of(job)}
