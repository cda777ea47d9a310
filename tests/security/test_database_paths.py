"""No path or key in the database leads to a file or an object that is not the clip's own.

The attacker can write to the database, and has neither the audit key nor access to the home folder or the bucket.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from decisions import decide
from PIL import Image
from sealed_catalogue import ANN, execute, insert_event
from test_proven_approvals import BRIEFS, CAMPAIGN, World, rendered, sign_only, world  # noqa: F401 - fixtures

from adapters.catalogue import VariantRow
from app.dashboard.bundle.files import files_of
from app.dashboard.routes import media
from app.report.contact_sheet import write_contact_sheet
from manifests.clip import UNKNOWN
from manifests.credentials.attestation import Attestation
from manifests.errors import CatalogueError, GenerationError, ReelmillError
from manifests.nightly.night_schedule import NightSchedule
from tasks.deliver.anchors import write_anchor
from tasks.deliver.withdraw import withdraw
from tasks.render.clip_reuse import reused_clips
from tasks.runtime.files.shared_staging import SHARED, fetch_poster, fetch_staged
from tasks.runtime.files.staging import Staging
from tasks.runtime.resources import first_frames_of, signer_of
from tasks.sweep.context import SweepOptions, SweepTarget
from tasks.sweep.report import SweepReport
from tasks.sweep.sweep import sweep_all

SECRET = b"the content of audit.key"


@pytest.fixture
def secret(world: World) -> Iterator[Path]:  # noqa: F811
    """A file of the driver that belongs to no clip."""
    path = world.resources.staging.parent / "audit.key"
    path.write_bytes(SECRET)
    yield path
    path.unlink()


@pytest.fixture
def served(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: F811
    """The dashboard's dependencies."""
    session = SimpleNamespace(resources=world.resources)
    monkeypatch.setattr(media, "session_of", lambda *_: session)
    return SimpleNamespace(catalogue=world.catalogue, session=session)


def change(world: World, column: str, key: str, /, **values: object) -> None:  # noqa: F811
    """Change fields of a JSON column as an attacker would."""
    with world.catalogue.database.reading() as connection:
        query = f"SELECT {column} FROM variants WHERE variant_id = '{key}'"
        body = json.loads(connection.exec_driver_sql(query).scalar_one())
    text = json.dumps(body | values)
    execute(world.catalogue, f"UPDATE variants SET {column} = :text WHERE variant_id = :key", text=text, key=key)


def approved(world: World) -> str:  # noqa: F811
    """Return a clip that a person has approved."""
    key = world.rows("passed")[0].variant_id
    decide(world.catalogue, [key], "approved", ANN)
    return key


def published(world: World) -> list[VariantRow]:  # noqa: F811
    """Publish the passed clips by policy and return them."""
    world.catalogue.campaigns.add(BRIEFS, {"review": "auto"})
    assert world.deliver("auto") == 3
    return world.rows("published")


def copies_of(secret: Path) -> list[Path]:
    """Return the other files of the home that contain the secret."""
    files = (path for path in secret.parent.rglob("*") if path.is_file() and path != secret)
    return [path for path in files if SECRET in path.read_bytes() and not path.name.startswith("catalogue.")]


def sweep(world: World, *, dry_run: bool = False) -> SweepReport:  # noqa: F811
    target = SweepTarget(world.resources, frozenset({CAMPAIGN}))
    return sweep_all(world.resources, [target], SweepOptions(dry_run=dry_run, grace_s=0))


# Paths of staged files


def test_the_dashboard_serves_only_the_staged_files_of_a_clip(world: World, secret: Path, served: Any):  # noqa: F811
    row = world.rows("passed")[0]
    change(world, "clip", row.variant_id, path=str(secret), poster=str(secret))
    own = Staging(world.resources.staging).located(row.clip)

    assert media.clip_response(served, world.row(row.variant_id)).path == own.path
    assert media.download_response(served, row.variant_id, "clip").path == own.path
    assert media.poster_response(served, row.variant_id).body == own.poster.read_bytes()
    assert media.download_response(served, row.variant_id, "poster").body == own.poster.read_bytes()
    [file] = files_of(served, served.session, world.row(row.variant_id))
    assert b"".join(file.read()) == own.path.read_bytes()


@pytest.mark.parametrize("machine", ["", SHARED])
def test_a_clip_cannot_name_another_folder(world: World, secret: Path, machine: str):  # noqa: F811
    key, names = world.rows("passed")[0].variant_id, {"machine": machine or world.resources.machine}
    change(world, "clip", key, variant_id="../../..", path=str(secret), poster=str(secret), **names)
    clip = world.row(key).clip
    assert (clip.variant_id, clip.path, clip.poster) == (key, UNKNOWN, UNKNOWN)
    assert fetch_poster(world.resources, clip) == Staging(world.resources.staging).path_of(key) / "poster.jpg"
    assert fetch_staged(world.resources, clip).path == Staging(world.resources.staging).path_of(key) / "master.mp4"


def test_an_inserted_variant_cannot_lead_out_of_staging(world: World, secret: Path, served: Any):  # noqa: F811
    row = world.rows("passed")[0]
    execute(
        world.catalogue,
        "INSERT INTO variants (variant_id, body, state, clip, attempt, tries) "
        "SELECT '../..', body, 'passed', clip, 1, 1 FROM variants WHERE variant_id = :key",
        key=row.variant_id,
    )
    (secret.parent / "master.mp4").write_bytes(SECRET)
    try:
        with pytest.raises(CatalogueError, match="invalid variant id"):
            media.clip_response(served, world.row("../.."))
        with pytest.raises(CatalogueError, match="invalid variant id"):
            fetch_staged(world.resources, world.row("../..").clip)
    finally:
        (secret.parent / "master.mp4").unlink()


@pytest.mark.parametrize("sha256", ["../../x", "A" * 64, ""])
def test_a_clip_in_shared_staging_cannot_name_another_object(world: World, sha256: str):  # noqa: F811
    key = world.rows("passed")[0].variant_id
    change(world, "clip", key, machine=SHARED, sha256=sha256)
    with pytest.raises(CatalogueError, match="invalid hash"):
        fetch_staged(world.resources, world.row(key).clip)


def test_a_link_is_not_a_staged_file(world: World, secret: Path, served: Any):  # noqa: F811
    row = world.rows("passed")[0]
    own = Staging(world.resources.staging).located(row.clip)
    content = own.path.read_bytes()
    own.path.unlink()
    own.path.symlink_to(secret)
    try:
        assert fetch_staged(world.resources, row.clip) is None
        with pytest.raises(media.MediaNotFoundError):
            media.clip_response(served, row)
    finally:
        own.path.unlink()
        own.path.write_bytes(content)


def test_frames_of_another_path_are_not_reused(world: World, secret: Path):  # noqa: F811
    row = world.rows("passed")[0]
    change(world, "clip", row.variant_id, path=str(secret), poster=str(secret))
    other = row.variant._replace(campaign_id="other-campaign")
    lease = SimpleNamespace(
        variant=other, variant_id=other.variant_id, row=SimpleNamespace(clip=None), state="leased", attempt=1
    )
    [clip] = reused_clips(world.resources, world.catalogue, [lease]).values()
    assert clip.poster.read_bytes() == Staging(world.resources.staging).located(row.clip).poster.read_bytes()
    assert not copies_of(secret)

    execute(world.catalogue, "UPDATE variants SET body = replace(body, 'red', 'blue')")  # pixels of another prompt
    blue = other._replace(prompt=other.prompt.replace("red", "blue"))
    execute(world.catalogue, "UPDATE variants SET prompt = :prompt", prompt=blue.prompt)
    lease.variant, lease.variant_id = blue, blue.variant_id
    assert not reused_clips(world.resources, world.catalogue, [lease])


def test_a_contact_sheet_reads_only_staged_clips(world: World, tmp_path: Path):  # noqa: F811
    first, second, _ = world.rows("passed")
    staging = Staging(world.resources.staging)
    before = write_contact_sheet(world.resources, [world.row(first.variant_id)], tmp_path / "before.png").read_bytes()
    change(world, "clip", first.variant_id, path=str(staging.located(second.clip).path), machine="far")
    assert write_contact_sheet(world.resources, [world.row(first.variant_id)], tmp_path / "away.png") is None
    change(world, "clip", first.variant_id, machine=world.resources.machine)
    after = write_contact_sheet(world.resources, [world.row(first.variant_id)], tmp_path / "after.png").read_bytes()
    assert after == before


# The signer


def test_the_signer_embeds_the_clips_own_poster(world: World, secret: Path):  # noqa: F811
    key = approved(world)
    change(world, "clip", key, poster=str(secret), path=str(secret))
    assert world.deliver() == 1
    assert world.row(key).state == "published"
    assert copies_of(secret) == []


@pytest.mark.parametrize("kind", ["secret", "size", "png", "broken"])
def test_a_poster_that_is_no_picture_of_the_clip_is_made_again(world: World, kind: str):  # noqa: F811
    """As a renderer could have uploaded it to shared staging; the approval covers the master only."""
    key = approved(world)
    poster = Staging(world.resources.staging).located(world.row(key).clip).poster
    genuine = poster.read_bytes()
    size = Image.open(BytesIO(genuine)).size
    forged = BytesIO()
    Image.new("RGB", size if kind != "size" else (96, 80)).save(forged, "PNG" if kind == "png" else "JPEG")
    poster.unlink()  # it may be linked to that of another variant
    content = {"secret": SECRET, "broken": forged.getvalue()[:-200]}.get(kind, forged.getvalue())
    poster.write_bytes(content)
    try:
        assert world.deliver() == 1
        facts = world.row(key).signed
        uploaded = Path(world.resources.bucket.location, facts.poster_key).read_bytes()
        assert Image.open(BytesIO(uploaded)).size == size
        assert Image.open(BytesIO(uploaded)).format == "JPEG"
        assert uploaded != content
    finally:
        poster.write_bytes(genuine)


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "othercampaign/evil/clip.mp4", "sidecar_key": "", "poster_key": "", "record_key": ""},
        {"sidecar_key": ""},
        {"poster_key": ""},
        {"record_key": "audit/record.json"},
        {"digests": {}},
        {"size": 1},
        {"attestation": asdict(Attestation(**dict.fromkeys(Attestation.__dataclass_fields__, "x")))},
    ],
    ids=["all keys", "no sidecar", "no poster", "another record", "no hashes", "size", "attestation"],
)
def test_the_facts_of_a_signed_clip_are_those_of_its_signing(
    world: World,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
):
    key = approved(world)
    sign_only(world, monkeypatch)
    change(world, "signed", key, **changes)
    assert world.deliver() == 0
    world.refuses(key, "its keys, hashes or size are not those that were signed")
    assert not Path(world.resources.bucket.location, "othercampaign").exists()


def test_a_home_that_was_moved_still_publishes(world: World, monkeypatch: pytest.MonkeyPatch):  # noqa: F811
    """Rows of older versions, and rows from before a move, have absolute paths."""
    key = approved(world)
    sign_only(world, monkeypatch)
    before = world.row(key).signed
    change(world, "signed", key, path=f"/elsewhere/staging/{key[:2]}/{key}/{before.path.parent.name}/clip.mp4")
    assert world.deliver() == 1
    assert world.row(key).signed.sha256 == before.sha256


def test_a_changed_key_of_a_published_clip_is_reported(world: World):  # noqa: F811
    first, *_ = published(world)
    assert world.catalogue.audit.verify().ok
    change(world, "signed", first.variant_id, sidecar_key="audit/x.json")
    [problem] = world.catalogue.audit.verify().problems
    assert "its keys, hashes or size are not those that were signed" in problem


# Objects in the bucket


@pytest.mark.parametrize("key", ["audit/k/000000000001-0000000000000000.json", "staging/a.mp4", "{other}", "../x"])
def test_the_dashboard_shows_only_objects_of_the_clip(world: World, served: Any, key: str):  # noqa: F811
    first, second, _ = published(world)
    change(world, "signed", first.variant_id, key=key.format(other=second.signed.key))
    assert media.published_key(world.row(first.variant_id), "clip") == ""
    assert media.published_key(second, "clip") == second.signed.key


def test_published_objects_are_not_set_aside_because_a_row_forgets_them(world: World):  # noqa: F811
    rows = published(world)
    execute(world.catalogue, "UPDATE variants SET signed = NULL WHERE variant_id = :key", key=rows[0].variant_id)
    change(world, "signed", rows[1].variant_id, key=rows[2].signed.key)
    sweep(world)
    bucket = Path(world.resources.bucket.location)
    assert all((bucket / key).is_file() for row in rows for key in row.signed.keys)


def test_a_forged_withdrawal_deletes_nothing(world: World):  # noqa: F811
    victim, *_ = published(world)
    world.catalogue.audit.note(ANN, "run", CAMPAIGN)
    with signer_of(world.resources) as signer:
        anchor = write_anchor(world.resources, signer)
    failed = world.rows("failed")[0].variant_id
    facts = json.dumps({"key": victim.signed.key, "sha256": "0" * 64, "size": 1, "sidecar_key": anchor, "path": None})
    execute(
        world.catalogue,
        "UPDATE variants SET state = 'withdrawn', url = 'x', signed = :facts WHERE variant_id = :key",
        facts=facts,
        key=failed,
    )
    insert_event(world.catalogue, failed, ANN, "failed", "withdrawn")

    report = sweep(world)

    bucket = Path(world.resources.bucket.location)
    assert (bucket / victim.signed.key).is_file()
    assert (bucket / anchor).is_file()
    assert "its withdrawal is not proven" in str(report.needs_person)


@pytest.mark.parametrize("which", ["anchor", "other clip", "no companions"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_withdrawal_deletes_only_the_objects_of_the_clip(world: World, which: str, when: str):  # noqa: F811
    """A genuine withdrawal, whose row was changed before it or between it and a sweep."""
    first, second, _ = published(world)
    world.catalogue.audit.note(ANN, "run", CAMPAIGN)
    with signer_of(world.resources) as signer:
        anchor = write_anchor(world.resources, signer)
    changes = {
        "anchor": {"sidecar_key": anchor},
        "other clip": {"key": second.signed.key},
        "no companions": {"sidecar_key": "", "poster_key": ""},
    }[which]
    key, bucket = first.variant_id, Path(world.resources.bucket.location)
    if when == "before":
        change(world, "signed", key, **changes)
    else:
        execute(world.catalogue, "UPDATE variants SET state = 'published' WHERE variant_id = :key", key=key)
    content = (bucket / first.signed.key).read_bytes()
    decided = withdraw(world.resources, world.catalogue.variants.last_events([key]), ANN, "rights")
    if when == "after":
        (bucket / first.signed.key).write_bytes(content)  # a worker was uploading it
        change(world, "signed", key, **changes)
        execute(world.catalogue, "UPDATE variants SET url = 'x' WHERE variant_id = :key", key=key)
    else:
        assert "its withdrawal is not proven" in decided.refused[key]

    report = sweep(world)

    assert (bucket / anchor).is_file()
    assert (bucket / second.signed.key).is_file()
    assert (bucket / first.signed.key).is_file()
    assert "its withdrawal is not proven" in str(report.needs_person)


def test_a_key_that_another_variant_has_is_not_deleted(world: World):  # noqa: F811
    first, second, _ = published(world)
    twin = first.variant_id[:12] + second.variant_id[12:]
    execute(
        world.catalogue,
        "INSERT INTO variants (variant_id, body, state, signed, attempt, tries) "
        "SELECT :twin, body, 'published', signed, 1, 1 FROM variants WHERE variant_id = :key",
        twin=twin,
        key=first.variant_id,
    )
    seen = world.catalogue.variants.last_events([first.variant_id])
    assert "has the same key" in withdraw(world.resources, seen, ANN, "rights").refused[first.variant_id]
    assert Path(world.resources.bucket.location, first.signed.key).is_file()


def test_a_genuine_withdrawal_deletes_the_objects(world: World):  # noqa: F811
    first, *_ = published(world)
    seen = world.catalogue.variants.last_events([first.variant_id])
    assert withdraw(world.resources, seen, ANN, "rights").refused == {}
    assert not world.is_in_bucket(first.variant_id)
    assert world.row(first.variant_id).url is None


def test_a_sweep_without_the_audit_key_deletes_no_object(world: World):  # noqa: F811
    first, *_ = published(world)
    seen = world.catalogue.variants.last_events([first.variant_id])
    world.catalogue.reviews.record(seen, "withdrawn", ANN, reason="rights")
    keyless = World(replace(world.resources, audit_key=b""))
    assert "REELMILL_AUDIT_KEY" in str(sweep(keyless).needs_person)
    assert world.is_in_bucket(first.variant_id)
    sweep(world)
    assert not world.is_in_bucket(first.variant_id)


# First frames


@pytest.mark.parametrize("sha256", ["../audit", "../../etc/hosts", "A" * 64, "0" * 63])
def test_a_first_frame_is_named_by_its_hash(world: World, secret: Path, sha256: str):  # noqa: F811
    frames = first_frames_of(replace(world.resources, shared=True))
    with pytest.raises(GenerationError, match="not the hash of a first frame"):
        frames.path(sha256)
    with pytest.raises(ReelmillError):
        frames.pixels(sha256)


# Files and variants that other rows name


def schedule(**changes: Any) -> NightSchedule:
    return NightSchedule("weekdays", "stock.csv", "0 1 * * *", "UTC", **changes)


@pytest.mark.parametrize("how", ["changed", "inserted", "copied", "removed before"])
def test_a_schedule_in_the_database_cannot_name_a_sheet(world: World, secret: Path, how: str):  # noqa: F811
    """A file that is read as a sheet could be read in the prompts of its campaign."""
    schedules = world.catalogue.night_schedules
    schedules.add(schedule(), ANN)
    assert schedules.all() == [schedule()]
    body = json.dumps(replace(schedule(), sheet=str(secret)).body())
    insert = "INSERT INTO night_schedules (name, body, active, created_at) VALUES ('nights', :body, 1, 0)"
    if how == "changed":
        execute(world.catalogue, "UPDATE night_schedules SET body = :body", body=body)
    elif how == "inserted":
        execute(world.catalogue, insert, body=body)
    elif how == "copied":
        execute(world.catalogue, insert, body=json.dumps(schedule().body()))
    else:
        schedules.remove("weekdays", ANN)
        execute(world.catalogue, insert.replace("nights'", "weekdays'"), body=json.dumps(schedule().body()))
    expected = [schedule()] if how in ("inserted", "copied") else []
    assert schedules.all() == expected


def test_a_parent_in_the_record_is_that_of_the_audit_log(world: World):  # noqa: F811
    first, second, _ = world.rows("passed")
    decide(world.catalogue, [first.variant_id, second.variant_id], "approved", ANN)
    world.catalogue.audit.note(ANN, "planned", second.variant_id, parent_id=first.variant_id)
    for key in (first.variant_id, second.variant_id):
        parent = first.variant_id if key == second.variant_id else "f" * 32
        execute(world.catalogue, "UPDATE variants SET parent_id = :p WHERE variant_id = :key", p=parent, key=key)
    assert world.catalogue.variants.parent_of(world.row(first.variant_id)) is None
    assert world.catalogue.variants.parent_of(world.row(second.variant_id)) == first.variant_id
    world.deliver()
    record = Path(world.resources.bucket.location, world.row(first.variant_id).signed.record_key).read_bytes()
    assert json.loads(record)["parent_id"] is None
