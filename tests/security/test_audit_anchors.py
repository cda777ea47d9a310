"""Anchors in the bucket reveal a log that was cut, rewritten or restored from an earlier copy."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_stamps
from sealed_catalogue import ANN, KEY
from sweep_world import DAY_S, SweepWorld

from adapters.c2pa.detached import Detached, problem_of, time_of
from adapters.c2pa.signer import DevelopmentCA, TimeStamps, open_signer
from adapters.catalogue import sqlite_url
from manifests.errors import TimeStampUnavailableError
from tasks.deliver.anchors import AnchorReport, anchor_if_due, check_anchors, write_anchor
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig, catalogue_of, close_resources, signer_of


@pytest.fixture
def resources(tmp_path: Path) -> Iterator[Resources]:
    close_resources()
    yield Resources(
        sqlite_url(tmp_path / "catalogue.sqlite"),
        BucketConfig(str(tmp_path / "bucket")),
        SignerConfig("development", tmp_path / "signer"),
        tmp_path / "staging",
        audit_key=KEY,
        audit_anchor_h=1.0,
    )
    close_resources()


def anchored(resources: Resources) -> Path:
    """Anchor the present head, and return the file."""
    with signer_of(resources) as signer:
        key = write_anchor(resources, signer)
    return Path(resources.bucket.location) / key


def test_a_genuine_log_contains_its_anchors(resources: Resources):
    audit = catalogue_of(resources).audit
    for number in range(3):
        audit.note(ANN, "run", f"campaign {number}")
        assert anchored(resources).is_file()
    with signer_of(resources) as signer:
        assert write_anchor(resources, signer) == ""
        anchor_if_due(resources, signer)
    assert len(list(Path(resources.bucket.location).rglob("audit/**/*.json"))) == 3
    assert check_anchors(resources) == AnchorReport(3)


def test_the_first_anchor_is_due_at_once(resources: Resources):
    catalogue_of(resources).audit.note(ANN, "run", "spring")
    with signer_of(resources) as signer:
        anchor_if_due(replace(resources, audit_anchor_h=0.0), signer)
        assert not list(Path(resources.bucket.location).rglob("*.json"))
        anchor_if_due(resources, signer)
    assert len(list(Path(resources.bucket.location).rglob("audit/**/*.json"))) == 1


def test_an_earlier_copy_of_the_whole_database_is_seen(resources: Resources, tmp_path: Path):
    """The copy is genuine: its head and its seals are right."""
    audit = catalogue_of(resources).audit
    audit.note(ANN, "run", "spring")
    close_resources()
    shutil.copy(tmp_path / "catalogue.sqlite", tmp_path / "earlier.sqlite")
    catalogue_of(resources).audit.note(ANN, "withdrawn", "a clip")
    anchored(resources)
    close_resources()
    shutil.copy(tmp_path / "earlier.sqlite", tmp_path / "catalogue.sqlite")

    assert catalogue_of(resources).audit.verify().ok
    assert "The log no longer contains entry 2 as it was anchored at" in check_anchors(resources).problems[0]

    catalogue_of(resources).audit.note(ANN, "run", "another")  # as many entries as before
    assert "The log no longer contains entry 2 as it was anchored at" in check_anchors(resources).problems[0]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda body: body | {"entries": 7}, "its signature is wrong"),
        (lambda body: body | {"digest": "0" * 64}, "its signature is wrong"),
        (lambda body: body | {"signature": "AAAA"}, "its signature is wrong"),
        (lambda body: body | {"signature": "?"}, "its signature cannot be read"),
        (lambda body: {}, "is damaged"),
    ],
)
def test_a_changed_anchor_is_seen(resources: Resources, change, why: str):
    catalogue_of(resources).audit.note(ANN, "run", "spring")
    path = anchored(resources)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    [problem] = check_anchors(resources).problems
    assert why in problem


@pytest.mark.parametrize(
    "nested", ['{"key_id":' + "[" * 100_000, "[" * 200_000, '{"entries": 1e999, "key_id": []}', "\xff"]
)
def test_an_anchor_that_cannot_be_read_is_reported_as_damaged(resources: Resources, nested: str):
    catalogue_of(resources).audit.note(ANN, "run", "spring")
    path = anchored(resources)
    path.write_text(nested)
    other = path.with_name("000000000009-0000000000000000.json")
    other.write_text(nested)
    problems = check_anchors(resources).problems
    assert len(problems) == 2
    assert all("in the bucket is damaged" in problem for problem in problems)


def test_an_anchor_of_another_signer_is_seen(resources: Resources, tmp_path: Path):
    catalogue_of(resources).audit.note(ANN, "run", "spring")
    anchored(replace(resources, signer=SignerConfig("development", tmp_path / "other")))
    [problem] = check_anchors(resources).problems
    assert "is not trusted; add its root to REELMILL_SIGNER_ANCHORS" in problem


def test_an_anchor_under_another_key_is_seen(resources: Resources):
    catalogue_of(resources).audit.note(ANN, "run", "spring")
    path = anchored(resources)
    path.rename(path.with_name("000000000009-0000000000000000.json"))
    [problem] = check_anchors(resources).problems
    assert "it has the key of another one" in problem


@pytest.fixture
def without_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the authority send its own certificate only: openssl does not sort two of them, as DER requires."""
    monkeypatch.setattr(
        time_stamps, "CONFIGURATION", time_stamps.CONFIGURATION.replace("certs = {folder}/root.pem\n", "")
    )


@pytest.mark.usefixtures("without_root")
def test_the_signature_is_time_stamped(tmp_path: Path):
    with (
        time_stamps.running(tmp_path / "tsa") as tsa,
        open_signer(DevelopmentCA(tmp_path / "signer"), TimeStamps(tsa.url, tsa.root)) as signer,
    ):
        signed = signer.sign_detached(b"a head")
        now, trusted = datetime.now(UTC), signer.anchors_pem()
    assert abs((time_of(signed) - now).total_seconds()) < 60
    assert problem_of(signed, b"a head", now, trusted) == ""
    assert problem_of(signed, b"another", now, trusted) == "its signature is wrong"
    other = Detached(signed.algorithm, signed.chain, signed.signature, "AAAA")
    assert "its time stamp is not valid" in problem_of(other, b"a head", now, trusted)


@pytest.mark.usefixtures("without_root")
@pytest.mark.parametrize(
    ("manner", "why"), [("refusing", "500"), ("nonsense", "ASN.1"), ("for something else", "it is for something else")]
)
def test_a_bad_time_stamp_is_refused(tmp_path: Path, manner: str, why: str):
    with (
        time_stamps.running(tmp_path / "tsa", manner) as tsa,
        open_signer(DevelopmentCA(tmp_path / "signer"), TimeStamps(tsa.url, tsa.root)) as signer,
        pytest.raises(TimeStampUnavailableError, match="REELMILL_TSA_URL"),
    ):
        signer.sign_detached(b"a head")


def test_the_sweeper_leaves_anchors_alone(tmp_path: Path):
    close_resources()
    world = SweepWorld(tmp_path, sqlite_url(tmp_path / "catalogue.sqlite"), BucketConfig(str(tmp_path / "bucket")))
    key = world.put("audit/0123456789abcdef/000000000001-0123456789abcdef.json", age_s=100 * DAY_S)
    report = world.sweep()
    assert world.bucket.head(key) is not None
    assert report.is_empty
    assert not any("unrelated" in text for text in report.checked_texts)
    close_resources()
