"""Sentences about provider jobs: what is wrong, and the command that fixes it."""

from collections import Counter
from collections.abc import Iterable

from manifests.hosted.job import Cause, Refused
from manifests.hosted.provider_job import ProviderJob
from manifests.pluralize import counted
from models.hosted_card import HostedCard
from tasks.render.hosted.flight import Problem, ProblemKind


def refused_text(card: HostedCard, refusal: Refused) -> str:
    """Return why the provider did not generate a clip, for its variant."""
    said = _said(refusal)
    if refusal.cause is Cause.MODERATION:
        return (
            f"{card.provider} refused the prompt or the picture for its content{said}. Change the text in the sheet. "
            "It is not repeated automatically."
        )
    if refusal.cause is Cause.INVALID:
        return f"{card.provider} does not accept the request{said}. Check the prompt and the card {card.name}."
    if refusal.cause is Cause.CANCELLED:
        return f"The job was cancelled at {card.provider}{said}."
    return f"{card.provider} failed to generate the clip{said}. Retry it with `reelmill retry CAMPAIGN --failed`."


def paused_text(card: HostedCard, refusal: Refused) -> str:
    """Return why the account is paused, without the command that resumes it."""
    what = "has no money left" if refusal.cause is Cause.MONEY else "is not accepted: check its key"
    return f"The account {card.provider} {what}{_said(refusal)}"


def lost_text(job: ProviderJob, why: str) -> str:
    """Return that a clip was paid for and is lost."""
    return (
        f"The clip of the provider job {job.job_id[:12]} is lost, and it counts as paid: {why.rstrip('.')}. To "
        "generate it again, which costs money again, run `reelmill retry CAMPAIGN --failed`."
    )


def gone_text(card: HostedCard, refusal: Refused) -> str:
    """Return that the provider does not offer the model, or that its address is wrong."""
    return (
        f"{card.provider} does not know the model {card.model}, or the address of the card {card.name} is wrong"
        f"{_said(refusal)}. Its provider may have retired it: `reelmill models` lists others."
    )


def invalid_text(card: HostedCard, refusal: Refused, number: int) -> str:
    """Return that several requests in a row were refused."""
    return (
        f"{card.provider} has refused {number} requests of the card {card.name} in a row as invalid{_said(refusal)}. "
        "Reelmill stops sending them. Check the card, then run `reelmill retry CAMPAIGN --failed`."
    )


def unreachable_text(card: HostedCard, base_url: str, why: str) -> str:
    """Return that a provider cannot be reached."""
    return (
        f"The provider {card.provider} at {base_url} cannot be used: {why.rstrip('.')}. Check that it is up, and the "
        "network. Then run the same command again; jobs that were submitted are continued."
    )


def sentences(provider: str, problems: Iterable[Problem]) -> list[str]:
    """Return the problems of a card as sentences without a full stop, one for each kind, for the run's outcome."""
    found: dict[ProblemKind, Counter[str]] = {}
    for problem in problems:
        found.setdefault(problem.kind, Counter())[problem.detail] += 1
    return [_sentence(provider, kind, details) for kind, details in found.items() if kind is not ProblemKind.BUDGET]


def _sentence(provider: str, kind: ProblemKind, details: Counter[str]) -> str:
    number, detail = details.total(), details.most_common(1)[0][0].rstrip(".")
    why = f" ({detail})" if detail else ""
    jobs = counted(number, f"provider job{{s}} of {provider} {{are}}")
    if kind is ProblemKind.UNCERTAIN:
        return (
            f"{jobs} uncertain{why}: it is not known whether {provider} has taken them. Decide with `reelmill jobs "
            "list --state uncertain`, and `reelmill jobs adopt` or `reelmill jobs discard`"
        )
    if kind is ProblemKind.OVERDUE:
        return f"{jobs} overdue{why}. Show them with `reelmill jobs list`; they are asked for again by the next run"
    if kind is ProblemKind.NOT_FETCHED:
        return f"{jobs} done, but not fetched{why}. Run the same command again to fetch them without paying again"
    if kind is ProblemKind.FULL:
        return f"all places of the account {provider} are taken by unsettled jobs. Show them with `reelmill jobs list`"
    return f"the account {provider} is paused{why}. Fix the cause, then run `reelmill providers resume {provider}`"


def _said(refusal: Refused) -> str:
    """Return what the provider said, in brackets."""
    said = ": ".join(part for part in (refusal.code, refusal.message.strip().rstrip(".")) if part)
    return f" ({said})" if said else ""
