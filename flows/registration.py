"""Register a campaign, and check everything that its run needs, before any work starts."""

import shutil
from pathlib import Path
from typing import Any

from flows.runtime.fan_out import check_fan_out
from flows.runtime.resources import resources_of
from flows.settings import Settings, load_settings
from manifests.errors import BucketRefusedError, DiskFullError, IncompleteWeightsError
from manifests.states import SENT, UNFINISHED
from models.registry import weights_problem
from tasks.intake.intake import Intake
from tasks.intake.pictures import keep_pictures
from tasks.plan.expand import check_cap, expand, sample
from tasks.plan.licence import refuse_unattested_use
from tasks.plan.remaining import release_dead_leases
from tasks.runtime.resources import Resources, bucket_of, card_of, cards_of, catalogue_of, first_frames_of, signer_of

LEAST_FREE_BYTES = 100_000_000
KEPT = (
    "model",
    "profile",
    "review",
    "bucket",
    "bucket_endpoint",
    "bucket_region",
    "bucket_public_url",
    "max_rank_share",
)
"""Settings that are stored with a campaign, so that a resumed run uses the same ones."""


def register(settings: Settings, resources: Resources, intake: Intake, sample_size: int | None = None) -> str:
    """Commit the campaign with all its variants, and return its id; its first frames are kept before that.

    Raises:
        PlanError: a first frame was changed since the sheet was read.
        TooManyVariantsError: over the cap.
        SettingsError: the runner cannot work over this catalogue and bucket.
        BucketError, CredentialError: a door is shut, found out before hours of work.
    """
    check_fan_out(settings)
    check_cap(intake.checked.briefs, settings.max_variants, sample_size)
    check_disk(settings.home)
    check_doors(resources)
    catalogue, campaign = catalogue_of(resources), intake.campaign
    check_same_bucket(settings, resources, campaign.campaign_id)
    planned = expand(intake.checked.briefs, cards_of(resources), settings.model, settings.profile)
    keep_pictures(first_frames_of(resources), intake.pictures)
    catalogue.campaigns.add(campaign, {name: getattr(settings, name) for name in KEPT})
    catalogue.campaigns.add_variants(
        campaign.campaign_id, planned if sample_size is None else sample(planned, sample_size)
    )
    release_dead_leases(catalogue)
    return campaign.campaign_id


def settings_of(campaign_id: str, **overrides: Any) -> Settings:
    """Return the settings under which a campaign was registered, but for the overrides."""
    stored = catalogue_of(resources_of(load_settings(**overrides))).campaigns.get(campaign_id).settings
    return load_settings(**{name: stored[name] for name in KEPT if name in stored} | overrides)


def check_disk(home: Path) -> None:
    """Refuse to start where not even Prefect's embedded state and a few clips have room.

    Raises:
        DiskFullError: names the folder, what is free and what is needed.
    """
    free = shutil.disk_usage(home).free
    if free < LEAST_FREE_BYTES:
        raise DiskFullError(
            f"The disk that holds {home} has {free / 1e6:.0f} MB free and a run needs at least "
            f"{LEAST_FREE_BYTES / 1e6:.0f} MB; free some space, or move REELMILL_HOME, and run again."
        )


def check_same_bucket(settings: Settings, resources: Resources, campaign_id: str) -> None:
    """Refuse to go on with a campaign in another bucket than the one that holds its first clips.

    Raises:
        BucketRefusedError: names both.
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
                f"Clips of {campaign_id} are published in {names[0]} already, and this run names "
                f"{names[1]}; name the first again, or copy the clips by hand."
            )


def check_doors(resources: Resources) -> None:
    """Raise where the bucket refuses or the signer cannot sign."""
    bucket_of(resources).check()
    with signer_of(resources):
        pass


def check_models(resources: Resources, campaign_id: str) -> None:
    """Refuse a campaign whose cards cannot be loaded here, or must not be run.

    Raises:
        IncompleteWeightsError: names the card, what is missing and how to get it.
        LicenceNotAttestedError: a licence forbids some operators to use the model at all.
    """
    rows = catalogue_of(resources).variants.of_campaign(campaign_id, UNFINISHED)
    names = sorted({row.variant.card for row in rows})
    refuse_unattested_use(resources, names)
    for name in names:
        if problem := weights_problem(card_of(resources, name), resources.weights_root):
            raise IncompleteWeightsError(problem)
