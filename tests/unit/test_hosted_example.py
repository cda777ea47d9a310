"""The example sheet of hosted models works with each of their cards that generates from text."""

from pathlib import Path

import pytest

from flows.runtime.resources import resources_of
from flows.settings import load_settings
from flows.submit import read_sheet
from models.registry import hosted_cards, load_cards
from tasks.runtime.resources import close_resources

SHEET = Path(__file__).parents[2] / "examples" / "hosted-ad.csv"
NAMES = sorted(
    name for name, card in hosted_cards(load_cards()).items() if not card.retired and not card.needs_first_frame
)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "hosted-starter"])
def test_every_model_accepts_the_example_of_hosted_models(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    close_resources()
    settings = load_settings(model=name)
    checked = read_sheet(settings, resources_of(settings), SHEET).checked
    found = [*checked.problems, *checked.warnings]
    assert [each.sentence for each in found if "may have been retired" not in each.sentence] == []
    assert {placement.aspect_ratio for brief in checked.briefs for placement in brief.placements} == {"16:9", "9:16"}
