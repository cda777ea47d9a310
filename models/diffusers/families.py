"""What differs between the video pipelines of diffusers: how texts are embedded, what a call is given and returns.

Read in diffusers 0.42.1 and held by tests/contract/test_families_*.py. docs/families.md has the table.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL.Image import Image

from manifests.variant import Variant
from models.card import ModelCard

Embedding = dict[str, torch.Tensor]
"""What ``encode_prompt`` makes of one text, under the names by which the call takes it; batch of one."""

SHARED_OPTIONS = ("max_sequence_length", "clip_skip")
"""Options of both the call and ``encode_prompt``; their defaults differ in Wan, so both are told."""


def _guided(variant: Variant, call: Mapping[str, Any]) -> bool:
    return variant.guidance_scale > 1


def _guided_by_guider(variant: Variant, call: Mapping[str, Any]) -> bool:
    """HunyuanVideo's guider is off at exactly 1."""
    return not math.isclose(variant.guidance_scale, 1.0)


def _guided_with_sound(variant: Variant, call: Mapping[str, Any]) -> bool:
    """LTX-2 guides picture and sound together where either scale exceeds 1; 0 for the sound means as the picture."""
    sound = call.get("audio_guidance_scale", 7.0) or variant.guidance_scale
    return max(variant.guidance_scale, sound) > 1


def _nothing(pipeline: Any, variant: Variant) -> None:
    pass


def _set_guider(pipeline: Any, variant: Variant) -> None:
    pipeline.guider = pipeline.guider.new(guidance_scale=variant.guidance_scale)


def _pad_left(pipeline: Any, variant: Variant) -> None:
    """The connectors ask the tokenizer for what ``encode_prompt`` sets on the way."""
    if getattr(pipeline, "tokenizer", None) is not None:
        pipeline.tokenizer.padding_side = "left"


@dataclass(frozen=True)
class Family:
    """How one pipeline class is called.

    Attributes:
        names: of what ``encode_prompt`` returns first, as the call takes it back, also as ``negative_…``;
            empty where texts cannot be embedded before the call.
        encoding: further arguments that ``encode_prompt`` demands.
        text_encoders: components that nothing needs once all texts are embedded. Set them to None: a
            pipeline takes its first component's device for its own, so one that was only moved misleads it.
        max_batch: variants in one call; 1 where more fail, or would share a picture.
        noise_in_model_dtype: the seed's noise is drawn in the model's dtype, so that a seed means other
            noise in bfloat16 than in float32; else in float32 always.
        needs_text: False where the prompt is not read at all.
        guided: whether a call guides, and so wants negative texts.
        set_up: what has to be set on the pipeline before a call.
    """

    names: tuple[str, ...] = ()
    encoding: tuple[tuple[str, Any], ...] = ()
    text_encoders: tuple[str, ...] = ()
    max_batch: int = 1
    noise_in_model_dtype: bool = False
    needs_text: bool = True
    guided: Callable[[Variant, Mapping[str, Any]], bool] = _guided
    set_up: Callable[[Any, Variant], None] = _nothing

    @property
    def embeds(self) -> bool:
        """True where texts can be embedded before the call."""
        return bool(self.names)

    def texts(self, pipeline: Any, variant: Variant, card: ModelCard) -> tuple[str, ...]:
        """Return what a variant's call reads: the prompt and, where it guides, the negative prompt."""
        if not self.needs_text:
            return ()
        negative = self._negative(pipeline, variant, card)
        return (variant.prompt,) if negative is None else (variant.prompt, negative)

    def encode(
        self, pipeline: Any, text: str, device: torch.device | str, call_options: Mapping[str, Any]
    ) -> Embedding:
        """Embed one text, without gradients (with them another kernel runs, and the last bits differ).

        Args:
            call_options: the card's ``call``.
        """
        takes = inspect.signature(pipeline.encode_prompt).parameters
        options = {"device": device, "do_classifier_free_guidance": False, **dict(self.encoding)}
        options |= _shared_options(pipeline, call_options)
        with torch.no_grad():
            encoded = pipeline.encode_prompt(text, **{name: value for name, value in options.items() if name in takes})
        return dict(zip(self.names, encoded, strict=False))

    def arguments(
        self,
        pipeline: Any,
        variants: Sequence[Variant],
        card: ModelCard,
        height: int,
        width: int,
        pictures: Sequence[Image] | None = None,
        texts: Mapping[str, Embedding] | None = None,
    ) -> dict[str, Any]:
        """Return the keyword arguments of the call that makes all variants of one bucket at once.

        Noise is drawn on the CPU, from a generator a variant, so that a seed means the same noise on
        every device and in every batch. HunyuanVideo's guider is set on the pipeline on the way.

        Args:
            height, width: of the render, in pixels.
            pictures: RGB first frames of that size, one a variant; None for text to video.
            texts: embeddings of all of ``texts()`` on the device of the call; None gives the words.
        """
        first = variants[0]
        self.set_up(pipeline, first)
        generators = [torch.Generator("cpu").manual_seed(variant.seed) for variant in variants]
        stock = {
            "height": height,
            "width": width,
            "num_frames": first.num_frames,
            "frames": first.num_frames,
            "frame_rate": first.fps,
            "fps": first.fps,
            "num_inference_steps": first.num_inference_steps,
            "guidance_scale": first.guidance_scale,
            "max_guidance_scale": first.guidance_scale,
            "generator": _one_or_all(generators),
            "output_type": "pt",
        }
        if pictures is not None:
            stock["image"] = _one_or_all(pictures)
        stock |= self._text_arguments(pipeline, variants, card, texts)
        accepted = inspect.signature(pipeline.__call__).parameters
        return {name: value for name, value in stock.items() if name in accepted} | card.call

    def video(self, result: Any) -> torch.Tensor:
        """Return the picture of what the call returned, float (batch, frames, channels, height, width), 0..1."""
        frames = result.frames if hasattr(result, "frames") else result[0]
        return frames.float()

    def _text_arguments(
        self,
        pipeline: Any,
        variants: Sequence[Variant],
        card: ModelCard,
        texts: Mapping[str, Embedding] | None,
    ) -> dict[str, Any]:
        if not self.needs_text:
            return {}
        wanted = {"": [variant.prompt for variant in variants]}
        negatives = [self._negative(pipeline, variant, card) for variant in variants]
        if guided := [text for text in negatives if text is not None]:  # all or none: a bucket has one guidance
            wanted["negative_"] = guided
        if texts is None or not self.embeds:
            return {f"{sign}prompt": _one_or_all(words) for sign, words in wanted.items()}
        return {
            sign + name: torch.cat([texts[text][name] for text in words])
            for sign, words in wanted.items()
            for name in self.names
        }

    def _negative(self, pipeline: Any, variant: Variant, card: ModelCard) -> str | None:
        accepted = inspect.signature(pipeline.__call__).parameters
        if "negative_prompt" not in accepted or not self.guided(variant, card.call):
            return None
        return variant.negative_prompt if card.supports_negative_prompt else ""


def family_of(pipeline: str) -> Family:
    """Return how a class is called; one that nobody described gets words and what its signature accepts."""
    return FAMILIES.get(pipeline, Family())


def _shared_options(pipeline: Any, call_options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options that the call and ``encode_prompt`` must agree on: the card's, else the call's defaults."""
    defaults = inspect.signature(pipeline.__call__).parameters
    return {name: call_options.get(name, defaults[name].default) for name in SHARED_OPTIONS if name in defaults}


def _one_or_all(values: Sequence[Any]) -> Any:
    """One value bare, as not every class takes lists."""
    return values[0] if len(values) == 1 else list(values)


_PLAIN = ("prompt_embeds",)
_MASKED = ("prompt_embeds", "prompt_attention_mask")
_TWICE = ("prompt_embeds", "prompt_embeds_mask", "prompt_embeds_2", "prompt_embeds_mask_2")
_T5 = ("text_encoder",)
BATCH = 64
"""No family has a limit of its own where batches work; memory sets one."""

_LTX2 = Family(_MASKED, text_encoders=_T5, max_batch=BATCH, guided=_guided_with_sound, set_up=_pad_left)
_HUNYUAN = Family(
    _TWICE,
    text_encoders=("text_encoder", "text_encoder_2"),
    noise_in_model_dtype=True,
    guided=_guided_by_guider,
    set_up=_set_guider,
)

FAMILIES = {
    "WanPipeline": Family(_PLAIN, text_encoders=_T5, max_batch=BATCH),
    "WanImageToVideoPipeline": Family(_PLAIN, text_encoders=_T5),
    "LTXPipeline": Family(_MASKED, text_encoders=_T5, max_batch=BATCH),
    "LTXImageToVideoPipeline": Family(_MASKED, text_encoders=_T5),
    "LTX2Pipeline": _LTX2,
    "LTX2ImageToVideoPipeline": Family(_MASKED, text_encoders=_T5, guided=_guided_with_sound, set_up=_pad_left),
    "CogVideoXPipeline": Family(_PLAIN, text_encoders=_T5, max_batch=BATCH, noise_in_model_dtype=True),
    "CogVideoXImageToVideoPipeline": Family(_PLAIN, text_encoders=_T5, noise_in_model_dtype=True),
    "HunyuanVideo15Pipeline": _HUNYUAN,
    "HunyuanVideo15ImageToVideoPipeline": _HUNYUAN,
    "MochiPipeline": Family(_MASKED, text_encoders=_T5, max_batch=BATCH),
    "AnimateDiffPipeline": Family(
        _PLAIN,
        (("num_images_per_prompt", 1),),
        text_encoders=_T5,
        max_batch=BATCH,
        noise_in_model_dtype=True,
    ),
    "StableVideoDiffusionPipeline": Family(noise_in_model_dtype=True, needs_text=False),
}
"""By class name. A Hunyuan batch fails in its VAE; image-to-video is called for one picture at a time."""
