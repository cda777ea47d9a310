"""The fields of a request for a video, from JSON or from a form, and the variant that they describe."""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app.model_server.errors import invalid
from app.model_server.offer import frames_of, seconds_of, seconds_text, sizes_of
from manifests.pluralize import any_of
from manifests.sheet.cells import PROMPT_LENGTH
from manifests.variant import Variant
from models.card import ModelCard
from models.speed import Profile

MAX_SEED = 2**32 - 1
MAX_STEPS = 200
MAX_GUIDANCE = 100.0
NOT_A_NUMBER = "enter a number"


def _plain(value: Any) -> Any:
    """Refuse true and false, which would become 1 and 0."""
    if isinstance(value, bool):
        raise ValueError(NOT_A_NUMBER)
    return value


Whole = Annotated[int, BeforeValidator(_plain)]
Number = Annotated[float, BeforeValidator(_plain), Field(allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=PROMPT_LENGTH, pattern=r"^[^\x00]*$")]


class VideoRequest(BaseModel):
    """The fields of OpenAI's API, and those that vLLM-Omni's server adds."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    prompt: Annotated[Text, Field(description="What the clip shows.")]
    model: str | None = Field(None, description="Model of the server; the first one if absent.")
    seconds: Number | None = Field(None, description="Length, as a number or text; see /v1/models.")
    size: str | None = Field(None, description="`WIDTHxHEIGHT`, one of the model's sizes; see /v1/models.")
    width: Whole | None = Field(None, description="Width in pixels, instead of `size`; together with `height`.")
    height: Whole | None = Field(None, description="Height in pixels, instead of `size`; together with `width`.")
    seed: Whole | None = Field(None, ge=0, le=MAX_SEED, description="Seed; a random one if absent.")
    negative_prompt: Text | None = Field(None, description="What the clip should not show, if the model supports it.")
    num_frames: Whole | None = Field(None, description="Number of frames, instead of `seconds`; see /v1/models.")
    fps: Whole | None = Field(None, description="Frames per second; only the model's own value is accepted.")
    num_inference_steps: Whole | None = Field(None, ge=1, le=MAX_STEPS, description="Denoising steps.")
    guidance_scale: Number | None = Field(None, ge=0, le=MAX_GUIDANCE, description="Classifier-free guidance.")


class Wanted(NamedTuple):
    """A valid request: the variant, and its length as the API names it."""

    variant: Variant
    seconds: str


def parse(fields: Mapping[str, Any]) -> VideoRequest:
    """Return the fields of a request; empty and null ones count as absent.

    Raises:
        ApiError: 400, a field is missing, unknown or invalid.
    """
    given = {name: value for name, value in fields.items() if value is not None and value != ""}
    try:
        return VideoRequest.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            known = ", ".join((*VideoRequest.model_fields, "input_reference"))
            raise invalid(
                f"This server has no parameter {name[:80]!r}. Use only {known}.", name, "unknown_parameter"
            ) from None
        if first["type"] == "missing":
            raise invalid(f"The parameter {name} is missing.", name, "missing_required_parameter") from None
        raise invalid(f"Invalid {name}: {_reason(first)}.", name) from None


def wanted(
    request: VideoRequest, cards: Mapping[str, ModelCard], profile: Profile, first_frame_sha256: str = ""
) -> Wanted:
    """Return the variant of a request: the one that a sheet with the same prompt, seed and size has.

    Raises:
        ApiError: 400, the model is not offered, or does not support a value.
    """
    if not request.prompt.strip():
        raise invalid("The prompt is empty. Describe what the clip should show.", "prompt")
    own = _card(request.model, cards)
    used = own.profile_for(profile)
    card = own.with_profile(used)
    height, width = _size(request, card)
    frames = _frames(request, card)
    _check_picture(card, first_frame_sha256)
    steps, guidance = request.num_inference_steps, request.guidance_scale
    variant = Variant(
        card=card.name,
        revision=card.revision,
        prompt=request.prompt.strip(),
        negative_prompt=_negative(request, card),
        seed=secrets.randbelow(2**31) if request.seed is None else request.seed,
        height=height,
        width=width,
        num_frames=frames,
        fps=card.rules.fps,
        num_inference_steps=card.defaults.num_inference_steps if steps is None else steps,
        guidance_scale=card.defaults.guidance_scale if guidance is None else guidance,
        loras=tuple(lora.name for lora in card.loras),
        first_frame_sha256=first_frame_sha256,
        profile=used,
        recipe=own.recipe(used),
    )
    return Wanted(variant, seconds_text(card, frames))


def _reason(error: Any) -> str:
    if error["type"] == "string_too_long":
        return f"it has more than {error['ctx']['max_length']:,} characters"
    if error["type"] == "string_pattern_mismatch":
        return "it contains a NUL character"
    message = str(error["msg"]).removeprefix("Value error, ")
    return message[0].lower() + message[1:]


def _card(name: str | None, cards: Mapping[str, ModelCard]) -> ModelCard:
    if name is None:
        return next(iter(cards.values()))
    if name not in cards:
        raise invalid(
            f"This server does not offer the model {name[:80]!r}. Use {any_of(tuple(cards))}.",
            "model",
            "model_not_found",
        )
    return cards[name]


def _size(request: VideoRequest, card: ModelCard) -> tuple[int, int]:
    """Return height and width."""
    if (request.width is None) != (request.height is None):
        raise invalid("width and height must be sent together. Send both, or size.", "width")
    sides = f"{request.width}x{request.height}" if request.width is not None else None
    if request.size and sides and request.size != sides:
        raise invalid(f"size is {request.size}, but width and height are {sides}. Send only one of them.", "size")
    known = sizes_of(card)
    name = request.size or sides or next(iter(known))
    if name not in known:
        raise invalid(
            f"{card.name} does not make clips of {name[:40]}. Use {any_of(tuple(known))}.", "size", "unsupported_size"
        )
    return known[name]


def _frames(request: VideoRequest, card: ModelCard) -> int:
    if request.fps is not None and request.fps != card.rules.fps:
        raise invalid(
            f"{card.name} makes {card.rules.fps} frames per second, not {request.fps}. Omit fps.",
            "fps",
            "unsupported_fps",
        )
    if request.num_frames is not None:
        return _nearest_frames(request.num_frames, card)
    if request.seconds is None:
        return card.defaults.num_frames
    frames = frames_of(card, request.seconds)
    if frames is None:
        possible = seconds_of(card)
        near = min(possible, key=lambda each: abs(int(each) - (request.seconds or 0)))
        raise invalid(
            f"{card.name} makes clips of {card.durations_text} s, not {request.seconds:g} s. The nearest length is "
            f'"{near}"; send seconds as {any_of(possible)}, or omit it.',
            "seconds",
            "unsupported_seconds",
        )
    return frames


def _nearest_frames(wanted: int, card: ModelCard) -> int:
    """Return the card's number of frames for a wanted one; clients compute it as ``seconds`` times ``fps``."""
    rules = card.rules
    within = min(max(wanted, 0), 2 * rules.max_frames)
    frames = frames_of(card, within / rules.fps)
    if frames is not None and within == wanted:
        return frames
    nearest = min(max(rules.nearest(within), rules.min_frames), rules.max_frames)
    raise invalid(
        f"{card.name} does not make clips of {wanted} frames. The nearest number is {nearest}.",
        "num_frames",
        "unsupported_num_frames",
    )


def _negative(request: VideoRequest, card: ModelCard) -> str:
    if request.negative_prompt is None:
        return card.defaults.negative_prompt
    if not card.supports_negative_prompt:
        raise invalid(
            f"{card.name} does not use a negative prompt. Omit negative_prompt.",
            "negative_prompt",
            "unsupported_parameter",
        )
    return request.negative_prompt.strip()


def _check_picture(card: ModelCard, first_frame_sha256: str) -> None:
    if card.needs_first_frame and not first_frame_sha256:
        raise invalid(
            f"{card.name} needs the picture that the clip starts with. Send it as input_reference.",
            "input_reference",
            "missing_required_parameter",
        )
    if first_frame_sha256 and not card.needs_first_frame:
        raise invalid(
            f"{card.name} generates clips from text only. Omit input_reference, or use an image-to-video model.",
            "input_reference",
            "unsupported_parameter",
        )
