"""What a campaign's deliverables share; stored with the campaign when its sheet is submitted."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from manifests.finish.asset import Asset
from manifests.finish.brand import BrandKit
from manifests.finish.design.template import FinishTemplate
from manifests.finish.record import FinishRecord
from manifests.placements.preset import PlacementPreset


class FinishKit(FinishRecord):
    """Templates, brand kit, placement presets and files, as they were when the sheet was submitted.

    Submitting the sheet again after a template or the brand kit was changed replaces it: deliverables with other
    inputs are made, from the same clips.

    Attributes:
        templates: by name, those that the briefs use.
        brand: the brand kit.
        presets: by the label of the sheet's placement, such as ``tiktok 9:16``.
        voices: ``engine`` or ``engine:voice`` by language tag, for rows with the voice ``auto``; languages that no
            engine of this machine speaks are missing.
        assets: sound files that the sheet names, by the name in the sheet.
        captions: texts of the files of captions, by the name in the sheet.
    """

    templates: dict[str, FinishTemplate] = Field(default_factory=dict)
    brand: BrandKit = BrandKit()
    presets: dict[str, PlacementPreset] = Field(default_factory=dict)
    voices: dict[str, str] = Field(default_factory=dict)
    assets: dict[str, Asset] = Field(default_factory=dict)
    captions: dict[str, str] = Field(default_factory=dict)


FINISHING = "finish_kit"
"""Key under which the kit is stored with a campaign's settings."""


def kit_in(settings: Mapping[str, Any]) -> FinishKit | None:
    """Return the kit of a campaign from the settings stored with it; None if it has no finishing.

    Raises:
        pydantic.ValidationError: it was changed outside Reelmill.
    """
    stored = settings.get(FINISHING)
    return FinishKit.model_validate(stored) if stored else None


def kit_json(kit: FinishKit) -> dict[str, Any]:
    """Return the kit for the settings of a campaign."""
    return kit.model_dump(mode="json", exclude_defaults=True)
