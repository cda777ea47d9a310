"""What is known about a provider job, for `reelmill jobs show` and the dashboard."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from manifests.hosted.job import JobState
from manifests.hosted.job_decisions import SHORT
from manifests.hosted.provider_job import ProviderJob
from manifests.variant import Variant
from tasks.runtime.logs.redaction import redact
from tasks.runtime.providers.provider_jobs import is_overdue, money_text, state_text

Facts = list[tuple[str, str]]
ADDRESS = ("http://", "https://", "gs://", "s3://", "data:")
"""Values with these prefixes are omitted, because a signed URL gives access to the file."""


class Moment(NamedTuple):
    """When something happened to a job, in seconds since 1970."""

    name: str
    at: float


def job_facts(job: ProviderJob) -> Facts:
    """Return the state of a job, its place and its cost; facts that are not known are left out."""
    return _known(
        ("Job", job.job_id),
        ("State", state_text(job)),
        ("Reason", redact(job.error)),
        ("Model", job.card),
        ("Campaign", job.campaign_id),
        ("Variant", f"{job.variant_id}, attempt {job.attempt}"),
        ("Cost", money_text(job)),
        ("Expected cost", str(job.reserved or "")),
        ("Decided by", job.closed_by.removeprefix("person:")),
    )


def answer_facts(job: ProviderJob) -> Facts:
    """Return what the provider has answered, without addresses."""
    return _known(
        ("Provider", f"{job.provider}, {job.base_url}"),
        ("The provider's reference", job.vendor_ref),
        ("The provider's status", job.word),
        ("Cause", ", ".join(part for part in (job.cause, job.code) if part)),
        ("Searched", f"{job.looks} times" if job.looks else ""),
        *((f"The provider's {_spelled(name)}", text) for name, text in _plain(job.facts)),
    )


def request_facts(job: ProviderJob, variant: Variant) -> Facts:
    """Return what was requested. The request itself is not stored, only its digest."""
    pictures = [
        ("first frame", bool(variant.first_frame_sha256)),
        *((name.replace("_", " "), True) for name in variant.conditions),
    ]
    return _known(
        ("Prompt", variant.prompt),
        ("Negative prompt", variant.negative_prompt),
        ("Seed", str(variant.seed)),
        ("Size", f"{variant.width}x{variant.height}"),
        ("Length", f"{variant.num_frames / variant.fps:g} s, {variant.fps} frames per second"),
        ("Generated from", ", ".join(name for name, given in pictures if given)),
        ("Protocol", job.protocol),
        ("Digest of the request", job.request_digest),
    )


def job_times(job: ProviderJob) -> list[Moment]:
    """Return what has happened to a job and when, oldest first, and when it is due."""
    moments = (
        ("Reserved", job.created_at),
        ("Submitted", job.submitted_at),
        ("Last polled", job.polled_at),
        ("Ended", job.ended_at),
        ("Fetched", job.fetched_at),
        ("Due", job.due_at if job.is_busy else None),
        ("Searched again from", job.look_at if job.state == JobState.UNCERTAIN else None),
        ("The address of the file expires", job.url_expires_at),
    )
    return sorted((Moment(name, at) for name, at in moments if at), key=lambda moment: moment.at)


def advice_of(job: ProviderJob) -> str:
    """Return what a person can do about a job; empty if there is nothing."""
    short = job.job_id[:SHORT]
    if job.state in (JobState.UNCERTAIN, JobState.SUBMITTING):
        return (
            f"Look for the job on the website of {job.provider}, by its time and prompt. If it is there, run "
            f"`reelmill jobs adopt {short} REFERENCE`. If it is not, run `reelmill jobs discard {short}`."
        )
    if job.state == JobState.LOST and not job.closed_by:
        return (
            f"The clip is lost. If {job.provider} still has it, run `reelmill jobs adopt {short} "
            f"{job.vendor_ref or 'REFERENCE'}`. To generate it again, which is billed again, run `reelmill retry "
            f"{job.campaign_id} --failed`. To close this job, run `reelmill jobs discard {short} --billed`."
        )
    if job.state == JobState.SUBMITTED and is_overdue(job):
        return f"`reelmill resume {job.campaign_id}` polls it again. To cancel it, run `reelmill jobs cancel {short}`."
    return ""


def _known(*facts: tuple[str, str]) -> Facts:
    return [(name, value) for name, value in facts if value]


def _plain(facts: Any) -> Iterator[tuple[str, str]]:
    """Yield the values that are texts or numbers, without addresses."""
    for name, value in facts.items():
        if isinstance(value, str | int | float) and not str(value).lower().startswith(ADDRESS):
            yield name, redact(str(value))


def _spelled(name: str) -> str:
    """Return the name of a fact as words: ``duration_s`` is "duration in seconds"."""
    words = name.removesuffix("_s").replace("_", " ")
    return f"{words} in seconds" if name.endswith("_s") else words
