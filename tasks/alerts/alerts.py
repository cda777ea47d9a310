"""What is worth telling people, and in which words.

Each function may be called as often as one likes: the alert's key lets it be told once. None of them raises for
a catalogue that does not answer; an alert is not worth a run.
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
from manifests.errors import ReelmillError
from manifests.pluralize import count_of
from manifests.states import UNFINISHED
from tasks.alerts.pass_rate_drop import pass_rate_drop_of
from tasks.runtime.redaction import redact

FINISHED, FAILED, BUDGET, COLLAPSED, LOST, STAGING, SWEEP = (
    "finished",
    "failed",
    "budget",
    "gate-collapsed",
    "worker-lost",
    "staging-lost",
    "sweep",
)
LONGEST_NAME = 80
SHOWN = 5

log = logging.getLogger(__name__)
R = TypeVar("R")


class AlertText(NamedTuple):
    """An alert as it came into the outbox."""

    key: str
    kind: str
    campaign_id: str | None
    text: str
    detail: Mapping[str, Any]


listeners: list[Callable[[AlertText], None]] = []
"""Called with each new alert; must neither raise nor block. ``flows.prefect.prefect_events`` registers itself here."""


def _quietly(told: Callable[..., bool]) -> Callable[..., bool]:
    @wraps(told)
    def quiet(*args: Any, **kwargs: Any) -> bool:
        try:
            return told(*args, **kwargs)
        except ReelmillError as error:
            log.warning("An alert could not be kept: %s", error)
            return False

    return quiet


@_quietly
def run_ended(catalogue: Catalogue, campaign_id: str, run_id: str, outcome: str, review_url: str) -> bool:
    """Tell how a run ended; nothing where a person ended it by pause, cancellation or Ctrl-C.

    Where a run failed, and this is called while its error is on its way, the alert names it.
    """
    error = sys.exception()
    if outcome in ("paused", "cancelled") or isinstance(error, KeyboardInterrupt | SystemExit):
        return False
    states = catalogue.progress.tally(campaign_id)
    kind, words = _ending(outcome, error, sum(states.get(state, 0) for state in UNFINISHED), campaign_id)
    spent = _spent(catalogue, run_id)
    link = f"{review_url.rstrip('/')}/campaigns/{campaign_id}" if review_url else ""
    return _tell(
        catalogue,
        f"{kind}:{run_id}",
        kind,
        f"{_name(catalogue, campaign_id)} {words} {_counted(states)}.",
        campaign_id,
        {"run_id": run_id, "outcome": outcome, "states": states, "device_s": spent, "link": link},
    )


@_quietly
def look(catalogue: Catalogue, campaign_id: str) -> bool:
    """Tell where the gate's pass rate has collapsed; see ``tasks.alerts.pass_rate_drop`` for what counts as one.

    After an alert the comparison starts anew, so that the next one needs a recovery first.
    """
    before = next(
        (int(alert.detail["event_id"]) for alert in catalogue.alerts.all(1, kind=COLLAPSED, campaign_id=campaign_id)), 0
    )
    verdicts = catalogue.metrics.verdicts(campaign_id, after=before)
    found = pass_rate_drop_of(verdicts.passed, told_before=bool(before))
    if found is None:
        return False
    reasons = verdicts.reasons(found.judged)
    why = f" Mostly: {', '.join(list(reasons)[:3])}." if reasons else ""
    return _tell(
        catalogue,
        f"{COLLAPSED}:{campaign_id}:{before}",
        COLLAPSED,
        f"{_name(catalogue, campaign_id)}: {found.sentence}{why} Pause it by reelmill pause {campaign_id} "
        "if that is not the prompts' fault.",
        campaign_id,
        {
            "event_id": verdicts.newest,
            "judged": found.judged,
            "passed": found.passed,
            "before": found.before,
            "reasons": reasons,
        },
    )


@_quietly
def worker_lost(catalogue: Catalogue, owner: str, variant_ids: Sequence[str]) -> bool:
    """Tell that leases of an owner expired, or were ended since its process was found dead."""
    names = sorted({name for found in catalogue.variants.campaigns_of(variant_ids).values() for name in found})
    host, _, pid = [*owner.split(":"), "", "", ""][:3]
    where = f"process {pid} on {host}" if pid else owner
    return _tell(
        catalogue,
        f"{LOST}:{owner}",
        LOST,
        f"A worker was lost: {where} held {count_of(len(variant_ids), 'clip')}, which others take over. "
        "Look at its log, and for a killed process at the memory of its machine.",
        names[0] if len(names) == 1 else None,
        {"owner": owner, "variants": list(variant_ids[:100]), "campaigns": names},
    )


@_quietly
def staging_lost(catalogue: Catalogue, campaign_id: str, variant_id: str) -> bool:
    """Tell that an approved clip has to be made again since its staged master is gone; once a campaign and day."""
    return _tell(
        catalogue,
        f"{STAGING}:{campaign_id}:{_today()}",
        STAGING,
        f"{_name(catalogue, campaign_id)}: a clip was approved and cannot be signed, since its staged master "
        "is missing or damaged. It is made again, and so is each that is found like it today. Look at the "
        "disk, and at who or what deletes in the bucket's staging/.",
        campaign_id,
        {"variants": [variant_id]},
    )


@_quietly
def swept(catalogue: Catalogue, problems: Iterable[str], detail: Mapping[str, Any] | None = None) -> bool:
    """Tell what a sweep found that a person has to look at; the same is told once a day, and nothing is not told."""
    found = sorted(set(problems))
    if not found:
        return False
    digest = hashlib.sha256("\n".join(found).encode(errors="replace")).hexdigest()[:16]
    more = f" And {len(found) - SHOWN} more." if len(found) > SHOWN else ""
    return _tell(
        catalogue,
        f"{SWEEP}:{_today()}:{digest}",
        SWEEP,
        f"The sweeper found: {' '.join(found[:SHOWN])}{more}",
        None,
        dict(detail or {}),
    )


def _tell(
    catalogue: Catalogue, key: str, kind: str, text: str, campaign_id: str | None, detail: Mapping[str, Any]
) -> bool:
    text = redact(text)
    if not catalogue.alerts.add(key, kind, text, campaign_id=campaign_id, detail=detail):
        return False
    for listener in listeners:
        with suppress(Exception):
            listener(AlertText(key, kind, campaign_id, text, detail))
    return True


def _ending(outcome: str, error: BaseException | None, left: int, campaign_id: str) -> tuple[str, str]:
    go_on = f"{count_of(left, 'variant')} left to make; go on by reelmill resume {campaign_id}."
    if outcome in ("budget", "window"):
        return BUDGET, f"has stopped at the end of its {outcome}, with {go_on}"
    if outcome == "finished":
        return FINISHED, "has finished."
    if outcome == "left":
        return FAILED, f"has ended while others hold some of it, or lost workers over it again and again, with {go_on}"
    if outcome == "lost":
        return LOST, f"has lost the process that ran it, with {go_on}"
    return FAILED, f"has stopped: {_first_line(error)}, with {go_on}" if error else f"has stopped, with {go_on}"


def _today() -> str:
    return strftime("%Y-%m-%d", gmtime())


def _first_line(error: BaseException) -> str:
    line = (str(error) or type(error).__name__).splitlines()[0]
    return line[:500].rstrip(".")


def _name(catalogue: Catalogue, campaign_id: str) -> str:
    """Return a campaign's name for people, on one line, with its id."""
    name = re.sub(
        r"[\s\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]+", " ", catalogue.campaigns.get(campaign_id).name
    ).strip()
    return f"Campaign {name[:LONGEST_NAME]} ({campaign_id})"


def _spent(catalogue: Catalogue, run_id: str) -> float:
    try:
        return round(catalogue.runs.get(run_id).spent_s, 1)
    except KeyError:
        return 0.0


def _counted(states: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {state}" for state, number in sorted(states.items())) or "Nothing was planned"
