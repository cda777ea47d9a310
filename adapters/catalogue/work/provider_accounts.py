"""Accounts at providers: whether they are paused, and whether another job is within their limits, for all hosts."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Float, bindparam, cast, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.rows import clean, number_in
from adapters.catalogue.core.tables import IS_BUSY, database_now, provider_accounts, provider_jobs
from adapters.catalogue.log.entries import append
from manifests.errors import NotFoundError
from manifests.hosted.job_errors import AccountBusyError, AccountPausedError
from manifests.hosted.provider_job import JobLimits, ProviderAccount

PAUSED, RESUMED = "provider account paused", "provider account resumed"
"""Actions of the audit entries about paused and resumed accounts."""
_MINUTE_S, _DAY_S = 60.0, 86_400.0
_table = provider_accounts.c
_LOCKED = select(provider_accounts).where(_table.provider == bindparam("provider")).with_for_update()
_NOW = select(cast(database_now(), Float))
_BUSY = (
    select(func.count())
    .select_from(provider_jobs)
    .where(provider_jobs.c.provider == bindparam("provider"), IS_BUSY, provider_jobs.c.due_at > bindparam("now"))
)


class ProviderAccounts(CataloguePart):
    """Pause, slow down and resume accounts."""

    def all(self) -> list[ProviderAccount]:
        """Return the accounts that were used or changed, by name."""
        with self._db.reading() as connection:
            return [_account(row) for row in connection.execute(select(provider_accounts).order_by(_table.provider))]

    def get(self, provider: str) -> ProviderAccount:
        """Return one account, even if it was never used."""
        with self._db.reading() as connection:
            row = connection.execute(select(provider_accounts).where(_table.provider == provider)).first()
        return _account(row) if row else ProviderAccount(provider)

    def pause(self, provider: str, cause: str, why: str, actor: str = "") -> bool:
        """Pause an account until a person resumes it; return False if it was already paused.

        Args:
            actor: the person who pauses it, with an audit entry; empty if its provider's answer is the reason.
        """
        values = {"paused_at": database_now(), "paused_cause": str(cause), "paused_why": clean(why)}
        with self._db.writing() as connection:
            _ensure(connection, provider)
            is_new = _set(connection, provider, _table.paused_at.is_(None), **values) == 1
            if is_new and actor:
                append(connection, actor, PAUSED, [(provider, {"why": clean(why)})])
        return is_new

    def slow_down(self, provider: str, seconds: float) -> None:
        """Delay submissions to an account by this many seconds; a longer delay is kept."""
        until = cast(database_now(), Float) + seconds
        is_longer = or_(_table.slowed_until.is_(None), _table.slowed_until < until)
        with self._db.writing() as connection:
            _ensure(connection, provider)
            _set(connection, provider, is_longer, slowed_until=until)

    def resume(self, provider: str, actor: str) -> bool:
        """Resume an account, with an audit entry; return False if it was neither paused nor slowed down.

        Raises:
            NotFoundError: no job was ever submitted to an account of this name.
        """
        with self._db.writing() as connection:
            account = lock_account(connection, provider, create=False)
            if account.paused_at is None and account.slowed_until is None:
                return False
            _set(connection, provider, paused_at=None, paused_cause="", paused_why="", slowed_until=None)
            append(connection, actor, RESUMED, [(provider, {"cause": account.paused_cause, "why": account.paused_why})])
        return True


def lock_account(connection: Connection, provider: str, *, create: bool = True) -> ProviderAccount:
    """Lock and return an account, so that only one process at a time counts its jobs.

    Raises:
        NotFoundError: it does not exist, without ``create``.
    """
    row = connection.execute(_LOCKED, {"provider": provider}).first()
    if row is None and create:
        _ensure(connection, provider)
        row = connection.execute(_LOCKED, {"provider": provider}).first()
    if row is None:
        raise NotFoundError(f"No account is named {provider[:80]!r}. List accounts with `reelmill providers list`.")
    return _account(row)


def check_account(connection: Connection, account: ProviderAccount, limits: JobLimits) -> float:
    """Check that a locked account allows another job; return the time, by the database's clock.

    Args:
        limits: of the account's settings, or of the card.

    Raises:
        AccountPausedError, AccountBusyError: it does not.
    """
    if account.is_paused:
        raise AccountPausedError(account.provider, account.paused_cause, account.paused_why)
    now = number_in(connection.execute(_NOW).scalar())
    if account.slowed_until and account.slowed_until > now:
        raise AccountBusyError(account.provider, "slowed", account.slowed_until - now)
    if limits.concurrency is not None and _busy(connection, account.provider, now) >= limits.concurrency:
        raise AccountBusyError(account.provider, "concurrency", None)
    windows = (("per_minute", limits.per_minute, _MINUTE_S), ("per_day", limits.per_day, _DAY_S))
    for name, limit, seconds in windows:
        if limit is not None and (wait_s := _wait_s(connection, account.provider, limit, seconds, now)) > 0:
            raise AccountBusyError(account.provider, name, wait_s)
    return now


def _busy(connection: Connection, provider: str, now: float) -> int:
    """Return how many places are taken: jobs of campaigns that nobody resumes keep theirs until their deadline."""
    return int(connection.execute(_BUSY, {"provider": provider, "now": now}).scalar() or 0)


def _wait_s(connection: Connection, provider: str, limit: int, seconds: float, now: float) -> float:
    """Return how long to wait until fewer than ``limit`` submissions are in the last ``seconds``; 0 if they are."""
    sent = provider_jobs.c.submitted_at
    query = (
        select(sent)
        .where(provider_jobs.c.provider == provider, sent > now - seconds)
        .order_by(sent.desc())
        .offset(limit - 1)
        .limit(1)
    )
    oldest = connection.execute(query).scalar()
    return 0.0 if oldest is None else max(0.0, oldest + seconds - now)


def _ensure(connection: Connection, provider: str) -> None:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(
        dialect.insert(provider_accounts).values(provider=provider).on_conflict_do_nothing(index_elements=["provider"])
    )


def _set(connection: Connection, provider: str, *conditions: ColumnElement[bool], **values: Any) -> int:
    change = update(provider_accounts).where(_table.provider == provider, *conditions).values(**values)
    return connection.execute(change).rowcount


def _account(row: Any) -> ProviderAccount:
    return ProviderAccount(
        row.provider,
        row.slowed_until,
        row.paused_at,
        row.paused_why,
        row.paused_cause,
    )
