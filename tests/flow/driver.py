"""The campaign flow with a slow model, in a separate process."""

import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from multiprocessing.process import BaseProcess
from typing import Any

from fake_scorer import FakeScorer

from manifests.variant import Variant
from models.fake import FakeGenerator
from models.protocols import Generated

_CONTEXT = multiprocessing.get_context("spawn")


class SlowModel(FakeGenerator):
    """A generator that takes ``clip_s`` seconds per clip."""

    def __init__(self, clip_s: float) -> None:
        super().__init__()
        self.clip_s = clip_s

    def generate(self, variants: Sequence[Variant]) -> Iterator[Generated | Exception]:
        """Yield one clip at a time."""
        for item in super().generate(variants):
            time.sleep(self.clip_s)
            yield item


def start(clip_s: float, **parameters: Any) -> BaseProcess:
    """Start the flow with these parameters, with the home and Prefect server of this process."""
    process = _CONTEXT.Process(target=_drive, args=(clip_s, parameters, dict(os.environ)))
    process.start()
    return process


def finish(process: BaseProcess, seconds: float = 90.0) -> int:
    """Wait for the process to end and return its exit code."""
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise AssertionError(f"the driver did not end within {seconds} s")
    return process.exitcode


def _drive(clip_s: float, parameters: dict[str, Any], environment: dict[str, str]) -> None:
    os.environ.update(environment)
    from flows import registration
    from tasks.runtime import devices, resources

    vars(devices).update(open_generator=lambda *_, **__: SlowModel(clip_s))
    vars(resources).update(open_scorer=lambda *_, **__: FakeScorer())
    vars(registration).update(weights_problem=lambda *_: None)
    from flows.campaign import campaign

    campaign(**parameters)
