"""The child process of a device: opens one generator and does what the driver asks for, until the driver ends."""

import contextlib
import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from manifests.errors import BrokenDeviceError
from models.device_process.channel import Channel, ChannelError, Message
from models.device_process.requests import card_from_json, error_from_json, error_to_json, variants_from_json
from models.memory import capacity_bytes, used_bytes
from models.protocols import Generated, Generator, Sound, TextEncoder
from models.registry import open_generator, open_text_encoder

Open = Callable[..., Generator]
OpenEncoder = Callable[..., TextEncoder]


def main(opener: Open = open_generator, encoder_opener: OpenEncoder = open_text_encoder) -> None:
    """Serve the driver at the socket whose file descriptor is the first argument.

    A driver that stops its process group gives its children time to finish a clip, so signals are ignored; the child
    ends when its driver does, also if the driver was killed.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    sys.stdout = sys.stderr  # a library that prints must not print into the driver's output
    os.dup2(2, 1)
    Service(Channel(socket.socket(fileno=int(sys.argv[1]))), opener, encoder_opener).run()


class Service:
    """Answers the requests of a driver, one at a time, while a thread watches whether the driver still exists."""

    def __init__(self, channel: Channel, opener: Open, encoder_opener: OpenEncoder) -> None:
        self._channel = channel
        self._opener = opener
        self._encoder_opener = encoder_opener
        self._encoder: TextEncoder | None = None
        self._requests: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._found: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._generator: Generator | None = None
        self._items: Iterator[Generated | Exception] = iter(())
        self._sound: Sound | None = None
        self._device = "cpu"

    def run(self) -> None:
        """Serve until the driver closes the channel or ends, which ends this process at once."""
        threading.Thread(target=self._listen, name="driver", daemon=True).start()
        while True:
            request = self._requests.get().content
            try:
                answer, array = self._answer(request)
            except Exception as error:  # noqa: BLE001 - raised again in the driver
                answer, array = {"raised": error_to_json(error)}, None
                if isinstance(error, BrokenDeviceError):
                    self._send(answer, None)
                    os._exit(1)  # a lost device cannot be freed
            self._send(answer, array)

    def _listen(self) -> None:
        with contextlib.suppress(ChannelError):
            while True:
                message = self._channel.receive()
                (self._found if "found" in message.content else self._requests).put(message)
        os._exit(0)  # even if the main thread computes; there is nothing to save

    def _send(self, content: dict[str, Any], array: np.ndarray | None) -> None:
        try:
            self._channel.send(content, array)
        except ChannelError:
            os._exit(0)

    def _answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], np.ndarray | None]:
        match request["do"]:
            case "open":
                self._open(request)
            case "open encoder":
                self._encoder = self._encoder_opener(**_arguments(request))
            case "embed":
                assert self._encoder is not None
                return {}, self._encoder.embed(request["text"])
            case "prepare":
                self._opened.prepare(variants_from_json(request["variants"]))
            case "generate":
                self._items = self._opened.generate(variants_from_json(request["variants"]))
            case "next":
                return self._next()
            case "sound":
                assert self._sound is not None
                return {}, np.ascontiguousarray(self._sound.samples, dtype=np.float32).view(np.uint8)
            case "stop":
                self._items = iter(())
        return {}, None

    def _open(self, request: dict[str, Any]) -> None:
        self._device = request["device"]
        texts = partial(self._wanted, "text") if request["shares_texts"] else None
        self._generator = self._opener(
            **_arguments(request),
            pictures=partial(self._wanted, "picture"),
            videos=partial(self._wanted, "video"),
            texts=texts,
        )

    def _next(self) -> tuple[dict[str, Any], np.ndarray | None]:
        item = next(self._items, None)
        if item is None:
            return {"end": True}, None
        if isinstance(item, Exception):
            return {"failed": error_to_json(item)}, None
        self._sound = item.sound
        figures = {
            "nan_share": float(item.nan_share),
            "device_seconds": float(item.device_seconds),
            "fallback_step": item.fallback_step,
            "sound_rate": item.sound.rate if item.sound else 0,
            "used_bytes": used_bytes(self._device),
            "capacity_bytes": capacity_bytes(self._device),
        }
        return {"generated": figures}, item.frames

    def _wanted(self, kind: str, name: str) -> np.ndarray:
        """Ask the driver for a picture or the frames of a clip, which may be in a bucket, or for an embedded text."""
        self._send({"wanted": kind, "name": name}, None)
        found = self._found.get()
        if found.array is None:
            raise error_from_json(found.content["found"])
        return found.array

    @property
    def _opened(self) -> Generator:
        assert self._generator is not None
        return self._generator


def _arguments(request: dict[str, Any]) -> dict[str, Any]:
    root = request["weights_root"]
    return {
        "card": card_from_json(request["card"]),
        "device": request["device"],
        "threads": request["threads"],
        "weights_root": Path(root) if root else None,
    }


if __name__ == "__main__":
    main()
