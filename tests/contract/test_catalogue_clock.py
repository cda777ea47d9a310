"""The newest time in the catalogue, and times that were accepted as wrong."""

import samples
from sealed_catalogue import drop_triggers
from sqlalchemy import update

from adapters.catalogue import Catalogue
from adapters.catalogue.core.tables import campaigns, database_now, events, runs, variants
from adapters.catalogue.views.clock import AcceptedTimes

DAY_S = 86_400.0


def shift(catalogue: Catalogue, seconds: float) -> None:
    """Set all times to so many seconds from now."""
    with catalogue.database.writing() as connection:
        drop_triggers(connection)  # events are only ever added to
        at = database_now() + seconds
        connection.execute(update(events).values(at=at))
        connection.execute(update(variants).values(made_at=at))
        connection.execute(update(runs).values(started_at=at, beat_at=at, ended_at=at))
        connection.execute(update(campaigns).values(created_at=at))


def now_of(catalogue: Catalogue, accepted: AcceptedTimes | None = None) -> float:
    newest = catalogue.clock.newest(accepted)
    return newest.at if newest else 0.0


def test_an_empty_catalogue_has_no_newest_time(catalogue: Catalogue):
    assert catalogue.clock.newest() is None
    assert catalogue.clock.accepted() is None
    assert abs(catalogue.clock.ahead_s()) < 5


def test_each_kind_of_entry_counts(catalogue: Catalogue):
    [key] = samples.filled(catalogue, 1)
    samples.bring_to(catalogue, key, "passed")
    catalogue.runs.begin(samples.campaign().campaign_id, "pool", "me")
    for table, column, what in (
        (events, "at", "an event of a clip"),
        (variants, "made_at", "the generation of a clip"),
        (runs, "beat_at", "the heartbeat of a run"),
        (campaigns, "created_at", "the registration of a campaign"),
    ):
        shift(catalogue, -DAY_S)
        before = now_of(catalogue)
        with catalogue.database.writing() as connection:
            connection.execute(update(table).values({column: database_now() + DAY_S}))
        assert round((now_of(catalogue) - before) / DAY_S) == 2, column
        assert catalogue.clock.newest().what == what


def test_accepted_times_do_not_count_and_later_ones_do(catalogue: Catalogue):
    first, second = samples.filled(catalogue, 2)
    samples.bring_to(catalogue, first, "passed")
    now = now_of(catalogue)
    shift(catalogue, 400 * DAY_S)

    accepted = catalogue.clock.accept("person:ann", now, 0.0)

    assert catalogue.clock.accepted() == accepted
    assert now_of(catalogue, accepted) == now
    assert accepted.covers(accepted.until)
    assert not accepted.covers(now)
    assert catalogue.audit.verify().ok
    samples.bring_to(catalogue, second, "passed")
    assert 0 <= now_of(catalogue, accepted) - now < DAY_S
    shift(catalogue, 2 * DAY_S)
    assert round((now_of(catalogue, accepted) - now) / DAY_S) == 2
