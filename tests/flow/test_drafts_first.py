"""Drafts in a real run: which clips are finished, which are kept, and what drafts cost."""

import json
import os
import signal
import threading

import numpy as np
import pytest
from fake_scorer import FakeScorer
from tiny_weights import pinned

from app.report.report import report_of
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.errors import BrokenDeviceError, GenerationError, SettingsError
from models.fake import FakeGenerator, paint
from models.protocols import Generated
from models.registry import HOME
from tasks.render.drafting import MAX_FAILURES
from tasks.runtime import resources as resources_module
from tasks.runtime.cancellation import stopping
from tasks.runtime.resources import catalogue_of, close_resources

pytestmark = pytest.mark.usefixtures("prefect_server")
SLOW = pytest.mark.slow
FINAL_S, DRAFT_S = 1.0, 0.1


class Drafty(FakeGenerator):
    """Generator whose drafts show the same picture as the final, or an unrelated one."""

    def __init__(self, correlates: bool = True) -> None:
        super().__init__(device_seconds=FINAL_S)
        self.correlates = correlates
        self.drafts: list[str] = []
        self.finals: list[str] = []

    def generate(self, variants, draft=False):
        for variant in variants:
            (self.drafts if draft else self.finals).append(variant.variant_id)
            shown = variant._replace(seed=variant.seed + 999) if draft and not self.correlates else variant
            self.worked_s += DRAFT_S if draft else FINAL_S
            yield Generated(variant, paint(shown), 0.0, DRAFT_S if draft else FINAL_S)


def assert_booked(campaign_id: str, *generators: Drafty) -> None:
    """Assert that the report and the live view include every second of every draft and final, failed ones too."""
    spent = pytest.approx(sum(made.worked_s for made in generators), abs=0.2)
    assert report_of(catalogue(), campaign_id).device_seconds == spent
    assert catalogue().progress.device_seconds(campaign_id) == spent


def run(sheet, **settings) -> str:
    from flows.campaign import campaign  # import Prefect only after its home is set

    return campaign(sheet=str(sheet), settings=settings)


def catalogue():
    return catalogue_of(resources_of(load_settings()))


@pytest.fixture
def cards(home, tmp_path, monkeypatch):
    """A copy of the starter card that supports drafts."""
    folder = tmp_path / "cards"
    folder.mkdir()
    content = json.loads((HOME / "cards" / "starter.json").read_text())
    content |= {"name": "drafty", "draft": {"num_inference_steps": 2}, "vocabulary": None}
    content["weights"] = pinned(HOME / "starter" / "t2v")
    (folder / "drafty.json").write_text(json.dumps(content))
    monkeypatch.setenv("REELMILL_MODEL_FOLDERS", json.dumps([str(folder)]))
    monkeypatch.setenv("REELMILL_MODEL", "drafty")
    monkeypatch.setenv("REELMILL_SHARD_SIZE", "200")


@pytest.fixture
def fake_models(fake_models, reported_time):
    """Count what a generator reports in ``put``."""
    fake_models.count_reported_time = reported_time
    return fake_models


def put(monkeypatch, fake_models, generator: Drafty) -> Drafty:
    fake_models.count_reported_time(generator)
    monkeypatch.setattr(resources_module, "open_generator", lambda *_, **__: generator)
    return generator


@pytest.fixture
def sheet(tmp_path, cards):
    """A sheet that needs 14 clips; about a third of its seeds pass."""
    path = tmp_path / "many.csv"
    path.write_text(wanting(14, of=150))
    return path


def wanting(want: int, of: int) -> str:
    """Return a sheet with one brief; about a third of its seeds pass."""
    header = "brief_id,prompt,placements,variants,want,min_adherence"
    return f"{header}\na,a circle,1:1,{of},{want},{threshold(0.3):.5f}\n"


def threshold(pass_rate: float) -> float:
    """Return the score that this share of painted clips exceeds."""
    from engine_variants import variant

    scorer = FakeScorer()
    text = scorer.embed_prompts(["a circle"])[0]
    scores = [(scorer.embed_frames(paint(variant(revision="1", seed=seed))) @ text).mean() for seed in range(300)]
    return float(np.quantile(scores, 1 - pass_rate))


def test_predictive_drafts_save_device_time_and_give_identical_clips(sheet, home, fake_models, monkeypatch):
    plain = put(monkeypatch, fake_models, Drafty())
    first = run(sheet, drafts="off")
    assert not plain.drafts
    before = {row.variant_id: row.clip.sha256 for row in catalogue().variants.of_campaign(first) if row.clip}

    close_resources()
    monkeypatch.setenv("REELMILL_HOME", str(home.parent / "other"))
    drafty = put(monkeypatch, fake_models, Drafty())
    second = run(sheet)
    rows = [row for row in catalogue().variants.of_campaign(second) if row.clip]
    assert report_of(catalogue(), second).published == 14
    assert drafty.drafts
    spent = len(drafty.finals) * FINAL_S + len(drafty.drafts) * DRAFT_S
    assert spent < len(plain.finals) * FINAL_S
    same = [row for row in rows if row.variant_id in before]
    assert len(same) >= 16
    assert all(row.clip.sha256 == before[row.variant_id] for row in same)
    assert_booked(second, drafty)


def test_unrelated_drafts_are_abandoned_and_the_brief_is_satisfied(sheet, fake_models, monkeypatch):
    drafty = put(monkeypatch, fake_models, Drafty(correlates=False))
    assert report_of(catalogue(), run(sheet)).published == 14
    assert len(drafty.drafts) < len(drafty.finals)


def test_poor_drafts_are_finished_once_all_seeds_are_used_up(tmp_path, cards, fake_models, monkeypatch):
    sheet = tmp_path / "few.csv"
    sheet.write_text(wanting(39, of=40))
    drafty = put(monkeypatch, fake_models, Drafty())
    run(sheet)
    assert sorted(set(drafty.finals)) == sorted(drafty.finals)
    assert len(drafty.finals) == 40


def test_a_brief_that_needs_all_its_variants_is_never_drafted(tmp_path, cards, fake_models, monkeypatch):
    sheet = tmp_path / "all.csv"
    sheet.write_text("brief_id,prompt,placements,variants\na,a circle,1:1,40\n")
    drafty = put(monkeypatch, fake_models, Drafty())
    run(sheet)
    assert not drafty.drafts
    assert len(drafty.finals) == 40


def test_a_card_without_drafts_generates_its_clips_and_no_draft(sheet, tmp_path, fake_models, monkeypatch):
    path = tmp_path / "cards" / "drafty.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"draft": None}))
    drafty = put(monkeypatch, fake_models, Drafty())
    campaign_id = run(sheet, drafts="auto")
    assert report_of(catalogue(), campaign_id).published == 14
    assert not drafty.drafts
    assert_booked(campaign_id, drafty)


def test_the_drafts_setting_accepts_only_auto_and_off(sheet, fake_models):
    with pytest.raises(SettingsError, match=r"Invalid setting 'drafts'.*'auto' or 'off'"):
        run(sheet, drafts="on")


class Interrupted(Drafty):
    """Presses Ctrl-C during the draft of a clip that is not generated yet."""

    def generate(self, variants, draft=False):
        yield from super().generate(variants, draft)
        if draft and variants[0].variant_id not in self.finals:
            os.kill(os.getpid(), signal.SIGINT)
            assert stopping.wait(60)  # set by the flow's thread


def test_an_interrupted_draft_phase_loses_nothing_and_resumes(sheet, fake_models, monkeypatch):
    interrupted = put(monkeypatch, fake_models, Interrupted())
    with pytest.raises(KeyboardInterrupt):
        run(sheet)
    assert len(set(interrupted.drafts) - set(interrupted.finals)) == 1
    [head] = catalogue().campaigns.all()
    before = {row.variant_id: row.clip.sha256 for row in catalogue().variants.of_campaign(head.campaign_id) if row.clip}
    assert before.keys() == set(interrupted.finals)
    assert "leased" not in catalogue().progress.tally(head.campaign_id)
    assert not catalogue().leases.owners()
    assert_booked(head.campaign_id, interrupted)

    close_resources()
    drafty = put(monkeypatch, fake_models, Drafty())
    assert run(sheet) == head.campaign_id
    rows = {row.variant_id: row for row in catalogue().variants.of_campaign(head.campaign_id)}
    assert report_of(catalogue(), head.campaign_id).published == 14
    assert not before.keys() & set(drafty.finals)
    assert {key: rows[key].clip.sha256 for key in before} == before
    assert_booked(head.campaign_id, interrupted, drafty)


class Failing(Drafty):
    """Fails all drafts ("all"), those of new clips, once drafts have proved useful ("new"), or some ("some")."""

    def __init__(self, error: Exception, which: str) -> None:
        super().__init__()
        self.error, self.which = error, which
        self.failed: list[str] = []

    def fails(self, variant_id: str) -> bool:
        if self.which == "all" or variant_id in self.finals:
            return self.which == "all"
        return self.which == "new" or len(self.drafts) % 2 == 0

    def generate(self, variants, draft=False):
        for item in super().generate(variants, draft):
            if draft and self.fails(item.variant.variant_id):
                self.failed.append(self.drafts.pop())
                yield self.error
            else:
                yield item


@pytest.mark.parametrize(
    ("which", "error"),
    [
        ("all", "it does not fit into the memory of cuda:0, even alone (CUDA out of memory)"),
        pytest.param("new", "it does not fit into the memory of cuda:0, even alone (CUDA out of memory)", marks=SLOW),
        pytest.param("some", "ValueError: no luck", marks=SLOW),
    ],
)
def test_a_failed_draft_does_not_cost_a_clip(sheet, fake_models, monkeypatch, caplog, which, error):
    failing = put(monkeypatch, fake_models, Failing(GenerationError(error), which))
    campaign_id = run(sheet)
    assert failing.failed
    assert report_of(catalogue(), campaign_id).published == 14
    assert not any(row.error for row in catalogue().variants.of_campaign(campaign_id))
    assert f"its clip is generated last: {error}" in caplog.text
    assert which == "some" or len(failing.failed) == MAX_FAILURES
    assert_booked(campaign_id, failing)


def test_a_final_that_fails_after_its_draft_failed_records_its_own_reason(sheet, fake_models, monkeypatch):
    failing = put(monkeypatch, fake_models, Failing(GenerationError("no room"), "new"))
    generate = failing.generate

    def both(variants, draft=False):
        for item in generate(variants, draft):
            yield GenerationError("no room for the clip either") if failing.failed and not draft else item

    monkeypatch.setattr(failing, "generate", both)
    campaign_id = run(sheet)
    rows = catalogue().variants.of_campaign(campaign_id)
    assert failing.failed
    assert {row.variant_id for row in rows if row.error} >= set(failing.failed)
    assert {row.error for row in rows if row.error} == {"no room for the clip either"}
    assert all(row.state in ("failed", "published") for row in rows)
    assert sorted(set(failing.finals)) == sorted(failing.finals)


class Moody(FakeScorer):
    """Fails only in the thread that makes drafts."""

    def __init__(self) -> None:
        self.failures = 0

    def embed_frames(self, frames):
        if not threading.current_thread().name.startswith("postprocess"):
            self.failures += 1
            raise RuntimeError("CUDA error: no kernel image")
        return super().embed_frames(frames)


def test_a_draft_that_cannot_be_scored_stops_nothing(sheet, fake_models, monkeypatch, caplog):
    scorer = Moody()
    drafty = put(monkeypatch, fake_models, Drafty())
    monkeypatch.setattr(resources_module, "open_scorer", lambda *_, **__: scorer)
    campaign_id = run(sheet)
    assert scorer.failures
    assert report_of(catalogue(), campaign_id).published == 14
    assert "its clip is generated last: CUDA error: no kernel image" in caplog.text
    assert_booked(campaign_id, drafty)


def test_a_device_that_breaks_during_a_draft_releases_all_leases(sheet, fake_models, monkeypatch):
    lost = put(monkeypatch, fake_models, Drafty())
    generate = lost.generate

    def breaking(variants, draft=False):
        if draft and len(lost.drafts) == 3:
            raise BrokenDeviceError("The device cuda:0 is lost to this process; run again.")
        yield from generate(variants, draft)

    monkeypatch.setattr(lost, "generate", breaking)
    with pytest.raises(BrokenDeviceError, match="is lost to this process"):
        run(sheet)
    [head] = catalogue().campaigns.all()
    tally = catalogue().progress.tally(head.campaign_id)
    assert not tally.keys() & {"leased", "quarantined"}
    assert not catalogue().leases.owners()
    assert_booked(head.campaign_id, lost)
