"""Rows that were damaged in the database stop neither a delivery nor a list: other clips go on, on both databases."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import samples
from decisions import decide
from sqlalchemy import text
from test_proven_approvals import World, execute, rendered, world  # noqa: F401

from adapters.catalogue import Catalogue, Lease, open_catalogue
from adapters.catalogue.core.rows import machine_of, number_in, object_in, reasons_in
from adapters.catalogue.core.seals import clip_sha256_of
from manifests.errors import InvalidDefinitionError
from manifests.scoring.gate import Gate
from manifests.states import State
from tasks.deliver import sign
from tasks.runtime.resources import bucket_of

DEEP = "[" * 200_000
CLIP = (
    '{"variant_id":"v","path":"/a","poster":"/b","sha256":"ab","size":1,"height":1,"width":1,"num_frames":1,"fps":8,'
    '"device_seconds":1.0%s}'
)
DAMAGED = {
    "clip": [
        *("{", "[]", "3", "null", DEEP, CLIP % ',"evil":1', CLIP % ',"fps":0', CLIP % ',"size":1e999'),
        *(CLIP % f',"cost_micros":{each}' for each in ("-1", "1.5", "true", "1e999", '"1"', "1" * 30)),
        *(CLIP % each for each in (',"provider":1', ',"codec":[]', ',"has_audio":"x"', ',"cost_is_estimate":1')),
    ],
    "score": [
        "{x",
        '"x"',
        DEEP,
        '{"evil":1}',
        '{"variant_id":"v","checks":{"a":"x"}}',
        *(
            f'{{"variant_id":"v",{each}}}'
            for each in (
                '"checks":{"a":1e400}',
                '"checks":{"a":NaN}',
                '"checks":{"a":-Infinity}',
                '"checks":{"a":null}',
                '"checks":{"a":true}',
                '"checks":{"a":' + "1" * 400 + "}",
                '"checks":{"a":' + "1" * 5000 + "}",
                '"prompt_rank":1e400',
                '"prompt_rank":NaN',
                '"prompt_rank":0.5',
                '"num_distractors":1e400',
                '"num_distractors":1.5',
                '"num_distractors":null',
                '"num_distractors":-1',
                '"prompt_adherence":55',
                '"prompt_adherence":true',
                '"prompt_adherence":' + "1" * 5000,
            )
        ),
    ],
    "reasons": ["x", '[["a"]]', "[3]", DEEP, '[["a",1]]'],
    "signed": ["{x", "[]", DEEP, '{"key":1,"sha256":"x","size":1,"path":null}', '{"evil":1}'],
}
Stored = tuple[Catalogue, str, str, str]


@pytest.fixture(params=["sqlite", "postgresql"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stored]:
    """A catalogue with two passed clips: the id of the campaign, and the ids of both."""
    url = f"sqlite:///{tmp_path}/c.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    with open_catalogue(url) as catalogue:
        one, other = samples.filled(catalogue, 2)
        for each in (one, other):
            samples.bring_to(catalogue, each, "passed")
        yield catalogue, samples.campaign().campaign_id, one, other


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_an_adherence_that_is_no_number_is_no_score(stored, value: str):
    """Earlier versions wrote this if a scorer computed NaN."""
    catalogue, _, one, _ = stored
    change(catalogue, "score", f'{{"variant_id":"v","prompt_adherence":{value},"prompt_rank":1}}', one)
    row = catalogue.variants.get(one)
    assert row.unreadable == ()
    assert row.score.prompt_adherence is None
    assert [reason.code for reason in Gate(0.2).judge(row.score).reasons] == ["unscored"]


CASES = [(column, value) for column, values in DAMAGED.items() for value in values]


@pytest.mark.parametrize(("column", "value"), CASES, ids=[f"{column} {value[:20]}" for column, value in CASES])
def test_a_damaged_column_is_named_and_read_as_empty(stored, column: str, value: str):
    catalogue, campaign_id, one, other = stored
    change(catalogue, column, value, one)
    row = catalogue.variants.get(one)
    assert row.unreadable == (column,)
    assert [found.unreadable for found in catalogue.variants.of_campaign(campaign_id)].count(()) == 1
    assert catalogue.variants.get(other).unreadable == ()
    assert {pending.variant_id for pending in catalogue.variants.waiting(campaign_id, list(State))} == {one, other}
    catalogue.progress.device_seconds(campaign_id)
    catalogue.progress.device_rates()


def test_a_damaged_run_is_listed(stored):
    catalogue, campaign_id, *_ = stored
    run_id = catalogue.runs.begin(campaign_id, "pool", "host:0:1:1", budget_s=10.0)
    for detail in ('{"credit":"x"}', "{x", "[]", DEEP):
        change_run(catalogue, f"detail = '{detail}'")
        assert catalogue.runs.get(run_id).served == 0
        assert len(catalogue.runs.all()) == len(catalogue.runs.live()) == 1
    change_run(catalogue, "spent_s = 1e300")
    assert catalogue.runs.turn(run_id).why == "budget"
    assert math.isfinite(catalogue.runs.get(run_id).spent_s)


@pytest.mark.parametrize("value", ["9e999", "-9e999", "1e300"])
def test_times_that_do_not_exist_are_ignored(stored, value: str):
    catalogue, _, one, _ = stored
    before = catalogue.clock.newest().at
    change(catalogue, "made_at", float(value), one)
    assert catalogue.clock.newest().at <= before + 60


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1, "x", None, [], True, 10**400])
def test_other_values_than_numbers_are_zero(value: object):
    assert number_in(value) == 0.0


@pytest.mark.parametrize("value", ["", "x", "[]", "3", DEEP, '{"sha256":3,"machine":[]}', None])
def test_columns_are_decoded_without_errors(value: str | None):
    assert isinstance(object_in(value), dict)
    assert clip_sha256_of(value) is None
    assert machine_of(value) is None
    assert reasons_in(value) == ()


def change(catalogue, column: str, value: object, variant_id: str) -> None:
    with catalogue.database.writing() as connection:
        connection.execute(
            text(f"UPDATE variants SET {column} = :value WHERE variant_id = :id"), {"value": value, "id": variant_id}
        )


def change_run(catalogue, assignment: str) -> None:
    with catalogue.database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE runs SET {assignment}")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("clip", CLIP % ',"evil":1'),
        ("clip", DEEP),
        ("score", "{x"),
        ("reasons", DEEP),
        ("score", '{"variant_id":"v","checks":{"a":NaN}}'),
        ("score", '{"variant_id":"v","prompt_rank":1e400}'),
    ],
    ids=["clip", "deep clip", "score", "reasons", "NaN", "a large number"],
)
def test_a_delivery_quarantines_a_damaged_clip_and_publishes_the_others(world: World, column: str, value: str):  # noqa: F811
    damaged, *others = (row.variant_id for row in world.rows("passed"))
    execute(world.catalogue, "UPDATE campaigns SET settings = replace(settings, 'required', 'auto'), seal = NULL")
    execute(world.catalogue, f"UPDATE variants SET {column} = :value WHERE variant_id = :key", key=damaged, value=value)
    for each in others:
        assert world.row(each).unreadable == ()
    decide(world.catalogue, [damaged, *others], "approved", "person:ann")
    assert world.deliver() == len(others)
    world.refuses(damaged, "cannot be read" if column != "clip" else "")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_a_clip_whose_adherence_is_no_number_is_published_without_one(world: World, value: str):  # noqa: F811
    keys = [row.variant_id for row in world.rows("passed")]
    stored = f'{{"variant_id":"v","checks":{{"luma_mean":9.0}},"prompt_adherence":{value}}}'
    execute(world.catalogue, "UPDATE variants SET score = :value WHERE variant_id = :key", key=keys[0], value=stored)
    decide(world.catalogue, keys, "approved", "person:ann")
    assert world.deliver() == len(keys)
    record = json.loads(bucket_of(world.resources).read(world.row(keys[0]).signed.record_key))
    assert record["score"]["prompt_adherence"] is None
    assert record["score"]["checks"] == {"luma_mean": 9.0}


def test_another_value_that_no_record_can_contain_is_named(world: World):  # noqa: F811
    damaged, *others = (row.variant_id for row in world.rows("passed"))
    decide(world.catalogue, [damaged, *others], "approved", "person:ann")
    real = sign.record_of

    def record_of(lease: Lease, *arguments: object) -> dict[str, object]:
        return real(lease, *arguments) | ({"value": math.nan} if lease.variant_id == damaged else {})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sign, "record_of", record_of)
        with pytest.raises(InvalidDefinitionError, match=f"Clip {damaged} cannot be published: .* is not finite"):
            world.deliver()
    assert [world.row(each).state for each in others] == ["published"] * len(others)
