"""Differences between the video pipelines of diffusers: text embedding, call arguments and results.

Derived from diffusers 0.42.1 and verified by tests/contract/test_families_*.py. See the table in docs/families.md.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from manifests.variant import Variant
from models.card import ModelCard
from models.diffusers.conditions import Conditions, of_helios, of_images, of_ltx2
from models.protocols import Sound

Embedding = dict[str, torch.Tensor]
"""Embedding of one text, keyed by the names of the call's arguments; batch of one."""

SHARED_OPTIONS = ("max_sequence_length", "clip_skip")
"""Options of both the call and ``encode_prompt``. Their defaults differ in Wan, so both are passed explicitly."""


def _guided(variant: Variant, call: Mapping[str, Any]) -> bool:
    return variant.guidance_scale > 1


def _guided_unless_one(variant: Variant, call: Mapping[str, Any]) -> bool:
    """HunyuanVideo and Cosmos 3 guide with every scale except 1."""
    return not math.isclose(variant.guidance_scale, 1.0)


def _guided_with_sound(variant: Variant, call: Mapping[str, Any]) -> bool:
    """LTX-2 guides video and audio together if either scale exceeds 1; an audio scale of 0 means the video's scale."""
    sound = call.get("audio_guidance_scale", 7.0) or variant.guidance_scale
    return max(variant.guidance_scale, sound) > 1


def _nothing(pipeline: Any, variant: Variant) -> None:
    pass


def _set_guider(pipeline: Any, variant: Variant) -> None:
    pipeline.guider = pipeline.guider.new(guidance_scale=variant.guidance_scale)


def _no_sound(pipeline: Any, result: Any) -> None:
    pass


def _cosmos3_sound(pipeline: Any, result: Any) -> tuple[torch.Tensor, int] | None:
    if result.sound is None:
        return None
    return result.sound[None], pipeline.sound_tokenizer.config.sampling_rate


def _kandinsky6_sound(pipeline: Any, result: Any) -> tuple[torch.Tensor, int]:
    return result.audio[:, None], pipeline.audio_sample_rate


def _ltx2_sound(pipeline: Any, result: Any) -> tuple[torch.Tensor, int]:
    return result.audio, pipeline.vocoder.config.output_sampling_rate


def _pad_left(pipeline: Any, variant: Variant) -> None:
    """Set the padding side that the connectors read from the tokenizer; normally ``encode_prompt`` sets it."""
    if getattr(pipeline, "tokenizer", None) is not None:
        pipeline.tokenizer.padding_side = "left"


@dataclass(frozen=True)
class Family:
    """How to call one pipeline class.

    Attributes:
        names: call arguments for the first values that ``encode_prompt`` returns, also used with the prefix
            ``negative_``; empty if texts cannot be embedded before the call.
        encoding: further required arguments of ``encode_prompt``.
        text_encoders: components that are not needed once all texts are embedded. Set them to None instead of
            moving them: a pipeline uses the device of its first component as its own.
        max_batch: variants per call; 1 if larger batches fail or would share a picture.
        noise_in_model_dtype: the noise is drawn in the model's dtype, so that a seed gives different noise in
            bfloat16 and float32; otherwise always in float32.
        loading: arguments of ``from_pretrained``.
        unused: optional components that are never used here and not loaded, since they would take memory.
        needs_text: False if the pipeline does not use the prompt.
        gives_caches_the_step: the pipeline passes each step's number and noise level to step caches. SeaCache needs
            both, and without them it computes every step in full, with nothing but a warning in the log.
        mask: position of the padding mask in what ``encode_prompt`` returns, if the call does not accept the mask: the
            padding is then cut off the first value, which has the same effect; texts of a batch must not differ in
            length, so ``max_batch`` must be 1.
        guided: whether a call uses guidance and therefore needs negative texts.
        set_up: prepares the pipeline before a call.
        conditions: returns the arguments for pictures and frames.
        mixes_dtypes: whether the pipeline works if matrices are multiplied in another dtype than the model's.
        cuts: the pipeline generates whole chunks; what exceeds the clip is cut off.
        sound: returns the sound of a call's result, float (batch, channels, n), and its samples per second; None if
            the pipeline generates none.
    """

    names: tuple[str, ...] = ()
    encoding: tuple[tuple[str, Any], ...] = ()
    text_encoders: tuple[str, ...] = ()
    max_batch: int = 1
    noise_in_model_dtype: bool = False
    loading: tuple[tuple[str, Any], ...] = ()
    unused: tuple[str, ...] = ()
    needs_text: bool = True
    gives_caches_the_step: bool = False
    mask: int | None = None
    guided: Callable[[Variant, Mapping[str, Any]], bool] = _guided
    set_up: Callable[[Any, Variant], None] = _nothing
    conditions: Callable[[Any, Conditions, torch.Generator], dict[str, Any]] = of_images
    mixes_dtypes: bool = True
    cuts: bool = False
    sound: Callable[[Any, Any], tuple[torch.Tensor, int] | None] = _no_sound

    @property
    def embeds(self) -> bool:
        """Whether texts can be embedded before the call."""
        return bool(self.names)

    def texts(self, pipeline: Any, variant: Variant, card: ModelCard) -> tuple[str, ...]:
        """Return the texts that a variant's call uses: the prompt and, with guidance, the negative prompt."""
        if not self.needs_text:
            return ()
        negative = self._negative(pipeline, variant, card)
        return (variant.prompt,) if negative is None else (variant.prompt, negative)

    def encode(
        self, pipeline: Any, text: str, device: torch.device | str, call_options: Mapping[str, Any]
    ) -> Embedding:
        """Embed one text, without gradients (with gradients a different kernel runs and the last bits differ).

        Args:
            call_options: the card's ``call``.
        """
        takes = inspect.signature(pipeline.encode_prompt).parameters
        options = {"device": device, "do_classifier_free_guidance": False, **dict(self.encoding)}
        options |= _shared_options(pipeline, call_options)
        with torch.no_grad():
            encoded = pipeline.encode_prompt(text, **{name: value for name, value in options.items() if name in takes})
        if self.mask is not None and encoded[self.mask] is not None:
            encoded = (encoded[0][:, encoded[self.mask][0]], *encoded[1:])
        return dict(zip(self.names, encoded, strict=False))

    def arguments(
        self,
        pipeline: Any,
        variants: Sequence[Variant],
        card: ModelCard,
        height: int,
        width: int,
        conditions: Sequence[Conditions] = (),
        texts: Mapping[str, Embedding] | None = None,
    ) -> dict[str, Any]:
        """Return the keyword arguments of a call that generates a batch of variants of one shape group.

        Noise is drawn on the CPU, from one generator per variant, so that a seed gives the same noise on every
        device and in every batch. As a side effect, HunyuanVideo's guider is set on the pipeline.

        Args:
            height, width: render size in pixels.
            conditions: pictures and frames, one per variant; none for clips from text.
            texts: embeddings of all ``texts()`` on the device of the call; if None, the texts themselves are passed.
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
            "pyramid_num_inference_steps_list": [-(-first.num_inference_steps // PYRAMID)] * PYRAMID,
            "guidance_scale": first.guidance_scale,
            "max_guidance_scale": first.guidance_scale,
            "generator": _one_or_all(generators),
            "output_type": "pt",
        }
        made = [self.conditions(pipeline, *each) for each in zip(conditions, generators, strict=False)]
        stock |= {name: _one_or_all([each[name] for each in made]) for name in (made[0] if made else ())}
        stock |= self._text_arguments(pipeline, variants, card, texts)
        accepted = inspect.signature(pipeline.__call__).parameters
        return {name: value for name, value in stock.items() if name in accepted} | card.call

    def video(self, result: Any, num_frames: int | None = None) -> torch.Tensor:
        """Return the frames of a call's result, (batch, frames, channels, height, width), 0..1, in the VAE's dtype.

        They are not converted to float32: the whole clip would need twice the memory, and it is soon uint8.

        Args:
            num_frames: length of the clip, if what exceeds it may be cut off.
        """
        frames: torch.Tensor = result.frames if hasattr(result, "frames") else result[0]
        if frames.ndim == 4:  # Cosmos 3 returns a single video
            frames = frames[None]
        return frames[:, :num_frames] if self.cuts else frames

    def sounds(self, pipeline: Any, result: Any, number: int) -> list[Sound | None]:
        """Return the sound of each of so many variants of a call's result; None if the pipeline generates none."""
        made = self.sound(pipeline, result)
        if made is None:
            return [None] * number
        samples, rate = made
        return [Sound(each.float().cpu().numpy(), int(rate)) for each in samples]

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
        if guided := [text for text in negatives if text is not None]:  # all or none: same guidance for all
            wanted["negative_"] = guided
        if texts is None or not self.embeds:
            return {f"{sign}prompt": _one_or_all(words) for sign, words in wanted.items()}
        embedded = {
            sign + name: torch.cat([texts[text][name] for text in words])
            for sign, words in wanted.items()
            for name in self.names
        }
        prompt = inspect.signature(pipeline.__call__).parameters["prompt"]
        return ({"prompt": None} if prompt.default is inspect.Parameter.empty else {}) | embedded

    def _negative(self, pipeline: Any, variant: Variant, card: ModelCard) -> str | None:
        accepted = inspect.signature(pipeline.__call__).parameters
        if "negative_prompt" not in accepted or not self.guided(variant, card.call):
            return None
        return variant.negative_prompt if card.supports_negative_prompt else ""


def family_of(pipeline: str) -> Family:
    """Return the family of a class; an unknown class gets the texts and the arguments that its signature accepts."""
    return FAMILIES.get(pipeline, Family())


def _shared_options(pipeline: Any, call_options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that the call and ``encode_prompt`` share: from the card, else the call's defaults."""
    defaults = inspect.signature(pipeline.__call__).parameters
    return {name: call_options.get(name, defaults[name].default) for name in SHARED_OPTIONS if name in defaults}


def _one_or_all(values: Sequence[Any]) -> Any:
    """Return a single value without a list, since not every class accepts lists."""
    return values[0] if len(values) == 1 else list(values)


_PLAIN = ("prompt_embeds",)
_MASKED = ("prompt_embeds", "prompt_attention_mask")
_TWICE = ("prompt_embeds", "prompt_embeds_mask", "prompt_embeds_2", "prompt_embeds_mask_2")
_T5 = ("text_encoder",)
PYRAMID = 3
"""Resolutions in which Helios denoises a chunk, one after another."""
BATCH = 64
"""Families that support batches have no limit; memory sets it."""

_LTX2 = Family(
    _MASKED,
    text_encoders=_T5,
    max_batch=BATCH,
    unused=("prompt_enhancer",),
    guided=_guided_with_sound,
    set_up=_pad_left,
    sound=_ltx2_sound,
)
_HUNYUAN = Family(
    _TWICE,
    text_encoders=("text_encoder", "text_encoder_2"),
    noise_in_model_dtype=True,
    guided=_guided_unless_one,
    set_up=_set_guider,
)

FAMILIES = {
    "WanPipeline": Family(_PLAIN, text_encoders=_T5, max_batch=BATCH, gives_caches_the_step=True),
    "WanImageToVideoPipeline": Family(_PLAIN, text_encoders=_T5),
    "WanVACEPipeline": Family(_PLAIN, text_encoders=_T5),
    "LTXPipeline": Family(_MASKED, text_encoders=_T5, max_batch=BATCH),
    "LTXImageToVideoPipeline": Family(_MASKED, text_encoders=_T5),
    "LTX2Pipeline": _LTX2,
    "LTX2ConditionPipeline": replace(_LTX2, max_batch=1, conditions=of_ltx2),
    "LTX2ImageToVideoPipeline": replace(_LTX2, max_batch=1),
    "CogVideoXPipeline": Family(_PLAIN, text_encoders=_T5, max_batch=BATCH, noise_in_model_dtype=True),
    "CogVideoXImageToVideoPipeline": Family(_PLAIN, text_encoders=_T5, noise_in_model_dtype=True),
    "Cosmos3OmniPipeline": Family(
        noise_in_model_dtype=True,
        gives_caches_the_step=True,
        loading=(("enable_safety_checker", False),),
        guided=_guided_unless_one,
        mixes_dtypes=False,
        sound=_cosmos3_sound,
    ),
    "HeliosPyramidPipeline": Family(_PLAIN, text_encoders=_T5, conditions=of_helios, cuts=True),
    "HunyuanVideo15Pipeline": _HUNYUAN,
    "HunyuanVideo15ImageToVideoPipeline": _HUNYUAN,
    "Kandinsky6TI2VAPipeline": Family(
        ("prompt_embeds", "pooled_prompt_embeds"),
        text_encoders=("text_encoder", "text_encoder_2"),
        noise_in_model_dtype=True,
        mask=2,
        sound=_kandinsky6_sound,
    ),
    "MochiPipeline": Family(_MASKED, text_encoders=_T5, max_batch=BATCH),
    "AnimateDiffPipeline": Family(
        _PLAIN,
        (("num_images_per_prompt", 1),),
        text_encoders=_T5,
        max_batch=BATCH,
        noise_in_model_dtype=True,
    ),
    "SkyReelsV2DiffusionForcingPipeline": Family(_PLAIN, text_encoders=_T5),
    "StableVideoDiffusionPipeline": Family(noise_in_model_dtype=True, needs_text=False),
}
"""By class name. Batches of Hunyuan fail in its VAE; image-to-video pipelines are called with one picture at a time."""
