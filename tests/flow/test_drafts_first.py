"""Drafts first through the real steps: what is finished, what is kept, what it costs."""

import json

import numpy as np
import pytest
from fake_scorer import FakeScorer

from app.report import report_of
from flows.settings import load_settings
from flows.wiring import wiring_of
from models.base import Generated
from models.fake import FakeGenerator, paint
from models.registry import HOME
from tasks import wiring as wirings
from tasks.wiring import catalogue_of, close_tools

pytestmark = pytest.mark.usefixtures("prefect_server")
FINAL_S, DRAFT_S = 1.0, 0.1


class Drafty(FakeGenerator):
    """Its drafts are its finals, or pictures of their own."""

    def __init__(self, correlates: bool = True) -> None:
        super().__init__(device_seconds=FINAL_S)
        self.correlates = correlates
        self.drafts: list[str] = []
        self.finals: list[str] = []

    def generate(self, variants, draft=False):
        for variant in variants:
            (self.drafts if draft else self.finals).append(variant.variant_id)
            shown = variant._replace(seed=variant.seed + 999) if draft and not self.correlates else variant
            yield Generated(variant, paint(shown), 0.0, DRAFT_S if draft else FINAL_S)


def run(sheet, **settings) -> str:
    from flows.campaign import campaign  # Prefect may be loaded once its home is set

    return campaign(sheet=str(sheet), settings=settings)


def catalogue():
    return catalogue_of(wiring_of(load_settings()))


@pytest.fixture
def cards(home, tmp_path, monkeypatch):
    """A card like the starter's that makes drafts."""
    folder = tmp_path / "cards"
    folder.mkdir()
    content = json.loads((HOME / "cards" / "starter.json").read_text())
    content |= {"name": "drafty", "draft": {"num_inference_steps": 2}, "vocabulary": None}
    content["weights"]["folder"] = str(HOME / "starter" / "t2v")
    (folder / "drafty.json").write_text(json.dumps(content))
    monkeypatch.setenv("REELMILL_MODEL_FOLDERS", json.dumps([str(folder)]))
    monkeypatch.setenv("REELMILL_MODEL", "drafty")
    monkeypatch.setenv("REELMILL_SHARD_SIZE", "200")


def put(monkeypatch, fake_models, generator: Drafty) -> Drafty:
    monkeypatch.setattr(wirings, "open_generator", lambda *_, **__: generator)
    return generator


@pytest.fixture
def sheet(tmp_path, cards):
    """Wants 14 clips, and about a third of the seeds pass."""
    path = tmp_path / "many.csv"
    path.write_text(wanting(14, of=150))
    return path


def wanting(want: int, of: int) -> str:
    """A sheet of one brief, of whose seeds about a third passes."""
    header = "brief_id,prompt,placements,variants,want,min_adherence"
    return f"{header}\na,a circle,1:1,{of},{want},{threshold(0.3):.5f}\n"


def threshold(pass_rate: float) -> float:
    """The score that such a share of painted clips exceeds."""
    from engine_variants import variant

    scorer = FakeScorer()
    text = scorer.embed_prompts(["a circle"])[0]
    scores = [(scorer.embed_frames(paint(variant(seed=seed))) @ text).mean() for seed in range(300)]
    return float(np.quantile(scores, 1 - pass_rate))


def test_drafts_that_tell_save_device_time_and_give_the_very_same_clips(sheet, home, fake_models, monkeypatch):
    plain = put(monkeypatch, fake_models, Drafty())
    first = run(sheet, drafts="off")
    assert not plain.drafts
    before = {row.variant_id: row.clip.sha256 for row in catalogue().variants(first) if row.clip}

    close_tools()
    monkeypatch.setenv("REELMILL_HOME", str(home.parent / "other"))
    drafty = put(monkeypatch, fake_models, Drafty())
    second = run(sheet)
    rows = [row for row in catalogue().variants(second) if row.clip]
    assert report_of(catalogue(), second).published == 14
    assert drafty.drafts
    spent = len(drafty.finals) * FINAL_S + len(drafty.drafts) * DRAFT_S
    assert spent < len(plain.finals) * FINAL_S
    same = [row for row in rows if row.variant_id in before]
    assert len(same) >= 16
    assert all(row.clip.sha256 == before[row.variant_id] for row in same)
    told = sum(row.clip.draft_seconds for row in rows)
    assert told == pytest.approx(len(drafty.drafts) * DRAFT_S, abs=2 * DRAFT_S)  # the last may lead to nothing more


def test_drafts_that_tell_nothing_are_given_up_and_the_brief_is_satisfied(sheet, fake_models, monkeypatch):
    drafty = put(monkeypatch, fake_models, Drafty(correlates=False))
    assert report_of(catalogue(), run(sheet)).published == 14
    assert len(drafty.drafts) < len(drafty.finals)


def test_when_the_seeds_are_used_up_the_poor_drafts_are_finished_too(tmp_path, cards, fake_models, monkeypatch):
    sheet = tmp_path / "few.csv"
    sheet.write_text(wanting(39, of=40))
    drafty = put(monkeypatch, fake_models, Drafty())
    run(sheet)
    assert sorted(set(drafty.finals)) == sorted(drafty.finals)
    assert len(drafty.finals) == 40


def test_a_brief_that_wants_all_is_never_drafted(tmp_path, cards, fake_models, monkeypatch):
    sheet = tmp_path / "all.csv"
    sheet.write_text("brief_id,prompt,placements,variants\na,a circle,1:1,40\n")
    drafty = put(monkeypatch, fake_models, Drafty())
    run(sheet)
    assert not drafty.drafts
    assert len(drafty.finals) == 40
