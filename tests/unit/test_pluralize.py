"""Singular and plural in every report."""

import errno
import re

import pytest

from app.cli.commands.sheets import _summary
from app.cli.output import sentence_of
from manifests.nightly.night_report import NightReport
from manifests.pluralize import count_of, counted, in_number
from tasks.sweep.report import CHECKED, KINDS, Found, SweepReport
from tasks.sweep.sweep import sentences


@pytest.mark.parametrize(("number", "words"), [(0, "0 clips"), (1, "1 clip"), (2, "2 clips"), (2000, "2,000 clips")])
def test_nouns_agree_with_their_number(number, words):
    assert count_of(number, "clip") == words


def test_verbs_and_pronouns_agree_with_the_number():
    assert counted(1, "file{s} that {are} missing") == "1 file that is missing"
    assert counted(2, "file{s} that {were} finished") == "2 files that were finished"


@pytest.mark.parametrize("kind", KINDS)
def test_sweep_findings_in_singular_and_plural(kind):
    one, two = (next(SweepReport(False, {kind: Found(number, ("name",))}).sentences())[0] for number in (1, 2))
    assert one.startswith("1 ")
    assert two.startswith("2 ")
    assert re.split(r"[:.] ", one)[0][2:] != re.split(r"[:.] ", two)[0][2:]
    assert not any(bracket in one + two for bracket in "{}")


def test_one_missing_file_is_singular_in_all_reports():
    report = SweepReport(False, {"missing": Found(1, ("a.mp4",))}, dict.fromkeys(CHECKED, 1))
    finding = "1 published file missing from the bucket"
    assert sentences(report)[0].startswith(f"{finding} (a.mp4). Restore it")
    assert next(report.sentences()) == (f"{finding}. {KINDS['missing'].fix_text(1)}.", "a.mp4")
    assert report.checked_texts[:2] == ["1 published clip compared", "1 object listed"]
    assert [row["found"] for row in report.rows()] == [in_number(KINDS["missing"].noun, 2)]


@pytest.mark.parametrize(
    ("unfinished", "words"),
    [
        (8, " 8 chosen combinations are unfinished and left for later nights."),
        (1, " 1 chosen combination is unfinished and left for later nights."),
        (0, ""),
    ],
)
def test_a_nightly_run_reports_remaining_combinations(unfinished, words):
    report = NightReport("stock", "2026-11-27", "c", 12, 0, 0, 12, "finished", unfinished=unfinished)
    assert report.sentence == f"Nightly run 2026-11-27 of stock: all chosen combinations are finished.{words}"


def test_problems_and_rows_of_a_sheet_in_singular_and_plural():
    numbers = ((1, 0, 1, 0), (3, 1, 2, 1), (1, 1, 0, 0), (1_632, 1_632, 0, 1_597))
    assert [_summary(*each) for each in numbers] == [
        "1 error; 0 of 1 row is valid.",
        "2 errors, 1 warning; 1 of 3 rows is valid.",
        "No errors; 1 of 1 row is valid.",
        "1,597 warnings; 1,632 of 1,632 rows are valid.",
    ]


def test_a_full_disk_is_reported_with_its_path(tmp_path, monkeypatch):
    full = OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "out.csv"))
    assert sentence_of(full).startswith(f"The disk that contains {tmp_path / 'out.csv'} is full. Free some space")
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    nameless = sentence_of(OSError(errno.EDQUOT, "Disk quota exceeded"))
    assert nameless.startswith(f"The disk that contains {tmp_path / 'home'} or the output folder is full")
