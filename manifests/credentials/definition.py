"""The manifest definition: what the C2PA builder is handed, checked before it gets there.

The builder accepts typos without a word (``digitalSourceType: "foo"`` reads Trusted), so nothing
is signed that has not passed through these models. They cover what Reelmill writes, no more.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

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
"""IPTC NewsCodes of digital source types that are not retired."""

TRAINED_ALGORITHMIC_MEDIA = IPTC + "trainedAlgorithmicMedia"
COMPOSITE_MEDIA = IPTC + "compositeWithTrainedAlgorithmicMedia"
FIRST_FRAME = "first_frame"
OWN_LABEL = "org.reelmill.generation"
TITLE_LIMIT = 200

Use = Literal["allowed", "notAllowed", "constrained"]


def _known_source_type(uri: str) -> str:
    if uri.removeprefix(IPTC) not in SOURCE_TYPES or not uri.startswith(IPTC):
        raise ValueError(f"{uri!r} is no digital source type of the IPTC")
    return uri


def _encodable(text: str) -> str:
    if any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise ValueError("holds half a surrogate pair, which UTF-8 cannot write")
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
    """Which program makes the claim."""

    name: Text
    version: Text


class Thumbnail(_Record):
    """The poster; ``identifier`` names the resource that the signer adds."""

    format: Literal["image/jpeg"] = "image/jpeg"
    identifier: Literal["poster.jpg"] = "poster.jpg"


class SoftwareAgent(_Record):
    """What carried an action out."""

    name: Text
    version: Text


class Parameters(_Camel):
    """Labels of the ingredients that an action used."""

    ingredient_ids: tuple[Text, ...] = Field(min_length=1)


class Action(_Camel):
    """Something that was done, with its time."""

    action: Literal["c2pa.created", "c2pa.opened", "c2pa.published"]
    when: AwareDatetime
    digital_source_type: SourceType | None = None
    software_agent: SoftwareAgent | None = None
    parameters: Parameters | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> "Action":
        if self.action == "c2pa.created" and not self.digital_source_type:
            raise ValueError("c2pa.created needs a digitalSourceType")
        if self.action == "c2pa.opened" and not self.parameters:
            raise ValueError("c2pa.opened needs the ingredient that was opened")
        return self


class ActionList(_Camel):
    """Everything that was done; the first entry says how the clip began, no other does."""

    actions: tuple[Action, ...] = Field(min_length=1)
    all_actions_included: Literal[True] = True

    @model_validator(mode="after")
    def _begins_once(self) -> "ActionList":
        beginnings = [entry.action in ("c2pa.created", "c2pa.opened") for entry in self.actions]
        if beginnings != [True] + [False] * (len(beginnings) - 1):
            raise ValueError("the first action, and no other, is c2pa.created or c2pa.opened")
        return self


class ContentProfile(_Camel):
    """How far a person looked at the clip (C2PA 2.4)."""

    human_oversight_level: Literal["fully_autonomous", "prompt_guided", "human_validated"]


class Disclosure(_Camel):
    """Which model made the clip."""

    model_config = ConfigDict(protected_namespaces=())

    model_type: Literal["c2pa.types.model"] = "c2pa.types.model"
    model_name: Text
    model_identifier: Text
    content_profile: ContentProfile


class UseEntry(_Record):
    """Whether a use is allowed; ``constraint_info`` says under which terms."""

    use: Use
    constraint_info: Text | None = None

    @model_validator(mode="after")
    def _states_its_terms(self) -> "UseEntry":
        if (self.use == "constrained") != (self.constraint_info is not None):
            raise ValueError("constrained, and only constrained, needs constraint_info")
        return self


class UseEntries(_Record):
    """The four uses that CAWG names."""

    data_mining: UseEntry = Field(alias="cawg.data_mining")
    ai_inference: UseEntry = Field(alias="cawg.ai_inference")
    ai_training: UseEntry = Field(alias="cawg.ai_training")
    ai_generative_training: UseEntry = Field(alias="cawg.ai_generative_training")


class TrainingMining(_Record):
    """What others may do with the clip."""

    entries: UseEntries


class IptcContext(_Record):
    """JSON-LD context of the IPTC properties."""

    Iptc4xmpExt: Literal["http://iptc.org/std/Iptc4xmpExt/2008-02-29/"] = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"


class IptcMetadata(_Record):
    """Which AI system was used, in the words of IPTC 2025.1."""

    context: IptcContext = Field(IptcContext(), alias="@context")
    ai_system_used: Text = Field(alias="Iptc4xmpExt:AISystemUsed")
    ai_system_version_used: Text = Field(alias="Iptc4xmpExt:AISystemVersionUsed")


class Generation(_Record):
    """Our own facts; they lead from a published clip back to its row in the catalogue.

    Attributes:
        seed: in decimal digits, for a JSON number loses those above 2**53.
        parameters_sha256: of every generation input but the words of the prompts.
        prompt_hmac_sha256: keyed, so that no one can try likely prompts against it.
        first_frame_sha256: of the file of the picture that the clip starts from, where there is one.
        licence_terms_attested: which conditions of the licence the operator attested, as a digest.
    """

    campaign_id: Text
    run_id: Text | None = None
    variant_id: Hex
    seed: str = Field(pattern=r"^-?[0-9]{1,20}$")
    parameters_sha256: Hex
    prompt_hmac_sha256: Hex
    first_frame_sha256: Hex | None = None
    licence: Text
    licence_terms_attested: Text | None = None


class _Assertion(_Camel):
    """``created`` puts it among the assertions that the signer answers for."""

    created: Literal[True] = True


class ActionsAssertion(_Assertion):
    """What was done."""

    label: Literal["c2pa.actions.v2"] = "c2pa.actions.v2"
    data: ActionList


class DisclosureAssertion(_Assertion):
    """That a model made it."""

    label: Literal["c2pa.ai-disclosure"] = "c2pa.ai-disclosure"
    data: Disclosure


class TrainingMiningAssertion(_Assertion):
    """Whether it may be mined or trained on."""

    label: Literal["cawg.training-mining"] = "cawg.training-mining"
    data: TrainingMining


class MetadataAssertion(_Assertion):
    """IPTC properties; they are JSON-LD, so not in CBOR as the others are."""

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
    """The prompt's resource, which the signer adds."""

    format: Literal["text/plain"] = "text/plain"
    identifier: Literal["prompt.txt"] = "prompt.txt"


class PromptType(_Record):
    """Says that the ingredient is a prompt."""

    type: Literal["c2pa.types.generator.prompt"] = "c2pa.types.generator.prompt"


class PromptIngredient(_Record):
    """The prompt in plain words, where the campaign discloses it."""

    title: Literal["prompt"] = "prompt"
    label: Literal["prompt"] = "prompt"
    format: Literal["text/plain"] = "text/plain"
    relationship: Literal["inputTo"] = "inputTo"
    data_types: tuple[PromptType, ...] = (PromptType(),)
    data: PromptData = PromptData()


class FirstFrame(_Record):
    """The picture that a clip starts from. The signer reads it, with the credential that it may carry.

    Attributes:
        thumbnail: JPEG of it.
    """

    path: Path
    format: Literal["image/png", "image/jpeg", "image/webp"]
    thumbnail: bytes = Field(min_length=1, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return what the C2PA builder takes; the file's name stays at home."""
        thumbnail = {"format": "image/jpeg", "identifier": f"{FIRST_FRAME}.jpg"}
        return {"title": "first frame", "label": FIRST_FRAME, "relationship": "inputTo", "thumbnail": thumbnail}


class ManifestDefinition(_Record):
    """Everything that is signed beside the pixels.

    Attributes:
        prompt: text of the prompt ingredient; a resource of the manifest, so not part of the JSON.
        first_frame: a file that the builder reads, so no part of it either.
    """

    claim_generator_info: tuple[ClaimGenerator, ...] = Field(min_length=1, max_length=1)
    title: Title
    format: Literal["video/mp4"] = "video/mp4"
    thumbnail: Thumbnail = Thumbnail()
    ingredients: tuple[PromptIngredient, ...] = Field((), max_length=1)
    assertions: tuple[Assertion, ...]
    prompt: Text | None = Field(None, exclude=True)
    first_frame: FirstFrame | None = Field(None, exclude=True)

    @model_validator(mode="after")
    def _is_whole(self) -> "ManifestDefinition":
        labels = [assertion.label for assertion in self.assertions]
        if len(set(labels)) != len(labels) or "c2pa.actions.v2" not in labels:
            raise ValueError("needs c2pa.actions.v2, and each assertion once")
        if bool(self.ingredients) != (self.prompt is not None):
            raise ValueError("a prompt ingredient needs its text, and a text its ingredient")
        made = self.actions[0]
        named = made.parameters is not None and FIRST_FRAME in made.parameters.ingredient_ids
        if made.action == "c2pa.created" and named != (self.first_frame is not None):
            raise ValueError("a first frame and the action that used it need each other")
        return self

    @property
    def actions(self) -> tuple[Action, ...]:
        """What was done, in order."""
        return next(each.data.actions for each in self.assertions if isinstance(each, ActionsAssertion))

    def to_dict(self) -> dict[str, Any]:
        """Return what the C2PA builder takes."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def to_json(self) -> str:
        """Return the same as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def opening(self, parent_label: str) -> "ManifestDefinition":
        """Return the definition for a source that is signed already: opened and published, not created.

        Args:
            parent_label: label of the ingredient that holds the source's own manifest.
        """
        when = self.actions[0].when
        actions = ActionList(
            actions=(
                Action(action="c2pa.opened", when=when, parameters=Parameters(ingredient_ids=(parent_label,))),
                Action(action="c2pa.published", when=when),
            )
        )
        rest = tuple(each for each in self.assertions if not isinstance(each, ActionsAssertion))
        return self.model_copy(update={"assertions": (ActionsAssertion(data=actions), *rest)})


def check_definition(definition: ManifestDefinition | dict[str, Any] | str) -> ManifestDefinition:
    """Return the definition, checked from the ground up (copies with updates slip past pydantic).

    Raises:
        InvalidDefinitionError: names the first field that breaks the schema, and how many do.
    """
    try:
        if isinstance(definition, ManifestDefinition):
            return ManifestDefinition.model_validate(
                {**definition.to_dict(), "prompt": definition.prompt, "first_frame": definition.first_frame}
            )
        data = json.loads(definition) if isinstance(definition, str) else definition
        return ManifestDefinition.model_validate(data)
    except ValidationError as error:
        raise InvalidDefinitionError(_sentence(error)) from error
    except ValueError as error:
        raise InvalidDefinitionError(f"the manifest definition is not JSON: {error}") from error


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the whole"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"the manifest definition is wrong at {place}: {first['msg']}{more}"
