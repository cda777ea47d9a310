"""The driver's side of a generator in a child process."""

import contextlib
import logging
import subprocess
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from manifests.errors import BrokenDeviceError, GenerationError, ReelmillError
from manifests.variant import Variant
from models.card import ModelCard
from models.device_process.channel import Channel, ChannelError, Message
from models.device_process.requests import card_to_json, error_from_json, error_to_json, variants_to_json
from models.protocols import Generated, PictureSource

log = logging.getLogger(__name__)
END_S = 10.0
"""Seconds that a child has to free its device before it is killed."""

StartChild = Callable[[str], tuple["subprocess.Popen[bytes]", Channel]]
"""Starts the child of a device, such as ``cuda:1``; returns it with the driver's end of the channel."""


class ProcessGenerator:
    """A Generator whose model is in a child process, which sees only its own GPU.

    A child that ends, or reports a broken device, is replaced once by a new one, which continues with the same
    variant. If that one breaks too before it has generated anything, the device counts as broken.

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
    ) -> None:
        """Start the child and load the model.

        Raises:
            BrokenDeviceError: two children ended while they loaded the model.
            IncompleteWeightsError, ModelError: as open_generator.
        """
        self._start = start
        self._device = device
        self._pictures = pictures
        self._opening = {
            "do": "open",
            "card": card_to_json(card),
            "device": "cuda" if device.startswith("cuda") else device,
            "threads": threads,
            "weights_root": str(weights_root) if weights_root else None,
        }
        self._may_restart = True
        self._child: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self.used_bytes = self.capacity_bytes = 0
        self._begin()

    def prepare(self, variants: Sequence[Variant]) -> None:
        """Embed the texts of the variants in the child."""
        self._ask_again({"do": "prepare", "variants": variants_to_json(variants)})

    def generate(self, variants: Sequence[Variant], draft: bool = False) -> Iterator[Generated | Exception]:
        """Yield one item per variant, in order and as soon as it is ready.

        Raises:
            BrokenDeviceError: the device broke twice in a row.
        """
        done = 0
        while done < len(variants):
            try:
                with contextlib.closing(self._items(variants[done:], draft)) as items:
                    for item in items:
                        done += 1
                        self._may_restart = self._may_restart or isinstance(item, Generated)
                        yield item
                return
            except BrokenDeviceError as error:
                self._restart(error)

    def close(self) -> None:
        """End the child, which frees the device."""
        channel, self._channel = self._channel, None
        child, self._child = self._child, None
        if channel is not None:
            channel.close()
        if child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(END_S)
                return
            child.kill()
            child.wait()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # attributes may be missing if the constructor failed
            self.close()

    def _items(self, variants: Sequence[Variant], draft: bool) -> Generator[Generated | Exception]:
        self._ask({"do": "generate", "variants": variants_to_json(variants), "draft": draft})
        try:
            for variant in variants:
                yield self._item(variant, self._ask({"do": "next"}))
        finally:
            with contextlib.suppress(ReelmillError):
                self._ask({"do": "stop"})

    def _item(self, variant: Variant, message: Message) -> Generated | Exception:
        if "failed" in message.content:
            return error_from_json(message.content["failed"])
        figures, frames = message.content.get("generated"), message.pixels
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
        )

    def _begin(self) -> None:
        self._child, self._channel = self._start(self._device)
        try:
            self._ask(self._opening)
        except BrokenDeviceError as error:
            self._restart(error)
        except ReelmillError:
            self.close()
            raise

    def _restart(self, error: BrokenDeviceError) -> None:
        """Replace the child by a new one with the same model.

        Raises:
            BrokenDeviceError: this child has generated nothing since the last restart.
        """
        is_closed = self._channel is None
        self.close()
        if is_closed or not self._may_restart:
            raise error
        self._may_restart = False
        log.warning("Starting a new process for %s: %s", self._device, error)
        self._begin()

    def _ask_again(self, request: dict[str, Any]) -> Message:
        """Ask; if the child breaks, ask its replacement."""
        try:
            return self._ask(request)
        except BrokenDeviceError as error:
            self._restart(error)
            return self._ask(request)

    def _ask(self, request: dict[str, Any]) -> Message:
        """Send a request and return the answer; meanwhile, send the pictures that the child asks for.

        Raises:
            BrokenDeviceError: the child has ended.
            ReelmillError: the error that the child reports.
        """
        if self._channel is None:
            raise BrokenDeviceError(f"The process of {self._device} has ended. Re-run the same command to resume.")
        try:
            self._channel.send(request)
            message = self._channel.receive()
            while "wanted" in message.content:
                self._send_picture(self._channel, str(message.content["wanted"]))
                message = self._channel.receive()
        except ChannelError as error:
            raise BrokenDeviceError(self._why_ended()) from error
        if "raised" in message.content:
            raise error_from_json(message.content["raised"])
        return message

    def _send_picture(self, channel: Channel, sha256: str) -> None:
        picture: np.ndarray | None = None
        problem: dict[str, str] = {}
        try:
            if self._pictures is None:
                raise GenerationError("This worker has no picture source.")
            picture = self._pictures(sha256)
        except ReelmillError as error:
            problem = error_to_json(error)
        channel.send({"picture": problem}, picture)

    def _why_ended(self) -> str:
        code = None
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._child.wait(END_S)
        how = "does not respond" if code is None else f"was ended by signal {-code}" if code < 0 else f"exited ({code})"
        return (
            f"The process of {self._device} {how}, for example because main memory was full. Check `dmesg` and the "
            "messages above, then re-run the same command to resume."
        )
