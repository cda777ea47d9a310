"""A provider that cannot be reached: the run ends soon, with one sentence, and the clips of other models are made."""

import logging
import threading
from collections import Counter

import pytest
from hosted_world import hurry, jobs_of, use_cards, write_card, write_sheet
from vendor_server import VendorServer

from app.cli import progress
from app.cli.progress import Progress, live_progress
from flows.campaign import campaign
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.errors import ProviderError
from manifests.states import State
from tasks.runtime.providers.provider_jobs import state_text
from tasks.runtime.resources import catalogue_of

pytestmark = pytest.mark.usefixtures("prefect_server", "home", "fake_models")


def catalogue():
    return catalogue_of(resources_of(load_settings()))


@pytest.fixture
def closed(tmp_path, monkeypatch) -> str:
    """The address of a server that has ended; cards of it can be used."""
    with VendorServer("openai_videos") as vendor:
        base_url = vendor.base_url
    hurry(monkeypatch)
    use_cards(monkeypatch, write_card(tmp_path / "cards", "hosted", base_url), "starter")
    return base_url


def test_the_run_ends_with_one_sentence_and_a_job_for_each_clip_that_was_not_sent(tmp_path, closed, caplog):
    sheet = write_sheet(tmp_path / "s.csv", ["a red ball"], variants=2, model="hosted")
    with caplog.at_level(logging.WARNING), pytest.raises(ProviderError, match=f"vendor at {closed} cannot be used"):
        campaign(sheet=str(sheet))
    assert [record.getMessage() for record in caplog.records if "Trying again" in record.getMessage()] == [
        "vendor cannot be used: 127.0.0.1 cannot be reached (ConnectError). Trying again."
    ]
    jobs = jobs_of(catalogue())
    assert len(jobs) == len({job.variant_id for job in jobs}) <= 2
    assert {state_text(job) for job in jobs} == {"not sent"}
    assert catalogue().provider_jobs.money() == []


def test_the_clips_of_local_models_are_published_before_the_error(tmp_path, closed):
    sheet = tmp_path / "s.csv"
    sheet.write_text(
        "brief_id,prompt,placements,variants,duration_s,model\n"
        "a,a red ball,1:1,2,1,hosted\nb,a red circle on a white background,1:1,8,,starter\n"
    )
    with pytest.raises(ProviderError, match="cannot be reached"):
        campaign(sheet=str(sheet), settings={"device": "cpu"})
    [row] = catalogue().campaigns.all()
    rows = catalogue().variants.of_campaign(row.campaign_id)
    assert Counter((each.variant.card, each.state) for each in rows) == {
        ("hosted", State.PLANNED): 2,
        ("starter", State.PUBLISHED): 8,
    }


def test_progress_says_how_many_clips_are_at_a_provider(tmp_path, closed, monkeypatch):
    shown = []
    with VendorServer("openai_videos", polls_until_done=3) as vendor:
        use_cards(monkeypatch, write_card(tmp_path / "cards", "hosted", vendor.base_url))
        sheet = write_sheet(tmp_path / "s.csv", ["a red ball"], variants=6)
        submitted = type(catalogue().provider_jobs).submitted

        def submitting(jobs, job_id, accepted):
            job = submitted(jobs, job_id, accepted)
            counts = Progress(catalogue(), job.campaign_id)
            counts.begin()
            shown.append(counts.line())
            return job

        monkeypatch.setattr(type(catalogue().provider_jobs), "submitted", submitting)
        campaign(sheet=str(sheet))
    assert any(" at vendor, " in line and " waiting" in line for line in shown)


def test_without_a_terminal_lines_are_printed_also_before_the_run_begins(monkeypatch):
    lines: list[str] = []
    printed = threading.Event()

    def note(line: str) -> None:
        lines.append(line)
        printed.set()

    monkeypatch.setattr(progress, "FIRST_S", 0.01)
    monkeypatch.setattr(progress, "PRINT_S", 0.01)
    monkeypatch.setattr(progress, "warn", note)
    with live_progress(catalogue(), "none", shown=True) as begin:
        assert printed.wait(10)
        begin()
        printed.clear()
        assert printed.wait(10)
        printed.clear()
        assert printed.wait(10)
    assert lines[0] == "starting Prefect and loading libraries"
    assert lines[-1] == "reading the sheet"
    with live_progress(catalogue(), "none", shown=False):
        before = len(lines)
    assert len(lines) == before
