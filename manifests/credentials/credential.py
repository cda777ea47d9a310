"""The content of our Content Credentials."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from unicodedata import category

from manifests.credentials.changes import PixelSize, changes_of
from manifests.credentials.definition import (
    COMPOSITE_MEDIA,
    FIRST_FRAME,
    OWN_LABEL,
    TITLE_LIMIT,
    TRAINED_ALGORITHMIC_MEDIA,
    FirstFrame,
    ManifestDefinition,
    OriginalFile,
    check_definition,
)
from manifests.errors import InvalidDefinitionError
from manifests.identity import canonical_json
from manifests.variant import Variant

PROGRAM = "Reelmill"
SYSTEM_ACTOR = "system"
USES = ("data_mining", "ai_inference", "ai_training", "ai_generative_training")
NOTHING_ALLOWED: Mapping[str, str] = dict.fromkeys(USES, "notAllowed")


class ProviderFile(NamedTuple):
    """Facts about a clip that a provider generated. The provider's own reference of the job is not disclosed.

    Attributes:
        provider: name of the provider, ``runway``.
        model: the provider's name of the model, ``gen4.5``.
        takes_seed: whether the provider used the seed; otherwise it is the number of the take.
        parent_credential: state of the Content Credential in the provider's file; empty for none.
        original: the provider's file, if the clip was transcoded from it.
        revised_prompt_sha256: hash of the prompt that the provider used instead of ours; empty if it used ours.
    """

    provider: str
    model: str
    takes_seed: bool
    parent_credential: str = ""
    original: OriginalFile | None = None
    revised_prompt_sha256: str = ""

    @property
    def identifier(self) -> str:
        """Provider and model."""
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Facts about one generated clip, from which its credential is built.

    Attributes:
        title: shown to viewers; white space and control characters become spaces.
        variant_id: 32 hex digits.
        model_name: title of the card, ``Reelmill starter``.
        pipeline: software that generated the clip: class of the pipeline, ``LTXPipeline``, or a provider's model.
        generator_library: its version: library of the pipeline, ``diffusers 0.42.1``, or provider and model.
        created_at: time of the generation, ISO 8601 with its offset.
        program_version: version of Reelmill.
        licence: SPDX name or title of the model's licence.
        licence_terms: digest of the licence's conditions, if they were attested. The person and the wording of
            the attestation are not disclosed.
        prompt_hmac_key: secret of the installation, at least 16 bytes. It is required to prove which prompt a
            clip was generated from.
        approved_by: the person who approved the clip; None or ``system`` if no person did. Determines the level
            of human oversight; the name is not disclosed.
        training_mining: maps each use in USES to allowed, notAllowed or ``constrained: <terms>``.
        disclose_prompt: adds the prompt in plain text.
        run_id: flow run that generated the clip, if any.
        first_frame: picture that the clip starts from, if any.
        render_size: height and width that the model rendered; the variant's size is its centre. None if not known.
        provider_file: facts about the file of a hosted model; None for local models.
    """

    title: str
    variant: Variant
    variant_id: str
    campaign_id: str
    model_name: str
    pipeline: str
    generator_library: str
    created_at: str
    program_version: str
    licence: str
    prompt_hmac_key: bytes = field(repr=False)
    licence_terms: str | None = None
    approved_by: str | None = None
    training_mining: Mapping[str, str] = field(default_factory=lambda: NOTHING_ALLOWED)
    disclose_prompt: bool = False
    run_id: str | None = None
    first_frame: FirstFrame | None = None
    render_size: PixelSize | None = None
    provider_file: ProviderFile | None = None


def generation_definition(provenance: Provenance) -> ManifestDefinition:
    """Return the validated definition of a clip that was generated from a prompt and, optionally, a picture.

    Raises:
        InvalidDefinitionError: a fact is missing or malformed.
    """
    definition: dict[str, Any] = {
        "claim_generator_info": [{"name": PROGRAM, "version": provenance.program_version}],
        "title": clean_title(provenance.title),
        "assertions": [
            _assertion("c2pa.actions.v2", {"actions": [_created(provenance), *_changes(provenance)]}),
            _assertion("c2pa.ai-disclosure", _disclosure(provenance)),
            _assertion("cawg.training-mining", {"entries": training_entries(provenance.training_mining)}),
            _assertion(
                "cawg.metadata",
                {
                    "Iptc4xmpExt:AISystemUsed": provenance.model_name,
                    "Iptc4xmpExt:AISystemVersionUsed": _model_version(provenance),
                },
            ),
            _assertion(OWN_LABEL, _generation(provenance)),
        ],
    }
    if provenance.disclose_prompt:
        definition |= {"ingredients": [{}], "prompt": provenance.variant.prompt}
    if provenance.first_frame:
        definition |= {"first_frame": provenance.first_frame}
    if provenance.provider_file and provenance.provider_file.original:
        definition |= {"original": provenance.provider_file.original}
    return check_definition(definition)


def clean_title(text: str) -> str:
    """Return the text on one line, without control characters, with at most TITLE_LIMIT characters."""
    encodable = text.encode("utf-8", "replace").decode()
    one_line = "".join(" " if category(char) in ("Cc", "Zl", "Zp") else char for char in encodable)
    return " ".join(one_line.split())[:TITLE_LIMIT].rstrip() or "untitled"


def prompt_hmac(key: bytes, variant: Variant) -> str:
    """Return the HMAC-SHA-256 of prompt and negative prompt, as hex digits.

    Raises:
        InvalidDefinitionError: the key is shorter than 16 bytes and could be guessed.
    """
    if len(key) < 16:
        raise InvalidDefinitionError("the prompt HMAC key is too short; it needs at least 16 bytes")
    return hmac.digest(key, canonical_json([variant.prompt, variant.negative_prompt]), "sha256").hex()


def parameters_sha256(variant: Variant) -> str:
    """Return the SHA-256 of all generation inputs except the prompt texts, as hex digits."""
    inputs = {name: value for name, value in variant._asdict().items() if "prompt" not in name}
    return hashlib.sha256(canonical_json(inputs)).hexdigest()


def _assertion(label: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"label": label, "data": data}


def _created(provenance: Provenance) -> dict[str, Any]:
    """Return the action that created the clip; a clip that was generated from pictures or another clip is composite."""
    action: dict[str, Any] = {
        "action": "c2pa.created",
        "when": provenance.created_at,
        "digitalSourceType": COMPOSITE_MEDIA if _has_pictures(provenance) else TRAINED_ALGORITHMIC_MEDIA,
        "softwareAgent": {"name": provenance.pipeline, "version": provenance.generator_library},
    }
    used = ["prompt"] * provenance.disclose_prompt + [FIRST_FRAME] * (provenance.first_frame is not None)
    return action | ({"parameters": {"ingredientIds": used}} if used else {})


def _has_pictures(provenance: Provenance) -> bool:
    return provenance.first_frame is not None or bool(provenance.variant.conditions)


def _changes(provenance: Provenance) -> Iterator[dict[str, Any]]:
    if provenance.provider_file:
        return  # it is not known how the provider crops or scales first frames
    final = provenance.variant.height, provenance.variant.width
    by_us = {
        "when": provenance.created_at,
        "softwareAgent": {"name": PROGRAM, "version": provenance.program_version},
    }
    for change in changes_of(final, provenance.render_size, provenance.first_frame):
        yield change | by_us


def _disclosure(provenance: Provenance) -> dict[str, Any]:
    by_a_person = provenance.approved_by not in (None, "", SYSTEM_ACTOR)
    level = "human_validated" if by_a_person else "prompt_guided"
    return {
        "modelName": provenance.model_name,
        "modelIdentifier": _model_identifier(provenance),
        "contentProfile": {"humanOversightLevel": level},
    }


def _model_version(provenance: Provenance) -> str:
    return provenance.provider_file.model if provenance.provider_file else provenance.variant.revision


def _model_identifier(provenance: Provenance) -> str:
    local = f"{provenance.variant.card}@{provenance.variant.revision}"
    return provenance.provider_file.identifier if provenance.provider_file else local


def training_entries(policy: Mapping[str, str]) -> dict[str, Any]:
    """Return the entries of the training-mining assertion."""
    return {f"cawg.{use}": _entry(value) for use, value in {**NOTHING_ALLOWED, **policy}.items()}


def _entry(value: str) -> dict[str, str]:
    use, _, terms = (part.strip() for part in value.partition(":"))
    return {"use": use} | ({"constraint_info": terms} if terms else {})


def _generation(provenance: Provenance) -> dict[str, Any]:
    facts = {
        "campaign_id": provenance.campaign_id,
        "run_id": provenance.run_id,
        "variant_id": provenance.variant_id,
        "parameters_sha256": parameters_sha256(provenance.variant),
        "prompt_hmac_sha256": prompt_hmac(provenance.prompt_hmac_key, provenance.variant),
        "licence": provenance.licence,
        "licence_terms_attested": provenance.licence_terms,
        "first_frame_sha256": provenance.variant.first_frame_sha256 or None,
        "last_frame_sha256": provenance.variant.last_frame_sha256 or None,
        "reference_sha256s": provenance.variant.reference_sha256s or None,
        "earlier_frames_sha256": provenance.variant.earlier_frames_sha256 or None,
        **_provider_facts(provenance),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _provider_facts(provenance: Provenance) -> dict[str, str | None]:
    """Return the seed, or the take and the provider. Most providers do not take seeds."""
    file, number = provenance.provider_file, str(provenance.variant.seed)
    if file is None:
        return {"seed": number}
    return {
        "seed" if file.takes_seed else "take": number,
        "provider": file.provider,
        "model": file.model,
        "parent_credential": file.parent_credential or None,
        "original_sha256": file.original.sha256 if file.original else None,
        "revised_prompt_sha256": file.revised_prompt_sha256 or None,
    }
