"""A variant has one open provider job, whose state changes only as it may."""

import threading
import time

import pytest
import samples
from provider_job_samples import ALLOWED, CENTS_30, CHANGES, SPRING, job_in, leased, new_job, reserve, taken
from sealed_catalogue import drop_deliverables
from sqlalchemy import insert, select, text, update

from adapters.catalogue import Catalogue, open_catalogue
from adapters.catalogue.core.tables import provider_jobs
from manifests.errors import CatalogueError, LostLeaseError, NotFoundError
from manifests.hosted.job import Accepted, Cause, JobState, Refused
from manifests.hosted.job_errors import JobStateError, OpenJobError
from manifests.hosted.provider_job import JobLimits


def test_a_job_is_stored_before_it_is_submitted(catalogue: Catalogue):
    [lease] = leased(catalogue, 1)
    new = new_job(lease.variant_id)
    job = catalogue.provider_jobs.reserve(new, lease, JobLimits())
    assert (job.job_id, job.state, job.attempt, job.owner) == (new.job_id, "submitting", 1, "me")
    assert (job.reserved, job.cost, job.base_url) == (CENTS_30, None, "https://api.example")
    assert job.due_at == pytest.approx(job.created_at + 600)
    assert job.submitted_at == job.created_at == pytest.approx(time.time(), abs=5)
    assert catalogue.provider_jobs.get(job.job_id[:8]) == job
    assert catalogue.provider_jobs.open_of([lease.variant_id, "0" * 32]) == {lease.variant_id: job}


def test_threads_with_the_same_lease_submit_one_job(catalogue: Catalogue):
    [lease] = leased(catalogue, 1)
    start, won, lost = threading.Barrier(2), [], []

    def work(own: Catalogue) -> None:
        start.wait()
        try:
            won.append(reserve(own, lease).job_id)
        except OpenJobError as error:
            lost.append(error.job.job_id)
        own.close()

    threads = [threading.Thread(target=work, args=(open_catalogue(catalogue.url),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert lost == won


@pytest.mark.parametrize("state", ["submitting", "submitted", "uncertain", "done"])
def test_the_database_allows_one_open_job_per_variant(catalogue: Catalogue, state: str):
    job = job_in(catalogue, JobState(state))
    with catalogue.database.reading() as connection:
        row = dict(connection.execute(select(provider_jobs)).one()._mapping)
    with pytest.raises(CatalogueError), catalogue.database.writing() as connection:
        connection.execute(insert(provider_jobs).values({**row, "job_id": "f" * 32, "attempt": 2}))
    closed = {**row, "job_id": "f" * 32, "attempt": 2, "state": "refused"}
    with catalogue.database.writing() as connection:
        connection.execute(insert(provider_jobs).values(closed))
    assert catalogue.provider_jobs.open_of([job.variant_id])[job.variant_id].job_id == job.job_id


def test_a_worker_that_lost_its_lease_submits_nothing(catalogue: Catalogue):
    stale, other = leased(catalogue, 2)
    catalogue.leases.release_owner("me")
    samples.take(catalogue, [stale.variant_id], owner="you")
    with pytest.raises(LostLeaseError):
        reserve(catalogue, stale)
    with pytest.raises(LostLeaseError):
        catalogue.provider_jobs.reserve(new_job(stale.variant_id), other, JobLimits())
    assert catalogue.provider_jobs.list() == []


def test_a_variant_is_submitted_again_after_its_job_was_closed(catalogue: Catalogue):
    [lease] = leased(catalogue, 1)
    first = reserve(catalogue, lease)
    catalogue.provider_jobs.refused(first.job_id, Refused(Cause.RATE, "429", "slow down", 5.0, True))
    second = reserve(catalogue, lease)
    assert (second.attempt, second.job_id == first.job_id) == (2, False)
    assert [job.job_id for job in catalogue.provider_jobs.list()] == [second.job_id, first.job_id]
    assert [job.job_id for job in catalogue.provider_jobs.list(JobState.REFUSED)] == [first.job_id]


@pytest.mark.parametrize("state", list(JobState))
def test_only_these_changes_are_allowed(catalogue: Catalogue, state: JobState):
    """Each is tried on a job of its own; what is refused leaves the job and the log as they are."""
    allowed = []
    for name, change in CHANGES.items():
        job = job_in(catalogue, state)
        before = catalogue.audit.head().entries
        try:
            change(catalogue, job.job_id)
        except JobStateError:
            assert catalogue.provider_jobs.get(job.job_id) == job
            assert catalogue.audit.head().entries == before
        else:
            allowed.append(name)
    assert sorted(allowed) == sorted(ALLOWED[state].split())


def test_a_job_that_is_accepted_after_it_was_closed_is_followed(catalogue: Catalogue):
    """A worker that answers late: another one has found that the provider does not have the job."""
    job = job_in(catalogue, JobState.UNCERTAIN)
    assert catalogue.provider_jobs.not_taken(job.job_id, "not in the list").cost_micros == 0
    late = catalogue.provider_jobs.submitted(job.job_id, taken(job.job_id))
    assert (late.state, late.vendor_ref, late.cost_micros, late.ended_at) == (
        "submitted",
        f"vendor-{job.job_id}",
        None,
        None,
    )


def test_a_job_that_is_accepted_after_another_was_submitted_is_shown_as_lost(catalogue: Catalogue):
    [lease] = leased(catalogue, 1)
    first = reserve(catalogue, lease)
    catalogue.provider_jobs.not_sent(first.job_id, "no connection")
    second = reserve(catalogue, lease)
    late = catalogue.provider_jobs.submitted(first.job_id, taken(first.job_id))
    assert (late.state, late.vendor_ref, late.cost, late.cost_is_estimate) == (
        "lost",
        f"vendor-{first.job_id}",
        CENTS_30,
        True,
    )
    assert late.submitted_at is not None
    assert catalogue.provider_jobs.open_of([lease.variant_id])[lease.variant_id].job_id == second.job_id


def test_a_job_that_was_not_sent_is_used_again_and_counts_as_none_until_it_is_sent(catalogue: Catalogue):
    [lease] = leased(catalogue, 1)
    first = reserve(catalogue, lease)
    unsent = catalogue.provider_jobs.not_sent(first.job_id, "no connection")
    assert unsent.is_unsent
    assert catalogue.provider_jobs.money() == []
    again = reserve(catalogue, lease, job_id=first.job_id, was_unsent=True)
    assert (again.job_id, again.state, again.attempt, again.error) == (first.job_id, "submitting", 1, "")
    assert (again.cost, again.ended_at, again.submitted_at) == (None, None, again.created_at)
    [total] = catalogue.provider_jobs.money()
    assert (dict(total.jobs), total.reserved_micros) == ({"submitting": 1}, CENTS_30.micros)
    assert catalogue.provider_jobs.list() == [again]


def test_another_reference_of_a_submitted_job_is_refused(catalogue: Catalogue):
    job = job_in(catalogue, JobState.SUBMITTED)
    assert catalogue.provider_jobs.submitted(job.job_id, taken(job.job_id)) == job
    with pytest.raises(JobStateError):
        catalogue.provider_jobs.submitted(job.job_id, Accepted("vendor-2"))
    assert catalogue.provider_jobs.get(job.job_id).vendor_ref == job.vendor_ref


def test_a_person_says_that_the_provider_has_taken_a_job(catalogue: Catalogue):
    job = job_in(catalogue, JobState.UNCERTAIN)
    adopted = catalogue.provider_jobs.adopt(job.job_id, "task-77", "person:ann")
    assert (adopted.state, adopted.vendor_ref, adopted.error) == ("submitted", "task-77", "")
    [entry] = [entry for entry in catalogue.audit.entries() if entry.subject == job.job_id]
    assert (entry.actor, entry.action) == ("person:ann", "provider job adopted")
    assert entry.detail == {"vendor_ref": "task-77", "was": "uncertain"}
    assert catalogue.audit.verify().ok


@pytest.mark.parametrize(
    ("state", "is_billed", "becomes", "cost"),
    [
        ("uncertain", False, "cancelled", 0),
        ("uncertain", True, "lost", 300_000),
        ("lost", False, "cancelled", 0),
        ("lost", True, "lost", 300_000),
        ("done", False, "lost", 300_000),
    ],
)
def test_a_person_gives_up_a_job(catalogue: Catalogue, state: str, is_billed: bool, becomes: str, cost: int):
    job = job_in(catalogue, JobState(state))
    discarded = catalogue.provider_jobs.discard(job.job_id, "person:ann", is_billed=is_billed)
    assert (discarded.state, discarded.cost_micros, discarded.closed_by) == (becomes, cost, "person:ann")
    [entry] = [entry for entry in catalogue.audit.entries() if entry.subject == job.job_id]
    assert (entry.actor, entry.action) == ("person:ann", "provider job discarded")
    assert entry.detail == {"was": state, "billed": becomes == "lost"}
    assert catalogue.provider_jobs.open_of([job.variant_id]) == {}
    with pytest.raises(JobStateError):
        catalogue.provider_jobs.discard(job.job_id, "person:ann")


def test_a_person_asks_for_a_cancellation_and_the_provider_decides(catalogue: Catalogue):
    job = job_in(catalogue, JobState.SUBMITTED)
    asked = catalogue.provider_jobs.request_cancel(job.job_id, "person:ann")
    assert (asked.state, asked.closed_by) == ("submitted", "person:ann")
    assert catalogue.audit.entries()[0].action == "provider job cancellation"
    ended = catalogue.provider_jobs.cancelled(job.job_id, is_billed=True)
    assert (ended.state, ended.cost, ended.cost_is_estimate) == ("cancelled", CENTS_30, True)


def test_searches_for_an_uncertain_job_are_counted_until_it_is_found(catalogue: Catalogue):
    jobs = catalogue.provider_jobs
    job = job_in(catalogue, JobState.SUBMITTING)
    uncertain = jobs.uncertain(job.job_id, "no answer", 60.0)
    looked = jobs.looked(job.job_id, 120.0)
    assert (uncertain.looks, looked.looks) == (0, 1)
    assert uncertain.look_at is not None
    assert looked.look_at is not None
    assert looked.look_at - uncertain.look_at >= 60.0
    jobs.submitted(job.job_id, taken(job.job_id))
    assert jobs.looked(job.job_id, 0.0).looks == 1


def test_jobs_past_their_deadline_are_listed_and_files_are_fetched_again(catalogue: Catalogue):
    jobs = catalogue.provider_jobs
    late, _ = (job_in(catalogue, JobState.SUBMITTED, deadline_s=after) for after in (-1.0, 600.0))
    assert [job.job_id for job in jobs.overdue()] == [late.job_id]
    assert jobs.polled(late.job_id, "RUNNING", due_after_s=60.0).word == "RUNNING"
    assert jobs.overdue() == []
    jobs.done(late.job_id, expires_in_s=30.0)
    assert jobs.fetched(late.job_id).fetched_at is not None
    assert jobs.fetch_again(late.job_id).fetched_at is None


def test_a_poll_of_an_ended_job_changes_nothing(catalogue: Catalogue):
    job = job_in(catalogue, JobState.FAILED)
    assert catalogue.provider_jobs.polled(job.job_id, "RUNNING") == job
    assert catalogue.provider_jobs.adopt_by(job.job_id, "other:0:1:1") == job


def test_the_owner_of_an_open_job_changes_by_adoption(catalogue: Catalogue):
    job = job_in(catalogue, JobState.SUBMITTED)
    assert catalogue.provider_jobs.adopt_by(job.job_id, "other:0:1:1").owner == "other:0:1:1"


def test_jobs_are_found_by_their_properties(catalogue: Catalogue):
    jobs = catalogue.provider_jobs
    first = job_in(catalogue, JobState.DONE)
    second = job_in(catalogue, JobState.UNCERTAIN, provider="kling")
    assert [job.job_id for job in jobs.list()] == [second.job_id, first.job_id]
    assert [job.job_id for job in jobs.list(limit=1)] == [second.job_id]
    assert [job.job_id for job in jobs.list([JobState.DONE, JobState.LOST])] == [first.job_id]
    assert [job.job_id for job in jobs.list(provider="kling", campaign_id=SPRING)] == [second.job_id]
    assert jobs.list(campaign_id="elsewhere") == jobs.list([]) == []
    for unknown in ("", "zz", "%"):
        with pytest.raises(NotFoundError, match="reelmill jobs list"):
            jobs.get(unknown)


def test_the_beginning_of_an_id_must_be_unique(catalogue: Catalogue):
    leases = leased(catalogue, 2)
    for lease, digit in zip(leases, "ab", strict=True):
        catalogue.provider_jobs.reserve(new_job(lease.variant_id, job_id="7" * 31 + digit), lease, JobLimits())
    with pytest.raises(CatalogueError, match="Enter more of the id"):
        catalogue.provider_jobs.get("77")
    assert catalogue.provider_jobs.get("7" * 31 + "b").variant_id == leases[1].variant_id


@pytest.mark.parametrize("values", [{"state": "evil"}, {"reserved_micros": -1}, {"cost_micros": -5}])
def test_a_row_that_was_changed_outside_is_reported(catalogue: Catalogue, values: dict):
    job = job_in(catalogue, JobState.SUBMITTED)
    with catalogue.database.writing() as connection:
        connection.execute(update(provider_jobs).values(values))
    with pytest.raises(CatalogueError, match="A provider job in the catalogue cannot be read"):
        catalogue.provider_jobs.get(job.job_id)


# Leases


def restart(catalogue: Catalogue, variant_id: str, times: int, cap: int = 3) -> list:
    """Let processes lease a variant and die, one after another; return the leases."""
    found = []
    for _ in range(times):
        catalogue.leases.release_owner("me")
        found += catalogue.leases.acquire([variant_id], "me", 60.0, attempts_cap=cap)
    return found


@pytest.mark.parametrize("state", ["submitting", "submitted", "uncertain", "done"])
def test_adopting_a_job_is_not_a_try(catalogue: Catalogue, state: str):
    job = job_in(catalogue, JobState(state))
    leases = restart(catalogue, job.variant_id, 8)
    assert [(lease.is_counted, lease.row.tries) for lease in leases] == [(False, 1)] * 8
    assert catalogue.leases.release(leases[-1:]) == 1
    assert catalogue.variants.get(job.variant_id).tries == 1


def test_a_variant_with_an_open_job_is_not_quarantined_as_exhausted(catalogue: Catalogue):
    [lease] = leased(catalogue, 1)
    restart(catalogue, lease.variant_id, 2)
    assert catalogue.variants.get(lease.variant_id).tries == 3
    [row] = catalogue.leases.of_owner("me")
    job = reserve(catalogue, restart(catalogue, lease.variant_id, 1, cap=9)[0])
    assert len(restart(catalogue, row, 3)) == 3
    catalogue.provider_jobs.refused(job.job_id, Refused(Cause.INVALID))
    assert restart(catalogue, row, 1) == []
    assert catalogue.variants.get(row).state == "quarantined"


@pytest.mark.parametrize("state", ["failed", "refused", "cancelled", "lost"])
def test_a_closed_job_does_not_stop_the_counting_of_tries(catalogue: Catalogue, state: str):
    job = job_in(catalogue, JobState(state))
    assert [lease.row.tries for lease in restart(catalogue, job.variant_id, 5)] == [2, 3]
    assert catalogue.variants.get(job.variant_id).state == "quarantined"


def test_work_on_a_fetched_file_counts_as_a_try(catalogue: Catalogue):
    """A file that ends the process which decodes it must not be tried for ever; it is stored already."""
    job = job_in(catalogue, JobState.DONE)
    catalogue.provider_jobs.fetched(job.job_id)
    assert [lease.row.tries for lease in restart(catalogue, job.variant_id, 5)] == [2, 3]
    assert catalogue.provider_jobs.get(job.job_id).is_open


def test_only_variants_with_a_job_are_adopted_within_a_batch(catalogue: Catalogue):
    job = job_in(catalogue, JobState.SUBMITTED)
    [other] = leased(catalogue, 1)
    catalogue.leases.release_owner("me")
    ids = [job.variant_id, other.variant_id]
    assert [(lease.is_counted, lease.row.tries) for lease in samples.take(catalogue, ids)] == [(False, 1), (True, 2)]


# Migration


def test_a_catalogue_of_the_revision_before_is_migrated_with_its_data(catalogue_url: str):
    with open_catalogue(catalogue_url) as catalogue:
        ids = samples.filled(catalogue, 2)
        run_id = catalogue.runs.begin(SPRING, "pool", "driver", budget_money=2.5)
        rows = catalogue.variants.of_campaign(SPRING)
        with catalogue.database.writing() as connection:
            drop_deliverables(connection)
            for statement in (
                "DROP TABLE provider_jobs",
                "DROP TABLE provider_accounts",
                "ALTER TABLE runs DROP COLUMN budget_micros",
                "ALTER TABLE runs DROP COLUMN budget_currency",
                "UPDATE alembic_version SET version_num = '0013'",
            ):
                connection.execute(text(statement))
    with open_catalogue(catalogue_url) as catalogue:
        assert catalogue.variants.of_campaign(SPRING) == rows
        run = catalogue.runs.get(run_id)
        assert (run.budget_money, str(run.budget)) == (2.5, "2.50")
        [lease] = samples.take(catalogue, ids[:1])
        assert reserve(catalogue, lease).attempt == 1


def test_money_is_summed_by_campaign_and_by_run(catalogue: Catalogue):
    catalogue.campaigns.add(samples.campaign(), {})
    run_id = catalogue.runs.begin(SPRING, "pool", "driver")
    for state in (JobState.DONE, JobState.LOST, JobState.SUBMITTED):
        job_in(catalogue, state, run_id=run_id)
    job_in(catalogue, JobState.DONE, card="another-card")
    first, second = catalogue.provider_jobs.money(SPRING)
    assert catalogue.provider_jobs.money_by_campaign() == {SPRING: [first, second]}
    [of_run] = catalogue.provider_jobs.money_of_runs([run_id, "other"])[run_id]
    assert (of_run.spent_micros, of_run.wasted_micros, of_run.reserved_micros) == (600_000, 300_000, 300_000)
    assert catalogue.provider_jobs.money_of_runs(["other"]) == {}
