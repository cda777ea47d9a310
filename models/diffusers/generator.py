"""Generate clips with any stock video pipeline of diffusers, as described by a model card."""

import gc
import inspect
import itertools
import logging
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from manifests.errors import BrokenDeviceError, GenerationError, InvalidCardError, ModelError, ModelTooLargeError
from manifests.variant import Variant
from models.card import CONDITIONS, ModelCard
from models.cpu_matmul import fast_matmul, multiply_by_onednn
from models.diffusers.conditions import Conditions
from models.diffusers.families import family_of
from models.diffusers.first_frame import fit
from models.diffusers.kernel_fallback import is_kernel_error, plain_kernels_sentence, use_plain_kernels
from models.diffusers.loading import find_device, first_line, load_placed
from models.diffusers.oom_fallback import OomFallback
from models.diffusers.placing import Placed, fitting_rungs
from models.diffusers.text_embeddings import Embeddings, TextEmbedder
from models.diffusers.tuning import set_step_cache, tune
from models.memory import is_broken_device, is_out_of_memory
from models.placement import Rung
from models.protocols import Generated, PictureSource, Sound, TextSource, VideoSource
from models.speed import Speed, StepCache
from models.weights.tokenizer.panics import panics_refused

log = logging.getLogger(__name__)

STATIC_SHAPES = 4
"""Shapes kept compiled: after a few recompilations torch stops compiling and falls back to slow eager execution."""


class DiffusersVideo:
    """A pipeline on a device, loaded until it is closed.

    Not thread-safe: pipelines store the state of a call in their attributes.
    """

    pipeline: Any = None
    _placed: Any = None
    _fallback: Any = None
    _embedder: Any = None
    _speed: Speed
    _active: ModelCard

    def __init__(
        self,
        card: ModelCard,
        weights_root: Path | None = None,
        device: str = "cpu",
        threads: int | None = None,
        pictures: PictureSource | None = None,
        videos: VideoSource | None = None,
        texts: TextSource | None = None,
    ) -> None:
        if threads:
            torch.set_num_threads(threads)
        multiply_by_onednn()
        self.card = card
        self.device = find_device(device)
        self._weights_root = weights_root
        self._pictures = pictures
        self._videos = videos
        self._family = family_of(card.pipeline)
        self._texts = texts
        self._absent = self._family.text_encoders if texts and self._family.embeds else ()
        self._load("exact")

    def prepare(self, variants: Sequence[Variant]) -> None:
        """Embed each unique text of the variants once, then free the text encoders.

        An error here is ignored: it recurs when the variant is generated, and is reported there.
        """
        good = [variant for variant in variants if self._problem(variant) is None]
        if not good or not self._family.embeds:
            return
        self._load(good[0].profile)
        self._fallback.select(good[0].shape_group)
        while True:
            try:
                with torch.no_grad(), fast_matmul(self.device, self._family.mixes_dtypes):
                    self._embedder.embed(itertools.chain.from_iterable(map(self._texts_of, good)))
                return
            except Exception as error:  # noqa: BLE001 - any library may fail; generate() reports it
                if not self._can_retry(error):
                    return

    def generate(self, variants: Sequence[Variant]) -> Iterator[Generated | Exception]:
        """Yield one item per variant, in order: its frames, or its own GenerationError.

        Noise is drawn on the CPU, so that a seed gives the same noise on every device.

        Raises:
            BrokenDeviceError: this process cannot generate anything more.
        """
        self.prepare(variants)
        for shape_group, same in itertools.groupby(variants, key=lambda variant: variant.shape_group):
            waiting = list(same)
            while waiting:
                if problem := self._problem(waiting[0]):
                    waiting.pop(0)
                    yield GenerationError(problem)
                    continue
                self._load(waiting[0].profile)
                self._fallback.select(shape_group)
                batch = self._batch(waiting, self._fallback.batch)
                made = self._attempt(batch)
                yield from made
                del waiting[: len(made)]

    def close(self) -> None:
        """Free the device."""
        self.pipeline = self._placed = self._embedder = self._fallback = None
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _load(self, profile: str) -> None:
        """Load the pipeline and tune it to a profile; reload for another profile, as some settings cannot be undone."""
        active, speed = self.card.with_profile(profile), self.card.speed_of(self.card.profile_for(profile))
        if self.pipeline is not None:
            if (active, speed) == (self._active, self._speed):
                return
            self.close()
        self._active, self._speed = active, speed
        not_loaded = (*self._absent, *self._family.unused)
        rungs = fitting_rungs(active, speed, self.device, self._weights_root, not_loaded)
        self._placed = load_placed(
            active,
            self._weights_root,
            self.device,
            lambda pipeline: self._place(pipeline, active, speed, rungs),
            self._absent,
        )
        self.pipeline = self._placed.pipeline
        self._fallback = OomFallback(self._placed, speed, self._family.max_batch)
        self._embedder = TextEmbedder(
            self.pipeline,
            self._family,
            active,
            self.device,
            self._placed.encoders,
            source=self._texts if self._absent else None,
        )
        self._cached: tuple[StepCache | None, int] = (None, 0)
        self._shapes: set[tuple[int, ...]] = set()

    def _place(self, pipeline: Any, active: ModelCard, speed: Speed, rungs: Sequence[Rung]) -> Placed:
        """Tune a pipeline in main memory, where casting its weights takes none of the device's, and place it."""
        self._check_call(pipeline, active)
        tune(pipeline, active, speed, self.device)
        return Placed(pipeline, self.device, rungs, self._family.text_encoders, speed.quantised)

    @staticmethod
    def _check_call(pipeline: Any, card: ModelCard) -> None:
        accepted = inspect.signature(pipeline.__call__).parameters
        for name in card.call.keys() - accepted.keys():
            raise InvalidCardError(f"Invalid card {card.name}, field call: {card.pipeline} has no argument {name}.")

    def _problem(self, variant: Variant) -> str | None:
        """Return why the loaded card cannot generate the pixels that the variant's id stands for; None if it can."""
        card = self.card
        wanted, loaded = f"{variant.card} {variant.revision}", f"{card.name} {card.weights.revision}"
        if wanted != loaded:
            return f"The variant requires {wanted}, but {loaded} is loaded."
        if variant.recipe not in ("", card.recipe(card.profile_for(variant.profile))):
            return f"The card {card.name} was edited after this variant was planned. Run the sheet again."
        if variant.loras != tuple(lora.name for lora in card.with_profile(variant.profile).loras):
            return f"The variant requires the LoRAs {list(variant.loras)}, but {card.name} has different ones."
        if bool(variant.first_frame_sha256) != card.needs_first_frame:
            return f"{card.name} {'requires' if card.needs_first_frame else 'does not accept'} a first frame."
        for condition in set(variant.conditions) - set(card.accepts):
            return f"{card.name} does not accept {CONDITIONS[condition]}."
        if not any((size.height, size.width) == (variant.height, variant.width) for size in card.sizes.values()):
            return f"{card.name} does not support the size {variant.width}x{variant.height}."
        if not card.rules.allows(variant.num_frames):
            return f"{card.name} does not support clips of {variant.num_frames} frames."
        return None

    def _batch(self, waiting: Sequence[Variant], number: int) -> list[Variant]:
        return list(itertools.takewhile(lambda variant: self._problem(variant) is None, waiting[:number]))

    def _attempt(self, batch: list[Variant]) -> list[Generated | Exception]:
        """Generate a batch; on failure retry with a smaller one, down to the single variant that fails.

        Returns:
            One item for each of the first variants; the variants after them are still to be generated.
        """
        while True:
            started = self._now()
            try:
                with torch.no_grad(), fast_matmul(self.device, self._family.mixes_dtypes):
                    videos, sounds = self._render(batch)
                made = [self._generated(*each) for each in zip(batch, videos, sounds, strict=True)]
                seconds = (self._now() - started) / len(batch)
                step = self._fallback.step
                return [item._replace(device_seconds=seconds, fallback_step=step) for item in made]
            except Exception as error:
                if isinstance(error, ModelError) and not isinstance(error, GenerationError | InvalidCardError):
                    raise
                if self._can_retry(error):
                    batch = batch[: self._fallback.batch]
                elif is_kernel_error(error) and use_plain_kernels(self.pipeline):
                    log.warning("%s", plain_kernels_sentence(self.card.name, self.device, error))
                elif len(batch) > 1:
                    batch = batch[:1]
                else:
                    return [self._failure(error)]

    def _can_retry(self, error: Exception) -> bool:
        """Clean up after a failed call; return whether a retry with less memory may succeed.

        Raises:
            BrokenDeviceError: the device is no longer usable.
            ModelTooLargeError: memory ran out while the pipeline moved to the last memory rung.
        """
        traceback.clear_frames(error.__traceback__)  # frames would keep tensors on the device
        if is_broken_device(error):
            raise BrokenDeviceError(
                f"The device {self.device} is no longer usable in this process ({first_line(error)}). "
                "Re-run the same command to resume."
            ) from error
        # A failed call leaves state in caches and hooks, which would leak into the next clip.
        self.pipeline.maybe_free_model_hooks()
        try:
            return is_out_of_memory(error) and bool(self._fallback.next_step())
        except Exception as last:
            if not is_out_of_memory(last):
                raise
            self.close()  # a part of it is on the device, another part is not
            raise ModelTooLargeError(
                f"{self.card.name} no longer fits into the memory of {self.device} or the main memory: "
                f"{first_line(last)}. End other programs that use it, then re-run the same command."
            ) from last

    def _failure(self, error: Exception) -> GenerationError:
        what = f"{type(error).__name__}: {first_line(error)}"
        if is_out_of_memory(error):
            rung = f" at the memory rung {self._placed.label}" if self._placed.label else ""
            what = f"out of memory on {self.device}, even for a single variant{rung} ({first_line(error)})"
        failed = GenerationError(f"{self.card.name} failed on this variant: {what}")
        failed.__cause__ = error
        return failed

    def _render(self, batch: Sequence[Variant]) -> tuple[torch.Tensor, Sequence[Sound | None]]:
        """Return float (variants, frames, channels, height, width) in 0..1, at the card's render size, and sounds."""
        with panics_refused(f"The weights of {self.card.name}", GenerationError):
            return self._video(batch)

    def _video(self, batch: Sequence[Variant]) -> tuple[torch.Tensor, Sequence[Sound | None]]:
        height, width = self._render_size(batch[0])
        texts: dict[str, Embeddings] | None = None
        if self._family.embeds:
            texts = self._embedder.of(itertools.chain.from_iterable(map(self._texts_of, batch)))
        conditions = [self._conditions(variant, height, width) for variant in batch]
        self._cache_steps(batch[0])
        self._keep_few_shapes((len(batch), height, width, batch[0].num_frames))
        arguments = self._family.arguments(self.pipeline, batch, self._active, height, width, conditions, texts)
        result = self.pipeline(**arguments)
        video = self._family.video(result, batch[0].num_frames)
        return video, self._family.sounds(self.pipeline, result, len(batch))

    def _texts_of(self, variant: Variant) -> Iterable[str]:
        return self._family.texts(self.pipeline, variant, self._active)

    def _cache_steps(self, variant: Variant) -> None:
        cache = self._speed.step_cache
        wanted = (cache, variant.num_inference_steps if cache else 0)
        if wanted != self._cached:
            with self._placed.without_offload():
                set_step_cache(self.pipeline, self.card, *wanted)
            self._cached = wanted

    def _keep_few_shapes(self, shape: tuple[int, ...]) -> None:
        if self._speed.compile and shape not in self._shapes:
            if len(self._shapes) == STATIC_SHAPES:
                torch.compiler.reset()
                self._shapes.clear()
            self._shapes.add(shape)

    def _render_size(self, variant: Variant) -> tuple[int, int]:
        size = self.card.render_size(variant.height, variant.width)
        if size is None:
            raise GenerationError(
                f"{self.card.name} has no size of {variant.width} × {variant.height} pixels. Run the sheet again, to "
                "plan its clips in the present sizes of the card."
            )
        return size

    def _conditions(self, variant: Variant, height: int, width: int) -> Conditions:
        def picture(sha256: str) -> Image.Image | None:
            return self._picture(sha256, height, width) if sha256 else None

        return Conditions(
            first=picture(variant.first_frame_sha256),
            last=picture(variant.last_frame_sha256),
            references=[Image.fromarray(self._pixels(sha256)) for sha256 in variant.reference_sha256s],
            earlier=self._earlier_frames(variant.earlier_frames_sha256, height, width),
        )

    def _earlier_frames(self, sha256: str, height: int, width: int) -> list[Image.Image]:
        if not sha256:
            return []
        if self._videos is None:
            raise GenerationError(f"{self.card.name} continues a clip, but this worker has no source of clips.")
        return [fit(frame, height, width) for frame in self._videos(sha256)]

    def _picture(self, sha256: str, height: int, width: int) -> Image.Image:
        return fit(self._pixels(sha256), height, width)

    def _pixels(self, sha256: str) -> np.ndarray:
        if self._pictures is None:
            raise GenerationError(f"{self.card.name} requires a picture, but this worker has no picture source.")
        return self._pictures(sha256)

    @staticmethod
    def _generated(variant: Variant, video: torch.Tensor, sound: Sound | None = None) -> Generated:
        finite = sum(torch.count_nonzero(torch.isfinite(frame)) for frame in video)
        nan_share = 1.0 - float(finite) / video.numel()
        frames = _to_uint8(_centre(video, variant.height, variant.width))
        return Generated(variant, frames, nan_share, 0.0, sound=sound)

    def _now(self) -> float:
        """Return the time in seconds, on a GPU after all queued work is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def _centre(video: torch.Tensor, height: int, width: int) -> torch.Tensor:
    top, left = (video.shape[-2] - height) // 2, (video.shape[-1] - width) // 2
    return video[..., top : top + height, left : left + width]


def _to_uint8(video: torch.Tensor) -> np.ndarray:
    """Convert (frames, channels, height, width) in 0..1 to uint8 (frames, height, width, channels); NaN becomes 0.

    Frame by frame, so that the floats stay in the CPU cache (measured: 44 ms instead of 260 ms for 49 frames of 480p).
    """
    number, channels, height, width = video.shape
    levels = torch.empty((number, height, width, channels), dtype=torch.uint8, device=video.device)
    for frame, level in zip(video, levels, strict=True):
        level.copy_((torch.nan_to_num(frame.float()) * 255).round_().clamp_(0, 255).permute(1, 2, 0))
    return levels.cpu().numpy()
