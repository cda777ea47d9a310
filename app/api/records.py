"""Bodies of requests and responses of the JSON API, with the rules that its OpenAPI description shows."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    StringConstraints,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from adapters.catalogue import REVIEW_CODES
from app.dashboard.routes.decisions import MAX_AT_ONCE
from manifests.sheet.cells import PROMPT_LENGTH

CLIP_ID = "[0-9a-f]{32}"
"""A variant_id as a regular expression."""
NOT_BLANK = r"^[^\x00]*[^\x00\s\x1c-\x1f\x85\ufeff][^\x00]*$"
"""Matches texts of which something is left without spaces, by the rules of Python and of ECMAScript."""
MAX_EVENT = 2**53 - 1
"""Largest whole number that every JSON parser reads exactly."""
REGENERATE_ONE = "A new prompt can be used for one clip at a time. Send one id."
WITHDRAWAL_REASON = "A withdrawal needs a reason. Send the field reason."

NUL_FREE = r"^[^\x00]*$"
Text = Annotated[str, StringConstraints(pattern=NUL_FREE)]
VariantId = Annotated[str, StringConstraints(pattern=rf"^{CLIP_ID}$")]


def _number(value: Any) -> Any:
    """Refuse texts and booleans, but not 17.0, which JSON does not distinguish from 17."""
    if isinstance(value, (str, bool)):
        raise PydanticCustomError("number", "enter a whole number")
    return value


EventId = Annotated[int, Field(ge=0, le=MAX_EVENT, strict=False), BeforeValidator(_number)]


@dataclass(frozen=True)
class OneOf:
    """A text that must be one of the values; the description of the API lists them."""

    values: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the rule for pydantic."""
        return core_schema.literal_schema([str(value) for value in self.values])  # errors show enums as Python does


ReviewCode = Annotated[str, OneOf(tuple(REVIEW_CODES))]


class Body(BaseModel):
    """The JSON body of a request. Numbers as texts and unknown fields are errors, because they are mistakes."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ErrorOut(BaseModel):
    """An error."""

    model_config = ConfigDict(extra="forbid")

    error: str = Field(description="What is wrong and how to fix it, for people")


class MoneyOut(BaseModel):
    """An amount of one currency. Amounts of different currencies are never added."""

    micros: int = Field(description="Millionths of the currency's unit")
    currency: str = Field(description="ISO 4217 code; empty for device time if the setting `currency` is not set")


class ProviderJobsOut(BaseModel):
    """Jobs of one provider with one model in one currency."""

    provider: str
    card: str
    currency: str = Field(description="Empty for jobs without a price")
    spent_micros: int = Field(description="Cost of ended jobs, including failed and lost ones")
    estimated_micros: int = Field(description="The part of the cost that the provider has not reported")
    reserved_micros: int = Field(description="Expected cost of open jobs")
    wasted_micros: int = Field(description="The part of the cost for jobs that have failed or were lost")
    jobs: dict[str, int] = Field(description="Number of jobs by state")
    unknown: int = Field(description="Number of jobs that may have been billed at an unknown cost")


class CampaignOut(BaseModel):
    """A campaign with the number of its clips by state."""

    campaign_id: str
    name: str
    created_at: float = Field(description="Unix time in seconds")
    review: str
    states: dict[str, int] = Field(
        description="Number of clips by state, and two more: `not needed`, and `replaced by a fallback` for failed "
        "variants that a fallback model generates instead"
    )
    standing: str = Field(description="Status of the campaign: active, paused or cancelled")
    status: str = Field(description="accepted, running, done, stopped, failed, paused or cancelled")
    priority: int = Field(description="-100 to 100; 0 is normal")
    device_seconds: float = Field(description="All device time that the campaign has caused")
    cost: float | None = Field(description="Cost of the device time; null if the price of a device is not known")
    currency: str = Field(description="Currency of that cost; empty if the setting `currency` is not set")
    spent: list[MoneyOut] = Field(description="Cost of device time and provider jobs, one amount for each currency")
    estimated: list[MoneyOut] = Field(description="The part of `spent` that a provider has not reported")
    reserved: list[MoneyOut] = Field(description="Expected cost of open provider jobs")
    wasted: list[MoneyOut] = Field(description="The part of `spent` for provider jobs that have failed or were lost")
    is_cost_complete: bool = Field(description="Whether the cost of all device time and of all jobs is known")
    provider_jobs: list[ProviderJobsOut]
    cost_per_published_clip: list[MoneyOut] = Field(
        description="`spent` divided by the number of published clips; empty if there are none"
    )


class ClipOut(BaseModel):
    """A clip in a list. Send its ``seen`` value with a decision."""

    variant_id: str
    state: str
    prompt: str
    model: str
    seed: int
    prompt_adherence: float | None
    reasons: list[str]
    made_at: float | None
    parent_id: str | None
    seen: int
    width: int
    height: int
    duration_s: float
    metadata: dict[str, list[str]] = Field(
        description="Values of the sheet's columns locale, cta, notes and its own columns"
    )


class PageOut(BaseModel):
    """A page of clips and the cursor of the next page."""

    clips: list[ClipOut]
    after: str | None


class CommentOut(BaseModel):
    """A comment on a clip."""

    author: str
    at: float = Field(description="Unix time in seconds")
    body: str
    clip_s: float | None = Field(description="Position in the clip, in seconds")


class MembershipOut(BaseModel):
    """A campaign that uses a clip, and the brief and placement that it is for."""

    campaign_id: str
    brief_id: str
    placement: str
    locale: str


class ClipDetail(ClipOut):
    """A clip with all details."""

    threshold: float
    checks: dict[str, float]
    checks_broken: list[str]
    url: str | None
    key: str | None
    sha256: str | None
    campaigns: list[MembershipOut]
    comments: list[CommentOut]
    children: list[str]
    generation: dict[str, Any]
    provider: str = Field(description="Provider that generated the clip; empty for local devices")
    cost_micros: int | None = Field(description="Cost billed by the provider, in millionths; null if it is not known")
    currency: str = Field(description="Currency of `cost_micros`; empty if it is not known")
    cost_is_estimate: bool = Field(
        description="Whether the cost is the expected price, because the provider has not reported it"
    )


class DeliverableOut(BaseModel):
    """A finished file for one placement and locale."""

    deliverable_id: str
    campaign_id: str
    variant_id: str = Field(description="The clip that it was made of; the first one of a sequence")
    brief_id: str
    placement: str
    locale: str
    cta: str
    state: str
    url: str | None
    key: str | None = Field(description="Key in the bucket; null before it is published")
    sha256: str | None
    captions: list[str] = Field(description="Keys of its SRT and WebVTT files in the bucket")
    width: int | None
    height: int | None
    duration_s: float | None
    loudness_lufs: float | None
    violations: list[str] = Field(description="Requirements of the placement that it does not meet")
    notes: list[str]
    error: str = Field(description="Why it failed; empty if it did not")


class CredentialOut(BaseModel):
    """A verified Content Credential; the state is ``absent`` if the clip has none."""

    state: str
    sentence: str
    signer: dict[str, Any] | None = None
    actions: list[Any] = []
    ingredients: list[dict[str, Any]] = []
    manifest_label: str | None = None
    store: str | None = Field(default=None, description="The manifest store as JSON text")


class DecisionIn(Body):
    """A decision on one or more clips."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"properties": {"outcome": {"enum": ["approved", "rejected"]}}},
                {
                    "properties": {"outcome": {"const": "withdrawn"}, "reason": {"pattern": NOT_BLANK}},
                    "required": ["reason"],
                },
            ]
        }
    )

    outcome: Literal["approved", "rejected", "withdrawn"]
    seen: dict[VariantId, EventId] = Field(
        min_length=1,
        max_length=MAX_AT_ONCE,
        description="seen value of each clip by variant_id",
        json_schema_extra={"additionalProperties": False},
    )
    reason: Text = Field("", max_length=1000, description="Required to withdraw, or to approve a failed clip")
    codes: list[ReviewCode] = Field(
        default_factory=list, max_length=len(REVIEW_CODES), description=f"Reason codes: {', '.join(REVIEW_CODES)}"
    )

    @model_validator(mode="after")
    def _needs_reason(self) -> Self:
        if self.outcome == "withdrawn" and not self.reason.strip():
            raise PydanticCustomError("reason", WITHDRAWAL_REASON)
        return self


class IdsIn(Body):
    """Clips by id."""

    ids: list[VariantId] = Field(min_length=1, max_length=MAX_AT_ONCE, description="Values of variant_id")


class RerollIn(IdsIn):
    """Clips to regenerate. A ``prompt`` regenerates one clip with a new prompt and the same seed."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"properties": {"prompt": {"type": "null"}}}, {"properties": {"ids": {"maxItems": 1}}}]
        }
    )

    prompt: Annotated[Text, Field(max_length=PROMPT_LENGTH)] | None = Field(
        None, description="New prompt for one clip; null keeps the prompt"
    )
    campaign_id: Text = Field("", max_length=200, description="Campaign to use if several campaigns share the clip")

    @model_validator(mode="after")
    def _one_prompt(self) -> Self:
        if self.prompt is not None and len(self.ids) != 1:
            raise PydanticCustomError("prompt", REGENERATE_ONE)
        return self


class CommentIn(Body):
    """A comment; ``clip_s`` is its position in the clip, in seconds."""

    body: str = Field(max_length=4000, pattern=NOT_BLANK, description="Text of the comment")
    clip_s: Annotated[float, Field(ge=0, lt=36_000)] | None = Field(
        None, description="Position in the clip, in seconds"
    )


class DecidedOut(BaseModel):
    """Ids of the changed clips, and an error message for each clip that was not changed."""

    moved: list[str]
    refused: dict[str, str]
