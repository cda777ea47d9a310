"""One shape group on several devices: 24 clips on four equal devices, and with one that is four times slower."""

import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.fanout import devices
from benchmarks.harness.result import Limit, Result
from benchmarks.harness.stubs import Agreeable, Sleeper, opening
from flows.runtime.resources import resources_of
from flows.settings import Settings, prepare_prefect
from manifests.variant import Variant
from models.protocols import Generated
from tasks.runtime.resources import Resources, catalogue_of, local_card_of

CLIPS = 24
SHARD = 32
"""The default shard size: all clips are one shard, which one device used to work on alone."""
CLIP_S = 2.0
"""Device seconds of a clip; clips of large models take minutes."""
SLOWER = 4
EQUAL = (1.0, 1.0, 1.0, 1.0)
UNEQUAL = (1.0, 1.0, 1.0, float(SLOWER))
NEEDED, NEEDED_UNEQUAL = 0.95, 0.90
Interval = tuple[str, float, float]
"""Device, start and end of a clip, in seconds of the monotonic clock."""


class Timed(NamedTuple):
    """Measurements of one campaign.

    Attributes:
        seconds: from the first shard to the last verdict.
        clips: when each device was busy.
    """

    seconds: float
    clips: tuple[Interval, ...]

    @property
    def spread_s(self) -> float:
        """Seconds between the ends of the first and the last device."""
        last: dict[str, float] = {}
        for device, _, end in self.clips:
            last[device] = max(end, last.get(device, 0.0))
        return max(last.values()) - min(last.values())

    @property
    def number_of_devices(self) -> int:
        """How many devices generated clips."""
        return len({device for device, *_ in self.clips})


class Noted(Sleeper):
    """A sleeping device that records when it was busy."""

    def __init__(self, name: str, clip_s: float, clips: list[Interval]) -> None:
        super().__init__(clip_s)
        self._name = name
        self._clips = clips

    def generate(self, variants: Sequence[Variant]) -> Iterator[Generated | Exception]:
        """Yield one item for each variant, in order."""
        items = super().generate(variants)
        for _ in variants:
            began = time.monotonic()
            item = next(items)
            self._clips.append((self._name, began, time.monotonic()))
            yield item


def run() -> Iterator[Result]:
    """Measure one device, four equal ones, and four of which one is slower."""
    with tempfile.TemporaryDirectory() as folder, devices.bench(Path(folder, "home"), "") as settings:
        from flows.prefect.embedded_server import prefect_server

        prepare_prefect(settings.home)
        with prefect_server(settings.home):
            one, equal, unequal = (_measured(settings, speeds) for speeds in ((1.0,), EQUAL, UNEQUAL))
    yield linear(one, equal)
    yield balanced(unequal)


def linear(one: Timed, equal: Timed) -> Result:
    """Return how close four equal devices came to four times the rate of one."""
    return Result(
        name="balance",
        what=f"{CLIPS} clips of one shape on {len(EQUAL)} devices that sleep {CLIP_S:g} s for a clip, with the default "
        f"shard size of {SHARD}. The baseline is {len(EQUAL)} times the rate of one device.",
        unit="clips/s",
        ours=CLIPS / equal.seconds,
        baseline=len(EQUAL) * CLIPS / one.seconds,
        more_is_better=True,
        limits=(Limit("ratio", "at least", NEEDED), Limit("spread_s", "at most", CLIP_S)),
        figures={
            "spread_s": equal.spread_s,
            "wall_s": equal.seconds,
            "wall_s_of_one": one.seconds,
            "busy_share": _busy(equal) / (len(EQUAL) * equal.seconds),
        },
        held_back_by="The start of the other devices, one Prefect task run each, and the last verdict.",
        notes=(_notes(),),
        series=_timeline(equal),
    )


def balanced(unequal: Timed) -> Result:
    """Return how close unequal devices came to the best possible schedule of whole clips."""
    ideal = ideal_s(UNEQUAL)
    return Result(
        name="balance-unequal",
        what=f"The same, but one of the devices is {SLOWER} times slower. The baseline is the best possible schedule: "
        f"{CLIPS} whole clips in {ideal:g} s.",
        unit="clips/s",
        ours=CLIPS / unequal.seconds,
        baseline=CLIPS / ideal,
        more_is_better=True,
        limits=(Limit("ratio", "at least", NEEDED_UNEQUAL), Limit("spread_s", "at most", SLOWER * CLIP_S)),
        figures={
            "spread_s": unequal.spread_s,
            "wall_s": unequal.seconds,
            "clips_of_the_slow_device": sum(name == _name(len(UNEQUAL) - 1) for name, *_ in unequal.clips),
            "share_of_all_devices_busy_to_the_end": CLIPS / unequal.seconds * CLIP_S / sum(1 / s for s in UNEQUAL),
        },
        held_back_by="Whole clips: a device that ends earlier than the others has nothing left to start.",
        notes=(_notes(),),
        series=_timeline(unequal),
    )


def ideal_s(speeds: Sequence[float], clips: int = CLIPS) -> float:
    """Return the least seconds in which devices, each with its factor of CLIP_S, can make a number of whole clips."""
    ends = sorted(CLIP_S * speed * number for speed in speeds for number in range(1, clips + 1))
    return ends[clips - 1]


def _measured(settings: Settings, speeds: Sequence[float]) -> Timed:
    """Run a campaign on devices with these factors of CLIP_S, after a first one that loads all models."""
    names = ",".join(_name(index) for index in range(len(speeds)))
    settings = settings.model_copy(update={"device": names})
    clips: list[Interval] = []
    with _stubs(dict(zip(names.split(","), speeds, strict=True)), clips):
        resources = resources_of(settings)
        catalogue_of(resources)
        _wave(settings, resources, f"warm {len(speeds)} {max(speeds):g}", len(speeds), 1)
        clips.clear()
        seconds = _wave(settings, resources, f"balance {len(speeds)} {max(speeds):g}", CLIPS, SHARD)
    timed = Timed(seconds, tuple(clips))
    if (len(clips), timed.number_of_devices) != (CLIPS, len(speeds)):
        raise RuntimeError(f"expected {CLIPS} clips from {len(speeds)} devices, got {len(clips)} from {timed}")
    return timed


def _wave(settings: Settings, resources: Resources, name: str, clips: int, size: int) -> float:
    """Return the seconds that the driver needs for a planned campaign."""
    from prefect import flow

    from flows.fan_out.dispatch import Wave
    from flows.fan_out.runner import device_runner

    shards = devices.shards(resources, name, clips, size)

    @flow(name="balance", persist_result=False)
    def balance() -> float:
        with device_runner(settings, [local_card_of(resources, "starter")]) as runner:
            wave = Wave(settings, resources, runner, shards)
            began = time.monotonic()
            wave.run()
            seconds = time.monotonic() - began
        if (passed := sum(report.passed for report in wave.reports)) != clips:
            raise RuntimeError(f"expected {clips} clips, got {passed}")
        return seconds

    return balance()


def _name(index: int) -> str:
    return f"stub:{index}"


@contextmanager
def _stubs(speeds: dict[str, float], clips: list[Interval]) -> Iterator[None]:
    """Let devices sleep, and accept every clip. While models load, all devices wait for each other."""
    together = threading.Barrier(len(speeds))

    def open_generator(*_: Any, device: str, **__: Any) -> Noted:
        together.wait(devices.READY_S)  # so that the warm-up loads the model on each device
        return Noted(device, CLIP_S * speeds[device], clips)

    with opening(open_generator, lambda *_, **__: Agreeable()):
        yield


def _busy(timed: Timed) -> float:
    return sum(end - began for _, began, end in timed.clips)


def _timeline(timed: Timed) -> dict[str, Any]:
    start = min(began for _, began, _ in timed.clips)
    return {
        "timeline": [
            {"lane": name, "start_s": began - start, "end_s": end - start} for name, began, end in sorted(timed.clips)
        ]
    }


def _notes() -> str:
    return (
        "The real driver on threads, with Prefect's server and SQLite; only devices and scorer are stubs. Models are "
        "loaded before. `spread_s` is the time between the ends of the first and the last device."
    )
