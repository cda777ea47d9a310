"""`--sample`: nothing is generated beyond it, also if the campaign was started with more."""

from pathlib import Path

import pytest
from cli_runner import reelmill

from flows.campaign import campaign
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from flows.submit import submit
from manifests.errors import PlanError
from manifests.placement import parse_placement
from manifests.states import State
from manifests.variant import PlannedVariant
from tasks.runtime.resources import catalogue_of

pytestmark = pytest.mark.usefixtures("prefect_server", "home", "fake_models")


def catalogue():
    return catalogue_of(resources_of(load_settings()))


def registered(sheet: Path, sample_size: int | None = None) -> str:
    settings = load_settings()
    return submit(settings, resources_of(settings), sheet, sample_size=sample_size).campaign_id


def test_a_campaign_that_was_started_in_full_refuses_a_sample_and_the_advice_works(ten, capsys):
    campaign_id = registered(ten)
    for command in ("plan", "run"):
        refused = reelmill(capsys, command, ten, "--sample", 2)
        assert refused.code == 1
        text = " ".join(refused.err.split())
        assert f"--sample 2 does not limit this run: {campaign_id} was already started with more" in text
        assert "8 other unfinished clips" in text
        assert "Start with" not in refused.out
    with pytest.raises(PlanError, match="does not limit this run"):
        campaign(sheet=str(ten), sample_size=2)
    assert dict(catalogue().progress.tally(campaign_id)) == {State.PLANNED: 10}
    copy = ten.with_name("few.csv")
    copy.write_bytes(ten.read_bytes())
    assert reelmill(capsys, "run", copy, "--sample", 2).code == 0
    [few] = [row.campaign_id for row in catalogue().campaigns.all() if row.campaign_id != campaign_id]
    assert dict(catalogue().progress.tally(few)) == {State.PUBLISHED: 2}


def test_a_campaign_of_another_model_refuses_a_sample(ten, capsys):
    registered(ten)
    refused = reelmill(capsys, "plan", ten, "--sample", 2, "--model", "hosted-starter")
    assert "10 other unfinished clips" in " ".join(refused.err.split())


def test_a_sampled_campaign_is_resumed_extended_and_sampled_again(ten, capsys):
    campaign_id = registered(ten, 2)
    assert reelmill(capsys, "run", ten, "--sample", 2).code == 0
    assert dict(catalogue().progress.tally(campaign_id)) == {State.PUBLISHED: 2}
    assert reelmill(capsys, "run", ten, "--sample", 4).code == 0
    assert reelmill(capsys, "run", ten, "--sample", 1).code == 0  # nothing is left, so nothing is generated
    assert dict(catalogue().progress.tally(campaign_id)) == {State.PUBLISHED: 4}


def test_a_retry_with_a_new_seed_belongs_to_the_sample(ten):
    campaign_id = registered(ten, 1)
    settings, catalogue_ = load_settings(), catalogue()
    [row] = catalogue_.variants.of_campaign(campaign_id)
    [member] = catalogue_.campaigns.memberships(campaign_id)
    again = row.variant._replace(seed=row.variant.seed + 999)
    planned = PlannedVariant(member.brief_id, parse_placement(member.placement), again, again.variant_id, member.labels)
    catalogue_.campaigns.add_variants(campaign_id, [planned], parent_id=row.variant_id, actor="person:ann")
    assert submit(settings, resources_of(settings), ten, sample_size=1).campaign_id == campaign_id
