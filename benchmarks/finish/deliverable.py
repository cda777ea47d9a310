"""Finish five seconds of 720p with logo, button, captions and sound."""

import statistics
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from adapters.media.video_frames import frames_at
from benchmarks.finish import material
from benchmarks.finish.plain import reencode
from benchmarks.finish.with_moviepy import DEFAULTS, OURS, write_with_moviepy
from benchmarks.harness.result import Limit, Result
from benchmarks.harness.timing import Times, timed
from manifests.finish.length import LEAD_S
from manifests.finish.spec import DeliverableSpec
from tasks.finish.footage import frame_of, masters_of, plan_of
from tasks.finish.layers import cues_for, layers_of
from tasks.finish.make import make
from tasks.finish.sound.spoken import Sounds, spoken_of

ROUNDS = 5
NEEDED = ("skvideo", "moviepy", "hibari", "skia")
COMPARED = (10, 30, 60, 90, 120)
"""Frames in which both outputs must show the same."""
LIMITS = (
    Limit("ratio", "at least", 5),
    Limit("against_plain", "at most", 1.3),
    Limit("difference", "at most", 6),
)


def run() -> Result:
    """Measure ours, a plain re-encode and MoviePy in turn."""
    source, what = material.footage(), "Finish 5 s of 720p with logo, button, captions, voice and music."
    missing = [name for name in NEEDED if find_spec(name) is None]
    if source is None or missing:
        return Result("finish", what, not_measured="it needs the extras bench, finish and test")
    with tempfile.TemporaryDirectory() as name:
        return _measured(source, Path(name), what)


def _measured(source: Path, folder: Path, what: str) -> Result:
    store = material.Store(folder)
    spec = material.spec(store)
    layers = _layers(spec, source, store)
    sounds, seconds = (folder / material.VOICE, folder / material.MUSIC), material.SECONDS
    calls: list[Callable[[], Any]] = [
        lambda: make(spec, [source], store, folder / "ours"),
        lambda: reencode(source, folder / "plain.mp4", seconds),
        lambda: write_with_moviepy(source, layers, sounds, folder / "moviepy.mp4", seconds, DEFAULTS),
        lambda: write_with_moviepy(source, layers, sounds, folder / "same.mp4", seconds, OURS),
    ]
    ours, plain, moviepy, same = _in_turn(calls)
    return Result(
        name="finish",
        what=what,
        unit="CPU s",
        ours=ours.cpu_s,
        baseline=moviepy.cpu_s,
        limits=LIMITS,
        figures={
            "against_plain": ours.cpu_s / plain.cpu_s,
            "plain_cpu_s": plain.cpu_s,
            "moviepy_with_our_settings_cpu_s": same.cpu_s,
            "wall_s": ours.wall_s,
            "plain_wall_s": plain.wall_s,
            "moviepy_wall_s": moviepy.wall_s,
            "difference": _difference(folder / "ours" / "deliverable.mp4", folder / "moviepy.mp4"),
        },
        held_back_by="x264, which takes two thirds of the CPU time, then decoding and the sound.",
        notes=(
            "Ours is `make`: it draws the layers, mixes voice and music with ducking, measures the loudness of the "
            "finished file, and writes the poster, caption files and a caption track. The plain re-encode decodes and "
            "encodes the same frames and the film's sound with the same settings. MoviePy 1.0.3 gets layers and sounds "
            "that were made before, lowers the music under the voice, normalises the peak, and writes a poster; its "
            "encoder has MoviePy's default settings, preset medium. With our settings of x264, it takes "
            "`moviepy_with_our_settings_cpu_s`. CPU time includes child processes.",
            "`difference` is the mean difference of both outputs in levels of 0 to 255, over five frames. MoviePy "
            "encodes with the bt601 matrix without a tag, so its colours are slightly wrong.",
        ),
    )


def _layers(spec: DeliverableSpec, source: Path, store: material.Store) -> list[Any]:
    """Draw the layers for MoviePy."""
    masters, spoken = masters_of([source]), spoken_of(spec, Sounds(store))
    plan = plan_of(spec, masters, LEAD_S + (spoken.seconds if spoken else 0.0), False)
    frame = frame_of(spec, plan)
    return list(layers_of(spec, frame, cues_for(spec, frame, spoken), store).drawn)


def _in_turn(calls: Sequence[Callable[[], Any]]) -> list[Times]:
    """Call each once without measuring, then all in turn, and return the medians."""
    taken: list[list[Times]] = [[] for _ in calls]
    for number in range(ROUNDS + 1):
        for call, times in zip(calls, taken, strict=True):
            found = timed(call)
            if number:
                times.append(found)
    return [Times(*(statistics.median(column) for column in zip(*times, strict=True))) for times in taken]


def _difference(one: Path, other: Path) -> float:
    """Return the mean difference of some frames of two films."""
    frames = [frames_at(path, COMPARED).astype(np.int16) for path in (one, other)]
    return float(np.abs(frames[0] - frames[1]).mean())
