"""Register a campaign, and check everything that its run needs, before any work starts."""

import logging
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from adapters.bucket import LocalBucket
from adapters.catalogue import Catalogue, VariantRow
from flows.fan_out.fan_out import check_fan_out
from flows.prices import FEWER, check_budget, fallback_note, prices_of
from flows.runtime.resources import resources_of
from flows.settings import Settings, load_settings
from manifests.brief import GENERIC, Brief
from manifests.errors import BucketRefusedError, IncompleteWeightsError
from manifests.finish.brief_digest import FINISHED_BRIEFS, digests_of
from manifests.finish.kit import FINISHING, kit_json
from manifests.goals.goal import goal_of
from manifests.goals.want import satisfied_goals
from manifests.placement import parse_placement
from manifests.sheet.reading import DETECT, ReadingOptions
from manifests.states import SENT, UNFINISHED
from manifests.variant import PlannedVariant, Variant
from models.card import ModelCard
from models.registry import get_scorer_card, weights_problem
from tasks.deliver.signing_clock import signing_clock_of
from tasks.doctor.signing import exposed_key, sign_test_clip
from tasks.intake.continued_clips import keep_clips
from tasks.intake.finishing.assets import keep_assets
from tasks.intake.intake import Intake
from tasks.intake.pictures import keep_pictures
from tasks.plan.costs import Costs
from tasks.plan.expand import check_cap, expand, sample
from tasks.plan.fallback import without_fallback
from tasks.plan.good_clips import good_clips
from tasks.plan.licence import refuse_unattested_use, refuse_unsupported
from tasks.plan.plan import Plan, make_plan
from tasks.plan.remaining import release_dead_leases
from tasks.plan.sample_check import check_sample
from tasks.runtime.files.disk_space import DiskUse, check_space, least_bytes
from tasks.runtime.lost_catalogue import check_bucket_is_known
from tasks.runtime.providers.readiness import pauses_of, problems_of, refuse_unready
from tasks.runtime.resources import (
    Resources,
    assets_of,
    bucket_of,
    card_of,
    cards_of,
    catalogue_of,
    earlier_clips_of,
    first_frames_of,
    signer_of,
)

log = logging.getLogger(__name__)
FRESH_S = 60.0
"""Seconds for which a successful check of bucket and signer is not repeated by the next step of the same command."""
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
        PlanError: a first frame was changed after the sheet was read, or the campaign has unfinished variants outside
            of the sample.
        TooManyVariantsError: the sheet expands to more variants than allowed.
        SettingsError: the runner does not work with this catalogue and bucket.
        CatalogueError: the catalogue was emptied.
        OverBudgetError: the estimated cost is over the budget; nothing was registered.
        BucketError, CredentialError, DiskFullError: the bucket, the signer or a disk cannot be used; checked before
            hours of work.
    """
    check_fan_out(settings)
    check_cap(intake.checked.briefs, settings.max_variants, sample_size)
    check_disks(settings, resources, ())
    check_delivery(resources)
    catalogue, campaign = catalogue_of(resources), intake.campaign
    check_bucket_is_known(resources.catalogue_url, bucket_of(resources, patient=False))
    check_same_bucket(settings, resources, campaign.campaign_id)
    shares = shares_clips(settings, resources, campaign.campaign_id)
    owner = "" if shares else campaign.campaign_id
    briefs, cards = intake.checked.briefs, cards_of(resources)
    planned: Iterable[PlannedVariant] = expand(briefs, cards, settings.model, settings.profile, owner)
    if sample_size is not None:
        planned = sample(planned, sample_size)
        check_sample(catalogue, campaign.campaign_id, (each.variant_id for each in planned))
    if settings.money_limit:
        asked = expand(briefs, cards, settings.model, settings.profile, owner) if sample_size is None else planned
        satisfied = satisfied_by(resources, intake)
        plan = plan_of(settings, resources, asked, satisfied, wanting_in(briefs), fallbacks_in(briefs))
        check_plan(settings, plan)
        if note := fallback_note(settings.money_limit, plan):
            log.warning("%s", note)
    keep_pictures(first_frames_of(resources), intake.pictures)
    keep_clips(first_frames_of(resources), earlier_clips_of(resources), intake.clips)
    kept = {name: getattr(settings, name) for name in KEPT} | {"share_clips": shares, READING: asdict(reading)}
    if intake.kit:
        keep_assets(assets_of(resources), intake.kit)
        kept[FINISHING] = kit_json(intake.kit)
        kept[FINISHED_BRIEFS] = digests_of(briefs)
    catalogue.campaigns.add(campaign, kept)
    catalogue.campaigns.add_variants(campaign.campaign_id, planned)
    release_dead_leases(catalogue)
    return campaign.campaign_id


def plan_of(
    settings: Settings,
    resources: Resources,
    planned: Iterable[PlannedVariant],
    satisfied: Collection[str] = (),
    wanting: Collection[str] = (),
    fallbacks: Mapping[str, Brief] = MappingProxyType({}),
) -> Plan:
    """Count what a run of planned variants would generate, and estimate what it costs.

    Args:
        satisfied: goals that have as many good clips as they want.
        wanting: ids of briefs that stop when enough clips have passed.
        fallbacks: the briefs with fallback models, by id.
    """
    catalogue, cards = catalogue_of(resources), cards_of(resources)
    return make_plan(
        planned,
        catalogue.variants.states,
        cards,
        rates_of(settings, resources),
        settings.shard_size,
        satisfied,
        costs_of(settings, resources),
        wanting,
        fallbacks,
    )


def wanting_in(briefs: Iterable[Brief]) -> frozenset[str]:
    """Return the ids of the briefs that stop when enough clips have passed."""
    return frozenset(brief.brief_id for brief in briefs if brief.want)


def fallbacks_in(briefs: Iterable[Brief]) -> dict[str, Brief]:
    """Return the briefs with fallback models, by id."""
    return {brief.brief_id: brief for brief in briefs if brief.fallbacks}


def satisfied_by(resources: Resources, intake: Intake) -> frozenset[str]:
    """Return the goals of a sheet that already have as many good clips as they want."""
    briefs = [brief for brief in intake.checked.briefs if brief.want]
    goals = [goal_of(brief, ()) for brief in briefs]
    return satisfied_goals(briefs, good_clips(catalogue_of(resources), intake.campaign.campaign_id, goals))


def costs_of(settings: Settings, resources: Resources) -> Costs:
    """Return the prices, and the devices that were used so far."""
    return Costs(prices_of(settings, cards_of(resources)), catalogue_of(resources).device_use.of_all())


def rates_of(settings: Settings, resources: Resources) -> dict[str, float]:
    """Return the mean device seconds per clip by card, of clips in the profile that a run with these settings uses."""
    cards = cards_of(resources)

    def profile_of(name: str) -> str:
        return cards[name].profile_for(settings.profile) if name in cards else settings.profile

    return catalogue_of(resources).progress.device_rates(profile_of)


def check_plan(settings: Settings, plan: Plan, advice: str = FEWER) -> None:
    """Check that a run can keep its budget, and that the price of a plan is not over it.

    Raises:
        SettingsError: the budget cannot be kept: a price is missing, or is in another currency.
        OverBudgetError: the price is over the budget.
    """
    check_budget(settings.money_limit, plan, advice)
    if settings.money_limit and plan.unpriced:
        log.warning(
            "The cost of these clips cannot be estimated yet, so the budget of %s is checked only during the run.",
            settings.money_limit,
        )


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


def check_run(settings: Settings, resources: Resources, campaign_id: str) -> None:
    """Check everything that the run of a campaign needs, before it spends time or money.

    Raises:
        ReelmillError: something is missing; the message says what, and how to fix it.
    """
    catalogue = catalogue_of(resources)
    catalogue.audit.check_key()
    catalogue.campaigns.check_settings(campaign_id)
    spare = catalogue.progress.not_needed(campaign_id)
    rows = catalogue.variants.of_campaign(campaign_id, UNFINISHED)
    rows = [row for row in rows if row.variant_id not in spare]
    variants = [row.variant for row in rows]
    check_disks(settings, resources, variants)
    check_delivery(resources)
    names = sorted({variant.card for variant in variants})
    if settings.money_limit:
        check_remaining(settings, resources, campaign_id, rows)
    check_readiness(resources, campaign_id, rows)
    refuse_unattested_use(resources, names)
    if settings.runner == "threads":  # the workers of a cluster have their own weights
        unready = dict(problems_of(resources, names, pauses_of(catalogue)))  # replaced by a fallback, or left for later
        check_weights(resources, [name for name in names if name not in unready], {each.profile for each in variants})


def check_readiness(resources: Resources, campaign_id: str, rows: Collection[VariantRow]) -> None:
    """Check that the models of variants that are not started yet can be used.

    Variants with an open provider job are left out: their clips are paid for, and are fetched from a model that has
    been retired meanwhile.

    Raises:
        ModelError: names the model, the reason and what to set.
    """
    catalogue = catalogue_of(resources)
    adopted = catalogue.provider_jobs.open_of([row.variant_id for row in rows])
    starting = [row for row in rows if row.variant_id not in adopted]
    refuse_unsupported(resources, sorted({row.variant.card for row in starting}))
    needed = without_fallback(catalogue, campaign_id, starting)
    rigid = {row.variant.card for row in needed}
    for warning in refuse_unready(resources, rigid, pauses_of(catalogue), has_others=len(needed) < len(starting)):
        log.warning("%s", warning)


def check_remaining(settings: Settings, resources: Resources, campaign_id: str, rows: Collection[VariantRow]) -> None:
    """Check the budget of a run of a registered campaign, as ``check_plan`` does.

    Variants with an open provider job are left out: an earlier run pays for it, and this one adopts it.

    Args:
        rows: the variants that the run would generate.

    Raises:
        SettingsError, OverBudgetError: see ``check_plan``.
    """
    catalogue = catalogue_of(resources)
    briefs = catalogue.campaigns.briefs(campaign_id)
    wanting = wanting_in(briefs)
    adopted = catalogue.provider_jobs.open_of([row.variant_id for row in rows])
    fallbacks = fallbacks_in(briefs)
    members = _members(catalogue, campaign_id, fallbacks)
    brief_id = min(wanting, default="")  # which variants may stop early decides only the words "at most"
    planned = [
        members.get(row.variant_id) or PlannedVariant(brief_id, GENERIC, row.variant, row.variant_id)
        for row in rows
        if row.variant_id not in adopted
    ]
    check_budget(settings.money_limit, plan_of(settings, resources, planned, (), wanting, fallbacks))


def _members(catalogue: Catalogue, campaign_id: str, briefs: Mapping[str, Brief]) -> dict[str, PlannedVariant]:
    """Return the variants of these briefs as they were planned, by id."""
    if not briefs:
        return {}
    variants = {row.variant_id: row.variant for row in catalogue.variants.of_campaign(campaign_id)}
    return {
        each.variant_id: PlannedVariant(
            each.brief_id,
            parse_placement(each.placement),
            variants[each.variant_id],
            each.variant_id,
            each.labels,
        )
        for each in catalogue.campaigns.memberships(campaign_id)
        if each.brief_id in briefs
    }


def check_disks(settings: Settings, resources: Resources, variants: Iterable[Variant]) -> None:
    """Check that there is space for the clips of these variants: in the folders of the bucket and of staging.

    Raises:
        DiskFullError: there is not.
    """
    size = least_bytes(variants)
    bucket = bucket_of(resources, patient=False)
    held = size if settings.review == "required" else 0  # clips wait in staging until a person has approved them
    uses = [DiskUse("REELMILL_HOME", settings.home), DiskUse("REELMILL_HOME", resources.staging, held)]
    if isinstance(bucket, LocalBucket):
        uses.append(DiskUse("REELMILL_BUCKET", bucket.folder, size))
    check_space(uses)


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
    """Check that the clock is right, the bucket keeps what is written, and a test clip can be signed and is trusted.

    Raises:
        WrongClockError: this machine's clock is wrong; nothing was signed or written to the bucket.
        BucketError, CredentialError: one of them cannot be used.
    """
    clock = signing_clock_of(resources)
    clock.check()  # before the development CA creates or renews a certificate
    key = resources.bucket, resources.signer
    if time.monotonic() - _checked.get(key, -FRESH_S) < FRESH_S:
        return
    if warning := exposed_key(resources):
        log.warning("%s", warning)
    bucket_of(resources, patient=False).check()
    with signer_of(resources) as signer:
        clock.check(signer.validity())
        sign_test_clip(signer)
    _checked[key] = time.monotonic()


_checked: dict[object, float] = {}


def check_weights(resources: Resources, names: Iterable[str], profiles: Iterable[str] = ("exact",)) -> None:
    """Check that models, with the LoRAs of these profiles, and their scorers can be loaded on this machine.

    Raises:
        IncompleteWeightsError: weights are missing; the message says how to get them.
    """
    for name in names:
        card = card_of(resources, name)
        scorer = get_scorer_card(card.scorer, resources.model_folders)
        models = map(card.with_profile, profiles) if isinstance(card, ModelCard) else ()
        for each in (*models, scorer):
            if problem := weights_problem(each, resources.weights_root):
                raise IncompleteWeightsError(problem)
