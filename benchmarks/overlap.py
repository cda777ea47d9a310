"""A device of one second a clip with the real tail behind it: a shard of ours against a plain loop around diffusers.

The device is a stub that sleeps, as a GPU is to the processor; the frames, and all that happens to them, are real.
"""

import contextlib
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import open_clip
import torch
from diffusers.utils import export_to_video
from PIL import Image
from safetensors.torch import save_file

import tasks.tail
import tasks.wiring
from adapters.catalogue import Catalogue, open_catalogue
from benchmarks.result import Limit, Result
from benchmarks.timing import timed
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.placement import Placement
from manifests.variant import PlannedVariant, Variant
from models.base import Generated
from models.card import ScorerCard
from models.open_clip_scorer import OpenClipScorer
from tasks.render import ShardReport, render_shard
from tasks.shard import Job, Shard
from tasks.wiring import BucketPlace, SignerPlace, Wiring, catalogue_of, close_tools

CLIPS = 32
"""The default shard; the tail of the last clip, behind which no device works, counts."""
BASELINE_CLIPS = 6
"""The loop's time grows by the clip, so that a few are enough to know it."""
DEVICE_S = 1.0
HEIGHT, WIDTH, FRAMES, FPS = 480, 832, 49, 16
CARD = "wan2.1-t2v-1.3b"
PLACES = ("beach", "field", "town", "lake")
PROMPTS = [f"a {colour} kite over a {place}" for colour in ("red", "blue") for place in PLACES]
Span = tuple[str, float, float]
"""What was done, from when to when; seconds by the monotonic clock."""


class SleepingDevice:
    """A generator that works for DEVICE_S a clip without the processor, and notes when."""

    def __init__(self, clips: Sequence[np.ndarray]) -> None:
        self._clips = clips
        self.intervals: list[tuple[float, float]] = []

    def prepare(self, variants: Sequence[Variant]) -> None:
        """Embeds nothing."""

    def generate(self, variants: Sequence[Variant], draft: bool = False) -> Iterator[Generated]:
        """Yield ready-made frames after a second each."""
        for variant in variants:
            started = time.monotonic()
            time.sleep(DEVICE_S)
            self.intervals.append((started, time.monotonic()))
            yield Generated(variant, self._clips[variant.seed % len(self._clips)], 0.0, DEVICE_S)

    def close(self) -> None:
        """Nothing is held."""


def run() -> Result:
    """Measure both, one after the other."""
    clips = [_frames(seed) for seed in range(4)]
    with tempfile.TemporaryDirectory() as folder:
        scorer = _scorer(Path(folder, "openclip"))
        baseline = _plain_seconds(Path(folder, "plain"), scorer, clips) / BASELINE_CLIPS
        device = SleepingDevice(clips)
        seconds, cpu_s, lanes = _our_seconds(Path(folder, "ours"), scorer, device)
    busy = sum(end - start for start, end in device.intervals) / seconds
    start = device.intervals[0][0]
    device_lane = [("device", begun, ended) for begun, ended in device.intervals]
    return Result(
        name="overlap", unit="s a clip", ours=seconds / CLIPS, baseline=baseline,
        what=f"{CLIPS} clips of {FRAMES} frames of {WIDTH}x{HEIGHT}: {DEVICE_S:g} s of device each, then MP4, poster, "
             "checks, score by an OpenCLIP ViT-B-32, catalogue.",
        limits=(Limit("ratio", "at least", 3.5), Limit("busy_share", "at least", 0.95)),
        figures={"busy_share": busy, "clips": CLIPS, "baseline_clips": BASELINE_CLIPS, "wall_s": seconds,
                 "cpu_s_a_clip": cpu_s / CLIPS,
                 "after_the_last_s": start + seconds - device.intervals[-1][1],
                 "longest_idle_s": _longest_idle(device.intervals)},
        held_back_by="The device itself: what is left are the leases before the first clip and the tail of the last.",
        notes=("The loop does what people write around diffusers: sleep, export_to_video of float frames, eight frames "
               "read back from the file, open_clip's own PIL preprocessing and encode_image of one at a time, "
               "encode_text each time, checks on full frames, one ORM commit a clip; torch on as many threads as it "
               "takes by itself. Ours has torch on one thread. OpenCLIP's weights are random: speed does not depend "
               "on them.",),
        series={"timeline": [{"lane": lane, "start_s": begun - start, "end_s": ended - start}
                             for lane, begun, ended in sorted([*device_lane, *lanes], key=lambda item: item[1])]},
    )


def _frames(seed: int) -> np.ndarray:
    """A drifting pattern under a little grain: uint8 (FRAMES, HEIGHT, WIDTH, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32) / HEIGHT
    grain = rng.normal(0, 2, (HEIGHT, WIDTH, 3)).astype(np.float32)
    phases = rng.uniform(0, 6, 3)
    frames = np.empty((FRAMES, HEIGHT, WIDTH, 3), np.uint8)
    for index in range(FRAMES):
        waves = [np.sin(9 * x + 0.05 * index + phase) * np.cos(7 * y - 0.03 * index) for phase in phases]
        frames[index] = np.clip(128 + 80 * np.stack(waves, axis=-1) + grain, 0, 255)
    return frames


def _scorer(folder: Path) -> OpenClipScorer:
    """An OpenCLIP ViT-B-32 with random weights, in open_clip's own shapes."""
    folder.mkdir()
    preprocess = {"mean": open_clip.OPENAI_DATASET_MEAN, "std": open_clip.OPENAI_DATASET_STD, "size": 224,
                  "interpolation": "bicubic", "resize_mode": "shortest"}
    config = {"model_cfg": open_clip.get_model_config("ViT-B-32"), "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    model = open_clip.create_model("ViT-B-32", pretrained=None, load_weights=False)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return OpenClipScorer(ScorerCard.model_validate({
        "name": "random-vit-b-32", "kind": "openclip", "title": "random", "description": "random",
        "weights": {"folder": str(folder), "revision": "1", "size_mb": 605}, "licence": {"name": "MIT"},
    }))


def _our_seconds(home: Path, scorer: OpenClipScorer, device: SleepingDevice) -> tuple[float, float, list[Span]]:
    """Return the wall and CPU time of a shard through render_shard, and when its tail worked."""
    wiring = Wiring(f"sqlite:///{home / 'catalogue.db'}", BucketPlace(str(home / "bucket")),
                    SignerPlace("development", home / "signer"), home / "staging", devices=("cpu",))
    lanes: list[Span] = []
    with _put_in_place(scorer, device, lanes), _threads(1):
        shard = _planned(catalogue_of(wiring))
        reports: list[ShardReport] = []
        times = timed(lambda: reports.append(render_shard(wiring, shard)))
    if reports[0].passed + reports[0].failed != CLIPS:
        raise RuntimeError(f"{CLIPS} clips were to be judged, and {reports[0]} were")
    return times.wall_s, times.cpu_s, lanes


def _planned(catalogue: Catalogue) -> Shard:
    brief = Brief(2, "kites", tuple(PROMPTS), variants=CLIPS // len(PROMPTS))
    campaign = Campaign("Overlap", "0" * 64, (brief,))
    variants = [Variant(CARD, "1", prompt, "", seed, HEIGHT, WIDTH, FRAMES, FPS, 50, 5.0)
                for prompt in PROMPTS for seed in range(CLIPS // len(PROMPTS))]
    catalogue.add_campaign(campaign, {})
    catalogue.add_variants(campaign.campaign_id, [
        PlannedVariant("kites", Placement("web", "16:9"), variant, variant.variant_id) for variant in variants])
    jobs = tuple(Job(variant, variant.variant_id, ("kites",), 0.2) for variant in variants)
    return Shard(campaign.campaign_id, jobs, {}, tuple(PROMPTS), 0.25)


@contextlib.contextmanager
def _put_in_place(scorer: OpenClipScorer, device: SleepingDevice, lanes: list[Span]) -> Iterator[None]:
    """Let the shard open these, and note its tail's work."""
    wiring, tail = vars(tasks.wiring), vars(tasks.tail)
    before = {name: wiring[name] for name in ("open_generator", "open_scorer")}
    steps = {name: tail[name] for name in ("encode", "write_poster", "score_frames")}

    def noted(name: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            started = time.monotonic()
            try:
                return steps[name](*arguments, **options)
            finally:
                lanes.append((name, started, time.monotonic()))
        return call

    close_tools()
    wiring.update(open_generator=lambda *_, **__: device, open_scorer=lambda *_, **__: scorer)
    tail.update({name: noted(name) for name in steps})
    try:
        yield
    finally:
        wiring.update(before)
        tail.update(steps)
        close_tools()


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


def _plain_seconds(folder: Path, scorer: OpenClipScorer, clips: Sequence[np.ndarray]) -> float:
    """Return the wall time of the loop for BASELINE_CLIPS."""
    from sqlalchemy import create_engine
    from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

    class Base(DeclarativeBase):
        """Tables of the loop."""

    class Row(Base):
        """A clip with its score."""

        __tablename__ = "clips"
        clip_id: Mapped[int] = mapped_column(primary_key=True)
        path: Mapped[str]
        score: Mapped[float]
        checks: Mapped[str]

    folder.mkdir()
    open_catalogue(f"sqlite:///{folder / 'own.db'}").close()  # the same journal and syncs as ours
    engine = create_engine(f"sqlite:///{folder / 'clips.db'}")
    Base.metadata.create_all(engine)
    floats = [clip.astype(np.float32) / 255 for clip in clips[:2]]  # as a pipeline gives them
    started = time.monotonic()
    for number in range(BASELINE_CLIPS):
        time.sleep(DEVICE_S)
        path = folder / f"{number}.mp4"
        export_to_video(list(floats[number % 2]), str(path), fps=FPS)
        score = _plain_score(path, scorer, PROMPTS[number % len(PROMPTS)])
        checks = _plain_checks(clips[number % 2])
        with Session(engine) as session:
            session.add(Row(clip_id=number, path=str(path), score=score, checks=json.dumps(checks)))
            session.commit()
    seconds = time.monotonic() - started
    engine.dispose()
    return seconds


def _plain_score(path: Path, scorer: OpenClipScorer, prompt: str) -> float:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    chosen = [frames[index] for index in np.linspace(0, len(frames) - 1, 8).round().astype(int)]
    cosines = []
    with torch.inference_mode():
        for frame in chosen:
            picture = scorer.preprocess(Image.fromarray(frame)).unsqueeze(0)
            image = scorer.model.encode_image(picture, normalize=True)
            text = scorer.model.encode_text(scorer.tokenize([prompt]), normalize=True)
            cosines.append(float((image @ text.T).item()))
    return sum(cosines) / len(cosines)


def _plain_checks(frames: np.ndarray) -> dict[str, float]:
    luma = (frames.astype(np.float32) @ np.array([0.2126, 0.7152, 0.0722], np.float32))
    means = luma.mean(axis=(1, 2))
    return {
        "luma_mean": float(luma.mean()),
        "luma_spread": float(luma.std(axis=(1, 2)).mean()),
        "frame_difference": float(np.abs(np.diff(luma, axis=0)).mean()),
        "temporal_flickering": float(np.abs(means[1:-1] - (means[:-2] + means[2:]) / 2).mean()),
    }
