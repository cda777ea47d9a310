"""The limits of accounts and the budgets of runs hold for all hosts together, and money is never converted."""

import threading
import time

import pytest
import samples
from provider_job_samples import CENTS_30, SPRING, job_in, leased, new_job, reserve, taken
from sqlalchemy import update

from adapters.catalogue import Catalogue, Lease, open_catalogue
from adapters.catalogue.core.tables import provider_jobs
from manifests.costs.money import Money
from manifests.costs.prices import Prices
from manifests.errors import NotFoundError
from manifests.hosted.job import Cause, JobState, Refused
from manifests.hosted.job_errors import (
    AccountBusyError,
    AccountPausedError,
    BudgetReachedError,
    CurrencyError,
    JobStateError,
    UnknownPriceError,
)
from manifests.hosted.provider_job import DoneJob, JobLimits


def run(catalogue: Catalogue, budget: Money | None, **options) -> str:
    return catalogue.runs.begin(SPRING, "pool", "driver", budget=budget, **options)


def test_limits_are_shared_by_all_hosts(catalogue: Catalogue):
    leases = leased(catalogue, 6)
    with open_catalogue(catalogue.url) as other:
        jobs = [reserve(each, lease, 2) for each, lease in zip((catalogue, other), leases, strict=False)]
        for each in (catalogue, other):
            with pytest.raises(AccountBusyError) as busy:
                reserve(each, leases[2], 2)
            assert (busy.value.limit, busy.value.wait_s) == ("concurrency", None)
        reserve(other, leases[2], 2, provider="kling")
        catalogue.provider_jobs.submitted(jobs[0].job_id, taken(jobs[0].job_id))
        catalogue.provider_jobs.uncertain(jobs[1].job_id, "no answer")
        with pytest.raises(AccountBusyError):
            reserve(other, leases[3], 2)
        catalogue.provider_jobs.done(jobs[0].job_id)
        reserve(other, leases[3], 2)


def test_a_job_that_is_done_gives_its_place_to_the_next_one(catalogue: Catalogue):
    leases = leased(catalogue, 3)
    job = reserve(catalogue, leases[0], 1)
    catalogue.provider_jobs.submitted(job.job_id, taken(job.job_id))
    reported = DoneJob(job.job_id, Money.of("0.25", "USD"), {"seed": 7})
    done, following = follow(catalogue, reported, leases[1], 1)
    assert (done.state, done.cost, done.facts) == (JobState.DONE, Money.of("0.25", "USD"), {"seed": 7})
    assert following is not None
    assert (following.state, following.variant_id) == (JobState.SUBMITTING, leases[1].variant_id)
    assert catalogue.provider_jobs.get(following.job_id) == following
    again, refused = follow(catalogue, reported, leases[2], 1)  # the place is taken
    assert (again.state, refused) == (JobState.DONE, None)
    assert len(catalogue.provider_jobs.list()) == 2


def test_a_job_is_done_even_if_no_other_one_may_follow(catalogue: Catalogue):
    leases = leased(catalogue, 2)
    job = reserve(catalogue, leases[0])
    catalogue.provider_jobs.submitted(job.job_id, taken(job.job_id))
    catalogue.provider_accounts.pause("runway", Cause.MONEY, "no credit")
    done, following = follow(catalogue, DoneJob(job.job_id), leases[1])
    assert (done.state, following) == (JobState.DONE, None)
    assert catalogue.provider_jobs.get(job.job_id).state is JobState.DONE
    assert len(catalogue.provider_jobs.list()) == 1


def test_no_job_follows_one_that_cannot_be_done(catalogue: Catalogue):
    job = job_in(catalogue, JobState.FAILED)
    lease = leased(catalogue, 1)[0]
    with pytest.raises(JobStateError):
        follow(catalogue, DoneJob(job.job_id), lease)
    assert catalogue.provider_jobs.list() == [catalogue.provider_jobs.get(job.job_id)]


def follow(catalogue: Catalogue, done: DoneJob, lease: Lease, *limits: int):
    return catalogue.provider_jobs.done_and_reserve(done, new_job(lease.variant_id), lease, JobLimits(*limits))


def test_a_job_that_is_overdue_takes_no_place(catalogue: Catalogue):
    leases = leased(catalogue, 2)
    job = reserve(catalogue, leases[0], 1)
    catalogue.provider_jobs.submitted(job.job_id, taken(job.job_id))
    with pytest.raises(AccountBusyError):
        reserve(catalogue, leases[1], 1)
    catalogue.provider_jobs.polled(job.job_id, "running", due_after_s=-1.0)
    reserve(catalogue, leases[1], 1)


def test_a_submitted_job_is_given_up_as_billed_only(catalogue: Catalogue):
    job = job_in(catalogue, JobState.SUBMITTED)
    with pytest.raises(JobStateError):
        catalogue.provider_jobs.discard(job.job_id, "person:ann")
    lost = catalogue.provider_jobs.discard(job.job_id, "person:ann", is_billed=True)
    assert (lost.state, lost.cost, lost.cost_is_estimate) == ("lost", CENTS_30, True)


def test_hosts_that_submit_at_the_same_time_keep_the_limit(catalogue: Catalogue):
    leases = leased(catalogue, 24)
    catalogue.provider_accounts.set_limits("runway", 3)
    start, made, refused = threading.Barrier(8), [], []

    def work(own: Catalogue, mine: list[Lease]) -> None:
        own.provider_accounts.all()  # connects
        start.wait()
        for lease in mine:
            try:
                made.append(reserve(own, lease))
            except AccountBusyError as error:
                refused.append(error)
        own.close()

    threads = [
        threading.Thread(target=work, args=(open_catalogue(catalogue.url), leases[index::8])) for index in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(refused)) == (3, 21)


@pytest.mark.parametrize(("limits", "name", "seconds"), [((None, 2), "per_minute", 60), ((9, 9, 2), "per_day", 86400)])
def test_submissions_in_a_window_are_counted(catalogue: Catalogue, limits: tuple, name: str, seconds: float):
    leases = leased(catalogue, 5)
    first, second = (reserve(catalogue, lease, *limits) for lease in leases[:2])
    catalogue.provider_jobs.refused(first.job_id, Refused(Cause.INVALID))
    with pytest.raises(AccountBusyError) as busy:
        reserve(catalogue, leases[2], *limits)
    assert (busy.value.limit, busy.value.wait_s) == (name, pytest.approx(seconds, abs=10))
    catalogue.provider_jobs.not_sent(second.job_id, "no connection")
    third = reserve(catalogue, leases[2], *limits)
    with pytest.raises(AccountBusyError):
        reserve(catalogue, leases[3], *limits)
    with catalogue.database.writing() as connection:
        aged = update(provider_jobs).where(provider_jobs.c.job_id == first.job_id)
        connection.execute(aged.values(submitted_at=provider_jobs.c.submitted_at - seconds))
    reserve(catalogue, leases[3], *limits)
    assert catalogue.provider_jobs.get(third.job_id).state == "submitting"


def test_limits_of_the_account_replace_those_of_the_card(catalogue: Catalogue):
    leases = leased(catalogue, 3)
    catalogue.provider_accounts.set_limits("runway", 1)
    reserve(catalogue, leases[0], 5)
    with pytest.raises(AccountBusyError):
        reserve(catalogue, leases[1], 5)
    catalogue.provider_accounts.set_limits("runway", None)
    reserve(catalogue, leases[1], 5)
    assert catalogue.provider_accounts.get("runway").limits == JobLimits()


def test_a_paused_account_gets_no_jobs_until_a_person_resumes_it(catalogue: Catalogue):
    leases = leased(catalogue, 2)
    assert catalogue.provider_accounts.pause("runway", Cause.MONEY, "No credits left.")
    assert not catalogue.provider_accounts.pause("runway", Cause.AUTH, "Invalid key.")
    with pytest.raises(AccountPausedError, match=r"No credits left\. Fix the cause") as paused:
        reserve(catalogue, leases[0])
    assert (paused.value.cause, catalogue.provider_accounts.get("runway").is_paused) == ("money", True)
    reserve(catalogue, leases[1], provider="kling")
    assert catalogue.provider_accounts.resume("runway", "person:ann")
    assert not catalogue.provider_accounts.resume("runway", "person:ann")
    reserve(catalogue, leases[0])
    [entry] = [entry for entry in catalogue.audit.entries() if entry.action == "provider account resumed"]
    assert (entry.actor, entry.subject, entry.detail["cause"]) == ("person:ann", "runway", "money")
    assert [account.provider for account in catalogue.provider_accounts.all()] == ["kling", "runway"]
    with pytest.raises(NotFoundError):
        catalogue.provider_accounts.resume("nobody", "person:ann")


def test_an_account_is_slowed_down_for_the_longest_time_that_was_asked_for(catalogue: Catalogue):
    [lease] = leased(catalogue, 1)
    catalogue.provider_accounts.slow_down("runway", 30.0)
    catalogue.provider_accounts.slow_down("runway", 5.0)
    with pytest.raises(AccountBusyError) as busy:
        reserve(catalogue, lease)
    assert (busy.value.limit, busy.value.wait_s) == ("slowed", pytest.approx(30, abs=5))
    assert catalogue.provider_accounts.resume("runway", "person:ann")
    reserve(catalogue, lease)


# Money


def test_a_budget_counts_what_is_reserved_and_spent(catalogue: Catalogue):
    leases = leased(catalogue, 5)
    run_id = run(catalogue, Money.of("1.00", "USD"))
    jobs = [reserve(catalogue, lease, run_id=run_id) for lease in leases[:3]]
    with pytest.raises(BudgetReachedError, match=r"A job of 0.30 USD exceeds the budget of 1.00 USD: 0.90 USD"):
        reserve(catalogue, leases[3], run_id=run_id)
    assert catalogue.runs.turn(run_id).may_work
    catalogue.provider_jobs.refused(jobs[0].job_id, Refused(Cause.MODERATION, "blocked", "a face"))
    catalogue.provider_jobs.submitted(jobs[1].job_id, taken(jobs[1].job_id))
    catalogue.provider_jobs.done(jobs[1].job_id, Money.of("0.40", "USD"))
    reserve(catalogue, leases[3], run_id=run_id)
    assert catalogue.runs.turn(run_id) == (False, "budget")
    [total] = catalogue.provider_jobs.money(run_id=run_id)
    assert (total.spent_micros, total.estimated_micros, total.reserved_micros) == (400_000, 0, 600_000)
    assert total.jobs == {"refused": 1, "done": 1, "submitting": 2}
    assert catalogue.provider_jobs.money(SPRING) == catalogue.provider_jobs.money() == [total]
    assert catalogue.provider_jobs.money("elsewhere") == []
    assert catalogue.runs.get(run_id).budget == Money.of(1, "USD")


def test_hosts_that_share_a_budget_do_not_exceed_it(catalogue: Catalogue):
    """Their accounts differ, so only the budget makes one wait for the other."""
    leases = leased(catalogue, 8)
    run_id = run(catalogue, Money.of("1.00", "USD"))
    start, made = threading.Barrier(4), []

    def work(own: Catalogue, mine: list[Lease], provider: str) -> None:
        start.wait()
        for lease in mine:
            try:
                made.append(reserve(own, lease, run_id=run_id, provider=provider))
            except BudgetReachedError:
                break
        own.close()

    threads = [
        threading.Thread(target=work, args=(open_catalogue(catalogue.url), leases[index::4], f"vendor{index}"))
        for index in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 3


def test_device_time_and_jobs_share_a_budget(catalogue: Catalogue):
    [lease] = leased(catalogue, 1)
    run_id = run(catalogue, Money.of(1, "USD"), prices=Prices(other=3600.0, currency="USD"))
    catalogue.device_use.book([samples.device_use(SPRING, run_id, seconds=0.8)])
    with pytest.raises(BudgetReachedError):
        reserve(catalogue, lease, run_id=run_id)
    reserve(catalogue, lease, run_id=run_id, price=Money.of("0.2", "USD"))
    assert catalogue.runs.turn(run_id) == (False, "budget")


def test_currencies_are_not_converted(catalogue: Catalogue):
    [lease] = leased(catalogue, 1)
    run_id = run(catalogue, Money.of(50, "EUR"))
    with pytest.raises(CurrencyError, match=r"costs 0\.30 USD, but the budget of the run is in EUR"):
        reserve(catalogue, lease, run_id=run_id)
    old = run(catalogue, None, budget_money=50.0)
    with pytest.raises(CurrencyError, match="in no currency"):
        reserve(catalogue, lease, run_id=old)
    with pytest.raises(CurrencyError, match="prices of devices are in EUR"):
        run(catalogue, Money.of(50, "USD"), prices=Prices(other=1.0, currency="EUR"))
    assert catalogue.provider_jobs.list() == []
    reserve(catalogue, lease, run_id=run_id, price=Money(0, "USD"))


def test_a_job_without_a_price_needs_a_run_without_a_budget(catalogue: Catalogue):
    [lease] = leased(catalogue, 1)
    with pytest.raises(UnknownPriceError, match=r"counted towards the budget of 50\.00 USD"):
        reserve(catalogue, lease, run_id=run(catalogue, Money.of(50, "USD")), price=None)
    job = reserve(catalogue, lease, run_id=run(catalogue, None), price=None)
    catalogue.provider_jobs.submitted(job.job_id, taken(job.job_id))
    done = catalogue.provider_jobs.done(job.job_id)
    assert (done.cost, done.reserved) == (None, None)
    [total] = catalogue.provider_jobs.money()
    assert (total.currency, total.spent_micros, total.unknown) == ("", 0, 1)
    assert catalogue.provider_jobs.done(job.job_id, Money.of(2, "CNY")).cost == Money.of(2, "CNY")


def test_a_cost_is_the_vendors_or_an_estimate(catalogue: Catalogue):
    done = job_in(catalogue, JobState.DONE)
    assert (done.cost, done.cost_is_estimate, done.fetched_at) == (CENTS_30, True, None)
    told = catalogue.provider_jobs.done(done.job_id, Money.of("0.25", "USD"), {"seed": 7}, 3600.0)
    assert (told.cost, told.cost_is_estimate, told.facts) == (Money.of("0.25", "USD"), False, {"seed": 7})
    assert told.url_expires_at == pytest.approx(time.time() + 3600, abs=5)
    again = catalogue.provider_jobs.done(done.job_id, Money.of("9.99", "USD"), {"fps": 24})
    assert (again.cost, again.facts) == (Money.of("0.25", "USD"), {"seed": 7, "fps": 24})


def test_a_cost_in_another_currency_is_kept_next_to_the_estimate(catalogue: Catalogue):
    job = job_in(catalogue, JobState.SUBMITTED)
    done = catalogue.provider_jobs.done(job.job_id, Money.of(3, "CNY"), {"seed": 7})
    assert (done.cost, done.cost_is_estimate) == (CENTS_30, True)
    assert done.facts == {"seed": 7, "reported_cost": "3.00 CNY"}


@pytest.mark.parametrize(
    ("cost", "is_billed", "expected"),
    [
        (None, False, (0, False)),
        (None, True, (300_000, True)),
        (Money.of("0.1", "USD"), False, (100_000, False)),
    ],
)
def test_a_failed_job_costs_what_was_billed(catalogue: Catalogue, cost, is_billed: bool, expected: tuple):
    job = job_in(catalogue, JobState.SUBMITTED)
    failure = Refused(Cause.MODERATION, "SAFETY", "a face")
    for _ in range(2):  # the answer may be recorded again after a kill
        failed = catalogue.provider_jobs.failed(job.job_id, failure, cost, is_billed=is_billed)
        assert (failed.cost_micros, failed.cost_is_estimate) == expected
    assert (failed.cause, failed.code, failed.error) == ("moderation", "SAFETY", "a face")
