"""A run whose model is placed by the free memory of its device: the memory rung is on the clip and in the report."""

import pytest

from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.errors import ModelTooLargeError
from models.diffusers import placing
from tasks.runtime.resources import catalogue_of

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_a_model_that_fits_on_no_device_ends_the_run_with_the_reason(home, tmp_path, monkeypatch):
    from flows.campaign import campaign

    monkeypatch.setattr(placing, "free_gb", lambda device: 0.1)
    sheet = tmp_path / "one.csv"
    sheet.write_text("brief_id,prompt,placements\na,a red circle on a white background,1:1\n")
    with pytest.raises(
        ModelTooLargeError, match=r"^starter needs about .* GB on cpu even at the memory rung sequential"
    ):
        campaign(sheet=str(sheet), settings={})


def test_the_memory_rung_is_recorded_on_the_clip(home, tmp_path, monkeypatch):
    """The CPU is placed as a GPU with 100 GB."""
    from flows.campaign import campaign  # import Prefect only after its home is set

    monkeypatch.setattr(placing, "free_gb", lambda device: 100.0)
    sheet = tmp_path / "one.csv"
    sheet.write_text("brief_id,prompt,placements\na,a red circle on a white background,1:1\n")
    campaign_id = campaign(sheet=str(sheet), settings={})
    [row] = catalogue_of(resources_of(load_settings())).variants.of_campaign(campaign_id)
    assert row.clip.rung == "whole"
