"""Messages about provider jobs: what is wrong, and the command that fixes it."""

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
            f"{card.provider} refused the content of the prompt or of a picture{said}. Change it in the sheet. "
            "Reelmill does not retry it automatically."
        )
    if refusal.cause is Cause.INVALID:
        return f"{card.provider} rejected the request as invalid{said}. Check the prompt and the card {card.name}."
    if refusal.cause is Cause.CANCELLED:
        return f"The job was cancelled at {card.provider}{said}."
    return f"{card.provider} failed to generate the clip{said}. Retry it with `reelmill retry CAMPAIGN --failed`."


def paused_text(card: HostedCard, refusal: Refused) -> str:
    """Return why the account is paused, without the command that resumes it."""
    no_credit = f"The account at {card.provider} has no credit left"
    what = no_credit if refusal.cause is Cause.MONEY else f"{card.provider} refused the key of the account"
    return f"{what}{_said(refusal)}"


def no_token_text(card: HostedCard, why: str) -> str:
    """Return why the account is paused if its key was refused before a request, see ``paused_text``."""
    return f"The key of the account at {card.provider} cannot be used: {why.rstrip('.')}"


def hidden_text(card: HostedCard) -> str:
    """Return that the key does not show a job that another key has submitted."""
    return (
        f"{card.provider} does not show the job with the current REELMILL_PROVIDER_{card.provider.upper()}_KEY; it was "
        "submitted with a different key, which may belong to another organisation"
    )


def lost_text(job: ProviderJob, why: str) -> str:
    """Return that the clip of a paid job is lost."""
    name = job.job_id[:12]
    return (
        f"The clip of the provider job {name} is lost and counts as paid: {why.rstrip('.')}. If the provider still has "
        f"it, run `reelmill jobs adopt {name} {job.vendor_ref or 'REFERENCE'}` first. To generate it again, which is "
        "billed again, run `reelmill retry CAMPAIGN --failed`."
    )


def gone_text(card: HostedCard, refusal: Refused) -> str:
    """Return that the provider does not offer the model, or that its address is wrong."""
    return (
        f"{card.provider} does not offer the model {card.model}, or its address is wrong{_said(refusal)}. Check "
        f"REELMILL_PROVIDER_{card.provider.upper()}_URL, if it is set, and the card {card.name}. If the model was "
        "retired, choose another one from `reelmill models`."
    )


def invalid_text(card: HostedCard, refusal: Refused, number: int) -> str:
    """Return that several requests in a row were refused."""
    return (
        f"{card.provider} rejected {number} requests of the card {card.name} in a row as invalid{_said(refusal)}. "
        "Reelmill stopped sending them. Check the card, then run `reelmill retry CAMPAIGN --failed`."
    )


def unreachable_text(card: HostedCard, base_url: str, why: str) -> str:
    """Return that a provider cannot be reached."""
    return (
        f"The provider {card.provider} at {base_url} cannot be used: {why.rstrip('.')}. Check the network and the "
        "address. Then run the same command again to continue the submitted jobs."
    )


def sentences(provider: str, problems: Iterable[Problem]) -> list[str]:
    """Return a sentence for each kind of problem, without a full stop, for the run's outcome."""
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
            f"{jobs} uncertain{why}: {provider} may have accepted them. List them with `reelmill jobs list --state "
            "uncertain`, then run `reelmill jobs adopt` or `reelmill jobs discard`"
        )
    if kind is ProblemKind.NOT_ACCEPTED:
        return f"{jobs} not accepted{why}, which costs nothing. Run the same command again later"
    if kind is ProblemKind.OVERDUE:
        return f"{jobs} overdue{why}. List them with `reelmill jobs list`; the next run polls them again"
    if kind is ProblemKind.NOT_FETCHED:
        return f"{jobs} done, but not downloaded{why}. Run the same command again to download it at no extra cost"
    if kind is ProblemKind.MOVED:
        return (
            f"{jobs} at another address than that in the settings{why}, to which the key is not sent. Set "
            f"REELMILL_PROVIDER_{provider.upper()}_URL to that address until their clips are downloaded, or give them "
            "up with `reelmill jobs discard JOB --billed`"
        )
    if kind is ProblemKind.HIDDEN:
        return (
            f"{jobs} kept, because {detail}. Set the earlier key or one of the same organisation, then run the same "
            "command again"
        )
    if kind is ProblemKind.LIMIT:
        return f"the account {provider} has reached its limit of submissions{why}. Run the same command again later"
    if kind is ProblemKind.FULL:
        return f"the account {provider} has reached its limits. List its jobs with `reelmill jobs list`, then run again"
    return (
        f"the account {provider} is paused{f': {detail}' if detail else ''}. Fix the cause, then run `reelmill "
        f"providers resume {provider}`"
    )


def _said(refusal: Refused) -> str:
    """Return the provider's error code and message, quoted in brackets."""
    said = ": ".join(part for part in (refusal.code, refusal.message.strip().rstrip(".")) if part)
    return f' ("{said}")' if said else ""
