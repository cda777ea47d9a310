"""Sample provider jobs in each state, for tests of the catalogue."""

from collections.abc import Callable

import samples

from adapters.catalogue import Catalogue, Lease
from manifests.costs.money import Money
from manifests.hosted.job import Accepted, Cause, JobState, Refused
from manifests.hosted.provider_job import JobLimits, NewJob, ProviderJob

SPRING = samples.campaign().campaign_id
CENTS_30 = Money.of("0.30", "USD")


def taken(job_id: str) -> Accepted:
    """Return the provider's answer for a job, with a reference that no other job has."""
    return Accepted(f"vendor-{job_id}", {"status": f"https://api.example/{job_id}"})


CHANGES: dict[str, Callable[[Catalogue, str], ProviderJob]] = {
    "submitted": lambda c, key: c.provider_jobs.submitted(key, taken(key)),
    "refused": lambda c, key: c.provider_jobs.refused(key, Refused(Cause.INVALID)),
    "not_sent": lambda c, key: c.provider_jobs.not_sent(key, "no connection"),
    "not_taken": lambda c, key: c.provider_jobs.not_taken(key, "not in the list"),
    "uncertain": lambda c, key: c.provider_jobs.uncertain(key, "no answer"),
    "hidden": lambda c, key: c.provider_jobs.hidden(key, "not seen with this key"),
    "done": lambda c, key: c.provider_jobs.done(key),
    "failed": lambda c, key: c.provider_jobs.failed(key, Refused(Cause.VENDOR), is_billed=False),
    "cancelled": lambda c, key: c.provider_jobs.cancelled(key),
    "lost": lambda c, key: c.provider_jobs.lost(key, "gone"),
    "fetched": lambda c, key: c.provider_jobs.fetched(key),
    "fetch_again": lambda c, key: c.provider_jobs.fetch_again(key),
    "adopt": lambda c, key: c.provider_jobs.adopt(key, taken(key).vendor_ref, "person:ann"),
    "discard": lambda c, key: c.provider_jobs.discard(key, "person:ann"),
    "request_cancel": lambda c, key: c.provider_jobs.request_cancel(key, "person:ann"),
}
"""Each change of a job's state, by the name of its method."""
WAYS: dict[JobState, tuple[str, ...]] = {
    JobState.SUBMITTING: (),
    JobState.SUBMITTED: ("submitted",),
    JobState.UNCERTAIN: ("uncertain",),
    JobState.DONE: ("submitted", "done"),
    JobState.FAILED: ("submitted", "failed"),
    JobState.REFUSED: ("refused",),
    JobState.CANCELLED: ("not_sent",),
    JobState.LOST: ("submitted", "lost"),
}
"""The changes that bring a new job to a state."""

ALLOWED = {
    "submitting": "submitted refused not_sent not_taken uncertain adopt discard",
    "uncertain": "submitted refused not_sent not_taken uncertain hidden lost adopt discard",
    "submitted": "submitted hidden done failed cancelled lost request_cancel",
    "done": "done lost fetched fetch_again discard",
    "lost": "lost adopt discard",
    "failed": "failed",
    "refused": "refused",
    "cancelled": "submitted not_sent not_taken cancelled",
}
"""The changes that each state allows, or that may be repeated in it."""


def new_job(variant_id: str, price: Money | None = CENTS_30, run_id: str = "", **changes) -> NewJob:
    values = {"provider": "runway", "card": "runway-gen4.5", "deadline_s": 600.0}
    values |= {"base_url": "https://api.example"} | changes
    fixed = {"protocol": "runway", "request_digest": "d" * 64}
    return NewJob(variant_id, SPRING, run_id, price=price, **fixed, **values)


def reserve(catalogue: Catalogue, lease: Lease, *limits: int | None, **changes) -> ProviderJob:
    return catalogue.provider_jobs.reserve(new_job(lease.variant_id, **changes), lease, JobLimits(*limits))


def leased(catalogue: Catalogue, count: int) -> list[Lease]:
    """Add variants that were not used before, and lease them."""
    catalogue.campaigns.add(samples.campaign(), {})
    start = sum(catalogue.progress.tally(SPRING).values())
    items = samples.planned(count, start=start)
    catalogue.campaigns.add_variants(SPRING, items)
    return samples.take(catalogue, [item.variant_id for item in items])


def job_in(catalogue: Catalogue, state: JobState, **changes) -> ProviderJob:
    """Return a new job of a new variant, in a state."""
    [lease] = leased(catalogue, 1)
    job = reserve(catalogue, lease, **changes)
    for name in WAYS[state]:
        CHANGES[name](catalogue, job.job_id)
    return catalogue.provider_jobs.get(job.job_id)
