"""Checks and warnings about a sheet before its campaign is registered."""

from collections.abc import Collection, Iterable, Iterator

from adapters.catalogue import CampaignRow
from flows.registration import check_weights, shares_clips
from flows.settings import Settings
from manifests.brief import Brief
from manifests.errors import ModelError
from manifests.states import UNFINISHED, State
from tasks.intake.intake import Intake
from tasks.plan.expand import expand, sample
from tasks.plan.licence import refuse_unattested_use, refuse_unsupported
from tasks.runtime.providers.readiness import pauses_of, problems_of, refuse_unready
from tasks.runtime.resources import Resources, cards_of, catalogue_of


def check_start(settings: Settings, resources: Resources, intake: Intake, sample_size: int | None = None) -> None:
    """Refuse a new campaign whose run would be refused because of its models, so that nothing is registered.

    Args:
        sample_size: see ``submit``.

    Raises:
        ModelError: names the model, the reason and how to fix it.
    """
    if registered(resources, intake) is not None:
        return  # the run checks its models itself, and knows which clips are left
    briefs = intake.checked.briefs
    try:
        _check_models(settings, resources, _models_of(briefs, settings), briefs)
    except ModelError:
        starting = _starting(settings, resources, intake, sample_size)
        if starting:  # other campaigns may have generated the clips of the models that cannot be used
            _check_models(settings, resources, starting, briefs)


def registered(resources: Resources, intake: Intake) -> CampaignRow | None:
    """Return the campaign of a sheet if it exists already."""
    wanted = intake.campaign.campaign_id
    return next((row for row in catalogue_of(resources).campaigns.all() if row.campaign_id == wanted), None)


def changes_of(settings: Settings, resources: Resources, intake: Intake) -> Iterator[str]:
    """Yield how the settings of a run differ from those with which its campaign was registered, one sentence each.

    A run with another model or profile adds clips to the campaign; those of the earlier run stay in it.
    """
    row = registered(resources, intake)
    if row is None:
        return
    model = str(row.settings.get("model", settings.model))
    if model != settings.model and any(not brief.models for brief in intake.checked.briefs):
        yield (
            f"The campaign {row.campaign_id} was registered with the model {model}. This run adds clips of "
            f"{settings.model} to it; the clips of {model} remain in it. For a separate campaign, enter the model in "
            "the column 'model' of the sheet."
        )
    profile = str(row.settings.get("profile", settings.profile))
    if profile != settings.profile:
        yield (
            f"The campaign {row.campaign_id} was registered with the profile {profile}. This run adds clips of the "
            f"profile {settings.profile} to it, if they differ; the others remain in it."
        )


def missing_profiles(settings: Settings, resources: Resources, briefs: Iterable[Brief]) -> list[str]:
    """Return which local models lack the profile of the settings and which one they use instead, one sentence each."""
    found = []
    for name in _models_of(briefs, settings):
        card = cards_of(resources).get(name)
        used = card.profile_for(settings.profile) if card else settings.profile
        if card and used != settings.profile and not card.kind.startswith("hosted"):  # hosted models have no profiles
            known = ", ".join(dict.fromkeys(["exact", *card.profiles]))
            found.append(
                f"{name} has no profile {settings.profile}, so its clips are generated with the profile {used}. Its "
                f"profiles are: {known}. Choose one with REELMILL_PROFILE."
            )
    return found


def _models_of(briefs: Iterable[Brief], settings: Settings) -> list[str]:
    return sorted({name for brief in briefs for name in brief.models or (settings.model,)})


def _starting(settings: Settings, resources: Resources, intake: Intake, sample_size: int | None) -> list[str]:
    """Return the models of the variants that are not generated yet and have no open job, which is paid for."""
    campaign_id = intake.campaign.campaign_id
    owner = "" if shares_clips(settings, resources, campaign_id) else campaign_id
    planned = expand(intake.checked.briefs, cards_of(resources), settings.model, settings.profile, owner)
    wanted = planned if sample_size is None else sample(planned, sample_size)
    cards = {each.variant_id: each.variant.card for each in wanted}
    states = catalogue_of(resources).variants.states(cards)
    left = [key for key in cards if states.get(key, State.PLANNED) in UNFINISHED]
    adopted = catalogue_of(resources).provider_jobs.open_of(left)
    return sorted({cards[key] for key in left if key not in adopted})


def _check_models(settings: Settings, resources: Resources, names: Collection[str], briefs: Iterable[Brief]) -> None:
    """Check the models in the order in which ``check_run`` does."""
    refuse_unsupported(resources, names)
    pauses = pauses_of(catalogue_of(resources))
    rigid = set(names) & set(_models_of([brief for brief in briefs if not brief.fallbacks], settings))
    has_others = len(rigid) < len(names) or any(brief.fallbacks for brief in briefs)
    refuse_unready(resources, sorted(rigid), pauses, has_others=has_others)
    refuse_unattested_use(resources, names)
    if settings.runner == "threads":  # the workers of a cluster have their own weights
        unready = dict(problems_of(resources, names, pauses))
        profiles = {cards_of(resources)[name].profile_for(settings.profile) for name in names}
        check_weights(resources, [name for name in names if name not in unready], profiles)
