"""Cards of hosted models: models that a provider runs, reached over the network."""

import math
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator

from manifests.costs.money import Money
from manifests.errors import CardRuleError
from manifests.identity import content_id
from manifests.variant import Variant
from models.card import GeneratorCard
from models.card_parts import RECIPE_DIGITS, Defaults, FrameSize, Rules
from models.record import Record
from models.speed import Profile

Kind = Literal["hosted-text-to-video", "hosted-image-to-video"]
Protocol = Literal[
    "openai_videos",
    "runway",
    "google_omni",
    "vertex_veo",
    "fal",
    "adobe_firefly",
    "ark",
    "kling",
    "luma",
    "dashscope",
    "none",
]
"""Wire formats; ``none`` is for models that no longer exist."""
NOTICE_DAYS = 30
"""Days before the retirement of a model from which warnings are shown."""
Reconcile = Literal["external_id", "list", "list_by_time", "place", "none", "free"]
"""How an uncertain job is settled: by our own reference, by a list that contains it, by a list in which only
the time can match, by a file at an address that we chose, by a person, or by submitting it again because it is free.
"""


class HostedSize(FrameSize):
    """Size of the provider's clips for one aspect ratio.

    Attributes:
        word: the provider's name of the size, such as ``1280:720`` or ``16:9``.
        resolution: the provider's name of the resolution, such as ``720p``; prices may depend on it.
        tolerance: by how many pixels height or width of a clip may differ.
    """

    word: str = ""
    resolution: str = ""
    tolerance: int = Field(0, ge=0)


class Durations(Record):
    """Lengths in whole seconds: those in ``allowed``, or all from ``min_s`` to ``max_s``."""

    allowed: tuple[int, ...] = ()
    min_s: int | None = Field(None, gt=0)
    max_s: int | None = Field(None, gt=0)
    default_s: int = Field(gt=0)
    tolerance_s: float = Field(0.5, ge=0)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if bool(self.allowed) == (self.min_s is not None and self.max_s is not None):
            raise ValueError("set either allowed, or both min_s and max_s")
        if self.default_s not in self.seconds:
            raise ValueError(f"default_s is {self.default_s}, which is not one of the lengths; use {self.text}")
        return self

    @property
    def seconds(self) -> tuple[int, ...]:
        """All lengths, ascending."""
        return self.allowed or tuple(range(self.min_s or 0, (self.max_s or 0) + 1))

    @property
    def text(self) -> str:
        """``5 or 10``, ``2 to 10``, or ``2``."""
        if self.allowed or self.min_s == self.max_s:
            return " or ".join(map(str, self.seconds))
        return f"{self.min_s} to {self.max_s}"


class PriceTable(Record):
    """What clips cost. Amounts are decimal texts in units of the currency.

    Attributes:
        per_second: by resolution; ``any`` for all others.
        per_clip: by ``RESOLUTION/SECONDS``, such as ``720p/5``; takes precedence.
        least: lowest price of a clip.
        unit: price of one of the provider's own units (credit, token), with which reported costs are converted.
        as_of: date of the prices.
        source: their source.
        confirmed: whether a bill has confirmed them.
    """

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    per_second: dict[str, Decimal] = Field(default_factory=dict)
    per_clip: dict[str, Decimal] = Field(default_factory=dict)
    least: Decimal | None = Field(None, gt=0)
    unit: Decimal | None = Field(None, gt=0)
    as_of: date
    source: str
    confirmed: bool = False

    def of_clip(self, resolution: str, seconds: float) -> Money | None:
        """Return the price of one clip; None if the table does not have it."""
        fixed = self.per_clip.get(f"{resolution}/{seconds:g}")
        rate = self.per_second.get(resolution, self.per_second.get("any"))
        if fixed is None and rate is None:
            return None
        amount = fixed if fixed is not None else (rate or Decimal(0)) * Decimal(str(seconds))
        return Money.of(max(amount, self.least or Decimal(0)), self.currency)


class AccountLimits(Record):
    """Limits of an account, shared by all hosts.

    Attributes:
        concurrency: jobs at a time.
        per_minute: submissions in any 60 seconds; None for no limit.
        per_day: submissions in any 24 hours; None for no limit.
    """

    concurrency: int = Field(gt=0)
    per_minute: int | None = Field(None, gt=0)
    per_day: int | None = Field(None, gt=0)


class HostedCard(GeneratorCard):
    """A model that a provider runs.

    Attributes:
        provider: name of the account in the settings: the key of ``runway`` is REELMILL_PROVIDER_RUNWAY_KEY.
        protocol: wire format, a module of models/hosted/.
        dialect: variant of the protocol, for those that need one.
        base_url: address of the API; the account may have its own.
        plain_http: whether requests to other machines may be sent without TLS.
        model: the provider's name of the model.
        fps: frames per second of the clips.
        audio: ``none``, ``switch`` (the request decides) or ``always``.
        sound: whether clips are requested with sound, if ``audio`` is ``switch``.
        takes_seed: whether the provider uses the seed; otherwise it is the number of the take.
        account_fields: fields of the account without which there are no requests, such as ``project``.
        max_prompt_chars: longest prompt, in UTF-16 units; None if it is not known.
        options: fixed members of the request's body.
        prices: None if the provider does not bill single clips or its prices are not known.
        costs_money: whether a job costs money; False for self-hosted servers.
        billed_on_failure: whether failed jobs are billed.
        limits_of_account: limits of the account, as far as they are known.
        poll_s: seconds between two polls of a job.
        deadline_s: seconds after which a job that has not ended is overdue.
        retention_s: how long the provider keeps a finished file; None if it is not known.
        result_hosts: hosts from which files are fetched, besides that of ``base_url``; ``*.example.com`` includes all
            names under it, and ``*`` all public hosts, if the provider's are not known.
        max_mb: largest file that is fetched, in megabytes.
        reconcile: how an uncertain submission is settled.
        retires: last day on which the provider is known to offer the model.
        may_retire: day from which the provider may retire the model, if it has not announced the last day.
        keeps_c2pa: what is known about the provider's own Content Credential.
        watermark: what is known about watermarks in the picture.
        unconfirmed: facts that were not confirmed with an account, one sentence each.
    """

    kind: Kind
    provider: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    protocol: Protocol
    dialect: str = ""
    base_url: str = Field(pattern=r"^https?://")
    plain_http: bool = False
    model: str = Field(min_length=1)
    sizes: dict[str, HostedSize] = Field(min_length=1)
    durations: Durations
    fps: int = Field(gt=0)
    audio: Literal["none", "switch", "always"] = "none"
    sound: bool = False
    takes_seed: bool = False
    supports_negative_prompt: bool = False
    account_fields: tuple[str, ...] = ()
    max_prompt_chars: int | None = Field(None, gt=0)
    min_adherence: float = Field(ge=-1, le=1)
    options: dict[str, JsonValue] = Field(default_factory=dict)
    prices: PriceTable | None = None
    costs_money: bool = True
    billed_on_failure: Literal["yes", "no", "unknown"] = "unknown"
    limits_of_account: AccountLimits
    poll_s: float = Field(gt=0)
    deadline_s: float = Field(3600.0, gt=0)
    retention_s: float | None = Field(None, gt=0)
    result_hosts: tuple[str, ...] = ()
    max_mb: float = Field(500.0, gt=0)
    reconcile: Reconcile
    retires: date | None = None
    may_retire: date | None = None
    keeps_c2pa: str = "not known"
    watermark: str = "not known"
    unconfirmed: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _repeats_only_free_jobs(self) -> Self:
        if self.reconcile == "free" and self.costs_money:
            raise ValueError(
                "reconcile must not be free if costs_money is true: an uncertain job could be billed twice"
            )
        return self

    @property
    def revision(self) -> str:
        """Digest of what decides a clip besides the variant's own fields.

        Sizes are left out, because the variant has its own: otherwise, one more aspect ratio or a corrected word would
        give every variant of the card another id, and a repeated run would pay for all clips again.
        """
        deciding = self.model_dump(mode="json", include={"protocol", "dialect", "model", "options"})
        has_sound = self.audio == "always" or (self.audio == "switch" and self.sound)
        return content_id({**deciding, "sound": has_sound})[:RECIPE_DIGITS]

    def unusable_on(self, today: date) -> str:
        """Return why the model cannot run on a day, one sentence; empty if it can."""
        if self.retired:
            return self.retired
        if self.retires and today > self.retires:
            return f"{self.title} was retired on {_written(self.retires)}. Use another model from `reelmill models`."
        return super().unusable_on(today)

    def notice_on(self, today: date) -> str:
        """Return the warning that the model ends soon or may have ended, one sentence; empty if there is none."""
        soon = today + timedelta(days=NOTICE_DAYS)
        if self.retires and today <= self.retires <= soon:
            return f"is offered until {_written(self.retires)}, and cannot run after that day."
        if self.may_retire and self.may_retire <= soon:
            verb = "may have been" if self.may_retire <= today else "may be"
            return (
                f"{verb} retired by its provider on {_written(self.may_retire)} or later. If so, its jobs are "
                "refused, which costs nothing."
            )
        return ""

    @property
    def inputs(self) -> Defaults:
        """Default generation inputs; providers have no steps and no guidance scale."""
        return Defaults(
            num_frames=self.durations.default_s * self.fps,
            num_inference_steps=0,
            guidance_scale=0,
            min_adherence=self.min_adherence,
        )

    @property
    def needs_first_frame(self) -> bool:
        """Whether clips start from an image."""
        return self.kind == "hosted-image-to-video"

    def recipe(self, profile: Profile) -> str:
        """Return an empty digest: the revision covers everything."""
        return ""

    def frames_for(self, duration_s: float) -> int:
        """Return the number of frames of a length in seconds; raises as ``GeneratorCard.frames_for`` does."""
        if duration_s in self.durations.seconds:
            return round(duration_s * self.fps)
        if not math.isfinite(duration_s):
            duration_s = 0.0
        near = min(self.durations.seconds, key=lambda each: abs(each - duration_s))
        raise CardRuleError(
            f"{self.name} supports clips of {self.durations.text} s, not {duration_s:g} s; the nearest supported "
            f"length is {near} s"
        )

    @property
    def durations_text(self) -> str:
        """The supported lengths in seconds."""
        return self.durations.text

    def hosted_size(self, variant: Variant) -> HostedSize:
        """Return the card's size of a variant; the first one if the card has changed since it was planned."""
        same = (size for size in self.sizes.values() if (size.height, size.width) == (variant.height, variant.width))
        return next(same, next(iter(self.sizes.values())))

    def price_of(self, variant: Variant) -> Money | None:
        """Return the expected price of a variant; None if it is not known."""
        if not self.costs_money:
            return Money(0, self.prices.currency if self.prices else "USD")
        if self.prices is None:
            return None
        return self.prices.of_clip(self.hosted_size(variant).resolution, variant.num_frames / variant.fps)

    @property
    def frame_rules(self) -> Rules:
        """Frame counts of the supported lengths."""
        seconds = self.durations.seconds
        return Rules(
            frame_multiple=1,
            frame_offset=0,
            min_frames=seconds[0] * self.fps,
            max_frames=seconds[-1] * self.fps,
            size_multiple=1,
            fps=self.fps,
        )


def _written(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
