"""The loop that finishes, signs and publishes deliverables, with stand-ins for making and signing."""

import threading
from pathlib import Path

import deliverable_samples as ours
import pytest
import stand_in_maker
import sweep_world
from decisions import decide
from sweep_world import SPRING, SweepWorld

from manifests.errors import BucketUnreachableError, DiskFullError, EncodingError, UntrustedCredentialError
from manifests.finish.spec import DeliverableSpec, Shot
from tasks.deliver.finished import finish_deliverables as step
from tasks.deliver.withdraw import withdraw
from tasks.finish.files.folders import staging_of
from tasks.finish.finish import release_dead_deliverables
from tasks.runtime.resources import BucketConfig, close_resources


class Planned:
    """Plans the given specs, as Planning does for the briefs of a campaign."""

    specs: tuple[DeliverableSpec, ...] = ()

    def __init__(self, catalogue, campaign_id: str) -> None:
        self._catalogue = catalogue

    def plan(self, *, at_once: bool = False) -> int:
        return len(self._catalogue.deliverables.add(self.specs))


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    name = "new_sqlite_url" if request.param == "sqlite" else "new_postgres_url"
    monkeypatch.setattr(step, "Planning", Planned)
    monkeypatch.setattr(step, "POLL_S", 0.01)
    step.stopping.clear()
    yield SweepWorld(tmp_path / "home", request.getfixturevalue(name), BucketConfig(str(tmp_path / "bucket")))
    close_resources()


def planned(world: SweepWorld, *ctas: str) -> list[str]:
    """Publish a clip, and plan a deliverable of it for each call to action; return their ids."""
    variant_id = world.variant("published")
    shots = (Shot(variant_id=variant_id, sha256=world.facts(variant_id).sha256),)
    specs = [ours.spec(variant_id, cta=cta).model_copy(update={"shots": shots}) for cta in ctas]
    Planned.specs = tuple(specs)
    return [spec.deliverable_id for spec in specs]


def run(world: SweepWorld, *, make=stand_in_maker.make, sign=stand_in_maker.sign, run_id: str = "") -> int:
    ended = threading.Event()
    ended.set()
    return step.finish_deliverables(world.resources, SPRING, ended, run_id=run_id, make=make, sign=sign)


def states(world: SweepWorld) -> dict[str, int]:
    return world.catalogue.deliverables.counts(SPRING)


def test_deliverables_are_published_with_all_their_files(world):
    ids = planned(world, "Buy", "Try")
    assert run(world) == 2
    for row in world.catalogue.deliverables.of_campaign(SPRING):
        assert (row.state, row.lease_owner) == ("published", None)
        assert [key.rpartition(".")[2] for key in row.signed.keys] == ["c2pa", "jpg", "json", "srt", "mp4"]
        assert all(world.bucket.head(key) for key in row.signed.keys)
        assert row.url == world.bucket.url(row.signed.key)
        assert not staging_of(world.resources).path_of(row.deliverable_id).exists()
    assert {row.deliverable_id for row in world.catalogue.deliverables.of_campaign(SPRING)} == set(ids)
    assert world.catalogue.audit.verify().problems == ()
    assert run(world) == 0


def test_one_that_fails_does_not_stop_the_others_and_can_be_retried(world):
    planned(world, "broken", "Buy")
    assert run(world) == 1
    assert states(world) == {"failed": 1, "published": 1}
    [failed] = world.catalogue.deliverables.of_campaign(SPRING, ["failed"])
    assert failed.error == 'Row 2 (b1, tiktok 9:16): The text "broken" does not fit its box. Shorten it.'
    assert run(world) == 0
    assert world.catalogue.deliverables.retry(SPRING) == 1
    fixed = lambda spec, *rest: stand_in_maker.make(spec.model_copy(update={"texts": ()}), *rest)  # noqa: E731
    assert run(world, make=fixed) == 1
    assert states(world) == {"published": 2}


@pytest.mark.parametrize(
    "error", [ValueError("odd"), UntrustedCredentialError("not trusted"), EncodingError("no frames")], ids=repr
)
def test_an_error_of_one_signature_fails_one_deliverable(world, error):
    ids = planned(world, "Buy", "Try")

    def sign(resources, signer, lease, *rest):
        if lease.deliverable_id == ids[0]:
            raise error
        return stand_in_maker.sign(resources, signer, lease, *rest)

    assert run(world, sign=sign) == 1
    assert world.catalogue.deliverables.get(ids[0]).state == "failed"


@pytest.mark.parametrize("error", [DiskFullError("The disk is full."), BucketUnreachableError("It is away.")], ids=repr)
def test_an_error_of_the_machine_ends_the_step_and_the_next_run_resumes(world, error):
    planned(world, "Buy", "Try")

    def broken(*_):
        raise error

    with pytest.raises(type(error)):
        run(world, make=broken)
    assert states(world) == {"planned": 2}
    assert world.catalogue.deliverable_leases.owners() == []
    with pytest.raises(type(error)):
        run(world, sign=broken)
    assert world.catalogue.deliverable_leases.owners() == []
    made = []
    assert run(world, make=lambda spec, *rest: made.append(spec) or stand_in_maker.make(spec, *rest)) == 2
    assert len(made) <= 1  # the other one was finished already
    assert states(world) == {"published": 2}


@pytest.mark.parametrize("outcome", ["paused", "cancelled"])
def test_a_stopped_campaign_makes_nothing(world, outcome: str):
    planned(world, "Buy")
    world.catalogue.steering.steer(SPRING, outcome, "person:ann")
    assert run(world) == 0
    assert states(world) == {"planned": 1}


def test_nothing_new_is_started_outside_of_the_time_window(world):
    planned(world, "Buy")
    run_id = world.catalogue.runs.begin(SPRING, "pool", "me", until=1.0)
    assert run(world, run_id=run_id) == 0
    assert states(world) == {"planned": 1}
    assert run(world) == 1


def test_withdrawing_a_clip_deletes_the_files_of_its_deliverables(world):
    [deliverable_id] = planned(world, "Buy")
    run(world)
    row = world.catalogue.deliverables.get(deliverable_id)
    seen = {row.variant_id: world.catalogue.gallery.rows([row.variant_id])[0].seen}
    assert withdraw(world.resources, seen, "person:ann", "expired rights").refused == {}
    assert not any(world.bucket.head(key) for key in row.signed.keys)
    now = world.catalogue.deliverables.get(deliverable_id)
    assert (now.state, now.url) == ("withdrawn", None)
    assert run(world) == 0


def test_a_deliverable_that_is_withdrawn_during_its_upload_leaves_no_file(world):
    [deliverable_id] = planned(world, "Buy")

    def sign(resources, signer, lease, *rest):
        original = world.catalogue.deliverables.mark_published

        def withdrawn_first(own, url):
            world.catalogue.deliverables.mark_published = original
            decide(world.catalogue, [lease.row.variant_id], "withdrawn", "person:ann", "expired rights")
            original(own, url)

        world.catalogue.deliverables.mark_published = withdrawn_first
        return stand_in_maker.sign(resources, signer, lease, *rest)

    assert run(world, sign=sign) == 0
    row = world.catalogue.deliverables.get(deliverable_id)
    assert row.state == "withdrawn"
    assert not any(world.bucket.head(key) for key in row.signed.keys)


def test_a_master_that_is_withdrawn_before_signing_does_not_stop_the_others(world, monkeypatch: pytest.MonkeyPatch):
    planned(world, "Buy")
    withdrawn, [variant_id] = Planned.specs, (row.variant_id for row in world.catalogue.variants.of_campaign(SPRING))
    planned(world, "Try")
    Planned.specs = withdrawn + Planned.specs
    original = step.sign_finished

    def withdrawn_first(resources, signer, lease, sign):
        if lease.row.variant_id == variant_id:
            decide(world.catalogue, [variant_id], "withdrawn", "person:ann", "expired rights")
        return original(resources, signer, lease, sign)

    monkeypatch.setattr(step, "sign_finished", withdrawn_first)
    assert run(world) == 1
    assert states(world) == {"published": 1, "withdrawn": 1}


def test_a_file_that_is_gone_is_made_again(world):
    [deliverable_id] = planned(world, "Buy")

    def broken(*_):
        raise BucketUnreachableError("It is away.")

    with pytest.raises(BucketUnreachableError):
        run(world, sign=broken)
    assert states(world) == {"finished": 1}
    for path in staging_of(world.resources).path_of(deliverable_id).rglob("*.mp4"):
        path.write_bytes(b"other")
    assert run(world) == 1
    tos = [event["to_state"] for event in world.catalogue.deliverables.events(deliverable_id)]
    assert tos == ["planned", "finished", "planned", "finished", "signing", "published"]


def test_a_missing_master_fails_with_a_sentence(world):
    [deliverable_id] = planned(world, "Buy")
    variant_id = world.catalogue.variants.of_campaign(SPRING)[0].variant_id
    world.bucket.remove(world.facts(variant_id).key)
    assert run(world) == 0
    error = world.catalogue.deliverables.get(deliverable_id).error if states(world) == {"failed": 1} else ""
    assert "is missing from the bucket" in error
    assert "Restore it" in error


def test_a_master_that_was_changed_fails_one_deliverable(world):
    first = planned(world, "Buy")
    row = world.catalogue.variants.of_campaign(SPRING)[0]
    world.folder.joinpath(world.facts(row.variant_id).key).write_bytes(b"other")
    broken = Planned.specs
    second = planned(world, "Try")
    Planned.specs += broken
    assert run(world) == 1
    assert "has other content" in world.catalogue.deliverables.get(first[0]).error
    assert world.catalogue.deliverables.get(second[0]).state == "published"


def test_the_sweeper_knows_deliverables(world):
    [deliverable_id] = planned(world, "Buy")
    run(world)
    for path in world.folder.rglob("*"):
        sweep_world.aged(path, sweep_world.OLD_S)
    assert world.sweep().found == {}
    row = world.catalogue.deliverables.get(deliverable_id)
    world.folder.joinpath(row.signed.poster_key).unlink()
    leftover = staging_of(world.resources).folder(deliverable_id) / "making-1"
    leftover.mkdir()
    unknown = staging_of(world.resources).folder("f" * 32)
    for path in (leftover, leftover.parent, unknown):
        sweep_world.aged(path, sweep_world.OLD_S)
    found = world.sweep().found
    assert {kind: each.count for kind, each in found.items()} == {"missing": 1, "deliverable-folder": 2}
    assert not leftover.exists()


def test_the_sweeper_ends_abandoned_leases_and_deletes_what_a_withdrawal_left(world):
    first, second = planned(world, "Buy", "Try")
    world.catalogue.deliverables.add(Planned.specs)
    ours_lease = world.catalogue.deliverable_leases.acquire
    ours_lease([second], "elsewhere:boot:1:1", -1, attempts_cap=5, campaign_id=SPRING)
    assert world.sweep()["expired-lease"].names == (second,)
    run(world)
    row = world.catalogue.deliverables.get(first)
    world.catalogue.deliverables.withdraw([first], "person:ann", "old price")
    assert world.sweep()["withdrawn-deliverable"].names == (first,)
    assert not any(world.bucket.head(key) for key in row.signed.keys)
    assert world.sweep().found == {}


def test_leases_of_dead_processes_of_this_host_are_released(world, monkeypatch: pytest.MonkeyPatch):
    ids = planned(world, "Buy")
    world.catalogue.deliverables.add(Planned.specs)
    world.catalogue.deliverable_leases.acquire(ids, "dead", 600, attempts_cap=5, campaign_id=SPRING)
    monkeypatch.setattr("tasks.finish.finish.is_dead", lambda owner: owner == "dead")
    assert release_dead_deliverables(world.catalogue) == 1
    assert run(world) == 1
