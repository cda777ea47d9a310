"""A device with one second per clip and real postprocessing: a shard of ours against a plain loop around diffusers.

The device is a stub that sleeps: like a GPU, it needs no time of the CPU. The frames and all later steps are real.
"""

import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch

import tasks.render.postprocess
from adapters.catalogue import Catalogue
from benchmarks.harness.result import Limit, Result
from benchmarks.harness.stubs import opening
from benchmarks.harness.timing import timed
from benchmarks.render.footage import FPS, natural
from benchmarks.render.plain_loop import seconds_a_clip
from benchmarks.render.random_openclip import random_scorer
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.placement import Placement
from manifests.variant import PlannedVariant, Variant
from models.openclip.scorer import OpenClipScorer
from models.protocols import Generated
from tasks.plan.shard import Job, Shard
from tasks.render.render import ShardReport, render_shard
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig, catalogue_of


class Format(NamedTuple):
    """Model card and size of a clip."""

    card: str
    num_frames: int
    height: int
    width: int


CLIPS = 32
"""The default shard size. The time after the last clip of the device counts too."""
BASELINE_CLIPS = 8
"""The median of these counts, because the loop has no start-up or end phase."""
DEVICE_S = 1.0
FORMATS = {
    "overlap": Format("wan2.1-t2v-1.3b", 81, 480, 832),
    "overlap-49": Format("wan2.1-t2v-1.3b", 49, 480, 832),
    "overlap-720p": Format("wan2.2-ti2v-5b", 121, 704, 1280),
}
"""The default of Wan 2.1, the shorter clips of other benchmarks, and the default of Wan 2.2 5B."""
SHORT = "overlap-49"
"""For these, the loop takes about 2.5 s per clip, so the ratio cannot be higher."""
LIMITS = (Limit("busy_share", "at least", 0.95), Limit("ratio", "at least", 3.5))
PLACES = ("beach", "field", "town", "lake")
PROMPTS = [f"a {colour} kite over a {place}" for colour in ("red", "blue") for place in PLACES]
Span = tuple[str, float, float]
"""Lane, start and end, in seconds of the monotonic clock."""


class SleepingDevice:
    """A generator that sleeps DEVICE_S per clip and records when it was busy."""

    def __init__(self, clips: Sequence[np.ndarray]) -> None:
        self._clips = clips
        self.intervals: list[tuple[float, float]] = []

    def prepare(self, variants: Sequence[Variant]) -> None:
        """Do nothing: the stub has no text encoder."""

    def generate(self, variants: Sequence[Variant]) -> Iterator[Generated]:
        """Yield prepared frames, each after one second."""
        for variant in variants:
            started = time.monotonic()
            time.sleep(DEVICE_S)
            self.intervals.append((started, time.monotonic()))
            yield Generated(variant, self._clips[variant.seed % len(self._clips)], 0.0, DEVICE_S)

    def close(self) -> None:
        """Do nothing: the stub holds no resources."""


def run() -> Iterator[Result]:
    """Measure both sides, one after the other, for each clip format."""
    with tempfile.TemporaryDirectory() as folder:
        scorer = random_scorer(Path(folder, "openclip"))
        for name, form in FORMATS.items():
            place = Path(folder, name)
            place.mkdir()
            clips = [natural(form.num_frames, seed, form.height, form.width) for seed in range(2)]
            yield _measured(name, form, place, scorer, clips)


def _measured(name: str, form: Format, folder: Path, scorer: OpenClipScorer, clips: Sequence[np.ndarray]) -> Result:
    prompts = [PROMPTS[number % len(PROMPTS)] for number in range(BASELINE_CLIPS)]
    plain = seconds_a_clip(folder / "plain", scorer, clips, prompts, DEVICE_S)
    device = SleepingDevice(clips)
    seconds, cpu_s, lanes = _our_seconds(folder / "ours", form, scorer, device)
    busy = sum(end - start for start, end in device.intervals) / seconds
    start = device.intervals[0][0]
    device_lane = [("device", begun, ended) for begun, ended in device.intervals]
    return Result(
        name=name,
        unit="s per clip",
        ours=seconds / CLIPS,
        baseline=median(plain),
        what=f"{CLIPS} clips of {form.num_frames} frames of {form.width}x{form.height}: {DEVICE_S:g} s of device time "
        "each, then MP4, poster, checks, score by an OpenCLIP ViT-B-32, and catalogue.",
        limits=LIMITS[:1] if name == SHORT else LIMITS,
        figures={
            "busy_share": busy,
            "clips": CLIPS,
            "baseline_clips": BASELINE_CLIPS,
            "baseline_least_s": min(plain),
            "baseline_most_s": max(plain),
            "wall_s": seconds,
            "cpu_s_a_clip": cpu_s / CLIPS,
            "after_the_last_s": start + seconds - device.intervals[-1][1],
            "longest_idle_s": _longest_idle(device.intervals),
        },
        held_back_by="The device itself. The rest is the time for leases before the first clip and for postprocessing "
        "after the last one. Each clip needs the device for one second, so the ratio is at most the loop's seconds "
        "per clip.",
        notes=(
            "The loop is what people usually write around diffusers: sleep, export_to_video of float frames, read "
            "eight frames back from the file, open_clip's own PIL preprocessing and encode_image for one frame at a "
            "time, encode_text each time, checks on full frames, and one ORM commit for each clip. It runs torch with "
            "its default number of threads; ours runs torch on one thread. The weights of OpenCLIP are random, which "
            "does not affect speed.",
        ),
        series={
            "timeline": [
                {"lane": lane, "start_s": begun - start, "end_s": ended - start}
                for lane, begun, ended in sorted([*device_lane, *lanes], key=lambda item: item[1])
            ]
        },
    )


def _our_seconds(
    home: Path, form: Format, scorer: OpenClipScorer, device: SleepingDevice
) -> tuple[float, float, list[Span]]:
    """Return the wall time, the CPU time and the postprocessing spans of a shard in render_shard."""
    resources = Resources(
        f"sqlite:///{home / 'catalogue.db'}",
        BucketConfig(str(home / "bucket")),
        SignerConfig("development", home / "signer"),
        home / "staging",
        devices=("cpu",),
    )
    lanes: list[Span] = []
    with _put_in_place(scorer, device, lanes), _threads(1):
        shard = _planned(catalogue_of(resources), form)
        reports: list[ShardReport] = []
        times = timed(lambda: reports.append(render_shard(resources, shard)))
    if reports[0].passed + reports[0].failed != CLIPS:
        raise RuntimeError(f"expected {CLIPS} scored clips, got {reports[0]}")
    return times.wall_s, times.cpu_s, lanes


def _planned(catalogue: Catalogue, form: Format) -> Shard:
    brief = Brief(2, "kites", tuple(PROMPTS), variants=CLIPS // len(PROMPTS))
    campaign = Campaign("Overlap", "0" * 64, (brief,))
    variants = [
        Variant(form.card, "1", prompt, "", seed, form.height, form.width, form.num_frames, FPS, 50, 5.0)
        for prompt in PROMPTS
        for seed in range(CLIPS // len(PROMPTS))
    ]
    catalogue.campaigns.add(campaign, {})
    catalogue.campaigns.add_variants(
        campaign.campaign_id,
        [PlannedVariant("kites", Placement("web", "16:9"), variant, variant.variant_id) for variant in variants],
    )
    jobs = tuple(Job(variant, variant.variant_id, ("kites",), 0.2) for variant in variants)
    return Shard(campaign.campaign_id, jobs, {}, tuple(PROMPTS), 0.25)


@contextlib.contextmanager
def _put_in_place(scorer: OpenClipScorer, device: SleepingDevice, lanes: list[Span]) -> Iterator[None]:
    """Make the shard use this scorer and device, and record the spans of postprocessing."""
    tail = vars(tasks.render.postprocess)
    steps = {name: tail[name] for name in ("encode", "write_poster", "score_frames")}

    def noted(name: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            started = time.monotonic()
            try:
                return steps[name](*arguments, **options)
            finally:
                lanes.append((name, started, time.monotonic()))

        return call

    tail.update({name: noted(name) for name in steps})
    try:
        with opening(lambda *_, **__: device, lambda *_, **__: scorer):
            yield
    finally:
        tail.update(steps)


@contextlib.contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _longest_idle(intervals: Sequence[tuple[float, float]]) -> float:
    return max(later[0] - earlier[1] for earlier, later in pairwise(intervals))
