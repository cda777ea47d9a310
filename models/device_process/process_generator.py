"""The driver's side of a generator in a child process."""

import contextlib
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import numpy as np

from manifests.errors import BrokenDeviceError, GenerationError, ModelError, ReelmillError
from manifests.variant import Variant
from models.card import ModelCard
from models.device_process.channel import Message
from models.device_process.child_process import ChildProcess, StartChild
from models.device_process.requests import error_from_json, error_to_json, opening, variants_to_json
from models.protocols import Generated, PictureSource, Sound, TextSource, VideoSource


class ProcessGenerator:
    """A Generator whose model is in a child process, which sees only its own GPU.

    A child that breaks is replaced once by a new one, which continues with the same variant; see ChildProcess.

    Attributes:
        used_bytes, capacity_bytes: memory of the device in use after the last clip, and in total; 0 before it.
    """

    def __init__(
        self,
        start: StartChild,
        card: ModelCard,
        device: str = "cpu",
        threads: int | None = None,
        weights_root: Path | None = None,
        pictures: PictureSource | None = None,
        videos: VideoSource | None = None,
        texts: TextSource | None = None,
    ) -> None:
        """Start the child and load the model.

        Raises:
            BrokenDeviceError: two children ended while they loaded the model.
            IncompleteWeightsError, ModelError: as open_generator.
        """
        self._device = device
        self._sources = {"picture": pictures, "video": videos, "text": texts}
        self.used_bytes = self.capacity_bytes = 0
        request = {**opening("open", card, device, threads, weights_root), "shares_texts": texts is not None}
        self.child = ChildProcess(start, device, request, self._provide)

    def prepare(self, variants: Sequence[Variant]) -> None:
        """Embed the texts of the variants in the child."""
        self.child.ask_again({"do": "prepare", "variants": variants_to_json(variants)})

    def generate(self, variants: Sequence[Variant]) -> Iterator[Generated | Exception]:
        """Yield one item per variant, in order and as soon as it is ready.

        Raises:
            BrokenDeviceError: the device broke twice in a row.
        """
        done = 0
        while done < len(variants):
            try:
                with contextlib.closing(self._items(variants[done:])) as items:
                    for item in items:
                        done += 1
                        if isinstance(item, Generated):
                            self.child.worked()
                        yield item
                return
            except BrokenDeviceError as error:
                self.child.restart(error)

    def close(self) -> None:
        """End the child, which frees the device."""
        self.child.close()

    def _items(self, variants: Sequence[Variant]) -> Generator[Generated | Exception]:
        self.child.ask({"do": "generate", "variants": variants_to_json(variants)})
        try:
            for variant in variants:
                yield self._item(variant, self.child.ask({"do": "next"}))
        finally:
            with contextlib.suppress(ReelmillError):
                self.child.ask({"do": "stop"})

    def _item(self, variant: Variant, message: Message) -> Generated | Exception:
        if "failed" in message.content:
            return error_from_json(message.content["failed"])
        figures, frames = message.content.get("generated"), message.array
        shape = (variant.num_frames, variant.height, variant.width, 3)
        if figures is None or frames is None or frames.shape != shape:
            return GenerationError(f"The process of {self._device} returned no frames of the size of this variant.")
        self.used_bytes, self.capacity_bytes = int(figures["used_bytes"]), int(figures["capacity_bytes"])
        return Generated(
            variant,
            frames,
            float(figures["nan_share"]),
            float(figures["device_seconds"]),
            str(figures["fallback_step"]),
            self._sound(int(figures["sound_rate"])),
        )

    def _sound(self, rate: int) -> Sound | None:
        """Return the sound of the last clip, which the child sends as bytes; a rate of 0 means that it has none."""
        if not rate:
            return None
        data = self.child.ask({"do": "sound"}).array
        if data is None or data.ndim != 2 or data.shape[1] % np.dtype(np.float32).itemsize:
            raise BrokenDeviceError(f"The process of {self._device} returned no sound for a clip that has one.")
        return Sound(data.view(np.float32), rate)

    def _provide(self, kind: str, name: str) -> tuple[dict[str, str], np.ndarray | None]:
        """Return the picture, frames or embedded text that the child wants, or the error that it should raise."""
        try:
            if source := self._sources.get(kind):
                return {}, source(name)
            raise GenerationError(f"This worker has no source of the {kind} that the process of {self._device} needs.")
        except BrokenDeviceError as error:  # of the text encoder: the device of this child works
            return error_to_json(ModelError(f"The text encoder failed: {error}")), None
        except ReelmillError as error:
            return error_to_json(error), None
