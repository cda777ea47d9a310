"""The child process of a device with a fake generator, and a way to start it."""

import os
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from manifests.errors import BrokenDeviceError, GenerationError, IncompleteWeightsError
from models.device_process import child
from models.fake import FakeGenerator
from models.protocols import Sound
from tasks.runtime.device_processes import start_child

CODE = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import fake_device; fake_device.main()"
start_fake = partial(start_child, program=("-c", CODE))
"""Starts a child with a ScriptedGenerator, as ``StartChild``."""
SAMPLES = 4801
"""Of the sound of a clip: an odd number, so that its bytes are no multiple of a page or of 8."""


class ScriptedGenerator(FakeGenerator):
    """A fake generator that does what a word in the prompt says.

    ``fail``: yield an error. ``crash``: kill the process. ``lose``: report a broken device. ``picture``: use the first
    frame. ``continue``: start with the last of the earlier frames. ``sound N``: add sound with that many channels.
    ``environment``: yield the names of the environment variables as an error. With ``once:FILE`` at the end, the
    word has an effect only if the file does not exist, and creates it.
    """

    def __init__(self, pictures, videos, texts) -> None:
        super().__init__(device_seconds=0.5)
        self._texts = texts
        self._pictures = pictures
        self._videos = videos

    def generate(self, variants) -> Iterator:
        for variant, item in zip(variants, super().generate(variants), strict=True):
            word, _, once = variant.prompt.partition(" once:")
            if once and Path(once).exists():
                word = ""
            elif once:
                Path(once).touch()
            yield self._scripted(word, variant, item)

    def _scripted(self, word, variant, item):  # noqa: C901
        match word:
            case "fail":
                return GenerationError("injected")
            case "crash":
                os.kill(os.getpid(), signal.SIGKILL)
            case "lose":
                raise BrokenDeviceError("The device is lost.")
            case "bug":
                raise RuntimeError("a bug\nand its details")
            case "print":
                print("noise of a library")
            case "picture":
                item.frames[0] = self._pictures(variant.first_frame_sha256)
            case "continue":
                item.frames[0] = self._videos(variant.earlier_frames_sha256)[-1]
            case "sound 1" | "sound 2":
                samples = np.linspace(-1, 1, 2 * SAMPLES, dtype=np.float32).reshape(2, SAMPLES)
                return item._replace(sound=Sound(samples[: int(word[-1])], 48_000))
            case "use text":
                self._texts("a text")
            case "text":
                return GenerationError(str(self._texts("a text").tolist()))
            case "environment":
                return GenerationError(" ".join(f"{name}={value}" for name, value in os.environ.items()))
            case "pid":
                return GenerationError(str(os.getpid()))
        return item


class ScriptedEncoder:
    """An encoder that returns the length of a text and how many texts it has embedded."""

    def __init__(self) -> None:
        self._number = 0

    def embed(self, text):
        self._number += 1
        if text.startswith("crash once:") and not Path(text.removeprefix("crash once:")).exists():
            Path(text.removeprefix("crash once:")).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return np.array([len(text), self._number], dtype=np.uint8)


def open_fake(card, device, threads, weights_root, pictures, videos, texts) -> ScriptedGenerator:
    if card.name == "incomplete":
        raise IncompleteWeightsError(f"The weights in {weights_root} are incomplete.")
    if card.name == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    return ScriptedGenerator(pictures, videos, texts)


def main() -> None:
    child.main(open_fake, lambda **_: ScriptedEncoder())


if __name__ == "__main__":
    sys.exit(main())
