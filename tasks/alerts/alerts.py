"""Create alerts for people: when to alert, and the texts.

Every function may be called repeatedly: the key of an alert makes sure that it is created once. None of them raises if
the catalogue does not respond, because an alert must not stop a run.
"""

import hashlib
import logging
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from time import gmtime, strftime
from typing import Any, NamedTuple, TypeVar

from adapters.catalogue import Catalogue
from adapters.catalogue.work.runs import LOST as LOST_RUN
from adapters.catalogue.work.runs import RunRow
from manifests.errors import ReelmillError
from manifests.hosted.provider_job import ProviderJob
from manifests.pluralize import count_of, counted
from manifests.scoring.gate import reason_label
from manifests.states import UNDELIVERED, unfinished_in
from tasks.alerts.pass_rate_drop import pass_rate_drop_of
from tasks.runtime.logs.redaction import redact

FINISHED, FAILED, BUDGET, COLLAPSED, LOST, STAGING, SWEEP, CLOCK, UNPROVEN, ACCOUNT, HIDDEN, EXPIRING = (
    "finished",
    "failed",
    "budget",
    "gate-collapsed",
    "worker-lost",
    "staging-lost",
    "sweep",
    "clock",
    "approval-unproven",
    "provider-account",
    "provider-jobs-hidden",
    "provider-results-expiring",
)
MAX_NAME_LENGTH = 80
SHOWN = 5

log = logging.getLogger(__name__)
R = TypeVar("R")


class AlertText(NamedTuple):
    """A new alert in the outbox."""

    key: str
    kind: str
    campaign_id: str | None
    text: str
    detail: Mapping[str, Any]


listeners: list[Callable[[AlertText], None]] = []
"""Called with each new alert; must neither raise nor block. ``flows.prefect.prefect_events`` adds its own."""


def _never_raising(function: Callable[..., bool]) -> Callable[..., bool]:
    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> bool:
        try:
            return function(*args, **kwargs)
        except ReelmillError as error:
            log.warning("An alert could not be stored: %s", error)
            return False

    return wrapper


@_never_raising
def run_ended(
    catalogue: Catalogue, campaign_id: str, run_id: str, outcome: str, review_url: str, why_left: str = ""
) -> bool:
    """Alert that a run ended, unless a person ended it with pause, cancel or Ctrl-C.

    If an exception is being handled, the alert contains its message. Signals create no alert here: their
    senders know, and ``flow_run_ended`` reports a flow run that Prefect has cancelled.

    Args:
        why_left: why the run could not finish, if no error has ended it; empty if this is not known.
    """
    error = sys.exception()
    if outcome in ("paused", "cancelled") or (error is not None and not isinstance(error, Exception)):
        return False
    states = catalogue.progress.tally(campaign_id)
    kind, ending = _ending(outcome, error, unfinished_in(states), campaign_id, why_left)
    spent = _spent(catalogue, run_id)
    made = catalogue.deliverables.counts(campaign_id)
    link = f"{review_url.rstrip('/')}/campaigns/{campaign_id}" if review_url else ""
    return _add(
        catalogue,
        f"{kind}:{run_id}",
        kind,
        f"{_name(catalogue, campaign_id)} {ending} {_counted(states)}.{_made_text(made)}",
        campaign_id,
        {
            "run_id": run_id,
            "outcome": outcome,
            "states": states,
            "device_s": spent,
            "link": link,
            **({"deliverables": made} if made else {}),
        },
    )


def _made_text(made: Mapping[str, int]) -> str:
    """Return the deliverables of a campaign by state, as a sentence after a space; empty if there are none."""
    counts = ", ".join(f"{number:,} {state}" for state, number in sorted(made.items()))
    return f" Deliverables: {counts}." if made else ""


@_never_raising
def run_lost(catalogue: Catalogue, run: RunRow, review_url: str) -> bool:
    """Alert that the process of a run died, unless a later run has continued, or nothing was left to do."""
    newest = next(iter(catalogue.runs.all(run.campaign_id, limit=1)), run)
    states = catalogue.progress.tally(run.campaign_id)
    left = unfinished_in(states) + sum(states.get(state, 0) for state in UNDELIVERED)
    left += len(catalogue.deliverables.waiting(run.campaign_id))
    if newest.run_id != run.run_id or not left:
        return False
    return run_ended(catalogue, run.campaign_id, run.run_id, LOST_RUN, review_url)


@_never_raising
def flow_run_ended(catalogue: Catalogue, flow_run_id: str, text: str, campaign_id: str = "") -> bool:
    """Alert that a flow run failed, crashed or was cancelled without a run in the catalogue that reports this.

    Args:
        flow_run_id: id of the Prefect flow run, which is reported once; empty outside of Prefect.
    """
    key = flow_run_id or hashlib.sha256(f"{_today()} {text}".encode(errors="replace")).hexdigest()[:16]
    return _add(catalogue, f"{FAILED}:flow-run:{key}", FAILED, text, campaign_id or None, {"flow_run_id": flow_run_id})


@_never_raising
def sheet_waits(catalogue: Catalogue, name: str, why: str) -> bool:
    """Alert, once a day for each sheet, that a sheet in the watched place cannot be accepted or started."""
    digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:16]
    return _add(
        catalogue,
        f"{FAILED}:sheet:{_today()}:{digest}",
        FAILED,
        f"The sheet {_one_line(name)} in the watched place is waiting: {why.rstrip('.')}. It is retried automatically.",
        None,
        {"sheet": name},
    )


@_never_raising
def check_pass_rate(catalogue: Catalogue, campaign_id: str) -> bool:
    """Alert if the pass rate of the gate has dropped sharply, as defined in ``tasks.alerts.pass_rate_drop``.

    After an alert, only later verdicts are compared, so the next alert needs a recovery first.
    """
    before = next(
        (int(alert.detail["event_id"]) for alert in catalogue.alerts.all(1, kind=COLLAPSED, campaign_id=campaign_id)), 0
    )
    verdicts = catalogue.metrics.verdicts(campaign_id, after=before)
    found = pass_rate_drop_of(verdicts.passed, alerted_before=bool(before))
    if found is None:
        return False
    reasons = verdicts.reasons(found.judged)
    why = f" Main reasons: {', '.join(map(reason_label, list(reasons)[:3]))}." if reasons else ""
    return _add(
        catalogue,
        f"{COLLAPSED}:{campaign_id}:{before}",
        COLLAPSED,
        f"{_name(catalogue, campaign_id)}: {found.sentence}{why} If the prompts are not the cause, pause the campaign "
        f"with `reelmill pause {campaign_id}`.",
        campaign_id,
        {
            "event_id": verdicts.newest,
            "judged": found.judged,
            "passed": found.passed,
            "before": found.before,
            "reasons": reasons,
        },
    )


@_never_raising
def worker_lost(catalogue: Catalogue, owner: str, variant_ids: Sequence[str]) -> bool:
    """Alert that leases of an owner expired, or were ended because its process is dead."""
    names = sorted({name for found in catalogue.variants.campaigns_of(variant_ids).values() for name in found})
    host, _, pid = [*owner.split(":"), "", "", ""][:3]
    worker = f"process {pid} on {host}" if pid else owner
    return _add(
        catalogue,
        f"{LOST}:{owner}",
        LOST,
        f"A worker was lost: {worker}. Its leases on {count_of(len(variant_ids), 'clip')} pass to other workers. "
        "Check its log and, if the process was killed, the memory of its machine.",
        names[0] if len(names) == 1 else None,
        {"owner": owner, "variants": list(variant_ids[:100]), "campaigns": names},
    )


@_never_raising
def staging_lost(catalogue: Catalogue, campaign_id: str, variant_id: str) -> bool:
    """Alert, once per campaign and day, that an approved clip must be regenerated because its master is missing."""
    return _add(
        catalogue,
        f"{STAGING}:{campaign_id}:{_today()}",
        STAGING,
        f"{_name(catalogue, campaign_id)}: an approved clip cannot be signed because its staged master is missing or "
        "damaged. It is generated again, as are further clips found in this state today. Check the disk, and what "
        "deletes files under staging/ in the bucket.",
        campaign_id,
        {"variants": [variant_id]},
    )


@_never_raising
def wrong_clock(catalogue: Catalogue, text: str) -> bool:
    """Alert, once a day by the wrong clock, that clips are not signed because of it."""
    return _add(catalogue, f"{CLOCK}:{_today()}", CLOCK, text, None, {})


@_never_raising
def account_paused(catalogue: Catalogue, provider: str, why: str) -> bool:
    """Alert, once for each pause of an account, that no jobs are submitted to a provider."""
    since = catalogue.provider_accounts.get(provider).paused_at
    return _add(
        catalogue,
        f"{ACCOUNT}:{provider}:{since}",
        ACCOUNT,
        f"{why}. No jobs are submitted to this account; other models continue. Fix the cause, then run "
        f"`reelmill providers resume {provider}`.",
        None,
        {"provider": provider},
    )


@_never_raising
def jobs_hidden(catalogue: Catalogue, provider: str, key: str, why: str) -> bool:
    """Alert, once a day for each key, that the key of an account does not show jobs of an earlier key.

    Args:
        key: a digest of the key.
    """
    return _add(
        catalogue,
        f"{HIDDEN}:{provider}:{key}:{_today()}",
        HIDDEN,
        f"{why}. Its clip may be finished and billed. Set the earlier key or one of the same organisation, then resume "
        "the campaign. List such jobs with `reelmill jobs list --state uncertain`.",
        None,
        {"provider": provider},
    )


@_never_raising
def results_expiring(catalogue: Catalogue, jobs: Sequence[ProviderJob], hours: float) -> bool:
    """Alert, once for each job, that a provider will soon delete a paid result that no process downloads.

    Args:
        jobs: of one campaign and one provider.
        hours: after which the provider deletes results.
    """
    first = jobs[0]
    return _add(
        catalogue,
        f"{EXPIRING}:{min(job.job_id for job in jobs)}",
        EXPIRING,
        f"{_name(catalogue, first.campaign_id)}: the results of {count_of(len(jobs), 'provider job')} of "
        f"{first.provider} are not being downloaded, and the provider deletes them after {hours:g} hours. Run "
        f"`reelmill resume {first.campaign_id}` on a machine that has the key of {first.provider}.",
        first.campaign_id,
        {"provider": first.provider, "jobs": [job.job_id for job in jobs[:100]]},
    )


@_never_raising
def approval_unproven(catalogue: Catalogue, campaign_id: str, unproven: Mapping[str, str]) -> bool:
    """Alert that clips were not signed, because their approval is not proven."""
    first = min(unproven)
    digest = hashlib.sha256("\n".join(sorted(unproven)).encode()).hexdigest()[:16]
    return _add(
        catalogue,
        f"{UNPROVEN}:{campaign_id}:{_today()}:{digest}",
        UNPROVEN,
        f"{_name(catalogue, campaign_id)}: {counted(len(unproven), 'clip{s} {were}')} not published, because the "
        f"approval is not proven. Clip {first[:12]}: {unproven[first]}. Someone may have changed the database. Run "
        f"`reelmill audit verify`, then `reelmill retry {campaign_id} --failed` to generate the clips again.",
        campaign_id,
        {"variants": dict(unproven)},
    )


@_never_raising
def sweep_problems(catalogue: Catalogue, problems: Iterable[str], detail: Mapping[str, Any] | None = None) -> bool:
    """Alert, at most once a day for the same problems, about problems of a sweep that need a person."""
    found = sorted(set(problems))
    if not found:
        return False
    digest = hashlib.sha256("\n".join(found).encode(errors="replace")).hexdigest()[:16]
    more = f" And {len(found) - SHOWN} more." if len(found) > SHOWN else ""
    return _add(
        catalogue,
        f"{SWEEP}:{_today()}:{digest}",
        SWEEP,
        f"The sweeper found: {' '.join(found[:SHOWN])}{more}",
        None,
        dict(detail or {}),
    )


def _add(
    catalogue: Catalogue, key: str, kind: str, text: str, campaign_id: str | None, detail: Mapping[str, Any]
) -> bool:
    text = redact(text)
    if not catalogue.alerts.add(key, kind, text, campaign_id=campaign_id, detail=detail):
        return False
    for listener in listeners:
        with suppress(Exception):
            listener(AlertText(key, kind, campaign_id, text, detail))
    return True


def _ending(outcome: str, error: BaseException | None, left: int, campaign_id: str, why_left: str) -> tuple[str, str]:
    resume = (
        f"{counted(left, 'variant{s} {are}')} not generated yet. Resume with `reelmill resume {campaign_id}`. Status:"
    )
    if outcome == "finished":
        return FINISHED, "has finished:"
    if outcome == "budget":
        return BUDGET, f"has stopped because its budget is used up. {resume}"
    if outcome == "window":
        return BUDGET, f"has stopped because its time window ended. {resume}"
    if outcome == "left" and why_left:
        then = resume.replace("Resume with", "Then continue with")  # what to do first is in the reason
        return FAILED, f"has ended, but {why_left}. {then if left else 'Status:'}"
    if outcome == "left":
        return FAILED, f"has ended, but other workers hold some of its clips, or workers were lost repeatedly. {resume}"
    if outcome == "lost":
        return LOST, f"has stopped because its process died. {resume}"
    return FAILED, f"has failed: {reason_of(error)}. {resume}" if error else f"has failed. {resume}"


def _today() -> str:
    return strftime("%Y-%m-%d", gmtime())


def reason_of(error: BaseException) -> str:
    """Return the first line of an error's message, without a full stop at its end and without secrets."""
    line = (str(error) or type(error).__name__).splitlines()[0]
    return redact(line[:500].rstrip("."))


def _name(catalogue: Catalogue, campaign_id: str) -> str:
    """Return the name of a campaign on one line, with its id."""
    return f"Campaign {_one_line(catalogue.campaigns.get(campaign_id).name)} ({campaign_id})"


def _one_line(name: str) -> str:
    line = re.sub(r"[\s\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]+", " ", name).strip()
    return line[:MAX_NAME_LENGTH]


def _spent(catalogue: Catalogue, run_id: str) -> float:
    try:
        return round(catalogue.runs.get(run_id).spent_s, 1)
    except KeyError:
        return 0.0


def _counted(states: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {state}" for state, number in sorted(states.items())) or "no variants"
