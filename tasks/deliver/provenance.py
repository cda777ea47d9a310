"""Collect the facts about a clip that its Content Credential discloses."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version

from adapters.catalogue import SYSTEM, Catalogue, Event, VariantRow
from adapters.media.picture import inspect_picture, thumbnail_of
from manifests.credentials.credential import USES, Provenance, ProviderFile
from manifests.credentials.definition import FirstFrame
from manifests.errors import GenerationError, InvalidDefinitionError
from manifests.states import State
from models.card import GeneratorCard, ModelCard
from tasks.runtime.files.first_frames import MEDIA_TYPES, FirstFrames


def provenance_of(
    catalogue: Catalogue,
    row: VariantRow,
    card: GeneratorCard,
    campaign_id: str,
    *,
    prompt_key: bytes,
    training_mining: str,
    disclose_prompt: bool,
    licence_terms: str | None = None,
    first_frames: FirstFrames | None = None,
    provider_file: ProviderFile | None = None,
) -> Provenance:
    """Return the disclosed facts about a clip, including who approved it and when it was generated.

    Args:
        first_frames: store of the first frames.
        provider_file: facts about the file of a hosted model.

    Raises:
        InvalidDefinitionError: the clip's first frame is missing or was changed.
    """
    events = catalogue.variants.events(variant_id=row.variant_id)
    return Provenance(
        title=f"{row.variant.card} {row.variant_id[:12]}",
        variant=row.variant,
        variant_id=row.variant_id,
        campaign_id=campaign_id,
        model_name=card.title,
        pipeline=card.pipeline if isinstance(card, ModelCard) else card.title,
        generator_library=provider_file.identifier if provider_file else f"diffusers {_version('diffusers')}",
        created_at=_moment(events, State.RENDERED),
        program_version=program_version(),
        licence=card.licence.name,
        licence_terms=licence_terms,
        prompt_hmac_key=prompt_key,
        approved_by=_approver(events),
        training_mining=uses_of(training_mining),
        disclose_prompt=disclose_prompt,
        first_frame=_first_frame(first_frames, row.variant.first_frame_sha256) if first_frames else None,
        provider_file=provider_file,
        render_size=card.render_size(row.variant.height, row.variant.width),
    )


def _first_frame(kept: FirstFrames, sha256: str) -> FirstFrame | None:
    if not sha256:
        return None
    try:
        path = kept.path(sha256)
    except GenerationError as error:
        raise InvalidDefinitionError(str(error)) from error
    data = path.read_bytes()
    picture = inspect_picture(path, data)
    facts = {"path": path, "format": MEDIA_TYPES[path.suffix], "thumbnail": thumbnail_of(data)}
    return FirstFrame.model_validate(facts | {"height": picture.height, "width": picture.width})


def program_version() -> str:
    """Return the version of Reelmill."""
    return _version("reelmill")


@cache
def _version(package: str) -> str:
    return version(package)


def uses_of(policy: str) -> Mapping[str, str]:
    """Return the same permission for each use that CAWG defines."""
    return dict.fromkeys(USES, policy)


def _moment(events: list[Event], state: str) -> str:
    at = [event.at for event in events if event.to_state == state][-1]
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _approver(events: list[Event]) -> str | None:
    actors = [event.actor for event in events if event.to_state == State.APPROVED]
    return actors[-1] if actors and actors[-1] != SYSTEM else None
