"""Whatever the order of changes and leases, no money is lost or counted twice, and no variant has two open jobs."""

from collections import Counter
from random import Random

import samples
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from provider_job_samples import ALLOWED, CHANGES, SPRING, leased, reserve
from sqlalchemy import select

from adapters.catalogue import Catalogue
from adapters.catalogue.core.tables import provider_jobs
from manifests.costs.money import Money
from manifests.hosted.job import BUSY, OPEN, TRANSITIONS, Accepted, Cause, JobState, Refused
from manifests.hosted.job_errors import AccountBusyError, BudgetReachedError, JobStateError, OpenJobError

BUDGET = Money.of(2, "USD")
PICK = st.integers(0, 1000)
PRICE = st.integers(1, 900_000)
COST = st.none() | st.integers(0, 900_000)
ENDS = ["done", "failed", "cancelled", "refused"]
LATE = {(JobState.CANCELLED, JobState.SUBMITTED), (JobState.CANCELLED, JobState.LOST)}
"""The provider accepts a job that was closed as not taken."""
DECIDED = {(JobState.SUBMITTING, JobState.LOST), (JobState.LOST, JobState.SUBMITTED)}
"""A person discards a job that was billed, or takes one back that the provider has after all."""


class Jobs(RuleBasedStateMachine):
    """Workers that reserve, die and record what a provider answers, and persons who decide."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__()
        self.catalogue = catalogue
        self.leases = {lease.variant_id: lease for lease in leased(catalogue, 3)}
        self.run_id = catalogue.runs.begin(SPRING, "pool", "driver", budget=BUDGET)
        self.payer = {"run_id": self.run_id, "provider": f"vendor {self.run_id}"}
        self.states: dict[str, JobState] = {}
        self.visited = {JobState.SUBMITTING}

    @property
    def ids(self) -> list[str]:
        return sorted(self.states)

    @rule(pick=PICK, micros=PRICE)
    def reserve(self, pick, micros):
        lease = list(self.leases.values())[pick % 3]
        open_before = self.catalogue.provider_jobs.open_of([lease.variant_id])
        spent = self.total()
        try:
            job = reserve(self.catalogue, lease, 3, price=Money(micros, "USD"), **self.payer)
        except OpenJobError:
            assert open_before
        except BudgetReachedError:
            assert spent + micros > BUDGET.micros
        except AccountBusyError:
            assert sum(state in BUSY for state in self.states.values()) >= 3
        else:
            assert not open_before
            assert spent + micros <= BUDGET.micros
            self.states[job.job_id] = job.state

    @rule(pick=PICK)
    def restart(self, pick):
        """A worker dies, and another one leases its variant."""
        variant_id = sorted(self.leases)[pick % 3]
        before = self.catalogue.variants.get(variant_id)
        job = self.catalogue.provider_jobs.open_of([variant_id]).get(variant_id)
        is_adoption = job is not None and (job.state != JobState.DONE or job.fetched_at is None)
        self.catalogue.leases.release([self.leases[variant_id]], begun=True)
        [lease] = self.catalogue.leases.acquire([variant_id], "me", samples.LONG, attempts_cap=1000)
        self.leases[variant_id] = lease
        assert lease.row.tries == before.tries + (0 if is_adoption else 1)
        assert lease.is_counted is not is_adoption

    @precondition(lambda self: self.states)
    @rule(pick=PICK, name=st.sampled_from(sorted(CHANGES)))
    def change(self, pick, name):
        self.attempt(pick, CHANGES[name])

    @precondition(lambda self: self.states)
    @rule(
        pick=PICK, cost=COST, is_billed=st.booleans(), name=st.sampled_from(["done", "failed", "cancelled", "refused"])
    )
    def settle(self, pick, cost, is_billed, name):
        money = None if cost is None else Money(cost, "USD")
        jobs = self.catalogue.provider_jobs
        calls = {
            "refused": CHANGES["refused"],
            "done": lambda _, key: jobs.done(key, money),
            "failed": lambda _, key: jobs.failed(key, Refused(Cause.VENDOR), money, is_billed=is_billed),
            "cancelled": lambda _, key: jobs.cancelled(key, "", money, is_billed=is_billed),
        }
        self.attempt(pick, calls[name])

    @precondition(lambda self: self.states)
    @rule(pick=PICK, step=PICK)
    def go_on(self, pick, step):
        """Make a change that the state allows, so that late states occur often enough."""
        names = ALLOWED[self.states[self.picked(pick)]].split()
        self.attempt(pick, CHANGES[names[step % len(names)]])

    @precondition(lambda self: self.states)
    @rule(pick=PICK)
    def discard_billed(self, pick):
        self.attempt(pick, lambda c, key: c.provider_jobs.discard(key, "person:ann", is_billed=True))

    @precondition(lambda self: self.states)
    @rule(pick=PICK)
    def accept_late(self, pick):
        self.attempt(pick, lambda c, key: c.provider_jobs.submitted(key, Accepted(f"vendor-{key}")))

    def picked(self, pick) -> str:
        """Return one of the newest jobs."""
        newest = list(self.states)[-3:]
        return newest[pick % len(newest)]

    def attempt(self, pick, change):
        job_id = self.picked(pick)
        before = self.catalogue.provider_jobs.get(job_id)
        try:
            after = change(self.catalogue, job_id)
        except JobStateError:
            after = before
        assert self.catalogue.provider_jobs.get(job_id) == after
        step = (before.state, after.state)
        assert before.state == after.state or after.state in TRANSITIONS[before.state] or step in LATE | DECIDED
        self.states[job_id] = after.state
        self.visited.add(after.state)

    def total(self) -> int:
        totals = self.catalogue.provider_jobs.money(run_id=self.run_id)
        return sum(total.spent_micros + total.reserved_micros for total in totals)

    @invariant()
    def totals_are_the_sum_of_the_rows(self):
        jobs = [self.catalogue.provider_jobs.get(job_id) for job_id in self.ids]
        spent = sum(job.cost_micros or 0 for job in jobs)
        reserved = sum(job.reserved_micros for job in jobs if job.state in BUSY)
        totals = self.catalogue.provider_jobs.money(run_id=self.run_id)
        assert sum(total.spent_micros for total in totals) == spent
        assert sum(total.reserved_micros for total in totals) == reserved
        estimated = sum(job.cost_micros or 0 for job in jobs if job.cost_is_estimate)
        assert sum(total.estimated_micros for total in totals) == estimated
        assert sum((Counter(total.jobs) for total in totals), Counter()) == Counter(job.state for job in jobs)
        is_over = spent + reserved >= BUDGET.micros
        assert self.catalogue.runs.turn(self.run_id) == ((False, "budget") if is_over else (True, ""))

    @invariant()
    def open_jobs_have_no_cost_and_ended_ones_do(self):
        for job in (self.catalogue.provider_jobs.get(job_id) for job_id in self.ids):
            assert (job.cost_micros is None) == (job.state in BUSY) == (job.ended_at is None)
            assert job.state not in (JobState.REFUSED,) or not job.cost_micros

    @invariant()
    def a_variant_has_one_open_job(self):
        query = select(provider_jobs.c.variant_id).where(provider_jobs.c.state.in_(sorted(OPEN)))
        with self.catalogue.database.reading() as connection:
            found = list(connection.execute(query.where(provider_jobs.c.run_id == self.run_id)).scalars())
        assert len(found) == len(set(found))


def test_no_order_of_changes_loses_money(catalogue: Catalogue):
    run_state_machine_as_test(
        lambda: Jobs(catalogue),
        settings=settings(
            max_examples=20,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_random_walk_comes_to_each_state(catalogue: Catalogue):
    """With the invariants of the test above, which need not come to late states."""
    jobs, choice = Jobs(catalogue), Random(20)
    for _ in range(150):
        if jobs.states and choice.random() < 0.6:
            jobs.go_on(choice.randrange(1000), choice.randrange(1000))
        else:
            jobs.reserve(choice.randrange(1000), choice.randrange(1, 50_000))
        jobs.open_jobs_have_no_cost_and_ended_ones_do()
    jobs.totals_are_the_sum_of_the_rows()
    jobs.a_variant_has_one_open_job()
    assert jobs.visited == set(JobState)
