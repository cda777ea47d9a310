"""The manifest definition, validated before it is passed to the C2PA builder.

The builder accepts typos silently (a clip with ``digitalSourceType: "foo"`` reads Trusted), so only definitions that
pass these models are signed. The models cover only what Reelmill writes.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from manifests.credentials.ingredient_files import PARENT, ComponentFile, MasterFile
from manifests.errors import InvalidDefinitionError

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPES = frozenset(
    {
        "algorithmicMedia",
        "algorithmicallyEnhanced",
        "composite",
        "compositeCapture",
        "compositeSynthetic",
        "compositeWithTrainedAlgorithmicMedia",
        "computationalCapture",
        "dataDrivenMedia",
        "digitalCapture",
        "digitalCreation",
        "humanEdits",
        "negativeFilm",
        "positiveFilm",
        "print",
        "screenCapture",
        "trainedAlgorithmicMedia",
        "virtualRecording",
    }
)
"""IPTC NewsCodes of digital source types, without the retired ones."""

TRAINED_ALGORITHMIC_MEDIA = IPTC + "trainedAlgorithmicMedia"
COMPOSITE_MEDIA = IPTC + "compositeWithTrainedAlgorithmicMedia"
ALGORITHMIC_CHANGE = IPTC + "algorithmicallyEnhanced"
"""Source type of changes by a program without a model: C2PA's conformance programme requires one for a crop."""
SPEC_VERSION: Final = "2.4.0"
"""Version of the C2PA specification that our manifests follow; mandatory in C2PA's conformance programme 0.2."""
FIRST_FRAME = "first_frame"
OWN_LABEL = "org.reelmill.generation"
PERCEPTIBLE = frozenset(
    {
        "c2pa.addedText",
        "c2pa.adjustedColor",
        "c2pa.changedSpeed",
        "c2pa.cropped",
        "c2pa.deleted",
        "c2pa.drawing",
        "c2pa.dubbed",
        "c2pa.edited",
        "c2pa.filtered",
        "c2pa.orientation",
        "c2pa.removed",
        "c2pa.resized",
        "c2pa.translated",
        "c2pa.trimmed",
        "c2pa.unknown",
    }
)
"""Actions that change what people see or hear: C2PA's conformance programme requires their digital source type."""
OF_INGREDIENTS = frozenset({"c2pa.opened", "c2pa.placed", "c2pa.transcoded"})
"""Actions that name their ingredients."""
TITLE_LIMIT = 200

Use = Literal["allowed", "notAllowed", "constrained"]


def _known_source_type(uri: str) -> str:
    if uri.removeprefix(IPTC) not in SOURCE_TYPES or not uri.startswith(IPTC):
        raise ValueError(f"{uri!r} is not an IPTC digital source type")
    return uri


def _encodable(text: str) -> str:
    if any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise ValueError("contains a lone surrogate, which UTF-8 cannot encode")
    return text


SourceType = Annotated[str, AfterValidator(_known_source_type)]
Text = Annotated[str, Field(min_length=1), AfterValidator(_encodable)]
Title = Annotated[Text, Field(max_length=TITLE_LIMIT, pattern=r"^[^\x00-\x1f\x7f]+$")]
Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{32,128}$")]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Camel(_Record):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)


class ClaimGenerator(_Record):
    """The program that makes the claim."""

    name: Text
    version: Text
    spec_version: Literal["2.4.0"] = Field(SPEC_VERSION, alias="specVersion")


class Thumbnail(_Record):
    """The poster; ``identifier`` names the resource, which the signer adds."""

    format: Literal["image/jpeg"] = "image/jpeg"
    identifier: Literal["poster.jpg"] = "poster.jpg"


class SoftwareAgent(_Record):
    """The software that performed an action."""

    name: Text
    version: Text | None = None


class Parameters(_Camel):
    """Labels of the ingredients used by an action."""

    ingredient_ids: tuple[Text, ...] = Field(min_length=1)


class Action(_Camel):
    """An action with its time."""

    action: Literal[
        "c2pa.created",
        "c2pa.opened",
        "c2pa.transcoded",
        "c2pa.published",
        "c2pa.cropped",
        "c2pa.resized",
        "c2pa.resized.proportional",
        "c2pa.unknown",
        "c2pa.placed",
        "c2pa.addedText",
        "c2pa.adjustedColor",
        "c2pa.changedSpeed",
        "c2pa.deleted",
        "c2pa.drawing",
        "c2pa.dubbed",
        "c2pa.edited",
        "c2pa.edited.metadata",
        "c2pa.enhanced",
        "c2pa.filtered",
        "c2pa.orientation",
        "c2pa.removed",
        "c2pa.repackaged",
        "c2pa.translated",
        "c2pa.trimmed",
    ]
    when: AwareDatetime
    description: Text | None = None
    digital_source_type: SourceType | None = None
    software_agent: SoftwareAgent | None = None
    parameters: Parameters | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> "Action":
        if self.action in PERCEPTIBLE | {"c2pa.created"} and not self.digital_source_type:
            raise ValueError(f"{self.action} needs a digitalSourceType")
        if self.action in OF_INGREDIENTS and not self.parameters:
            raise ValueError(f"{self.action} needs the label of its ingredient")
        return self


class ActionList(_Camel):
    """All actions. The first one, and only the first, is the origin of the clip."""

    actions: tuple[Action, ...] = Field(min_length=1)
    all_actions_included: Literal[True] = True

    @model_validator(mode="after")
    def _begins_once(self) -> "ActionList":
        beginnings = [entry.action in ("c2pa.created", "c2pa.opened") for entry in self.actions]
        if beginnings != [True] + [False] * (len(beginnings) - 1):
            raise ValueError("the first action, and only the first, must be c2pa.created or c2pa.opened")
        return self


class ContentProfile(_Camel):
    """Level of human oversight (C2PA 2.4)."""

    human_oversight_level: Literal["fully_autonomous", "prompt_guided", "human_validated"]


class Disclosure(_Camel):
    """The model that generated the clip."""

    model_config = ConfigDict(protected_namespaces=())

    model_type: Literal["c2pa.types.model"] = "c2pa.types.model"
    model_name: Text
    model_identifier: Text
    content_profile: ContentProfile


class UseEntry(_Record):
    """Permission for one use; ``constraint_info`` states the terms."""

    use: Use
    constraint_info: Text | None = None

    @model_validator(mode="after")
    def _states_its_terms(self) -> "UseEntry":
        if (self.use == "constrained") != (self.constraint_info is not None):
            raise ValueError("constraint_info is required for constrained and not allowed otherwise")
        return self


class UseEntries(_Record):
    """Permissions for the four uses defined by CAWG."""

    data_mining: UseEntry = Field(alias="cawg.data_mining")
    ai_inference: UseEntry = Field(alias="cawg.ai_inference")
    ai_training: UseEntry = Field(alias="cawg.ai_training")
    ai_generative_training: UseEntry = Field(alias="cawg.ai_generative_training")


class TrainingMining(_Record):
    """Permissions for data mining and training."""

    entries: UseEntries


class IptcContext(_Record):
    """JSON-LD context of the IPTC properties."""

    Iptc4xmpExt: Literal["http://iptc.org/std/Iptc4xmpExt/2008-02-29/"] = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"


class IptcMetadata(_Record):
    """The AI system that was used, as IPTC 2025.1 properties."""

    context: IptcContext = Field(IptcContext(), alias="@context")
    ai_system_used: Text = Field(alias="Iptc4xmpExt:AISystemUsed")
    ai_system_version_used: Text = Field(alias="Iptc4xmpExt:AISystemVersionUsed")


class Generation(_Record):
    """Our own facts. They link a published clip to its row in the catalogue.

    Attributes:
        seed: in decimal digits, because JSON numbers lose precision above 2**53.
        parameters_sha256: hash of all generation inputs except the prompt texts.
        prompt_hmac_sha256: keyed hash, so that likely prompts cannot be tried against it.
        first_frame_sha256: hash of the file of the picture that the clip starts from, if any.
        last_frame_sha256, reference_sha256s: hashes of the files of the other pictures, if any.
        earlier_frames_sha256: hash of the file of the clip that this one continues, if any.
        licence_terms_attested: digest of the licence conditions that the operator attested.
        take: number of the take, in place of the seed, for models that do not take one.
        provider, model: who generated the clip with which model, for hosted models.
        parent_credential: what was found in the provider's file, if it contains a Content Credential.
        original_sha256: hash of the provider's file, if the clip was transcoded from it.
        revised_prompt_sha256: hash of the prompt that the provider used instead of ours.
        deliverable_id: of a finished file; the facts above are those of its master then, which is its parent.
        template, template_sha256: name and digest of its finish template.
        placement: where it runs, ``tiktok 9:16``.
        locale: language tag of its texts, if any.
        shots: variant_ids of all its masters in order, if there are several.
    """

    campaign_id: Text
    run_id: Text | None = None
    variant_id: Hex
    seed: str | None = Field(None, pattern=r"^-?[0-9]{1,20}$")
    take: str | None = Field(None, pattern=r"^-?[0-9]{1,20}$")
    parameters_sha256: Hex
    prompt_hmac_sha256: Hex
    first_frame_sha256: Hex | None = None
    last_frame_sha256: Hex | None = None
    reference_sha256s: tuple[Hex, ...] | None = None
    earlier_frames_sha256: Hex | None = None
    licence: Text
    licence_terms_attested: Text | None = None
    provider: Text | None = None
    model: Text | None = None
    parent_credential: Literal["trusted", "valid", "invalid"] | None = None
    original_sha256: Hex | None = None
    revised_prompt_sha256: Hex | None = None
    deliverable_id: Hex | None = None
    template: Text | None = None
    template_sha256: Hex | None = None
    placement: Text | None = None
    locale: Text | None = None
    shots: tuple[Hex, ...] | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> "Generation":
        if (self.seed is None) == (self.take is None):
            raise ValueError("either a seed or the number of a take is required")
        if (self.provider is None) != (self.model is None):
            raise ValueError("a provider and its model must be given together")
        finished = (self.deliverable_id, self.template, self.template_sha256, self.placement)
        if any(finished) != all(finished) or ((self.locale or self.shots) and not self.deliverable_id):
            raise ValueError("a deliverable needs its id, its template with its digest, and its placement")
        return self


class _Assertion(_Camel):
    """Base of all assertions; ``created`` marks those that the signer is responsible for."""

    created: Literal[True] = True


class ActionsAssertion(_Assertion):
    """The actions."""

    label: Literal["c2pa.actions.v2"] = "c2pa.actions.v2"
    data: ActionList


class DisclosureAssertion(_Assertion):
    """The disclosure that a model generated the clip."""

    label: Literal["c2pa.ai-disclosure"] = "c2pa.ai-disclosure"
    data: Disclosure


class TrainingMiningAssertion(_Assertion):
    """The permissions for data mining and training."""

    label: Literal["cawg.training-mining"] = "cawg.training-mining"
    data: TrainingMining


class MetadataAssertion(_Assertion):
    """IPTC properties, stored as JSON-LD instead of CBOR."""

    label: Literal["cawg.metadata"] = "cawg.metadata"
    kind: Literal["Json"] = "Json"
    data: IptcMetadata


class GenerationAssertion(_Assertion):
    """Our own facts."""

    label: Literal["org.reelmill.generation"] = "org.reelmill.generation"
    data: Generation


Assertion = Annotated[
    ActionsAssertion | DisclosureAssertion | TrainingMiningAssertion | MetadataAssertion | GenerationAssertion,
    Field(discriminator="label"),
]


class PromptData(_Record):
    """The resource with the prompt, which the signer adds."""

    format: Literal["text/plain"] = "text/plain"
    identifier: Literal["prompt.txt"] = "prompt.txt"


class PromptType(_Record):
    """Marks the ingredient as a prompt."""

    type: Literal["c2pa.types.generator.prompt"] = "c2pa.types.generator.prompt"


class PromptIngredient(_Record):
    """The prompt in plain text, if the campaign discloses it."""

    title: Literal["prompt"] = "prompt"
    label: Literal["prompt"] = "prompt"
    format: Literal["text/plain"] = "text/plain"
    relationship: Literal["inputTo"] = "inputTo"
    data_types: tuple[PromptType, ...] = (PromptType(),)
    data: PromptData = PromptData()


class FirstFrame(_Record):
    """The picture that a clip starts from. The signer reads it, including its own credential if it has one.

    Attributes:
        height, width: pixels, in upright orientation.
        thumbnail: JPEG of the picture.
    """

    path: Path
    format: Literal["image/png", "image/jpeg", "image/webp"]
    height: int = Field(gt=0)
    width: int = Field(gt=0)
    thumbnail: bytes = Field(min_length=1, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the input of the C2PA builder; the file name is not disclosed."""
        thumbnail = {"format": "image/jpeg", "identifier": f"{FIRST_FRAME}.jpg"}
        return {"title": "first frame", "label": FIRST_FRAME, "relationship": "inputTo", "thumbnail": thumbnail}


class OriginalFile(_Record):
    """A provider's file from which the clip was transcoded. The signer reads it, and its own credential if it has one.

    Attributes:
        format: media type; ``application/octet-stream`` if it is not known.
        sha256: hash of the file.
    """

    path: Path
    format: str = Field(pattern=r"^[a-z]+/[a-z0-9.+-]+$")
    sha256: Hex


class ManifestDefinition(_Record):
    """Everything that is signed in addition to the pixels.

    Attributes:
        prompt: text of the prompt ingredient. It is a resource of the manifest, so it is not part of the JSON.
        first_frame: a file that the builder reads, so it is not part of the JSON either.
        original: likewise.
        master: likewise; the parent of a deliverable.
        components: likewise; the files that were placed into a deliverable.
    """

    claim_generator_info: tuple[ClaimGenerator, ...] = Field(min_length=1, max_length=1)
    title: Title
    format: Literal["video/mp4"] = "video/mp4"
    thumbnail: Thumbnail = Thumbnail()
    ingredients: tuple[PromptIngredient, ...] = Field((), max_length=1)
    assertions: tuple[Assertion, ...]
    prompt: Text | None = Field(None, exclude=True)
    first_frame: FirstFrame | None = Field(None, exclude=True)
    original: OriginalFile | None = Field(None, exclude=True)
    master: MasterFile | None = Field(None, exclude=True)
    components: tuple[ComponentFile, ...] = Field((), exclude=True)

    @model_validator(mode="after")
    def _is_whole(self) -> "ManifestDefinition":
        labels = [assertion.label for assertion in self.assertions]
        if len(set(labels)) != len(labels) or "c2pa.actions.v2" not in labels:
            raise ValueError("c2pa.actions.v2 is required, and each assertion may occur only once")
        if bool(self.ingredients) != (self.prompt is not None):
            raise ValueError("a prompt ingredient and its text must be given together")
        made = self.actions[0]
        named = made.parameters is not None and FIRST_FRAME in made.parameters.ingredient_ids
        if made.action == "c2pa.created" and named != (self.first_frame is not None):
            raise ValueError("a first frame and the action that uses it must be given together")
        return self

    @model_validator(mode="after")
    def _has_its_parts(self) -> "ManifestDefinition":
        """Check that a deliverable names its master and each of its components, and nothing else."""
        is_deliverable = self.generation is not None and self.generation.deliverable_id is not None
        if is_deliverable != (self.master is not None) or (self.components and not is_deliverable):
            raise ValueError(
                "a deliverable and its master must be given together, and only deliverables have components"
            )
        if self.master is None:
            return self
        labels = [component.label for component in self.components]
        if len(set(labels)) != len(labels):
            raise ValueError("two components have the same name")
        if self.actions[0].action != "c2pa.opened" or _used(self.actions[:1]) != {PARENT}:
            raise ValueError("the first action of a deliverable must open its master, and nothing else")
        if unknown := _used(self.actions) - {PARENT, *labels}:
            raise ValueError(f"an action uses {min(unknown)!r}, which is not a component")
        if unused := set(labels) - _used(self.actions):
            raise ValueError(f"no action uses the component {min(unused)!r}")
        return self

    @property
    def actions(self) -> tuple[Action, ...]:
        """The actions, in order."""
        return next(each.data.actions for each in self.assertions if isinstance(each, ActionsAssertion))

    @property
    def model_name(self) -> str:
        """The disclosed model; empty for none."""
        return next((each.data.model_name for each in self.assertions if isinstance(each, DisclosureAssertion)), "")

    @property
    def generation(self) -> Generation | None:
        """Our own facts."""
        return next((each.data for each in self.assertions if isinstance(each, GenerationAssertion)), None)

    def to_dict(self) -> dict[str, Any]:
        """Return the input of the C2PA builder."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def to_json(self) -> str:
        """Return the input of the C2PA builder as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def opening(self, parent_label: str) -> "ManifestDefinition":
        """Return the definition for a source that is already signed or transcoded: it is opened, not created.

        The source type of a provider's file is named, because its own credential may be missing or invalid.

        Args:
            parent_label: label of the ingredient that contains the source's own manifest.
        """
        when, parameters = self.actions[0].when, Parameters(ingredient_ids=(parent_label,))
        opened = Action(action="c2pa.opened", when=when, parameters=parameters)
        if self.generation and self.generation.provider:
            opened = opened.model_copy(update={"digital_source_type": self.actions[0].digital_source_type})
        published = Action(action="c2pa.published", when=when)
        actions = ActionList(actions=(opened, *self._transcoded(parameters), published))
        rest = tuple(each for each in self.assertions if not isinstance(each, ActionsAssertion))
        return self.model_copy(update={"assertions": (ActionsAssertion(data=actions), *rest)})

    def _transcoded(self, parameters: Parameters) -> tuple[Action, ...]:
        if self.original is None:
            return ()
        generator = self.claim_generator_info[0]
        return (
            Action(
                action="c2pa.transcoded",
                when=self.actions[0].when,
                software_agent=SoftwareAgent(name=generator.name, version=generator.version),
                parameters=parameters,
            ),
        )


def _used(actions: tuple[Action, ...]) -> set[str]:
    """Return the labels of the ingredients that the actions use."""
    return {label for each in actions if each.parameters for label in each.parameters.ingredient_ids}


def check_definition(definition: ManifestDefinition | dict[str, Any] | str) -> ManifestDefinition:
    """Validate a definition completely, because pydantic does not validate copies with updates.

    Raises:
        InvalidDefinitionError: the definition is invalid; names the first invalid field and the number of others.
    """
    try:
        if isinstance(definition, ManifestDefinition):
            return ManifestDefinition.model_validate(
                {
                    **definition.to_dict(),
                    "prompt": definition.prompt,
                    "first_frame": definition.first_frame,
                    "original": definition.original,
                    "master": definition.master,
                    "components": definition.components,
                }
            )
        data = json.loads(definition) if isinstance(definition, str) else definition
        return ManifestDefinition.model_validate(data)
    except ValidationError as error:
        raise InvalidDefinitionError(_sentence(error)) from error
    except ValueError as error:
        raise InvalidDefinitionError(f"the manifest definition is not JSON: {error}") from error


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the top level"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"the manifest definition is invalid at {place}: {first['msg']}{more}"
