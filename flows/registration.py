"""Register a campaign, and check everything that its run needs, before any work starts."""

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flows.runtime.fan_out import check_fan_out
from flows.runtime.resources import resources_of
from flows.settings import Settings, load_settings
from manifests.errors import BucketRefusedError, DiskFullError, IncompleteWeightsError
from manifests.sheet.reading import ReadingOptions
from manifests.states import SENT, UNFINISHED
from models.registry import weights_problem
from tasks.intake.intake import DETECT, Intake
from tasks.intake.pictures import keep_pictures
from tasks.plan.expand import check_cap, expand, sample
from tasks.plan.licence import refuse_unattested_use
from tasks.plan.remaining import release_dead_leases
from tasks.runtime.resources import Resources, bucket_of, card_of, cards_of, catalogue_of, first_frames_of, signer_of

MIN_FREE_BYTES = 100_000_000
KEPT = (
    "model",
    "profile",
    "review",
    "bucket",
    "bucket_endpoint",
    "bucket_region",
    "bucket_public_url",
    "max_rank_share",
    "share_clips",
)
"""Settings that are stored with a campaign, so that a resumed run uses the same ones."""
READING = "reading"
"""Key under which the options for reading the sheet are stored with a campaign."""


def register(
    settings: Settings,
    resources: Resources,
    intake: Intake,
    sample_size: int | None = None,
    reading: ReadingOptions = DETECT,
) -> str:
    """Store the first frames, register the campaign with all its variants, and return its id.

    Raises:
        PlanError: a first frame was changed after the sheet was read.
        TooManyVariantsError: the sheet expands to more variants than allowed.
        SettingsError: the runner does not work with this catalogue and bucket.
        BucketError, CredentialError: the bucket or the signer cannot be used; checked before hours of work.
    """
    check_fan_out(settings)
    check_cap(intake.checked.briefs, settings.max_variants, sample_size)
    check_disk(settings.home)
    check_delivery(resources)
    catalogue, campaign = catalogue_of(resources), intake.campaign
    check_same_bucket(settings, resources, campaign.campaign_id)
    shares = shares_clips(settings, resources, campaign.campaign_id)
    owner = "" if shares else campaign.campaign_id
    planned = expand(intake.checked.briefs, cards_of(resources), settings.model, settings.profile, owner)
    keep_pictures(first_frames_of(resources), intake.pictures)
    kept = {name: getattr(settings, name) for name in KEPT} | {"share_clips": shares, READING: asdict(reading)}
    catalogue.campaigns.add(campaign, kept)
    catalogue.campaigns.add_variants(
        campaign.campaign_id, planned if sample_size is None else sample(planned, sample_size)
    )
    release_dead_leases(catalogue)
    return campaign.campaign_id


def shares_clips(settings: Settings, resources: Resources, campaign_id: str) -> bool:
    """Return whether a campaign shares its clips; a registered campaign keeps what it was registered with."""
    for row in catalogue_of(resources).campaigns.all():
        if row.campaign_id == campaign_id:
            return bool(row.settings.get("share_clips", True))  # campaigns of earlier versions share
    return settings.share_clips


def reading_of(settings: Mapping[str, Any]) -> ReadingOptions:
    """Return the options with which a campaign's sheet was read, from the settings stored with the campaign."""
    return ReadingOptions(**settings.get(READING, {}))


def settings_of(campaign_id: str, **overrides: Any) -> Settings:
    """Return the settings that a campaign was registered with, with overrides applied."""
    stored = catalogue_of(resources_of(load_settings(**overrides))).campaigns.get(campaign_id).settings
    return load_settings(**{name: stored[name] for name in KEPT if name in stored} | overrides)


def check_disk(home: Path) -> None:
    """Check that there is space for Prefect's embedded state and a few clips.

    Raises:
        DiskFullError: there is not.
    """
    free = shutil.disk_usage(home).free
    if free < MIN_FREE_BYTES:
        raise DiskFullError(
            f"The disk of {home} has {free / 1e6:.0f} MB free, but a run needs at least "
            f"{MIN_FREE_BYTES / 1e6:.0f} MB. Free some space or move REELMILL_HOME, then run the command again."
        )


def check_same_bucket(settings: Settings, resources: Resources, campaign_id: str) -> None:
    """Check that a campaign is not resumed with another bucket than before.

    Raises:
        BucketRefusedError: clips are already published in another bucket.
    """
    catalogue = catalogue_of(resources)
    for row in catalogue.campaigns.all():
        before = row.settings.get("bucket", settings.bucket)
        if (
            row.campaign_id == campaign_id
            and before != settings.bucket
            and catalogue.progress.tally(campaign_id).keys() & SENT
        ):
            names = [name or "the folder under REELMILL_HOME" for name in (before, settings.bucket)]
            raise BucketRefusedError(
                f"Clips of {campaign_id} are already published in {names[0]}, but this run uses {names[1]}. "
                "Use the first bucket again, or copy the clips manually."
            )


def check_delivery(resources: Resources) -> None:
    """Check that the bucket is writable and the signer can be opened.

    Raises:
        BucketError, CredentialError: one of them cannot be used.
    """
    bucket_of(resources, patient=False).check()
    with signer_of(resources):
        pass


def check_models(resources: Resources, campaign_id: str) -> None:
    """Check that the models of a campaign can be loaded on this machine and may be used.

    Raises:
        IncompleteWeightsError: weights are missing; the message says how to get them.
        LicenceNotAttestedError: the conditions of a licence are not attested.
    """
    catalogue = catalogue_of(resources)
    spare = catalogue.progress.not_needed(campaign_id)
    rows = catalogue.variants.of_campaign(campaign_id, UNFINISHED)
    names = sorted({row.variant.card for row in rows if row.variant_id not in spare})
    refuse_unattested_use(resources, names)
    for name in names:
        if problem := weights_problem(card_of(resources, name), resources.weights_root):
            raise IncompleteWeightsError(problem)
