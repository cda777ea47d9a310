"""Costs and reservations of provider jobs, and the budgets of runs."""

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, literal, select, text

from adapters.catalogue.core.rows import object_in
from adapters.catalogue.core.tables import device_use, provider_jobs, runs
from adapters.catalogue.work.device_use import summed, total_from
from manifests.costs.money import MICROS, Money
from manifests.costs.prices import Prices
from manifests.hosted.job import BUSY, JobState
from manifests.hosted.job_errors import BudgetReachedError, CurrencyError, UnknownPriceError
from manifests.hosted.provider_job import JobTotal

_FREE = frozenset({JobState.REFUSED, JobState.CANCELLED})
_WASTED = frozenset({JobState.FAILED, JobState.LOST})
_MONEY_LOCKS = 7_335_138
"""Namespace of PostgreSQL's advisory locks on the budget of a run."""
_COUNTED = func.coalesce(provider_jobs.c.cost_micros, provider_jobs.c.reserved_micros)
"""The amount that counts towards a budget: the job's cost, or its reservation."""


def job_totals(connection: Connection, *conditions: ColumnElement[bool]) -> list[JobTotal]:
    """Return money and number of jobs by provider, card and currency."""
    return job_totals_by(connection, literal(""), *conditions).get("", [])


def job_totals_by(
    connection: Connection, key: ColumnElement[str], *conditions: ColumnElement[bool]
) -> dict[str, list[JobTotal]]:
    """Return money and number of jobs by provider, card and currency, for each value of a column."""
    by = (provider_jobs.c.provider, provider_jobs.c.card, provider_jobs.c.currency)
    cost = provider_jobs.c.cost_micros
    query = (
        select(
            key.label("key"),
            *by,
            provider_jobs.c.state,
            func.count().label("jobs"),
            func.count(cost).label("known"),
            func.sum(func.coalesce(cost, 0)).label("spent"),
            func.sum(case((provider_jobs.c.cost_is_estimate == 1, cost), else_=0)).label("estimated"),
            func.sum(provider_jobs.c.reserved_micros).label("reserved"),
        )
        .where(*conditions)
        .group_by("key", *by, provider_jobs.c.state)
        .order_by("key", *by)
    )
    grouped: defaultdict[tuple[str, str, str, str], list[Any]] = defaultdict(list)
    for row in connection.execute(query):
        grouped[row.key, row.provider, row.card, row.currency].append(row)
    totals: defaultdict[str, list[JobTotal]] = defaultdict(list)
    for (value, *rest), rows in grouped.items():
        totals[value].append(_total(tuple(rest), rows))
    return dict(totals)


def _total(key: tuple[str, ...], rows: list[Any]) -> JobTotal:
    ended = [row for row in rows if row.state not in BUSY]
    provider, card, currency = key
    return JobTotal(
        provider,
        card,
        currency,
        spent_micros=sum(int(row.spent) for row in rows),
        estimated_micros=sum(int(row.estimated or 0) for row in rows),
        reserved_micros=sum(int(row.reserved) for row in rows if row.state in BUSY),
        jobs={row.state: row.jobs for row in rows},
        unknown=sum(row.jobs - row.known for row in ended if row.state not in _FREE),
        wasted_micros=sum(int(row.spent) for row in ended if row.state in _WASTED),
    )


def budget_of(run: Any) -> Money | None:
    """Return the budget of a run in money; None if it has none.

    Runs of versions without provider jobs have an amount in the currency of their prices.
    """
    if run.budget_micros is not None:
        return Money(run.budget_micros, run.budget_currency)
    if run.budget_money is None:
        return None
    currency = Prices.from_json(object_in(run.prices)).currency
    return Money(round(run.budget_money * MICROS), currency)


def spent_by(connection: Connection, run: Any) -> int:
    """Return the micro-units that a run has spent or reserved: on devices, and for provider jobs."""
    uses = [total_from(row) for row in connection.execute(summed().where(device_use.c.run_id == run.run_id))]
    devices = Prices.from_json(object_in(run.prices)).at_most(uses)
    jobs = connection.execute(select(func.sum(_COUNTED)).where(provider_jobs.c.run_id == run.run_id)).scalar()
    return math.ceil(devices * MICROS) + int(jobs or 0)


def lock_money(connection: Connection, run_id: str) -> None:
    """Let only one process at a time reserve amounts for a run, until the transaction ends.

    It is an advisory lock, because every worker changes the row of the run; SQLite has one writer at a time anyway.
    """
    if run_id and connection.dialect.name == "postgresql":
        connection.execute(
            text("SELECT pg_advisory_xact_lock(:space, hashtext(:run_id))"), {"space": _MONEY_LOCKS, "run_id": run_id}
        )


def check_room(connection: Connection, run_id: str, price: Money | None) -> None:
    """Check that a job does not exceed the budget of a run.

    Raises:
        UnknownPriceError, CurrencyError, BudgetReachedError: it has none.
    """
    run = connection.execute(select(runs).where(runs.c.run_id == run_id)).first() if run_id else None
    budget = budget_of(run) if run else None
    if budget is None or (price and not price.micros):
        return
    if price is None:
        raise UnknownPriceError(
            f"The price of the job is not known, so it cannot be counted towards the budget of {budget}. Run without "
            "--budget, or add the price to the model card."
        )
    if price.currency != budget.currency:
        raise CurrencyError(
            f"The job costs {price}, but the budget of the run is in {budget.currency or 'no currency'}. Amounts are "
            f"not converted. Enter the budget in {price.currency}, for example --budget '50 {price.currency}'."
        )
    spent = spent_by(connection, run)
    if spent + price.micros > budget.micros:
        raise BudgetReachedError(
            f"A job of {price} exceeds the budget of {budget}: {Money(spent, budget.currency)} is spent or reserved. "
            "Raise the budget with --budget, then run the same command again."
        )


def priced_columns(price: Money | None) -> Mapping[str, object]:
    """Return what a new job reserves, as columns."""
    return {"reserved_micros": price.micros if price else 0, "currency": price.currency if price else ""}
