"""The database role of the renderers does the work of a Ray worker and nothing else; the owner is no superuser."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import database_roles
import psycopg
import pytest
import samples
from cli_runner import reelmill
from database_roles import PASSWORDS, SQL, Roles
from fake_scorer import FakeScorer
from infra_files import INFRA, REPO, drill_commands
from s3_server import S3_KEYS

import tasks.runtime.devices
import tasks.runtime.resources
from adapters.catalogue import open_catalogue
from adapters.catalogue.core.rows import record_text
from adapters.catalogue.log.ordinary_tables import table_problem
from flows.fan_out.renderer_resources import localise_resources, renderer_resources
from flows.runtime.resources import resources_of
from flows.settings import Settings, load_settings
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.costs.money import Money
from manifests.errors import CatalogueError, GenerationError
from manifests.scoring.score import Score
from manifests.states import State
from models.fake import FakeGenerator
from tasks.deliver.deliver import deliver
from tasks.doctor.stores import check_database
from tasks.plan.expand import expand
from tasks.plan.remaining import Remaining, release_dead_leases
from tasks.render.render_task import render
from tasks.runtime.lease_owner import current_owner
from tasks.runtime.resources import Resources, cards_of, catalogue_of, close_resources

PROMPTS = {"a red ball": State.PUBLISHED, "nothing fits": State.FAILED, "a broken one": State.FAILED}
"""The prompts of the campaign and the state in which their variants end."""
DEAD = "no-host:0:1:1"


class Model(FakeGenerator):
    """The fake generator, which fails for prompts that contain "broken"."""

    def generate(self, variants):
        for variant, result in zip(variants, super().generate(variants), strict=True):
            yield GenerationError("the device ran out of memory") if "broken" in variant.prompt else result


@pytest.fixture(scope="module")
def roles() -> Iterator[Roles]:
    """A server whose catalogue the owner has created, with the grants of the renderers."""
    with database_roles.server() as found:
        open_catalogue(found.owner).close()
        found.grant()
        yield found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The driver's home: its keys belong to the catalogue, which the tests share."""
    return tmp_path_factory.mktemp("driver")


@pytest.fixture
def settings(
    roles: Roles, home: Path, tmp_path: Path, monkeypatch, s3_bucket_name: str, s3_endpoint: str
) -> Iterator[Settings]:
    """The settings of a driver whose Ray cluster spans hosts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tasks.runtime.devices, "open_generator", lambda *_, **__: Model())
    monkeypatch.setattr(tasks.runtime.resources, "open_scorer", lambda *_, **__: FakeScorer())
    yield load_settings(
        home=home,
        catalogue_url=roles.owner,
        bucket=f"s3://{s3_bucket_name}/clips",
        bucket_endpoint=s3_endpoint,
        bucket_region="us-east-1",
        bucket_access_key=S3_KEYS["access_key"],
        bucket_secret_key=S3_KEYS["secret_key"],
        runner="ray",
        ray_address="ray://ray-head:10001",
        device="cpu",
    )
    close_resources()


def on_the_worker(monkeypatch, sent: Resources, home: Path, url: str) -> Resources:
    """Return what a worker makes of what the driver sends, with its own settings in the environment."""
    for name, value in {"HOME": str(home), "CATALOGUE_URL": url, "DEVICE": "cpu"}.items():
        monkeypatch.setenv(f"REELMILL_{name}", value)
    for name, value in S3_KEYS.items():
        monkeypatch.setenv(f"REELMILL_BUCKET_{name.upper()}", value)
    return localise_resources(sent)


def registered(resources: Resources, name: str, prompts=tuple(PROMPTS), **brief) -> str:
    """Add a campaign with a brief for each prompt, and return its id."""
    briefs = tuple(Brief(row, f"row-{row}", (prompt,), **brief) for row, prompt in enumerate(prompts, 2))
    campaign = Campaign(name, hashlib.sha256(name.encode()).hexdigest(), briefs)
    catalogue = catalogue_of(resources)
    catalogue.campaigns.add(campaign, {})
    planned = expand(briefs, cards_of(resources), "starter", campaign_id=campaign.campaign_id)
    catalogue.campaigns.add_variants(campaign.campaign_id, planned)
    return campaign.campaign_id


def states(url: str) -> dict[str, str]:
    with psycopg.connect(url) as connection:
        return dict(connection.execute("SELECT prompt, state FROM variants").fetchall())


def test_a_renderer_does_its_work_and_the_owner_delivers_it(roles: Roles, settings, tmp_path: Path, monkeypatch):
    driver = resources_of(settings)
    campaign_id = registered(driver, "Spring")
    catalogue = catalogue_of(driver)
    run_id = catalogue.runs.begin(campaign_id, "ray", current_owner())
    sent = renderer_resources(settings, driver)
    worker = on_the_worker(monkeypatch, sent, tmp_path / "worker", roles.renderer)
    assert worker.catalogue_url == roles.renderer
    for shard in Remaining(driver, campaign_id, 0.25).shards(8, run_id):
        report = render.fn(sent, shard, localise_resources)
        assert (report.passed, report.failed) == (1, 2)
    assert catalogue.runs.get(run_id).spent_s > 0
    rendered = threading.Event()
    rendered.set()
    assert deliver(driver, campaign_id, "auto", rendered) == 1
    assert states(roles.owner) == PROMPTS


def test_a_worker_with_another_database_says_so(roles: Roles, settings, tmp_path: Path, monkeypatch, postgres_url: str):
    driver = resources_of(settings)
    campaign_id = registered(driver, "Elsewhere")
    open_catalogue(postgres_url).close()
    sent = renderer_resources(settings, driver)
    on_the_worker(monkeypatch, sent, tmp_path / "worker", postgres_url)
    [shard] = Remaining(driver, campaign_id, 0.25).shards(8)
    with pytest.raises(CatalogueError, match="to the same database as on the driver"):
        render.fn(sent, shard, localise_resources)


def variant(connection: psycopg.Connection, state: str) -> str:
    """Insert a variant in a state and return its id."""
    variant_id = hashlib.sha256(f"{state} {time.monotonic_ns()}".encode()).hexdigest()[:32]
    connection.execute(
        "INSERT INTO variants (variant_id, body, state, attempt, tries, lease_owner) VALUES (%s, '{}', %s, 1, 1, %s)",
        (variant_id, state, DEAD),
    )
    return variant_id


def clip(of: str, **changes: object) -> str:
    own = f"/home/staging/{of[:2]}/{of}"
    values = {"variant_id": of, "sha256": "ab" * 32, "machine": "bucket", "device_seconds": 1.0}
    values |= {"size": 1, "height": 90, "width": 160, "num_frames": 17, "fps": 8}
    return json.dumps(values | {"path": f"{own}/master.mp4", "poster": f"{own}/poster.jpg"} | changes)


@pytest.fixture(scope="module")
def ids(roles: Roles) -> dict[str, str]:
    """The ids of a variant in each state. There are also a campaign, a live run, an ended run, and a person's rows."""
    with psycopg.connect(roles.owner, autocommit=True) as owner:
        found = {str(state): variant(owner, state) for state in State}
        owner.execute(
            "INSERT INTO campaigns (campaign_id, name, sheet_sha256, settings, created_at) "
            "VALUES ('c', 'C', 'x', '{}', 0)"
        )
        for run_id, ended in (("live", None), ("ended", 1.0)):
            owner.execute(
                "INSERT INTO runs (run_id, campaign_id, pool, owner, started_at, beat_at, claimed_at, ended_at, "
                "spent_s, served) VALUES (%s, 'c', 'ray', 'driver', 0, 0, 0, %s, 10, 10)",
                (run_id, ended),
            )
        owner.execute(USE.format("'c'", "'live'", "'load'", "5"))
        owner.execute("INSERT INTO accounts (name, role, created_at) VALUES ('anna', 'admin', 0)")
        owner.execute(
            "INSERT INTO alerts (key, at, kind, text, due_at) VALUES ('k', 0, 'finished', 'Spring has ended', 0)"
        )
    return found


EVENT = (
    "INSERT INTO events (variant_id, at, actor, from_state, to_state, detail) "
    "VALUES ('{rendered}', extract(epoch FROM clock_timestamp()), 'host:0:1:1', 'rendered', 'passed', '{{}}')"
)
USE = (
    "INSERT INTO device_use (use_id, campaign_id, run_id, kind, owner, seconds, booked_at) VALUES "
    "(md5(random()::text), {}, {}, {}, 'host:0:1:1', {}, extract(epoch FROM clock_timestamp()))"
)
JOB = (
    "INSERT INTO provider_jobs (job_id, variant_id, attempt, campaign_id, provider, card, protocol, base_url, state, "
    "created_at, due_at) VALUES (md5(random()::text), '{planned}', 1, 'c', 'x', 'x', 'x', 'x', 'submitting', 0, 0)"
)
UPDATE = "UPDATE variants SET {} WHERE variant_id = '{{rendered}}'"
FORBIDDEN = {
    **{
        f"set {state}": UPDATE.format(f"state = '{state}'")
        for state in ("approved", "rejected", "signing", "published", "withdrawn")
    },
    **{
        f"set the {column}": UPDATE.format(f"{column} = {value}")
        for column, value in {
            "signed": "'{{}}'",
            "url": "'https://evil.example/clip.mp4'",
            "body": "'{{}}'",
            "prompt": "'other'",
            "seed": "1",
            "card": "'other'",
            "parent_id": "'{planned}'",
            "variant_id": "'other'",
        }.items()
    },
    "add a variant": "INSERT INTO variants (variant_id, body, state) VALUES ('x', '{{}}', 'planned')",
    "delete a variant": "DELETE FROM variants",
    "empty a table": "TRUNCATE variants CASCADE",
    "leave row security": "SET row_security = off; UPDATE variants SET state = 'planned'",
    "switch row security off": "ALTER TABLE variants DISABLE ROW LEVEL SECURITY",
    "drop the trigger": "DROP TRIGGER renderer_clip ON variants",
    "skip triggers": "SET session_replication_role = replica",
    "report an approval": EVENT.replace("'passed'", "'approved'"),
    "report a publication": EVENT.replace("'passed'", "'published'"),
    "report from another state": EVENT.replace("'rendered', 'passed'", "'passed', 'failed'"),
    "report as a person": EVENT.replace("host:0:1:1", "person:anna"),
    "report a verdict as the system": EVENT.replace("host:0:1:1", "system"),
    "backdate a report": EVENT.replace("clock_timestamp()", "clock_timestamp() - interval '1 day'"),
    "choose an event id": EVENT.replace("(variant_id", "(event_id, variant_id").replace("VALUES (", "VALUES (1, "),
    "read events": "SELECT * FROM events",
    "change an event": "UPDATE events SET actor = 'x'",
    "delete an event": "DELETE FROM events",
    "turn the sequence back": "SELECT setval('events_event_id_seq', 1)",
    "read the audit log": "SELECT * FROM audit",
    "write the audit log": "INSERT INTO audit SELECT 1, 1, 'x', 'x', 'x', 'x', 'x', 'x'",
    "delete the audit log": "DELETE FROM audit",
    "move the audit head": "UPDATE audit_head SET entries = 0",
    "read password hashes": "SELECT password_hash FROM accounts",
    "add an account": "INSERT INTO accounts (name, role, created_at) VALUES ('eve', 'admin', 0)",
    "change a role": "UPDATE accounts SET role = 'admin'",
    "read token hashes": "SELECT secret_sha256 FROM tokens",
    "add a token": "INSERT INTO tokens VALUES ('x', 'anna', '', 0, 9e9)",
    "read sessions": "SELECT secret_sha256 FROM sessions",
    "add a session": "INSERT INTO sessions VALUES ('x', 'anna', '', 0, 9e9)",
    "end sessions": "DELETE FROM sessions",
    "read share links": "SELECT * FROM shares",
    "add a share link": "INSERT INTO shares VALUES ('x', 'c', 'anna', 0, 9e9)",
    "read reviews": "SELECT * FROM reviews",
    "review a clip": "INSERT INTO reviews (variant_id, author, at, outcome) VALUES ('{passed}', 'anna', 0, 'approved')",
    "comment on a clip": "INSERT INTO comments (variant_id, author, at, body) VALUES ('{passed}', 'anna', 0, 'x')",
    "read a campaign's settings": "SELECT settings FROM campaigns",
    "resume a campaign": "UPDATE campaigns SET standing = 'active'",
    "raise a priority": "UPDATE campaigns SET priority = 100",
    "lower a threshold": "UPDATE campaigns SET thresholds = '{{}}'",
    "add a campaign": "INSERT INTO campaigns (campaign_id) VALUES ('x')",
    "read briefs": "SELECT body FROM briefs",
    "add a clip to a campaign": "INSERT INTO memberships VALUES ('c', 'b', 0, '{passed}', 'x', '[]', '')",
    "read night schedules": "SELECT * FROM night_schedules",
    "add a night schedule": "INSERT INTO night_schedules (name, body, created_at) VALUES ('x', '{{}}', 0)",
    "read sheet imports": "SELECT * FROM arrivals",
    "read saved views": "SELECT * FROM views",
    "read alerts": "SELECT text FROM alerts",
    "send another alert": "INSERT INTO alerts (key, at, kind, text, due_at) VALUES ('x', 0, 'finished', 'x', 0)",
    "suppress an alert": "UPDATE alerts SET sent_at = 1",
    "start a run": "INSERT INTO runs (run_id, campaign_id, pool, owner) VALUES ('x', 'c', 'ray', 'x')",
    "end a run": "UPDATE runs SET ended_at = 1",
    "raise a budget": "UPDATE runs SET budget_s = 1e9",
    "extend a window": "UPDATE runs SET until = 1e12",
    "give device time back": "UPDATE runs SET spent_s = 0",
    "take device use back": "UPDATE device_use SET seconds = 0",
    "give device use to others": "UPDATE device_use SET campaign_id = 'c'",
    "delete device use": "DELETE FROM device_use",
    "book for another campaign": USE.format("'c'", "'elsewhere'", "'generate'", "1"),
    "book as a person": USE.format("'c'", "'live'", "'generate'", "1").replace("host:0:1:1", "person:anna"),
    "book another kind": USE.format("'c'", "'live'", "'coffee'", "1"),
    "book for ever": USE.format("'c'", "'live'", "'load'", "'Infinity'"),
    "read addresses of provider jobs": "SELECT links, base_url FROM provider_jobs",
    "submit a provider job": JOB,
    "close a provider job": "UPDATE provider_jobs SET state = 'lost'",
    "make a provider job free": "UPDATE provider_jobs SET cost_micros = 0",
    "delete provider jobs": "DELETE FROM provider_jobs",
    "read provider accounts": "SELECT * FROM provider_accounts",
    "resume a provider's account": "UPDATE provider_accounts SET paused_at = NULL",
    "slow a provider": "INSERT INTO provider_accounts (provider, slowed_until) VALUES ('x', 1000)",
    "read deliverables": "SELECT * FROM deliverables",
    "plan a deliverable": "UPDATE deliverables SET state = 'planned'",
    "read events of deliverables": "SELECT * FROM deliverable_events",
    "add an event of a deliverable": "INSERT INTO deliverable_events (deliverable_id, at, actor, to_state, detail) "
    "VALUES ('x', 0, 'x', 'planned', '')",
    "raise a budget in money": "UPDATE runs SET budget_micros = 1000000000",
    "give leases back": "UPDATE runs SET served = 0",
    "rename a flow run": 'UPDATE runs SET detail = \'{{"flow_run_id": "x"}}\'',
    "change the revision": "UPDATE alembic_version SET version_num = '0001'",
    "create a table": "CREATE TABLE mine (x int)",
    "create a temporary table": "CREATE TEMP TABLE mine (x int)",
    "create a schema": "CREATE SCHEMA mine",
    "create a function": "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "become the owner": "SET ROLE reelmill",
    "become the administrator": "SET SESSION AUTHORIZATION postgres",
    "bypass row security": "ALTER ROLE reelmill_renderer BYPASSRLS",
    "create a role": "CREATE ROLE mine",
    "grant a privilege": "GRANT SELECT ON accounts TO reelmill_renderer",
    "run a program": "COPY memberships TO PROGRAM 'cat'",
    "read a file": "SELECT pg_read_file('/etc/passwd')",
    "read password hashes of the server": "SELECT rolpassword FROM pg_authid",
}
OF_THE_SERVER = {
    "turn the sequence back",
    "skip triggers",
    "become the owner",
    "become the administrator",
    "bypass row security",
    "create a role",
    "run a program",
    "read a file",
    "read password hashes of the server",
}
"""Statements that the owner may not run either, or that cannot be rolled back."""


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN)
def test_a_renderer_is_refused(roles: Roles, ids, statement: str):
    with (
        psycopg.connect(roles.renderer) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.format(**ids))


def test_the_owner_may_do_what_a_renderer_may_not(roles: Roles, ids):
    """So the statements are valid, and only the role is why they are refused."""
    for name in FORBIDDEN.keys() - OF_THE_SERVER:
        with psycopg.connect(roles.owner) as connection:
            with suppress(psycopg.errors.IntegrityError, psycopg.errors.RaiseException):  # a constraint or a trigger
                connection.execute(FORBIDDEN[name].format(**ids))
            connection.rollback()


@pytest.mark.parametrize(
    "changes",
    [
        {"machine": "machine-of-the-driver"},
        {"variant_id": "../../../etc"},
        {"sha256": "../x"},
        {"path": "/var/lib/reelmill/prompt.key"},
        {"poster": "/var/lib/reelmill/signer/key.pem"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_renderer_cannot_name_files_of_the_driver(roles: Roles, ids, changes: dict[str, str]):
    rendered = ids["rendered"]
    update = "UPDATE variants SET clip = %s WHERE variant_id = %s"
    with psycopg.connect(roles.renderer) as connection:
        assert connection.execute(update, (clip(rendered), rendered)).rowcount == 1
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="staged in the bucket"):
            connection.execute(update, (clip(rendered, **changes), rendered))


DAMAGED = {
    "a clip in the future": "made_at = 4e9",
    "a clip at no time": "made_at = 'NaN'",
    "a clip at the end of time": "made_at = 'Infinity'",
    "many attempts": "attempt = 2147483647",
    "few tries": "tries = -2147483648",
    "a lease for ever": "lease_owner = 'x', lease_expires = 'Infinity'",
    "a score above all": "sort_score = 'Infinity'",
    "no prompt adherence": "prompt_adherence = 'NaN'",
    "a score that is no JSON": "score = '{junk'",
    "a deep score": "score = repeat('[', 200000)",
    "a score with another key": """score = '{"evil": 1}'""",
    "a score with texts": """score = '{"variant_id": "{rendered}", "checks": {"sharpness": "x"}}'""",
    **{
        f"a score with {name[:40]}": f"""score = '{{"variant_id": "{{rendered}}", {name}}}'"""
        for name in (
            '"prompt_adherence": NaN',
            '"prompt_adherence": Infinity',
            '"prompt_adherence": 1e400',
            '"prompt_adherence": 55',
            '"prompt_adherence": true',
            '"checks": {"a": NaN}',
            '"checks": {"a": -Infinity}',
            '"checks": {"a": 1e400}',
            '"checks": {"a": 1e13}',
            '"checks": {"a": null}',
            '"checks": {"a": [1]}',
            '"checks": {"a:NaN": NaN}',
            '"checks": {"a": %s}' % ("1" * 5000),
            '"prompt_rank": 1e400',
            '"prompt_rank": 0.5',
            '"prompt_rank": -1',
            '"num_distractors": 1e400',
            '"num_distractors": 1.5',
        )
    },
    "reasons that are no JSON": "reasons = 'x'",
    "reasons of another form": """reasons = '[["code"]]'""",
    "a long error": "error = repeat('x', 50000000)",
    "a long owner": "lease_owner = repeat('x', 1000000)",
}
DAMAGED_CLIPS = {
    "evil": "x",
    "size": "x",
    "fps": 0,
    "height": 1.5,
    "device_seconds": -1,
    "rung": [],
    "sound_sha256": "../x",
    "width": 10**7,
    "num_frames": 10**7,
    "provider": "runway",
    "job_id": "0" * 32,
    "cost_micros": 1,
    "currency": 1,
    "codec": [],
    "has_audio": "yes",
    "cost_is_estimate": 1,
}


@pytest.mark.parametrize("change", DAMAGED.values(), ids=DAMAGED)
def test_a_renderer_cannot_write_values_that_others_cannot_read(roles: Roles, ids, change: str):
    change = change.replace("{rendered}", ids["rendered"])
    with psycopg.connect(roles.renderer) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"UPDATE variants SET {change} WHERE variant_id = '{ids['rendered']}'")


@pytest.mark.parametrize("changes", [{key: value} for key, value in DAMAGED_CLIPS.items()], ids=list(DAMAGED_CLIPS))
def test_a_clip_of_a_renderer_has_a_fixed_form(roles: Roles, ids, changes: dict[str, object]):
    one = ids["rendered"]
    with psycopg.connect(roles.renderer) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("UPDATE variants SET clip = %s WHERE variant_id = %s", (clip(one, **changes), one))


def test_a_renderer_writes_scores_as_the_program_does(roles: Roles, ids):
    one = ids["rendered"]
    scores = [
        Score(one),
        Score(one, {"nan_share": 0.5, "luma_mean": 0.0, "size_error": -1e11}),
        Score(one, {"luma_mean": 25}, 1.0000001, 1, 31, "openclip@1"),
        Score(one, {}, -1.0, 32, 31, "x" * 300),
    ]
    with psycopg.connect(roles.renderer) as connection:
        for score in scores:
            connection.execute("UPDATE variants SET score = %s WHERE variant_id = %s", (record_text(score), one))


def test_a_clip_of_a_renderer_has_each_key_once(roles: Roles, ids):
    one = ids["rendered"]
    twice = clip(one).removesuffix("}") + ', "machine": "bucket"}'
    with psycopg.connect(roles.renderer) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("UPDATE variants SET clip = %s WHERE variant_id = %s", (twice, one))


@pytest.mark.parametrize(
    "change",
    [
        "spent_s = 'NaN'",
        "spent_s = 'Infinity'",
        "spent_s = spent_s + 1e6",
        """detail = '{"credit": "x"}'""",
        "waiting = -1",
        "served = 9223372036854775807",
        "claimed_at = 'NaN'",
    ],
)
def test_a_renderer_cannot_damage_the_counts_of_a_run(roles: Roles, ids, change: str):
    with psycopg.connect(roles.renderer) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"UPDATE runs SET {change} WHERE run_id = 'live'")


@pytest.mark.parametrize("state", sorted(set(State)))
def test_a_renderer_reports_only_what_its_variant_has_become(roles: Roles, ids, state: str):
    """Otherwise it could make a clip of another state look tampered with."""
    for to_state in {State.FAILED, State.QUARANTINED, State.PASSED}:
        statement = EVENT.format(rendered=ids[state]).replace("'passed'", f"'{to_state}'")
        with psycopg.connect(roles.renderer) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_an_event_of_a_renderer_has_an_object_as_its_detail(roles: Roles, ids):
    for detail in ("{{{{x", "1", "[" * 100_000):
        statement = EVENT.format(rendered=ids["rendered"]).replace("'passed'", "'rendered'").replace("'{}'", "%s")
        with psycopg.connect(roles.renderer) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement, (detail,))


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("clock:2026-11-30", None),
        ("approval-unproven:c:x", None),
        ("worker-lost:host:0:1:1", "<!channel> Sign in at <https://evil.example|the dashboard>"),
    ],
)
def test_a_renderer_writes_no_other_alert(roles: Roles, ids, key: str, text: str | None):
    usual = (
        "A worker was lost: process 1 on host. Its leases on 1 clip pass to other workers. Check its log and, if the "
        "process was killed, the memory of its machine."
    )
    insert = (
        "INSERT INTO alerts (key, at, kind, text, due_at) VALUES (%s, extract(epoch FROM clock_timestamp()), "
        "'worker-lost', %s, extract(epoch FROM clock_timestamp()))"
    )
    with psycopg.connect(roles.renderer) as connection:
        connection.execute(insert, ("worker-lost:host:0:1:1", usual))
        connection.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(insert, (key, text or usual))


def test_a_renderer_stores_no_large_objects_and_few_connections(roles: Roles):
    for call in ("lo_creat(-1)", "lo_create(0)", "lo_from_bytea(0, 'x')"):
        with psycopg.connect(roles.renderer) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"SELECT {call}")
    with psycopg.connect(roles.owner) as connection:
        query = "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'reelmill_renderer'"
        assert connection.execute(query).fetchone() == (60,)


@pytest.mark.parametrize("state", sorted(set(State) - {State.PLANNED, State.LEASED, State.RENDERED}))
def test_a_renderer_cannot_change_settled_clips(roles: Roles, ids, state: str):
    own = (ids[state],)
    with psycopg.connect(roles.renderer) as connection:
        for change in ("state = 'planned'", "clip = NULL", "lease_owner = 'x', lease_expires = 9e9", "reasons = '[]'"):
            assert connection.execute(f"UPDATE variants SET {change} WHERE variant_id = %s", own).rowcount == 0
        locked = connection.execute("SELECT 1 FROM variants WHERE variant_id = %s FOR UPDATE", own).rowcount
    assert locked == 0


def test_a_renderer_cannot_change_ended_runs(roles: Roles, ids):
    with psycopg.connect(roles.renderer) as connection:
        update = "UPDATE runs SET spent_s = spent_s + 1 WHERE run_id = %s"
        assert [connection.execute(update, (name,)).rowcount for name in ("live", "ended")] == [1, 0]


def test_the_other_calls_of_a_worker_are_allowed(roles: Roles, settings):
    """Heartbeats, goals, exhausted variants, and leases of a dead process on its host."""
    driver = resources_of(settings)
    campaign_id = registered(driver, "Other", prompts=("a blue cube", "a green cone"), want=1)
    owner = catalogue_of(driver)
    run_id = owner.runs.begin(campaign_id, "ray", current_owner())
    owner.runs.set_waiting_shards(run_id, 2)
    with open_catalogue(roles.renderer) as renderer:
        one = renderer.variants.of_campaign(campaign_id)[0].variant_id
        dead = current_owner().rpartition(":")[0] + ":1"
        [lease] = renderer.leases.acquire([one], dead, 60, attempts_cap=2, campaign_id=campaign_id)
        assert renderer.leases.renew(dead, 60) == 1
        assert release_dead_leases(renderer) == 1
        assert [alert.kind for alert in owner.alerts.all(kind="worker-lost")] == ["worker-lost"]
        [lease] = renderer.leases.acquire([one], current_owner(), 60, attempts_cap=2, campaign_id=campaign_id)
        assert renderer.leases.release([lease], begun=True) == 1
        assert renderer.leases.acquire([one], current_owner(), 60, attempts_cap=2) == []
        assert renderer.variants.get(one).state == State.QUARANTINED
        assert renderer.progress.tally_by_brief(campaign_id, ["row-3"]) == {"row-3": {"planned": 1}}
        assert renderer.progress.tally_by_combination(campaign_id, ["row-3"])
        renderer.runs.shard_started(run_id)
        renderer.runs.book(run_id, 3, 2.0)
        use = samples.device_use(campaign_id, run_id, seconds=1.5)
        for seconds in (1.5, 1.5, 4.0):
            renderer.device_use.book([replace(use, seconds=seconds)])
        renderer.runs.shard_ended(run_id)
        assert renderer.runs.turn(run_id).may_work
        budgeted = owner.runs.begin(campaign_id, "ray", current_owner(), budget=Money.of(1, "USD"))
        assert renderer.runs.turn(budgeted).may_work
        renderer.database.close()
    assert owner.runs.get(run_id).spent_s == 6.0
    assert [total.seconds for total in owner.device_use.of_campaign(campaign_id)] == [4.0]


def test_a_lease_of_a_clip_from_before_is_allowed(roles: Roles):
    """A clip that another machine has staged locally stays as it is until a renderer replaces it."""
    with psycopg.connect(roles.owner, autocommit=True) as owner:
        old = variant(owner, "planned")
        owner.execute('UPDATE variants SET clip = \'{"machine": "old"}\' WHERE variant_id = %s', (old,))
    with psycopg.connect(roles.renderer) as connection:
        lease = "UPDATE variants SET state = 'leased', lease_owner = 'x' WHERE variant_id = %s"
        assert connection.execute(lease, (old,)).rowcount == 1


def test_row_security_for_the_owner_hides_evidence_and_is_refused(roles: Roles):
    """The policies for renderers do not apply to the owner, unless someone forces them."""
    with open_catalogue(roles.owner) as catalogue, catalogue.database.reading() as connection:
        assert table_problem(connection) == ""
        connection.exec_driver_sql("ALTER TABLE variants FORCE ROW LEVEL SECURITY")
        assert "variants is no ordinary table" in table_problem(connection)


@pytest.fixture
def old_database(roles: Roles) -> Iterator[Roles]:
    """A catalogue of an earlier revision, with the grants of the renderers."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine

    import adapters.catalogue.migrations as migrations

    with psycopg.connect(f"{roles.administrator}/postgres", autocommit=True) as administrator:
        administrator.execute("CREATE DATABASE earlier OWNER reelmill")
    earlier = roles._replace(
        **{role: getattr(roles, role).removesuffix("/reelmill") + "/earlier" for role in ("owner", "renderer")}
    )
    engine = create_engine(earlier.owner.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", migrations._FOLDER)
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
    engine.dispose()
    yield earlier
    with psycopg.connect(f"{roles.administrator}/postgres", autocommit=True) as administrator:
        administrator.execute("DROP DATABASE earlier WITH (FORCE)")


def test_the_grants_outlive_an_upgrade_and_new_tables_are_closed(old_database: Roles, tmp_path: Path):
    old_database.grant_as_before(tmp_path / "renderer.sql")
    with pytest.raises(
        CatalogueError, match=r"revision 0005.*reelmill_renderer may not change tables.*reelmill status"
    ):
        open_catalogue(old_database.renderer)
    open_catalogue(old_database.owner).close()
    open_catalogue(old_database.renderer).close()
    with psycopg.connect(old_database.renderer, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM night_schedules")  # added by the upgrade
        for table in ("device_use", "provider_jobs", "provider_accounts"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM {table}")
        connection.execute("UPDATE variants SET state = 'leased' WHERE state = 'planned'")
    old_database.grant()
    grants = granted(old_database)
    old_database.grant()
    old_database.create()
    assert granted(old_database) == grants, "running the files again changes nothing"


def test_leases_of_a_renderer_use_the_index(old_database: Roles, tmp_path: Path):
    """Row security adds conditions, but must not hide the ids from the index."""
    old_database.grant_as_before(tmp_path / "renderer.sql")
    with psycopg.connect(old_database.owner, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO variants (variant_id, body, state, attempt, tries) "
            "SELECT md5(number::text), '{}', 'planned', 0, 0 FROM generate_series(1, 5000) AS number"
        )
        owner.execute("ANALYZE variants")
    with psycopg.connect(old_database.renderer) as connection:
        plan = connection.execute(
            "EXPLAIN SELECT state FROM variants WHERE variant_id IN (md5('1'), md5('2')) AND state IN ('planned', "
            "'leased', 'rendered') ORDER BY variant_id FOR UPDATE SKIP LOCKED"
        ).fetchall()
    assert any("Index Cond: ((variant_id)" in line for (line,) in plan), plan


def granted(roles: Roles) -> set[tuple[str, ...]]:
    """Return the privileges, policies and triggers of the renderers."""
    with psycopg.connect(roles.owner) as connection:
        return {
            *connection.execute(
                "SELECT table_name, column_name, privilege_type FROM information_schema.column_privileges "
                "WHERE grantee = 'reelmill_renderer'"
            ),
            *connection.execute("SELECT tablename, policyname, qual, with_check FROM pg_policies"),
            *connection.execute("SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal"),
        }


def test_without_grants_the_message_names_the_file(old_database: Roles):
    open_catalogue(old_database.owner).close()
    with pytest.raises(CatalogueError, match=r"reelmill_renderer.*run infra/postgresql/renderer\.sql as the owner"):
        open_catalogue(old_database.renderer)


def test_no_role_of_the_program_is_an_administrator(roles: Roles):
    with psycopg.connect(f"{roles.administrator}/postgres") as connection:
        found = connection.execute(
            "SELECT rolname, rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls FROM pg_roles "
            "WHERE rolname LIKE 'reelmill%'"
        ).fetchall()
    assert dict(found) == {"reelmill": False, "reelmill_renderer": False}


@pytest.mark.parametrize(
    "statement",
    [
        "COPY (SELECT 1) TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT rolpassword FROM pg_authid",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        "ALTER ROLE reelmill SUPERUSER",
        "ALTER SYSTEM SET listen_addresses = '*'",
    ],
)
def test_the_owner_cannot_administer_the_server(roles: Roles, statement: str):
    with (
        psycopg.connect(roles.owner, autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


def test_composes_databases_have_separate_owners_and_no_administrator_over_the_network(roles: Roles):
    """The two files that Compose's PostgreSQL runs on its first start; roles.sql has already run."""
    everyone = f"{roles.administrator}/postgres"
    with psycopg.connect(everyone, autocommit=True) as administrator:
        administrator.execute("ALTER ROLE postgres PASSWORD 'of-the-administrator'")
        roles.run(everyone, INFRA / "compose" / "databases.sql", PREFECT_POSTGRES_PASSWORD="of-prefect")
        passwords = dict(
            administrator.execute("SELECT rolname, rolpassword FROM pg_authid WHERE rolcanlogin").fetchall()
        )
    assert passwords.pop("postgres") is None
    assert {name: value.partition("$")[0] for name, value in passwords.items()} == dict.fromkeys(
        ("reelmill", "reelmill_renderer", "prefect"), "SCRAM-SHA-256"
    )
    place = roles.owner.partition("@")[2].partition("/")[0]
    for role, database in [
        ("prefect", "reelmill"),
        ("prefect", "postgres"),
        ("reelmill", "prefect"),
        ("reelmill_renderer", "prefect"),
        ("reelmill_renderer", "postgres"),
    ]:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(f"postgresql://{role}@{place}/{database}")
    with psycopg.connect(f"postgresql://prefect@{place}/prefect", autocommit=True) as prefect:
        prefect.execute("CREATE TABLE mine (x int)")


def test_the_role_of_the_renderers_is_refused_on_a_driver(roles: Roles, home: Path, monkeypatch, capsys):
    monkeypatch.setenv("REELMILL_HOME", str(home))
    monkeypatch.setenv("REELMILL_CATALOGUE_URL", roles.renderer)
    problem = (
        "The database role reelmill_renderer in REELMILL_CATALOGUE_URL is for Ray workers, which only generate clips: "
        "it may not write to the audit log. On all other machines, use the role that owns the catalogue: `reelmill`"
    )
    finding = check_database(roles.renderer)
    assert (finding.level, finding.message[: len(problem)]) == ("fail", problem)
    for command in ("status", "runs"):
        ended = reelmill(capsys, command)
        assert (ended.code, problem in " ".join(ended.err.split())) == (1, True), ended.err
    close_resources()
    assert check_database(roles.owner).level == "ok"
    open_catalogue(roles.renderer).close()  # without an audit key, as in a Ray worker


def test_roles_can_sign_in_with_the_passwords_of_the_environment(roles: Roles):
    """psql reads them from the environment, where other processes of the machine cannot see them."""
    assert "--set" not in (SQL / "roles.sql").read_text()
    with psycopg.connect(f"{roles.administrator}/postgres") as administrator:
        stored = administrator.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'reelmill'").fetchone()[0]
    scheme, iterations, rest = stored.split("$")[0], *stored.split("$")[1].split(":", 1)
    salt = base64.b64decode(rest)
    salted = hashlib.pbkdf2_hmac("sha256", PASSWORDS["CATALOGUE_PASSWORD"].encode(), salt, int(iterations))
    key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    assert scheme == "SCRAM-SHA-256"
    assert base64.b64decode(stored.split("$")[2].split(":")[0]) == key


@pytest.mark.parametrize("former", ["owner", "administrator"])
def test_a_backup_is_restored_by_the_owner(roles: Roles, tmp_path: Path, former: str):
    """With the commands of docs/operations.md. ``administrator``: a catalogue of a superuser, as Compose had before."""
    databases = {"owner": "restored", "administrator": "moved"}
    target = databases[former]
    source = roles.owner if former == "owner" else f"{roles.administrator}/postgres"
    if former == "administrator":
        open_catalogue(source).close()
    dump = tmp_path / "catalogue.dump"
    program = roles.psql.with_name
    subprocess.run([program("pg_dump"), "--format=custom", f"--file={dump}", source], check=True)
    administrator = f"{roles.administrator}/template1"
    with psycopg.connect(administrator, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {target} OWNER reelmill")
    restored = roles._replace(
        **{role: getattr(roles, role).removesuffix("reelmill") + target for role in ("owner", "renderer")}
    )
    subprocess.run(
        [
            program("pg_restore"),
            "--exit-on-error",
            "--single-transaction",
            "--no-owner",
            f"--dbname={restored.owner}",
            dump,
        ],
        check=True,
    )
    if former == "owner":
        names = [{row[:2] for row in granted(each)} for each in (restored, roles)]
        assert names[0] == names[1], "the grants are part of the dump"
    restored.grant()
    assert granted(restored) == granted(roles)
    open_catalogue(restored.renderer).close()
    open_catalogue(restored.owner).close()


def test_a_restored_database_is_closed_to_other_roles(roles: Roles, tmp_path: Path):
    """With the commands of docs/operations.md, as the administrator of the server."""
    variables = {
        "PATH": f"{roles.psql.parent}{os.pathsep}{os.environ['PATH']}",
        "SERVER": roles.administrator,
        "BACKUP": str(tmp_path),
    }

    def do(name: str, database: str) -> None:
        variables.update(DATABASE=database, REELMILL_CATALOGUE_URL=f"{roles.administrator}/{database}")
        command = ["bash", "-euo", "pipefail", "-c", drill_commands(name)]
        done = subprocess.run(command, cwd=REPO, env=variables, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    do("postgresql backup", "reelmill")
    do("postgresql restore", "copy")
    with psycopg.connect(f"{roles.administrator}/postgres", autocommit=True) as administrator:
        administrator.execute("CREATE ROLE stranger LOGIN")
    place = roles.owner.partition("@")[2].partition("/")[0]
    for role in ("stranger", "reelmill_renderer"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(f"postgresql://{role}@{place}/copy")
    do("renderer restore", "copy")
    open_catalogue(f"postgresql://reelmill_renderer@{place}/copy").close()
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(f"postgresql://stranger@{place}/copy")
