"""Provider jobs: reserve them, record the provider's answers, and settle uncertain ones."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, or_, select

from adapters.catalogue.core.database import CataloguePart, batches
from adapters.catalogue.core.rows import Lease
from adapters.catalogue.core.tables import IS_BUSY, IS_OPEN, database_now, provider_jobs, variants
from adapters.catalogue.log.entries import append
from adapters.catalogue.work.job_changes import (
    UNSETTLED,
    accept,
    adopt_lost,
    after,
    check_decision,
    discard,
    end,
    ended_cost,
    finish,
    move,
    refused,
    write,
)
from adapters.catalogue.work.job_money import job_totals, job_totals_by
from adapters.catalogue.work.job_reservations import reserve_job
from adapters.catalogue.work.job_rows import IS_ADOPTABLE, job_from, lock_job, unknown_job
from adapters.catalogue.work.provider_accounts import lock_account
from manifests.costs.money import Money
from manifests.errors import CatalogueError, LostLeaseError
from manifests.hosted.job import Accepted, JobState, Refused
from manifests.hosted.job_decisions import Decision
from manifests.hosted.job_errors import AccountBusyError, AccountPausedError, JobMoneyError, OpenJobError
from manifests.hosted.provider_job import DoneJob, JobLimits, JobTotal, NewJob, ProviderJob
from manifests.states import UNFINISHED

ADOPTED, DISCARDED, CANCELLATION = "provider job adopted", "provider job discarded", "provider job cancellation"
"""Actions of the audit entries about people's decisions."""
_job = provider_jobs.c
_Jobs = list[ProviderJob]
_Totals = list[JobTotal]


class ProviderJobs(CataloguePart):
    """Reserve jobs, record their states, and list them.

    Methods that change a job return it as it is then. They raise NotFoundError for an unknown job, and JobStateError if
    its state does not allow the change. What a provider has said may be recorded a second time, since a process may be
    killed before it knows that it was recorded.
    """

    def reserve(self, new: NewJob, lease: Lease, limits: JobLimits) -> ProviderJob:
        """Record a job that is about to be submitted, and reserve its price and a place in the account.

        Args:
            limits: of the account's settings, or of the card.

        Raises:
            LostLeaseError: the lease has passed to another worker.
            OpenJobError: the variant has an open job, which is to be adopted.
            AccountPausedError, AccountBusyError: the account allows no other job.
            JobMoneyError: the budget of the run does not allow it.
        """
        return self._db.write(lambda connection: reserve_job(connection, new, lease, limits))

    def submitted(self, job_id: str, accepted: Accepted) -> ProviderJob:
        """Record that the provider accepted a job. A job that was closed meanwhile may become lost."""
        return self._change(job_id, lambda connection, job: accept(connection, job, accepted))

    def refused(self, job_id: str, refusal: Refused) -> ProviderJob:
        """Record that the provider did not accept a job; its reservation is released."""
        return self._end(job_id, JobState.REFUSED, UNSETTLED, **_failure(refusal))

    def not_sent(self, job_id: str, why: str) -> ProviderJob:
        """Close a job whose request was certainly not sent: release its reservation and its place in the limits."""
        return self._end(job_id, JobState.CANCELLED, UNSETTLED, error=why, submitted_at=None)

    def not_taken(self, job_id: str, why: str) -> ProviderJob:
        """Close a job that the provider certainly does not have; its reservation is released."""
        return self._end(job_id, JobState.CANCELLED, UNSETTLED, error=why)

    def uncertain(self, job_id: str, why: str, look_after_s: float = 0.0) -> ProviderJob:
        """Mark a job as uncertain: the provider may have accepted it. Its price stays reserved."""

        def change(connection: Connection, job: ProviderJob) -> ProviderJob:
            if job.state == JobState.UNCERTAIN:
                return job
            if job.state == JobState.SUBMITTED:
                raise refused(job, JobState.UNCERTAIN)
            return move(connection, job, JobState.UNCERTAIN, error=why, look_at=after(look_after_s))

        return self._change(job_id, change)

    def hidden(self, job_id: str, why: str) -> ProviderJob:
        """Mark a submitted job as uncertain, because the key in use does not show it; it keeps its reference."""

        def change(connection: Connection, job: ProviderJob) -> ProviderJob:
            if job.state == JobState.UNCERTAIN:
                return write(connection, job, error=why)
            if job.state != JobState.SUBMITTED:
                raise refused(job, JobState.UNCERTAIN)
            return move(connection, job, JobState.UNCERTAIN, error=why)

        return self._change(job_id, change)

    def looked(self, job_id: str, again_after_s: float) -> ProviderJob:
        """Record that an uncertain job was searched for, and when to search again."""
        with self._db.writing() as connection:
            job = lock_job(connection, job_id)
            if job.state != JobState.UNCERTAIN:
                return job
            return write(connection, job, looks=job.looks + 1, look_at=after(again_after_s))

    def polled(self, job_id: str, word: str, *, due_after_s: float | None = None) -> ProviderJob:
        """Record the provider's status word; a job that has ended is not changed.

        Args:
            due_after_s: the job becomes overdue after this many seconds instead.
        """
        due = {} if due_after_s is None else {"due_at": after(due_after_s)}

        def change(connection: Connection, job: ProviderJob) -> ProviderJob:
            return write(connection, job, word=word, polled_at=database_now(), **due) if job.is_open else job

        return self._change(job_id, change)

    def done(
        self,
        job_id: str,
        cost: Money | None = None,
        facts: Mapping[str, Any] | None = None,
        expires_in_s: float | None = None,
    ) -> ProviderJob:
        """Record that a job is done. Without a cost from the provider, the reserved price is its cost, as an estimate.

        If the job is done already, this records new facts and a new address, and a cost if only an estimate was known.

        Args:
            expires_in_s: how long the address of the file is valid; None if it is not known.
        """
        return self._change(job_id, lambda connection, job: finish(connection, job, cost, facts or {}, expires_in_s))

    def done_and_reserve(
        self, done: DoneJob, new: NewJob, lease: Lease, limits: JobLimits
    ) -> tuple[ProviderJob, ProviderJob | None]:
        """Record that a job is done, and reserve another one that takes its place in the account, in one transaction.

        Returns:
            Both jobs; None for the other one if it could not be reserved. ``reserve`` then raises the reason.
        """

        def change(connection: Connection) -> tuple[ProviderJob, ProviderJob | None]:
            lock_account(connection, new.provider)  # before the job, as everywhere
            ended = finish(connection, lock_job(connection, done.job_id), done.cost, done.facts, done.expires_in_s)
            try:
                with connection.begin_nested():
                    return ended, reserve_job(connection, new, lease, limits)
            except (LostLeaseError, OpenJobError, AccountPausedError, AccountBusyError, JobMoneyError):
                return ended, None

        return self._db.write(change)

    def failed(self, job_id: str, failure: Refused, cost: Money | None = None, *, is_billed: bool) -> ProviderJob:
        """Record that a job has failed at the provider.

        Args:
            cost: what the provider says it cost.
            is_billed: whether it costs the reserved price, if the provider says nothing about it.
        """
        sources = {JobState.SUBMITTED}
        return self._end(job_id, JobState.FAILED, sources, cost, is_billed=is_billed, **_failure(failure))

    def cancelled(
        self, job_id: str, why: str = "", cost: Money | None = None, *, is_billed: bool = False
    ) -> ProviderJob:
        """Record that the provider has cancelled a job; see ``failed`` about the cost."""
        sources = {JobState.SUBMITTED}
        return self._end(job_id, JobState.CANCELLED, sources, cost, is_billed=is_billed, error=why)

    def lost(self, job_id: str, why: str) -> ProviderJob:
        """Record that the provider no longer has a job or its file. It counts as paid."""
        with self._db.writing() as connection:
            job = lock_job(connection, job_id)
            if job.state == JobState.LOST:
                return job
            known = {} if job.state == JobState.DONE else ended_cost(job, None, True)
            return move(connection, job, JobState.LOST, error=why, **known)

    def fetched(self, job_id: str) -> ProviderJob:
        """Record that the file of a job that is done was stored."""
        return self._set_fetched(job_id, database_now())

    def fetch_again(self, job_id: str) -> ProviderJob:
        """Record that the file of a job that is done is not stored, so that a lease for fetching it adopts the job."""
        return self._set_fetched(job_id, None)

    def adopt_by(self, job_id: str, owner: str) -> ProviderJob:
        """Record which lease owner follows an open job from now on; a job that has ended is not changed."""
        with self._db.writing() as connection:
            job = lock_job(connection, job_id)
            return write(connection, job, owner=owner) if job.is_open else job

    def adopt(self, job_id: str, vendor_ref: str, actor: str) -> ProviderJob:
        """Record a person's decision that the provider accepted an uncertain or a lost job, with an audit entry.

        A lost job can be adopted again unless another one was submitted for its variant meanwhile.
        """
        with self._db.writing() as connection:
            job = lock_job(connection, job_id)
            check_decision(job, Decision.ADOPT)
            take = adopt_lost if job.state == JobState.LOST else accept
            adopted = take(connection, job, Accepted(vendor_ref, job.links))
            append(connection, actor, ADOPTED, [(job_id, {"vendor_ref": vendor_ref, "was": job.state})])
        return adopted

    def discard(self, job_id: str, actor: str, *, is_billed: bool = False) -> ProviderJob:
        """Record a person's decision to give up a job, with an audit entry; its variant may be submitted again.

        Args:
            is_billed: the provider has billed it. If not, the money of an uncertain or lost job is released. A job that
                is done stays paid in either case.
        """
        with self._db.writing() as connection:
            job = lock_job(connection, job_id)
            is_billed = is_billed or job.state == JobState.DONE
            discarded = discard(connection, job, actor, is_billed)
            append(connection, actor, DISCARDED, [(job_id, {"was": job.state, "billed": is_billed})])
        return discarded

    def request_cancel(self, job_id: str, actor: str) -> ProviderJob:
        """Record that a person wants a submitted job to be cancelled, with an audit entry.

        The state changes when the provider has cancelled it, see ``cancelled``.
        """
        with self._db.writing() as connection:
            job = lock_job(connection, job_id)
            check_decision(job, Decision.CANCEL)
            asked = write(connection, job, closed_by=actor)
            append(connection, actor, CANCELLATION, [(job_id, {"vendor_ref": job.vendor_ref})])
        return asked

    def get(self, reference: str) -> ProviderJob:
        """Return a job by its id, or by a unique prefix of it.

        Raises:
            NotFoundError: there is none.
            CatalogueError: there are several.
        """
        start = _job.job_id.startswith(reference, autoescape=True)
        found = self._jobs(start, limit=5) if reference else []
        exact = [job for job in found if job.job_id == reference]
        if not found:
            raise unknown_job(reference)
        if len(found) > 1 and not exact:
            raise CatalogueError(
                f"Several provider jobs begin with {reference!r}: {', '.join(job.job_id for job in found)}. Enter more "
                "of the id."
            )
        return (exact or found)[0]

    def open_of(self, variant_ids: Iterable[str]) -> dict[str, ProviderJob]:
        """Return the open jobs of variants, by variant id."""
        found: dict[str, ProviderJob] = {}
        for batch in batches(variant_ids):
            found |= {job.variant_id: job for job in self._jobs(_job.variant_id.in_(batch), IS_OPEN, limit=None)}
        return found

    def lost_of(self, variant_ids: Iterable[str]) -> dict[str, ProviderJob]:
        """Return the lost jobs that count as paid and are the last ones of their variants, by variant id."""
        last: dict[str, ProviderJob] = {}
        for batch in batches(variant_ids):
            for job in self._jobs(_job.variant_id.in_(batch), limit=None):
                last[job.variant_id] = max(last.get(job.variant_id, job), job, key=lambda each: each.attempt)
        return {key: job for key, job in last.items() if job.state is JobState.LOST and job.cost_micros != 0}

    def list(
        self,
        state: JobState | Iterable[JobState] | None = None,
        campaign_id: str | None = None,
        provider: str | None = None,
        limit: int = 100,
    ) -> _Jobs:
        """Return jobs, newest first: of these states, of one campaign, of one provider."""
        wanted = [state] if isinstance(state, str) else None if state is None else list(state)
        filters = (
            (wanted is not None, _job.state.in_(wanted or ())),
            (campaign_id is not None, _job.campaign_id == campaign_id),
            (provider is not None, _job.provider == provider),
        )
        return self._jobs(*(condition for applies, condition in filters if applies), limit=limit)

    def unfollowed(self, provider: str | None = None, campaign_id: str | None = None, limit: int = 1000) -> _Jobs:
        """Return the open jobs whose variant is not leased, newest first: their process has ended."""
        is_free = or_(variants.c.lease_owner.is_(None), variants.c.lease_expires < database_now())
        is_left = select(variants.c.variant_id).where(
            variants.c.variant_id == _job.variant_id, is_free, variants.c.state.in_(UNFINISHED)
        )
        return self._jobs(
            IS_ADOPTABLE,
            is_left.exists(),
            *([_job.provider == provider] if provider is not None else []),
            *([_job.campaign_id == campaign_id] if campaign_id is not None else []),
            limit=limit,
        )

    def overdue(self, limit: int = 1000) -> _Jobs:
        """Return the jobs that have not ended by their deadline, newest first."""
        return self._jobs(IS_BUSY, _job.due_at <= database_now(), limit=limit)

    def money(self, campaign_id: str | None = None, run_id: str | None = None) -> _Totals:
        """Return money and number of jobs by provider, card and currency: of a campaign, of a run, or of all."""
        conditions = [
            *([_job.campaign_id == campaign_id] if campaign_id is not None else []),
            *([_job.run_id == run_id] if run_id is not None else []),
        ]
        with self._db.reading() as connection:
            return job_totals(connection, *conditions)

    def money_by_campaign(self) -> dict[str, _Totals]:
        """Return money and number of jobs of every campaign that has any, by campaign id."""
        with self._db.reading() as connection:
            return job_totals_by(connection, _job.campaign_id)

    def money_of_runs(self, run_ids: Collection[str]) -> dict[str, _Totals]:
        """Return money and number of jobs of these runs, by run id; runs without jobs are left out."""
        with self._db.reading() as connection:
            return job_totals_by(connection, _job.run_id, _job.run_id.in_(run_ids))

    def _end(
        self,
        job_id: str,
        to: JobState,
        sources: Collection[JobState],
        cost: Money | None = None,
        *,
        is_billed: bool = False,
        **values: Any,
    ) -> ProviderJob:
        return self._change(
            job_id,
            lambda connection, job: end(connection, job, to, sources, **values, **ended_cost(job, cost, is_billed)),
        )

    def _set_fetched(self, job_id: str, at: ColumnElement[float] | None) -> ProviderJob:

        def change(connection: Connection, job: ProviderJob) -> ProviderJob:
            if job.state != JobState.DONE:
                raise refused(job, JobState.DONE)
            return write(connection, job, fetched_at=at)

        return self._change(job_id, change)

    def _change(self, job_id: str, change: Callable[[Connection, ProviderJob], ProviderJob]) -> ProviderJob:
        """Change a locked job in a short transaction, and return it as it is then."""
        return self._db.write(lambda connection: change(connection, lock_job(connection, job_id)))

    def _jobs(self, *conditions: ColumnElement[bool], limit: int | None) -> _Jobs:
        query = select(provider_jobs).where(*conditions).order_by(_job.created_at.desc(), _job.job_id).limit(limit)
        with self._db.reading() as connection:
            return [job_from(row) for row in connection.execute(query)]


def _failure(refusal: Refused) -> dict[str, Any]:
    return {"cause": str(refusal.cause), "code": refusal.code, "error": refusal.message}
