"""A wanted number of clips counts for each combination of a brief, or for the whole brief."""

import json

import pytest
from cli_runner import reelmill

from app.report.report import report_of
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.states import GOOD
from tasks.plan.remaining import Remaining
from tasks.runtime.resources import catalogue_of

SHEET = "brief_id,prompt,colour,variants,want,locale{more}\nball,a {{colour}} ball,red|blue,3,1,de|fr{value}\n"


@pytest.mark.usefixtures("home", "prefect_server", "fake_models")
@pytest.mark.parametrize(("more", "value", "colours", "not_needed"), [("", "", 2, 4), (",want_scope", ",brief", 1, 5)])
def test_every_colour_gets_its_clip_unless_the_scope_is_the_brief(capsys, tmp_path, more, value, colours, not_needed):
    path = tmp_path / "balls.csv"
    path.write_text(SHEET.format(more=more, value=value))
    assert reelmill(capsys, "run", path, "--json").code == 0
    resources = resources_of(load_settings())
    catalogue = catalogue_of(resources)
    [head] = catalogue.campaigns.all()
    good = {row.variant_id for row in catalogue.variants.of_campaign(head.campaign_id) if row.state in GOOD}
    members = [member for member in catalogue.campaigns.memberships(head.campaign_id) if member.variant_id in good]
    assert len({dict(member.labels)["colour"] for member in members}) == len(members) == colours
    assert {member.locale for member in members} == {"de|fr"}
    [brief] = report_of(catalogue, head.campaign_id).briefs
    assert (brief.published, brief.not_needed, brief.open, brief.status) == (colours, not_needed, 0, "published")
    assert Remaining(resources, head.campaign_id, 0.25).is_done("auto")
    plan = json.loads(reelmill(capsys, "plan", path, "--json").out)
    assert (plan["to_make"], plan["skipped"]["not needed"]) == (0, not_needed)


@pytest.mark.usefixtures("home")
def test_plan_lists_the_prompts(capsys, tmp_path):
    path = tmp_path / "balls.csv"
    path.write_text("prompt,colour,aspect,seed,variants\na {colour} ball,red|blue,16:9|9:16,7,11\n")
    shown = reelmill(capsys, "plan", path, "--prompts").out
    assert "Row 2, starter, 16:9, seed 7: a red ball" in shown
    assert "and 4 more prompts. --json lists the first 1,000." in shown
    answer = json.loads(reelmill(capsys, "plan", path, "--prompts", "--json").out)
    assert len(answer["prompts"]) == 44
    assert answer["prompts"][2]["placement"] == "9:16"
    assert {each["prompt"] for each in answer["prompts"]} == {"a red ball", "a blue ball"}
    assert "prompts" not in json.loads(reelmill(capsys, "plan", path, "--json").out)


@pytest.mark.usefixtures("home")
def test_validate_reports_too_many_variants_itself(capsys, tmp_path):
    path = tmp_path / "balls.csv"
    path.write_text("prompt,variants\na red circle,6000\n")
    ended = reelmill(capsys, "validate", path)
    assert ended.code == 1
    assert "The sheet expands to 6,000 variants, but the limit is 5,000." in ended.out
    assert "1 error; 1 of 1 row is valid." in ended.out
    assert "No errors" not in ended.out
    assert reelmill(capsys, "validate", path, "--max-variants", "6000").code == 0
    assert "6,000" in json.loads(reelmill(capsys, "validate", path, "--json").out)["too_many_variants"]


@pytest.mark.usefixtures("home")
def test_validate_counts_only_rows_with_a_brief(capsys, tmp_path):
    path = tmp_path / "balls.csv"
    path.write_text("prompt,done\na red circle,TRUE\n" + ",FALSE\n" * 900)
    ended = reelmill(capsys, "validate", path)
    assert ended.code == 0
    assert "1 of 1 row is valid" in ended.out
    assert "Rows 3 to 902 contain no brief (only FALSE in 'done') and are skipped." in ended.err


@pytest.mark.usefixtures("home")
def test_the_setting_want_scope_is_the_default_of_the_column(capsys, tmp_path, monkeypatch):
    path = tmp_path / "balls.csv"
    path.write_text("prompt,colour,want\na {colour} ball,red|blue,2\n")
    assert "each combination" in reelmill(capsys, "validate", path).out
    monkeypatch.setenv("REELMILL_WANT_SCOPE", "brief")
    assert reelmill(capsys, "validate", path).code == 0


def test_a_listed_prompt_is_shown_letter_by_letter(home, tmp_path, capsys):
    path = tmp_path / "emoji.csv"
    path.write_text('prompt\n"a [cat:dog:0.5] cup :fire: [bold]x[/bold]"\n')
    assert "a [cat:dog:0.5] cup :fire: [bold]x[/bold]" in reelmill(capsys, "plan", path, "--prompts").out
