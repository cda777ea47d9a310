"""The ledger of device use counts each second once, however often it is booked."""

import threading
from dataclasses import replace

import pytest
import samples
from sealed_catalogue import drop_deliverables
from sqlalchemy import text

from adapters.catalogue import Catalogue, open_catalogue
from manifests.costs.device_use import UseKind, UseTotal
from manifests.costs.prices import Prices
from manifests.errors import ReelmillError

SPRING = samples.campaign().campaign_id


def begin(catalogue: Catalogue, name: str = "Spring", **options) -> str:
    catalogue.campaigns.add(samples.campaign(name), {})
    return catalogue.runs.begin(samples.campaign(name).campaign_id, "pool", "driver", **options)


def test_uses_are_added_up_by_kind_device_and_card(catalogue: Catalogue):
    run_id = begin(catalogue)
    catalogue.device_use.book(
        [
            samples.device_use(SPRING, run_id, seconds=2.0),
            samples.device_use(SPRING, run_id, seconds=3.0),
            samples.device_use(SPRING, run_id, UseKind.LOAD, 7.0),
            samples.device_use(SPRING, "", seconds=1.0, device="NVIDIA H200"),
        ]
    )
    of_run = [UseTotal("generate", "cpu", "starter", 5.0), UseTotal("load", "cpu", "starter", 7.0)]
    away = UseTotal("generate", "NVIDIA H200", "starter", 1.0)
    assert sorted(catalogue.device_use.of_campaign(SPRING)) == sorted([*of_run, away])
    assert catalogue.device_use.of_run(run_id) == of_run
    assert catalogue.device_use.of_runs([run_id, "other"]) == {run_id: of_run}
    assert sorted(catalogue.device_use.by_campaign()[SPRING]) == sorted([*of_run, away])
    assert sorted(catalogue.device_use.of_all()) == sorted([*of_run, away])
    assert catalogue.progress.device_seconds(SPRING) == 13.0


def test_a_repeated_booking_counts_only_what_is_new(catalogue: Catalogue):
    run_id = begin(catalogue)
    use = samples.device_use(SPRING, run_id)
    for seconds in (1.5, 1.5, 4.0, 2.0):
        catalogue.device_use.book([replace(use, seconds=seconds)], {run_id: 2})
    row = catalogue.runs.get(run_id)
    assert (row.spent_s, row.served) == (4.0, 8)
    assert [total.seconds for total in catalogue.device_use.of_run(run_id)] == [4.0]


def test_leases_are_counted_without_device_time(catalogue: Catalogue):
    run_id = begin(catalogue)
    catalogue.device_use.book([], {run_id: 3})
    catalogue.device_use.book([])
    assert (catalogue.runs.get(run_id).served, catalogue.runs.get(run_id).spent_s) == (3, 0.0)


def test_processes_that_book_at_the_same_time_lose_nothing(catalogue: Catalogue):
    run_id = begin(catalogue)

    def work(own: Catalogue) -> None:
        use = samples.device_use(SPRING, run_id)
        for step in range(1, 11):
            own.device_use.book([replace(use, seconds=step * 0.5)], {run_id: 1})
        own.close()

    threads = [threading.Thread(target=work, args=(open_catalogue(catalogue.url),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert catalogue.runs.get(run_id).spent_s == pytest.approx(20.0)
    assert catalogue.runs.get(run_id).served == 40
    assert sum(total.seconds for total in catalogue.device_use.of_run(run_id)) == pytest.approx(20.0)


def test_a_use_of_an_unknown_campaign_is_refused(catalogue: Catalogue):
    with pytest.raises(ReelmillError):
        catalogue.device_use.book([samples.device_use("no-such")])


def test_a_run_stops_when_its_budget_in_money_is_spent(catalogue: Catalogue):
    prices = Prices({"H200": 36.0}, other=3.6, currency="EUR")
    run_id = begin(catalogue, budget_money=1.0, prices=prices)
    assert (catalogue.runs.get(run_id).budget_money, catalogue.runs.get(run_id).prices) == (1.0, prices)
    use = samples.device_use(SPRING, run_id, device="NVIDIA H200", seconds=99.0)
    catalogue.device_use.book([use])
    assert catalogue.runs.turn(run_id).may_work
    catalogue.device_use.book([samples.device_use(SPRING, run_id, device="cpu", seconds=9.0)])
    assert catalogue.runs.turn(run_id).may_work
    catalogue.device_use.book([replace(use, seconds=99.5)])
    assert catalogue.runs.turn(run_id) == (False, "budget")


def test_a_device_without_a_price_counts_as_the_most_expensive_one_in_a_budget(catalogue: Catalogue):
    run_id = begin(catalogue, budget_money=1.0, prices=Prices({"H200": 36.0, "T4": 1.0}))
    catalogue.device_use.book([samples.device_use(SPRING, run_id, device="cpu", seconds=101.0)])
    assert catalogue.runs.turn(run_id) == (False, "budget")


def test_the_device_time_of_earlier_runs_is_migrated(catalogue_url: str):
    with open_catalogue(catalogue_url) as catalogue:
        run_id, idle = begin(catalogue), begin(catalogue, "Autumn")
        catalogue.runs.book(run_id, 1, 12.5)
        with catalogue.database.writing() as connection:
            drop_deliverables(connection)
            for statement in (
                "DROP TABLE device_use",
                "ALTER TABLE runs DROP COLUMN budget_money",
                "ALTER TABLE runs DROP COLUMN prices",
                "DROP TABLE provider_jobs",
                "DROP TABLE provider_accounts",
                "ALTER TABLE runs DROP COLUMN budget_micros",
                "ALTER TABLE runs DROP COLUMN budget_currency",
                "ALTER TABLE campaigns ADD COLUMN draft_seconds FLOAT NOT NULL DEFAULT 0",
                "UPDATE alembic_version SET version_num = '0010'",
            ):
                connection.execute(text(statement))
    with open_catalogue(catalogue_url) as catalogue:
        assert catalogue.device_use.of_run(run_id) == [UseTotal("generate", "", "", 12.5)]
        assert catalogue.device_use.of_run(idle) == []
        assert catalogue.progress.device_seconds(SPRING) == 12.5
