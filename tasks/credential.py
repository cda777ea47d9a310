"""The facts of a clip that its Content Credential discloses."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version

from adapters.catalogue import SYSTEM, Catalogue, Event, VariantRow
from manifests.credential import USES, Provenance
from models.card import ModelCard


def provenance_of(
    catalogue: Catalogue, row: VariantRow, card: ModelCard, campaign_id: str, *,
    prompt_key: bytes, training_mining: str, disclose_prompt: bool, licence_terms: str | None = None,
) -> Provenance:
    """Return what is disclosed of a clip, with who approved it and when it was made."""
    events = catalogue.events(variant_id=row.variant_id)
    return Provenance(
        title=f"{row.variant.card} {row.variant_id[:12]}",
        variant=row.variant,
        variant_id=row.variant_id,
        campaign_id=campaign_id,
        model_name=card.title,
        pipeline=card.pipeline,
        generator_library=f"diffusers {_version('diffusers')}",
        created_at=_moment(events, "rendered"),
        program_version=_version("reelmill"),
        licence=card.licence.name,
        licence_terms=licence_terms,
        prompt_hmac_key=prompt_key,
        approved_by=_approver(events),
        training_mining=_uses(training_mining),
        disclose_prompt=disclose_prompt,
    )


@cache
def _version(package: str) -> str:
    return version(package)


def _uses(policy: str) -> Mapping[str, str]:
    return dict.fromkeys(USES, policy)


def _moment(events: list[Event], state: str) -> str:
    at = [event.at for event in events if event.to_state == state][-1]
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _approver(events: list[Event]) -> str | None:
    actors = [event.actor for event in events if event.to_state == "approved"]
    return actors[-1] if actors and actors[-1] != SYSTEM else None
