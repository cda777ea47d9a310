"""The signer signs only clips whose approval is proven, whatever the database says."""

import re
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import samples
from databases import database
from decisions import decide
from fake_scorer import FakeScorer
from sealed_catalogue import ANN, EVE, KEY, OTHER_KEY, drop_triggers, execute, execute_as_owner, insert_event
from sqlalchemy import text

from adapters.catalogue import AuditKey, Catalogue, VariantRow, open_catalogue, sqlite_url
from adapters.catalogue.core.log_mark import KnownEntry, LogMark
from adapters.catalogue.core.rows import variant_text
from adapters.catalogue.log.places_log import logged_places
from app.report.report import report_of
from flows import registration
from flows.fan_out import dispatch
from flows.fan_out.renderer_resources import localise_resources
from flows.runtime.resources import resources_of
from flows.settings import Settings
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.errors import BucketUnreachableError, CatalogueError
from manifests.placement import parse_placement
from manifests.scoring.verdict import Verdict
from manifests.sheet import Checked
from manifests.variant import PlannedVariant
from models.fake import FakeGenerator
from tasks.deliver import deliver as step
from tasks.deliver.anchors import accept_restore, check_anchors, write_anchor
from tasks.deliver.withdraw import withdraw
from tasks.intake.intake import Intake
from tasks.plan.remaining import Remaining
from tasks.render.render import render_shard
from tasks.review.regenerate import regenerate_variant
from tasks.review.retry_failed import retry_failed
from tasks.runtime import devices as devices_module
from tasks.runtime import resources as opened
from tasks.runtime.files.staging import Staging
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig, catalogue_of, close_resources, signer_of

BRIEFS = Campaign(
    "Spring",
    "f" * 64,
    (Brief(2, "circle", ("a red circle",), variants=3), Brief(3, "none", ("nothing at all",), variants=1)),
)
CAMPAIGN = BRIEFS.campaign_id


@dataclass
class World:
    """A campaign with three passed clips and a failed one, none of them reviewed."""

    resources: Resources
    review: str = "required"

    @property
    def catalogue(self) -> Catalogue:
        return catalogue_of(self.resources)

    def rows(self, state: str) -> list[VariantRow]:
        return self.catalogue.variants.of_campaign(CAMPAIGN, [state])

    def row(self, variant_id: str) -> VariantRow:
        return self.catalogue.variants.get(variant_id)

    def deliver(self, review: str = "required", **changes: Any) -> int:
        ended = threading.Event()
        ended.set()
        return step.deliver(replace(self.resources, **changes), CAMPAIGN, review, ended, patient=False)

    def render(self) -> None:
        for shard in Remaining(self.resources, CAMPAIGN, 0.25).shards(8):
            render_shard(self.resources, shard)

    def is_in_bucket(self, variant_id: str) -> bool:
        return any(Path(self.resources.bucket.location).rglob(f"{variant_id[:12]}-*"))

    def refuses(self, variant_id: str, why: str) -> None:
        """Check that a clip was quarantined and not published, with an alert and a reason."""
        row = self.row(variant_id)
        assert (row.state, row.url, row.signed) == ("quarantined", None, None)
        assert not self.is_in_bucket(variant_id)
        assert why in row.error, row.error
        assert f"`reelmill retry {CAMPAIGN} --failed`" in row.error
        alerts = self.catalogue.alerts.all(kind="approval-unproven", campaign_id=CAMPAIGN)
        assert any(why in alert.detail["variants"].get(variant_id, "") for alert in alerts)


def sign_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sign the first approved clip, and stop before the upload."""

    def fail(*_: object) -> None:
        raise BucketUnreachableError()

    with monkeypatch.context() as patched:
        patched.setattr(step, "publish_clip", fail)
        with pytest.raises(BucketUnreachableError):
            world.deliver()


def resources_in(home: Path, url: str) -> Resources:
    return Resources(
        url,
        BucketConfig(str(home / "bucket")),
        SignerConfig("development", home / "signer"),
        home / "staging",
        devices=("cpu",),
        prompt_key=b"k" * 32,
        audit_key=KEY,
        sealed_catalogues=home / "audit.sealed",
        log_marks=home / "audit.marks",
    )


def register(resources: Resources) -> None:
    intake = Intake(None, Checked(BRIEFS.briefs), BRIEFS)
    registration.register(Settings(home=resources.staging.parent, review="required"), resources, intake)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A home with staged clips, and a copy of its catalogue before anything was reviewed."""
    home = tmp_path_factory.mktemp("rendered")
    resources = resources_in(home, sqlite_url(home / "catalogue.sqlite"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(devices_module, "open_generator", lambda *_, **__: FakeGenerator())
        patched.setattr(opened, "open_scorer", lambda *_, **__: FakeScorer())
        register(resources)
        World(resources).render()
        close_resources()
        shutil.copy(home / "catalogue.sqlite", home / "rendered.sqlite")
        yield home, home / "rendered.sqlite"
        close_resources()


@pytest.fixture
def world(rendered: tuple[Path, Path]) -> Iterator[World]:
    home, copy = rendered
    close_resources()
    shutil.copy(copy, home / "catalogue.sqlite")
    for name in ("bucket", "audit.marks"):
        shutil.rmtree(home / name, ignore_errors=True)
    yield World(resources_in(home, sqlite_url(home / "catalogue.sqlite")))
    close_resources()


def share(world: World) -> str:
    """Share the clips with another campaign, which requires review; return its id."""
    other = replace(BRIEFS, name="Summer")
    world.catalogue.campaigns.add(other, {"review": "required"})
    world.catalogue.campaigns.add_variants(
        other.campaign_id,
        [
            PlannedVariant(
                member.brief_id,
                parse_placement(member.placement),
                world.row(member.variant_id).variant,
                member.variant_id,
                member.labels,
            )
            for member in world.catalogue.campaigns.memberships(CAMPAIGN)
        ],
    )
    return other.campaign_id


def test_a_clip_that_was_approved_in_the_database_is_not_signed(world: World):
    forged, honest, _ = (row.variant_id for row in world.rows("passed"))
    decide(world.catalogue, [honest], "approved", ANN)
    execute(world.catalogue, "UPDATE variants SET state = 'approved' WHERE variant_id = :key", key=forged)

    assert world.deliver() == 1

    world.refuses(forged, "its state was set to approved outside Reelmill; its last event is passed")
    assert world.row(honest).state == "published"
    assert world.catalogue.audit.verify().ok


def test_an_unproven_approval_stays_in_the_log(world: World):
    """The quarantine replaces the state that contradicts the log, so only an entry shows later what was found."""
    execute(world.catalogue, "UPDATE variants SET state = 'approved'")
    assert world.deliver() == 0
    entries = [entry for entry in world.catalogue.audit.entries() if entry.action == "approval not proven"]
    assert len(entries) == len(world.rows("quarantined"))
    assert "its state was set to approved outside Reelmill" in entries[0].detail["reason"]
    report = world.catalogue.audit.verify()
    assert report.ok
    assert "was quarantined, because its approval was not proven: its state was set to" in report.notes[0]


def test_the_report_says_why_a_clip_was_quarantined(world: World):
    execute(world.catalogue, "UPDATE variants SET state = 'approved'")
    world.deliver()
    brief = report_of(world.catalogue, CAMPAIGN).briefs[0]
    assert f"{brief.quarantined} quarantined: It was not published, because its approval is not proven" in brief.why


def test_the_advice_of_the_refusal_works(world: World):
    forged = world.rows("passed")[0].variant_id
    execute(world.catalogue, "UPDATE variants SET state = 'approved' WHERE variant_id = :key", key=forged)
    world.deliver()

    retry_failed(world.catalogue, CAMPAIGN)
    world.render()
    assert world.row(forged).state == "passed"
    decide(world.catalogue, [forged], "approved", ANN)

    assert world.deliver() == 1
    assert world.row(forged).state == "published"
    assert world.catalogue.audit.verify().problems == ()


@pytest.mark.parametrize(("actor", "reviewed"), [("system", False), (EVE, False), (EVE, True)])
def test_an_inserted_event_does_not_prove_an_approval(world: World, actor: str, reviewed: bool):
    forged = world.rows("passed")[0]
    insert_event(world.catalogue, forged.variant_id, actor, "passed", "approved")
    execute(
        world.catalogue,
        "UPDATE events SET clip_sha256 = :sha WHERE clip_sha256 = :c",
        sha=forged.clip.sha256,
        c="c" * 64,
    )
    if reviewed:
        execute(
            world.catalogue,
            "INSERT INTO reviews (variant_id, author, at, outcome, codes, reason, blind, clip_sha256) "
            "VALUES (:key, :eve, 0, 'approved', '[]', '', 0, :sha)",
            key=forged.variant_id,
            eve=EVE,
            sha=forged.clip.sha256,
        )
    assert world.deliver() == 0
    world.refuses(forged.variant_id, "was written or changed outside Reelmill")


def test_a_clip_in_signing_needs_its_approval_too(world: World, monkeypatch: pytest.MonkeyPatch):
    """Its files are uploaded without being signed again."""
    first, second, _ = (row.variant_id for row in world.rows("passed"))
    decide(world.catalogue, [first], "approved", ANN)
    sign_only(world, monkeypatch)
    execute(
        world.catalogue,
        "UPDATE variants SET state = 'signing', signed = (SELECT signed FROM variants WHERE variant_id = :first) "
        "WHERE variant_id = :second",
        first=first,
        second=second,
    )

    assert world.deliver() == 1

    assert world.row(first).state == "published"
    world.refuses(second, "its state was set to signing outside Reelmill")


def test_another_signed_file_is_not_uploaded(world: World, monkeypatch: pytest.MonkeyPatch):
    first, second, _ = (row.variant_id for row in world.rows("passed"))
    decide(world.catalogue, [first, second], "approved", ANN)
    sign_only(world, monkeypatch)
    signed = [row.variant_id for row in world.rows("signing")]
    assert len(signed) == 1
    execute(
        world.catalogue,
        "UPDATE variants SET signed = replace(signed, '\"sha256\":\"', '\"sha256\":\"0') WHERE state = 'signing'",
    )
    assert world.deliver() == 1
    world.refuses(signed[0], "its signed file is not the one that was signed")


def test_another_clip_in_the_catalogue_is_not_signed(world: World):
    first, second, _ = world.rows("passed")
    decide(world.catalogue, [first.variant_id], "approved", ANN)
    execute(
        world.catalogue,
        "UPDATE variants SET clip = (SELECT clip FROM variants WHERE variant_id = :second) WHERE variant_id = :first",
        first=first.variant_id,
        second=second.variant_id,
    )
    assert world.deliver() == 0
    world.refuses(first.variant_id, "its clip is not the one that was approved")


def test_another_staged_file_is_not_signed(world: World):
    first, second, _ = world.rows("passed")
    decide(world.catalogue, [first.variant_id], "approved", ANN)
    staged, other = (Staging(world.resources.staging).located(row.clip).path for row in (first, second))
    genuine = staged.read_bytes()
    shutil.copy(other, staged)
    try:
        assert world.deliver() == 0
    finally:
        staged.write_bytes(genuine)
    assert world.row(first.variant_id).state == "planned"
    assert not world.is_in_bucket(first.variant_id)


def test_other_generation_inputs_are_not_signed(world: World):
    """The credential would disclose another prompt."""
    first = world.rows("passed")[0].variant_id
    decide(world.catalogue, [first], "approved", ANN)
    execute(world.catalogue, "UPDATE variants SET body = replace(body, 'red', 'blue')")
    assert world.deliver() == 0
    world.refuses(first, "its generation inputs were changed")


def test_an_undone_approval_proves_nothing(world: World):
    first, second, _ = (row.variant_id for row in world.rows("passed"))
    for key in (first, second):
        decide(world.catalogue, [key], "approved", ANN)
        world.catalogue.reviews.undo([key], ANN)
    names = "variant_id, at, actor, from_state, to_state, detail, clip_sha256, seal"
    execute(  # a copy of the genuine event
        world.catalogue,
        f"INSERT INTO events ({names}) SELECT {names} FROM events WHERE variant_id = :key AND to_state = 'approved'",
        "UPDATE variants SET state = 'approved' WHERE variant_id = :key",
        key=first,
    )
    execute_as_owner(  # and a history without the undo
        world.catalogue,
        "DELETE FROM events WHERE event_id = (SELECT max(event_id) FROM events WHERE variant_id = :key)",
        "UPDATE reviews SET undone_at = NULL WHERE variant_id = :key",
        "UPDATE variants SET state = 'approved' WHERE variant_id = :key",
        key=second,
    )
    assert world.deliver() == 0
    world.refuses(first, "was written or changed outside Reelmill")
    world.refuses(second, "the audit log does not say that person:ann approved it")


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DELETE FROM reviews WHERE variant_id = :key", "there is no review in which person:ann approved it"),
        ("UPDATE reviews SET clip_sha256 = NULL, author = :eve", "there is no review in which person:ann approved it"),
        ("UPDATE reviews SET clip_sha256 = 'x'", "the review names another clip"),
        ("DELETE FROM audit WHERE subject = :key", "the audit log does not say that person:ann approved it"),
        ("UPDATE audit SET actor = :eve WHERE subject = :key", "the audit log does not say that person:ann"),
        ("UPDATE audit SET at_ms = 0 WHERE subject = :key", "which approves it, was changed outside Reelmill"),
        ("UPDATE audit SET seal = NULL WHERE subject = :key", "which approves it, was changed outside Reelmill"),
        (
            "DELETE FROM audit WHERE audit_id = (SELECT min(audit_id) FROM audit WHERE subject = :key) + 1",
            "which approves it, was changed outside Reelmill",
        ),
        ("UPDATE events SET actor = 'system' WHERE actor = :ann", "was written or changed outside Reelmill"),
    ],
)
def test_the_evidence_of_an_approval_is_checked(world: World, statement: str, why: str):
    first = world.rows("passed")[0].variant_id
    decide(world.catalogue, [first], "approved", ANN)
    world.catalogue.audit.note(ANN, "run", CAMPAIGN)
    execute_as_owner(world.catalogue, statement, key=first, ann=ANN, eve=EVE)
    assert world.deliver() == 0
    world.refuses(first, why)


def test_review_cannot_be_turned_off_in_the_database(world: World):
    execute(world.catalogue, """UPDATE campaigns SET settings = replace(settings, '"required"', '"auto"')""")
    assert world.deliver("auto") == 0
    assert len(world.rows("passed")) == 3
    with pytest.raises(CatalogueError, match="Run its sheet again"):
        registration.check_run(Settings(home=world.resources.staging.parent), world.resources, CAMPAIGN)

    world.catalogue.campaigns.add(BRIEFS, {"review": "required"})  # as running the sheet again does
    world.catalogue.campaigns.check_settings(CAMPAIGN)
    assert world.catalogue.audit.verify().ok


def test_a_failed_clip_that_was_set_to_passed_is_not_approved(world: World):
    world.catalogue.campaigns.add(BRIEFS, {"review": "auto"})
    failed = world.rows("failed")[0].variant_id
    execute(world.catalogue, "UPDATE variants SET state = 'passed' WHERE variant_id = :key", key=failed)
    decided = world.catalogue.reviews.record(world.catalogue.variants.last_events([failed]), "approved", ANN)
    assert "outside Reelmill" in decided.refused[failed]
    assert world.deliver("auto") == 3
    world.refuses(failed, "it was set to passed outside Reelmill, without a verdict")


@pytest.mark.parametrize("key", [b"", OTHER_KEY])
def test_a_process_without_the_key_delivers_nothing(world: World, key: bytes):
    """It could not check approvals; it must not quarantine genuine ones either."""
    first = world.rows("passed")[0].variant_id
    decide(world.catalogue, [first], "approved", ANN)
    with pytest.raises(CatalogueError, match="REELMILL_AUDIT_KEY"):
        world.deliver(audit_key=key)
    assert world.row(first).state == "approved"
    assert world.deliver() == 1


def test_genuine_approvals_are_signed(world: World):
    passed = [row.variant_id for row in world.rows("passed")]
    failed = world.rows("failed")[0].variant_id
    decide(world.catalogue, [passed[0]], "approved", ANN)
    decide(world.catalogue, [passed[1]], "approved", EVE)
    world.catalogue.reviews.undo([passed[1]], EVE)
    world.catalogue.reviews.add_comment(passed[1], EVE, "Better now")
    decide(world.catalogue, [passed[1]], "approved", ANN)  # approved again
    decide(world.catalogue, [failed], "approved", ANN, "good enough")  # against the gate
    assert world.deliver() == 3

    new = regenerate_variant(world.catalogue, CAMPAIGN, passed[2], ANN)
    world.catalogue.campaigns.add(BRIEFS, {"review": "auto"})
    world.render()
    assert world.deliver("auto") == 2  # by policy
    assert world.row(new).state == "published"
    assert world.catalogue.audit.verify().problems == ()


def test_a_clip_that_was_quarantined_during_signing_is_published_after_a_retry(world: World, monkeypatch):
    first = world.rows("passed")[0].variant_id
    decide(world.catalogue, [first], "approved", ANN)
    sign_only(world, monkeypatch)
    world.catalogue.decisions.quarantine([first], "by hand")
    retry_failed(world.catalogue, CAMPAIGN)
    assert world.row(first).state == "signing"
    assert world.deliver() == 1
    assert world.catalogue.audit.verify().problems == ()


def test_a_stalled_worker_does_not_quarantine_the_clip_of_another(world: World):
    """Its lease has passed to a worker that has signed the clip in the meantime."""
    first = world.rows("passed")[0].variant_id
    decide(world.catalogue, [first], "approved", ANN)
    stalled = samples.take(world.catalogue, [first], ("approved",), owner="stalled")
    world.catalogue.leases.renew("stalled", -1.0)
    [lease] = samples.take(world.catalogue, [first], ("approved",), owner="other")
    world.catalogue.results.mark_signing(lease, samples.facts(first))
    assert world.catalogue.approval_proofs.unproven(stalled) == {}
    assert len(stalled) == 1


def test_another_campaign_may_share_an_approved_clip(world: World):
    """A campaign that requires review and shares the clip later does not revoke the approval."""
    first = world.rows("passed")[0].variant_id
    world.catalogue.campaigns.add(BRIEFS, {"review": "auto"})
    world.catalogue.decisions.approve([first])
    share(world)
    assert world.deliver("auto") == 1
    assert world.catalogue.audit.verify().problems == ()


def test_postgresql_is_checked_too(world: World, postgres_server_url: str):
    with database(postgres_server_url) as url:
        world.resources = replace(world.resources, catalogue_url=url)
        register(world.resources)
        world.render()
        forged, honest, policy = (row.variant_id for row in world.rows("passed"))
        decide(world.catalogue, [honest], "approved", ANN)
        world.catalogue.decisions.approve([policy])
        execute(world.catalogue, "UPDATE variants SET state = 'approved' WHERE variant_id = :key", key=forged)
        assert world.deliver() == 2
        world.refuses(forged, "its state was set to approved outside Reelmill")
        share(world)
        assert world.catalogue.audit.verify().problems == ()
        execute(world.catalogue, "DELETE FROM memberships")
        assert len(world.catalogue.audit.verify().problems) == 2
        close_resources()


def test_a_sealed_catalogue_that_lost_its_seals_delivers_nothing(world: World):
    forged = world.rows("passed")[0].variant_id
    assert world.deliver() == 0
    execute(
        world.catalogue,
        "UPDATE audit_head SET seal = NULL, key_id = NULL, sealed_from = NULL",
        "UPDATE variants SET state = 'approved' WHERE variant_id = :key",
        key=forged,
    )
    close_resources()
    with pytest.raises(CatalogueError, match="`reelmill audit seal`"):
        world.deliver()
    assert not world.is_in_bucket(forged)
    open_catalogue(world.resources.catalogue_url).close()


def inserted(world: World, variant_id: str, *states: str) -> None:
    """Insert an event for each step of a path, without seals, and set the last state."""
    for source, state in pairwise(states):
        insert_event(world.catalogue, variant_id, "host:0:1:1", source, state)


@pytest.mark.parametrize("path", [("rejected", "passed"), ("rejected", "failed", "passed"), ("rejected", "planned")])
def test_a_policy_does_not_override_a_rejection(world: World, path: tuple[str, ...]):
    world.catalogue.campaigns.add(BRIEFS, {"review": "auto"})
    key = world.rows("passed")[0].variant_id
    decide(world.catalogue, [key], "rejected", ANN)
    inserted(world, key, *path)
    problems = " ".join(world.catalogue.audit.verify().problems)
    assert re.search(f"Variant {key} .*(outside Reelmill|cannot follow)", problems), problems
    world.render()
    assert world.deliver("auto") == 2
    world.refuses(key, "cannot follow" if path[-1] == "planned" else "outside Reelmill")


def test_a_rejection_is_in_the_log_although_its_event_was_deleted(world: World):
    world.catalogue.campaigns.add(BRIEFS, {"review": "auto"})
    key = world.rows("passed")[0].variant_id
    decide(world.catalogue, [key], "rejected", ANN)
    execute_as_owner(
        world.catalogue,
        "DELETE FROM events WHERE variant_id = :key AND to_state = 'rejected'",
        "UPDATE variants SET state = 'passed' WHERE variant_id = :key",
        key=key,
    )
    assert world.deliver("auto") == 2
    world.refuses(key, "the audit log says that person:ann set it to rejected last")


def test_a_rejection_holds_after_a_quarantine_and_a_retry(world: World):
    """The forged history is quarantined; generating the same clip again is not a decision."""
    world.catalogue.campaigns.add(BRIEFS, {"review": "auto"})
    key = world.rows("passed")[0].variant_id
    decide(world.catalogue, [key], "rejected", ANN)
    inserted(world, key, "rejected", "passed")
    assert world.deliver("auto") == 2
    retry_failed(world.catalogue, CAMPAIGN)
    world.render()
    assert world.deliver("auto") == 0
    assert world.row(key).state == "quarantined"
    assert "the audit log says that person:ann has rejected it" in world.row(key).error

    retry_failed(world.catalogue, CAMPAIGN)
    world.render()
    decide(world.catalogue, [key], "approved", ANN)
    assert world.deliver("auto") == 1
    assert world.catalogue.audit.verify().problems == ()


def test_a_failed_clip_with_an_inserted_verdict_is_not_approved(world: World):
    world.catalogue.campaigns.add(BRIEFS, {"review": "auto"})
    failed = world.rows("failed")[0].variant_id
    inserted(world, failed, "failed", "passed")
    assert world.deliver("auto") == 3
    world.refuses(failed, "(passed by host:0:1:1) was written or changed outside Reelmill")


def test_an_impossible_transition_is_refused(world: World):
    world.catalogue.campaigns.add(BRIEFS, {"review": "auto"})
    key = world.rows("passed")[0].variant_id
    execute_as_owner(
        world.catalogue,
        "UPDATE events SET to_state = 'planned' WHERE variant_id = :key AND to_state = 'rendered'",
        "UPDATE events SET from_state = 'planned' WHERE variant_id = :key AND from_state = 'rendered'",
        key=key,
    )
    assert "(passed by" in " ".join(world.catalogue.audit.verify().problems)
    assert world.deliver("auto") == 2
    world.refuses(key, "cannot follow planned")


def test_a_withdrawn_clip_is_not_published_again(world: World):
    world.catalogue.campaigns.add(BRIEFS, {"review": "auto"})
    assert world.deliver("auto") == 3
    key = world.rows("published")[0].variant_id
    withdraw(world.resources, world.catalogue.variants.last_events([key]), ANN, "legal")
    execute_as_owner(world.catalogue, "DELETE FROM events WHERE variant_id = :key AND to_state = 'published'", key=key)
    inserted(world, key, "withdrawn", "passed")
    execute(world.catalogue, "UPDATE variants SET signed = NULL, url = NULL WHERE variant_id = :key", key=key)
    assert world.deliver("auto") == 0
    world.refuses(key, "(withdrawn by person:ann) does not follow the event before it")


def test_a_clip_of_a_reviewed_campaign_cannot_be_moved(world: World):
    other = Campaign("Other", "e" * 64, (Brief(2, "x", ("another",), variants=1),))
    world.catalogue.campaigns.add(other, {"review": "auto"})
    key = world.rows("passed")[0].variant_id
    execute(
        world.catalogue,
        "UPDATE memberships SET campaign_id = :other, brief_id = 'x' WHERE variant_id = :key",
        other=other.campaign_id,
        key=key,
    )
    ended = threading.Event()
    ended.set()
    assert step.deliver(world.resources, other.campaign_id, "auto", ended, patient=False) == 0
    assert world.row(key).state == "quarantined"
    assert "its place in this campaign was written outside Reelmill" in world.row(key).error
    assert not world.is_in_bucket(key)
    assert f"The place of variant {key} in the campaign {other.campaign_id}" in " ".join(
        world.catalogue.audit.verify().problems
    )


DELETE_PLACES = "DELETE FROM memberships WHERE campaign_id = :other"
REPLACE_PLACES = (
    "INSERT INTO memberships (campaign_id, brief_id, ordinal, variant_id, placement, labels, locale, seal) SELECT "
    ":other, brief_id, ordinal, (SELECT variant_id FROM variants WHERE state = 'failed'), 'forged ' || ordinal, "
    "labels, locale, seal FROM memberships WHERE campaign_id <> :other"
)
DELETE_CAMPAIGN = ("DELETE FROM briefs WHERE campaign_id = :other", "DELETE FROM campaigns WHERE campaign_id = :other")


@pytest.mark.parametrize(
    "statements",
    [
        (DELETE_PLACES,),
        (DELETE_PLACES + " AND variant_id = (SELECT min(variant_id) FROM variants WHERE state = 'passed')",),
        (DELETE_PLACES, REPLACE_PLACES),
        (DELETE_PLACES, *DELETE_CAMPAIGN),
    ],
)
def test_a_required_review_does_not_end_with_deleted_places(world: World, statements: tuple[str, ...]):
    """The log says how many places the campaign has, and running its sheet again restores them."""
    world.catalogue.campaigns.add(BRIEFS, {"review": "auto"})
    other, reviewed = share(world), world.rows("passed")[0].variant_id
    decide(world.catalogue, [reviewed], "approved", ANN)
    execute(world.catalogue, *statements, other=other)

    with pytest.raises(CatalogueError, match=rf"{other} has \d genuine places .* the audit log says 4: places were"):
        world.deliver("auto")
    assert (world.row(reviewed).state, len(world.rows("passed"))) == ("published", 2)
    assert any(f"The campaign {other} has" in problem for problem in world.catalogue.audit.verify().problems)

    execute(world.catalogue, "DELETE FROM memberships WHERE placement LIKE 'forged %'")
    assert share(world) == other
    assert world.catalogue.audit.verify().problems == ()
    assert world.deliver("auto") == 0
    assert len(world.rows("passed")) == 2


def test_places_that_are_deleted_after_they_were_read_are_still_known(world: World):
    """A delivery reads the places of a campaign once, and not again for each clip."""
    world.catalogue.campaigns.add(BRIEFS, {"review": "auto"})
    other, passed = share(world), {row.variant_id for row in world.rows("passed")}
    assert world.catalogue.places_proofs.awaiting_review(passed) == passed
    execute(world.catalogue, DELETE_PLACES, other=other)
    assert world.catalogue.places_proofs.awaiting_review(passed) == passed
    assert world.deliver("auto") == 0


def test_deleted_places_are_reported(world: World):
    execute(world.catalogue, "DELETE FROM memberships")
    [problem] = world.catalogue.audit.verify().problems
    assert f"The campaign {CAMPAIGN} has 0 genuine places of clips, but the audit log says 4" in problem

    world.catalogue.audit.seal(AuditKey(KEY), ANN)
    assert world.catalogue.audit.verify().problems == ()


def test_a_catalogue_of_an_earlier_version_is_counted_when_it_is_sealed_or_registered(world: World):
    """Its log says nothing about places."""
    execute_as_owner(world.catalogue, "DELETE FROM audit WHERE action = 'places'")
    with world.catalogue.database.reading() as connection:
        assert logged_places(connection) == {}
    register(world.resources)
    with world.catalogue.database.reading() as connection:
        assert logged_places(connection)[CAMPAIGN].number == 4


def test_a_forged_number_of_places_is_not_believed(world: World):
    world.catalogue.campaigns.add(BRIEFS, {"review": "auto"})
    other = share(world)
    change = "UPDATE audit SET detail = :none WHERE action = 'places' AND subject = :other"
    execute_as_owner(world.catalogue, DELETE_PLACES, change, other=other, none='{"places":0}')
    with pytest.raises(CatalogueError, match="the audit log says another number"):
        world.catalogue.places_proofs.awaiting_review([row.variant_id for row in world.rows("passed")])
    with pytest.raises(CatalogueError, match="The audit log no longer contains entry"):
        world.deliver("auto")
    assert len(world.rows("passed")) == 3


def test_another_placement_is_not_signed(world: World):
    """Running the sheet again restores the place."""
    key = world.rows("passed")[0].variant_id
    genuine = world.catalogue.campaigns.memberships(CAMPAIGN, [key])
    decide(world.catalogue, [key], "approved", ANN)
    change = "UPDATE memberships SET labels = :labels WHERE variant_id = :key"
    execute(world.catalogue, change, labels='[["cta","Buy now"]]', key=key)
    assert world.deliver() == 0
    world.refuses(key, "its place in this campaign was written outside Reelmill")

    register(world.resources)
    assert world.catalogue.campaigns.memberships(CAMPAIGN, [key], genuine=True) == genuine
    assert world.catalogue.audit.verify().problems == ()


def test_an_inserted_variant_is_not_signed(world: World):
    """It passes the gate as any other, but no sheet has planned it."""
    world.catalogue.campaigns.add(BRIEFS, {"review": "auto"})
    row = world.rows("passed")[0]
    variant = row.variant._replace(seed=4242)
    execute(
        world.catalogue,
        "INSERT INTO variants (variant_id, body, state, attempt, tries, card) VALUES (:new, :body, 'planned', 0, 0, "
        ":card)",
        "INSERT INTO events (variant_id, at, actor, to_state, detail) VALUES (:new, 0, 'system', 'planned', '{}')",
        "INSERT INTO memberships (campaign_id, brief_id, ordinal, variant_id, placement, labels, locale, seal) SELECT "
        "campaign_id, brief_id, 99, :new, placement, labels, locale, seal FROM memberships WHERE variant_id = :old",
        new=variant.variant_id,
        body=variant_text(variant),
        card=variant.card,
        old=row.variant_id,
    )
    world.render()
    if world.row(variant.variant_id).state == "failed":
        world.catalogue.decisions.regate([Verdict(variant.variant_id, True)])
    assert world.deliver("auto") == 3
    world.refuses(variant.variant_id, "its place in this campaign was written outside Reelmill")


def test_old_settings_are_refused(world: World):
    """They have a genuine seal, from when the campaign did not require review."""
    world.catalogue.campaigns.add(BRIEFS, {"review": "auto"})
    with world.catalogue.database.reading() as connection:
        old = connection.execute(text("SELECT settings, seal FROM campaigns")).one()
    world.catalogue.campaigns.add(BRIEFS, {"review": "required"})
    change = "UPDATE campaigns SET settings = :settings, seal = :seal"
    execute(world.catalogue, change, settings=old.settings, seal=old.seal)

    assert world.deliver("auto") == 0
    assert len(world.rows("passed")) == 3
    with pytest.raises(CatalogueError, match=r"settings of the campaign .* were changed outside Reelmill"):
        world.catalogue.campaigns.check_settings(CAMPAIGN)
    assert "The settings of the campaign" in " ".join(world.catalogue.audit.verify().problems)

    world.catalogue.campaigns.add(BRIEFS, {"review": "required"})
    world.catalogue.campaigns.check_settings(CAMPAIGN)
    assert world.catalogue.audit.verify().problems == ()


def test_thresholds_are_refused_that_nobody_set(world: World):
    world.catalogue.campaigns.set_threshold(CAMPAIGN, "wan", 0.5, ANN)
    change = "UPDATE campaigns SET thresholds = :thresholds"
    execute(world.catalogue, change, thresholds='{"wan":-1.0}')
    for act in (
        lambda: world.catalogue.campaigns.check_settings(CAMPAIGN),
        lambda: world.catalogue.campaigns.set_threshold(CAMPAIGN, "ltx", 0.1, ANN),
    ):
        with pytest.raises(CatalogueError, match="were changed outside Reelmill"):
            act()
    world.catalogue.campaigns.add(BRIEFS, {"review": "required"})
    assert world.catalogue.campaigns.get(CAMPAIGN).thresholds == {"wan": 0.5}
    world.catalogue.campaigns.check_settings(CAMPAIGN)


def test_an_erased_publication_is_not_repeated(world: World):
    key = world.rows("passed")[0].variant_id
    decide(world.catalogue, [key], "approved", ANN)
    assert world.deliver() == 1
    execute_as_owner(
        world.catalogue,
        "DELETE FROM events WHERE variant_id = :key AND to_state IN ('signing', 'published')",
        "UPDATE variants SET state = 'approved', url = NULL, signed = NULL WHERE variant_id = :key",
        key=key,
    )
    assert f"The log says that variant {key} was published" in " ".join(world.catalogue.audit.verify().problems)
    assert world.deliver() == 0
    assert world.row(key).state == "quarantined"
    assert "the audit log says that it was published before" in world.row(key).error


def test_a_copy_from_before_publications_contradicts_the_anchors(world: World):
    """Publications by policy alone make the log longer."""
    world.catalogue.campaigns.add(BRIEFS, {"review": "auto"})
    home = world.resources.staging.parent
    close_resources()
    shutil.copy(home / "catalogue.sqlite", home / "old.sqlite")
    assert world.deliver("auto") == 3
    with signer_of(world.resources) as signer:
        assert write_anchor(world.resources, signer)
    assert check_anchors(world.resources).problems == []
    close_resources()
    shutil.copy(home / "old.sqlite", home / "catalogue.sqlite")
    [problem] = check_anchors(world.resources).problems
    assert "an older backup was restored" in problem


class Submitted:
    """A task runner that records what is sent to workers, and fails."""

    def __init__(self) -> None:
        self.sent: list[Resources] = []

    def submit(self, task: object, parameters: dict[str, Any]) -> Future[object]:
        self.sent.append(parameters["resources"])
        future: Future[object] = Future()
        future.set_exception(BucketUnreachableError())
        return future


@pytest.mark.parametrize(("runner", "key"), [("ray", b""), ("threads", KEY)])
def test_workers_of_a_cluster_do_not_receive_the_key(world: World, monkeypatch, runner: str, key: bytes):
    monkeypatch.setattr(dispatch, "options_for", lambda *_: nullcontext())
    monkeypatch.setattr(dispatch, "max_in_flight", lambda *_: 1)
    monkeypatch.setattr(dispatch, "number_of_devices", lambda *_: 1)
    regenerate_variant(world.catalogue, CAMPAIGN, world.rows("passed")[0].variant_id, ANN)
    submitted = Submitted()
    wave = dispatch.Wave(
        Settings(home=world.resources.staging.parent, runner=runner),
        world.resources,
        submitted,
        Remaining(world.resources, CAMPAIGN, 0.25).shards(8),
    )
    with pytest.raises(BucketUnreachableError):
        wave.run()
    assert [sent.audit_key for sent in submitted.sent] == [key]


def test_a_host_that_only_renders_creates_no_key(world: World, tmp_path: Path, monkeypatch):
    home = tmp_path / "worker"
    monkeypatch.setenv("REELMILL_HOME", str(home))
    assert localise_resources(replace(world.resources, shared=True, audit_key=b"")).audit_key == b""
    assert (home / "machine.id").exists()
    assert not (home / "audit.key").exists()
    assert len(resources_of(Settings(home=home)).audit_key) == 32


class Earlier:
    """The rows of the catalogue at a time, which the owner of the database restores later."""

    def __init__(self, world: World, *tables: str) -> None:
        self._catalogue = world.catalogue
        with self._catalogue.database.reading() as connection:
            self._rows = {
                table: [dict(row) for row in connection.execute(text(f"SELECT * FROM {table}")).mappings()]
                for table in tables
            }

    def restore(self) -> None:
        with self._catalogue.database.writing() as connection:
            drop_triggers(connection)
            connection.execute(text("PRAGMA defer_foreign_keys = ON"))
            for table, rows in self._rows.items():
                connection.execute(text(f"DELETE FROM {table}"))
                names = ", ".join(rows[0]) if rows else ""
                for row in rows:
                    values = ", ".join(f":{name}" for name in row)
                    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)


DECISIONS = ("variants", "events", "reviews")
LOG = ("audit", "audit_head")
LOST = "The audit log no longer contains entry"


def overrule(world: World, key: str, how: str) -> None:
    """Let a person decide against a clip."""
    if how == "undone":
        world.catalogue.reviews.undo([key], ANN)
    elif how == "rejected":
        decide(world.catalogue, [key], "rejected", ANN)
    else:
        world.catalogue.decisions.quarantine([key], "must not appear", ANN)


def prepare(world: World, how: str) -> str:
    """Approve a clip that is overruled later, or let a policy approve it; return its id."""
    key = world.rows("passed")[0].variant_id
    if how == "undone":
        decide(world.catalogue, [key], "approved", ANN)
        world.catalogue.audit.note(ANN, "run", CAMPAIGN)  # the entry next to a deleted one is not intact
    else:
        world.catalogue.campaigns.add(BRIEFS, {"review": "auto"})
    world.review = "required" if how == "undone" else "auto"
    return key


@pytest.mark.parametrize("how", ["undone", "rejected", "quarantined"])
def test_a_deleted_entry_stops_the_delivery(world: World, how: str):
    """Only a gap in the log shows that a person decided against the clip."""
    key = prepare(world, how)
    earlier = Earlier(world, *DECISIONS)
    overrule(world, key, how)
    world.catalogue.audit.note(ANN, "run", CAMPAIGN)
    earlier.restore()
    execute(world.catalogue, "DELETE FROM audit WHERE audit_id = (SELECT max(audit_id) - 1 FROM audit)")

    with pytest.raises(CatalogueError, match="Entries of the audit log were removed, added or changed"):
        world.deliver(world.review)
    assert not world.is_in_bucket(key)


@pytest.mark.parametrize("how", ["undone", "rejected", "quarantined"])
def test_an_earlier_end_of_the_log_stops_the_delivery(world: World, how: str):
    """The earlier head is genuine; the home knows that the log was longer."""
    key = prepare(world, how)
    earlier = Earlier(world, *DECISIONS, *LOG)
    overrule(world, key, how)
    earlier.restore()

    with pytest.raises(CatalogueError, match=LOST):
        world.deliver(world.review)
    assert not world.is_in_bucket(key)
    [problem] = world.catalogue.audit.verify().problems
    assert LOST in problem
    with pytest.raises(CatalogueError, match=LOST):
        world.catalogue.audit.note(ANN, "run", CAMPAIGN)

    world.catalogue.restores.accept(ANN, "disk failure", [])
    assert world.catalogue.audit.verify().problems == ()
    assert world.deliver(world.review) == (1 if how == "undone" else 3)


def test_a_delivery_remembers_the_entries_of_other_installations(world: World):
    with open_catalogue(world.resources.catalogue_url, audit_key=KEY) as other:
        other.audit.note(EVE, "run", CAMPAIGN)
    key = prepare(world, "undone")
    earlier = Earlier(world, *LOG)
    with open_catalogue(world.resources.catalogue_url, audit_key=KEY) as other:
        other.audit.note(EVE, "run", CAMPAIGN)
    assert world.catalogue.audit.lost_entry() is None
    lease = samples.take(world.catalogue, [key], ("approved",), owner="other")
    assert world.catalogue.approval_proofs.unproven(lease) == {}
    earlier.restore()
    assert world.catalogue.audit.lost_entry()
    with pytest.raises(CatalogueError, match=LOST):
        world.catalogue.approval_proofs.unproven(lease)


def test_an_entry_that_was_changed_before_the_process_started_stops_the_delivery(world: World):
    key = world.rows("passed")[0].variant_id
    decide(world.catalogue, [key], "approved", ANN)
    execute_as_owner(world.catalogue, "UPDATE audit SET subject = 'other' WHERE audit_id = 1")
    with pytest.raises(CatalogueError, match="Entries of the audit log were removed, added or changed"):
        world.deliver()
    world.catalogue.audit.seal(AuditKey(KEY), ANN)  # a person accepts what is left
    assert world.deliver() == 1


def test_a_former_account_and_a_revoked_token_stay_invalid(world: World):
    """Even if the end of the log is cut, so that it says nothing about their change."""
    catalogue = world.catalogue
    catalogue.accounts.add("amy", "admin", ANN)
    catalogue.accounts.add("bob", "admin", ANN)
    session, token = catalogue.sessions.start("bob", 6000.0), catalogue.tokens.add("amy", "ci", 6000.0, ANN)
    assert catalogue.sessions.account(session)
    assert catalogue.tokens.holder(token)
    earlier = Earlier(world, "tokens", "sessions", "accounts", *LOG)
    catalogue.accounts.change("bob", ANN, role="viewer")
    catalogue.tokens.revoke(catalogue.tokens.all("amy")[0].secret_sha256, ANN)
    earlier.restore()

    assert catalogue.sessions.account(session) is None
    assert catalogue.tokens.holder(token) is None
    with pytest.raises(CatalogueError, match=LOST):
        catalogue.sessions.start("bob", 6000.0)
    assert LOST in " ".join(catalogue.audit.verify().problems)


def restored_before_an_anchor(world: World) -> str:
    """Undo an approval, anchor the log, and restore the database from before; return the clip."""
    key = prepare(world, "undone")
    earlier = Earlier(world, *DECISIONS, *LOG)
    overrule(world, key, "undone")
    with signer_of(world.resources) as signer:
        assert write_anchor(world.resources, signer)
    earlier.restore()
    return key


@pytest.mark.parametrize("how", ["restore accepted", "sealed"])
@pytest.mark.parametrize("anchor_h", [0.0, 1.0])
def test_an_anchor_that_contradicts_the_log_stops_the_delivery(world: World, anchor_h: float, how: str):
    """For an installation that did not see the lost entries itself, also if it writes no anchors."""
    world.resources = replace(world.resources, log_marks=None, audit_anchor_h=anchor_h)
    key = restored_before_an_anchor(world)

    with pytest.raises(CatalogueError, match=r"The log no longer contains entry .* as it was anchored"):
        world.deliver()
    assert not world.is_in_bucket(key)
    lost = check_anchors(world.resources).lost
    if how == "sealed":
        world.catalogue.audit.seal(AuditKey(KEY), ANN, [anchor.entry for anchor in lost])
    else:
        accept_restore(world.resources, ANN, "disk failure", lost)
    assert world.deliver() == 1
    assert check_anchors(world.resources).problems == []


def test_another_key_id_in_the_head_does_not_skip_the_anchors(world: World):
    """The id is not part of the head's seal; anchors are looked up by the key of this process."""
    world.resources = replace(world.resources, log_marks=None)
    key = restored_before_an_anchor(world)
    with pytest.raises(CatalogueError, match="as it was anchored"):
        world.deliver()
    execute(world.catalogue, "UPDATE audit_head SET key_id = '0000000000000000'")
    with pytest.raises(CatalogueError, match="as it was anchored"):
        world.deliver()
    assert not world.is_in_bucket(key)


def test_the_known_entry_of_a_home_only_moves_forward(tmp_path: Path):
    mark = LogMark(tmp_path / "audit.marks", "catalogue")
    assert mark.read() is None
    mark.advance(KnownEntry(7, "a" * 64))
    mark.advance(KnownEntry(6, "b" * 64))
    assert mark.read() == KnownEntry(7, "a" * 64)
    mark.replace(KnownEntry(6, "b" * 64))
    assert mark.read() == KnownEntry(6, "b" * 64)
    [file] = (tmp_path / "audit.marks").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    file.write_text("7")
    with pytest.raises(CatalogueError, match="is damaged"):
        mark.read()
