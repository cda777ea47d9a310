"""Clips from any stock text-to-video pipeline of diffusers, as a model card describes it."""

import gc
import inspect
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from manifests.errors import CardInvalid, GenerationFailed, IncompleteWeights, ModelError
from manifests.variant import Variant
from models.base import Generated
from models.card import ModelCard
from models.weights import weights_path, weights_problem

Embeddings = dict[str, torch.Tensor]

EMBEDDINGS = {
    "LTXPipeline": ("prompt_embeds", "prompt_attention_mask"),
    "WanPipeline": ("prompt_embeds",),
}
"""What ``encode_prompt`` of a class returns first, as the call takes it back, also as ``negative_…``.

Read in diffusers 0.42. A class that is not named here is given the words and embeds them itself.
"""


class DiffusersVideo:
    """A pipeline on a device, warm until it is closed.

    Not to be shared between threads: pipelines keep the state of a call in themselves.
    """

    def __init__(
        self,
        card: ModelCard,
        weights_root: Path | None = None,
        device: str = "cpu",
        threads: int | None = None,
    ) -> None:
        if problem := weights_problem(card, weights_root):
            raise IncompleteWeights(problem)
        if threads:
            torch.set_num_threads(threads)
        self.card = card
        self.device = _device(device)
        self.pipeline = _load(card, weights_path(card, weights_root), self.device)
        self._accepts = frozenset(inspect.signature(self.pipeline.__call__).parameters)
        for name in card.call.keys() - self._accepts:
            raise CardInvalid(f"The card {card.name} is wrong at call: {card.pipeline} takes no {name}.")

    def prepare(self, variants: Sequence[Variant]) -> None:
        """Nothing yet."""

    def generate(self, variants: Sequence[Variant], draft: bool = False) -> Iterator[Generated | Exception]:
        """Yield one item a variant, in order: its frames, or the GenerationFailed that only it has.

        Every text is embedded once for the whole call. The noise is drawn on the CPU, so that a seed
        means the same noise on every device.
        """
        texts: dict[str, Embeddings] = {}
        for variant in variants:
            item: Generated | Exception
            try:
                item = self._attempt(variant, texts)
            except GenerationFailed as failure:
                item = failure
            yield item

    def close(self) -> None:
        """Free the device."""
        self.pipeline = None
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _attempt(self, variant: Variant, texts: dict[str, Embeddings]) -> Generated:
        self._check(variant)
        try:
            started = self._now()
            with torch.no_grad(), fast_arithmetic(self.device):
                video = self._render(variant, texts)
            nan_share = 1.0 - torch.isfinite(video).float().mean().item()
            frames = _to_uint8(_centre(video, variant.height, variant.width))
            return Generated(variant, frames, nan_share, self._now() - started)
        except Exception as error:
            traceback.clear_frames(error.__traceback__)  # or the error would keep the device's memory
            what = f"{type(error).__name__}: {_first_line(error)}"
            raise GenerationFailed(f"{self.card.name} failed on this variant: {what}") from error

    def _check(self, variant: Variant) -> None:
        """Refuse what would give other pixels than the variant's id stands for."""
        wanted = f"{variant.card} {variant.revision}"
        loaded = f"{self.card.name} {self.card.weights.revision}"
        if wanted != loaded:
            raise GenerationFailed(f"The variant asks for {wanted}, and {loaded} is loaded.")
        if variant.loras or variant.first_frame_sha256:
            raise GenerationFailed(f"{self.card.name} takes neither LoRAs nor a first frame.")

    def _render(self, variant: Variant, texts: dict[str, Embeddings]) -> torch.Tensor:
        """Float (frames, channels, height, width) in 0..1, at the card's render size."""
        height, width = self._render_size(variant)
        inputs = {
            "height": height,
            "width": width,
            "num_frames": variant.num_frames,
            "frames": variant.num_frames,
            "frame_rate": variant.fps,
            "num_inference_steps": variant.num_inference_steps,
            "guidance_scale": variant.guidance_scale,
            "generator": torch.Generator("cpu").manual_seed(variant.seed),
            "output_type": "pt",
            "return_dict": False,
        }
        accepted = {name: value for name, value in inputs.items() if name in self._accepts}
        return self.pipeline(**self._prompts(variant, texts), **accepted, **self.card.call)[0][0]

    def _render_size(self, variant: Variant) -> tuple[int, int]:
        for size in self.card.sizes.values():
            if (size.height, size.width) == (variant.height, variant.width):
                return size.render_height, size.render_width
        raise ValueError(f"the card has no size {variant.width}x{variant.height}")

    def _prompts(self, variant: Variant, texts: dict[str, Embeddings]) -> dict[str, Any]:
        """The text inputs: embeddings where the pipeline can take them apart, else the words."""
        prompts = {"prompt": variant.prompt}
        if variant.guidance_scale > 1 and "negative_prompt" in self._accepts:
            prompts["negative_prompt"] = variant.negative_prompt if self.card.supports_negative_prompt else ""
        if self.card.pipeline not in EMBEDDINGS:
            return prompts
        return {
            role.removesuffix("prompt") + name: value
            for role, text in prompts.items()
            for name, value in self._embed(text, texts).items()
        }

    def _embed(self, text: str, texts: dict[str, Embeddings]) -> Embeddings:
        if text not in texts:
            takes = inspect.signature(self.pipeline.encode_prompt).parameters
            options = {name: value for name, value in self.card.call.items() if name in takes}
            encoded = self.pipeline.encode_prompt(
                text, do_classifier_free_guidance=False, device=self.device, **options
            )
            texts[text] = dict(zip(EMBEDDINGS[self.card.pipeline], encoded, strict=False))
        return texts[text]

    def _now(self) -> float:
        """Seconds; on a GPU after everything that was sent there is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def fast_arithmetic(device: torch.device) -> torch.autocast:
    """Products in bfloat16 on a CPU that has instructions for them (measured: half the time), else as stored."""
    capabilities = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    enabled = any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
    return torch.autocast("cpu", torch.bfloat16, enabled=enabled)


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelError(f"There is no device {name!r}; use cpu, cuda or cuda:0.") from error
    number = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= number:
        raise ModelError(f"The device {name} is not there: torch sees {number} GPUs; use cpu.")
    return device


def _load(card: ModelCard, folder: Path, device: torch.device) -> Any:
    """Load the stock class that the card names: no other class, no code from the folder, no pickles."""
    pipeline_class = getattr(diffusers, card.pipeline, None)
    if pipeline_class is None or not issubclass(pipeline_class, diffusers.DiffusionPipeline):
        raise CardInvalid(f"The card {card.name} is wrong at pipeline: diffusers has no {card.pipeline}.")
    _hush()
    try:
        pipeline = pipeline_class.from_pretrained(
            str(folder), local_files_only=True, use_safetensors=True, dtype=_precision(card, device)
        )
    except Exception as error:
        what = _first_line(error)
        raise IncompleteWeights(f"The weights of {card.name} in {folder} cannot be loaded: {what}") from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)


def _precision(card: ModelCard, device: torch.device) -> dict[str, torch.dtype]:
    if device.type == "cpu":
        return {"default": torch.float32}
    return {"default": torch.bfloat16} | {name: getattr(torch, kind) for name, kind in card.precision.items()}


def _hush() -> None:
    """Keep progress bars and advice of the libraries out of the program's own output."""
    warnings.filterwarnings("ignore", message="Mismatch dtype between input and weight")
    for logging in (diffusers_logging, transformers_logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _centre(video: torch.Tensor, height: int, width: int) -> torch.Tensor:
    top, left = (video.shape[-2] - height) // 2, (video.shape[-1] - width) // 2
    return video[..., top : top + height, left : left + width]


def _to_uint8(video: torch.Tensor) -> np.ndarray:
    """(frames, channels, height, width) in 0..1 -> uint8 (frames, height, width, channels); NaN gives 0."""
    levels = (torch.nan_to_num(video.float()) * 255).round().clamp(0, 255).to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
