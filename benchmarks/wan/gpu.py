"""Wan 2.1 1.3B with random weights on a CUDA GPU, against a plain diffusers loop: one clip, a shard, passing clips.

Each benchmark needs less than ten minutes of an H100. The networks are first created on the CPU, in half a minute.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from diffusers import WanTransformer3DModel

from benchmarks.harness.result import Limit, Result
from benchmarks.harness.timing import interleaved
from benchmarks.wan.flops import forward_flops, peak_flops, tokens_of
from benchmarks.wan.plain import PlainWan, loop_seconds
from benchmarks.wan.rig import SCORER, TEXT_LAYERS, TEXT_TOKENS, TRANSFORMERS, Rig, Setting, rig
from benchmarks.wan.shard import render
from manifests.scoring.gate import Gate
from manifests.variant import Variant
from models.memory import free_caches
from models.protocols import FrameScorer, Generated, Generator
from models.registry import open_generator, open_scorer
from tasks.score.score import ScoredClip, score_frames

EXACT = Setting("real", "cuda:0", 480, 832, 81, steps=10, guidance=5.0)
NIGHT = Setting("real", "cuda:0", 480, 832, 81, steps=4, guidance=1.0, few_steps=True, clips_a_prompt=6, plain_clips=5)
PASSING = Setting(
    "real", "cuda:0", 480, 832, 17, steps=20, guidance=5.0, clips_a_prompt=30, plain_clips=4, want=10, known=6
)
FULL_STEPS, SHORT_STEPS = 50, 2
"""Steps of the published figures, and of the clip that measures the time outside the steps."""
HOUR = 3600.0
KNOWN_SEED = 50_000
CACHED = "Ours caches the embedding of a prompt, as in a shard. The loop encodes the prompt in each call."
ENCODER = (
    f"The text encoder is UMT5-XXL at full width with {TEXT_LAYERS} of its 24 layers, so encoding costs the loop "
    "less than it would in production."
)
LIMIT = (
    "The FLOP shares compare the FLOPs of the transformer's forward passes (benchmarks/wan/flops.py) with the dense "
    "bfloat16 rate of NVIDIA's data sheet for the device."
)
LOOP = (
    "The loop calls WanPipeline with the text of one clip at a time, writes the float frames with export_to_video, "
    "reads eight frames back, scores them one by one with PIL on the CPU and checks full frames. Ours scores on the "
    "GPU if that is faster."
)


class Pace(NamedTuple):
    """Seconds of a clip with a number of steps, and of one step."""

    steps: int
    clip_s: float
    step_s: float

    def clip_of(self, steps: int) -> float:
        """Return the seconds of a clip with another number of steps. With 0, the time outside the steps."""
        return self.clip_s + (steps - self.steps) * self.step_s


def exact() -> Result:
    """Measure one clip in profile ``exact``."""
    return measured("gpu-exact", measure_exact, EXACT)


def night() -> Result:
    """Measure a shard of few-step clips, including postprocessing."""
    return measured("gpu-night", measure_night, NIGHT)


def passing() -> Result:
    """Measure briefs that want some passing clips."""
    return measured("gpu-passing", measure_passing, PASSING)


def measured(name: str, measure: Callable[[Setting], Result], setting: Setting) -> Result:
    """Return the result of a measurement, or one without figures if there is no GPU."""
    if not torch.cuda.is_available():
        return Result(
            name, f"Wan 2.1 1.3B with random weights, {setting.shown}.", not_measured="torch finds no CUDA GPU"
        )
    return measure(setting)


def measure_exact(setting: Setting) -> Result:
    """Compare time and frames of DiffusersVideo in profile ``exact`` with WanPipeline on one clip."""
    with rig(setting) as one:
        ours, plain, difference = _paces(one)
    flops = _step_flops(setting)
    return Result(
        name="gpu-exact",
        unit="s per clip",
        ours=ours.clip_s,
        baseline=plain.clip_s,
        what=f"One clip of Wan 2.1 1.3B with random weights, {setting.shown}, profile exact, against WanPipeline.",
        limits=(Limit("largest_difference", "exactly", 0), Limit("ratio", "at least", 0.95)),
        figures={
            "largest_difference": difference,
            "s_a_step": ours.step_s,
            "baseline_s_a_step": plain.step_s,
            "s_beside_the_steps": ours.clip_of(0),
            "s_of_50_steps": ours.clip_of(FULL_STEPS),
            "baseline_s_of_50_steps": plain.clip_of(FULL_STEPS),
            "tflop_a_step": flops / 1e12,
            **_share("flop_share_of_the_steps", flops, ours.step_s, setting),
            **_share("flop_share_of_the_clip", flops * setting.steps, ours.clip_s, setting),
        },
        held_back_by="The forward passes of the transformer. Profile exact must not change any rounding, so it uses "
        "torch's own attention and kernels.",
        notes=(
            f"{setting.steps} steps. The time of {FULL_STEPS} steps is extrapolated from the time of one step, which "
            f"is derived from a clip of {SHORT_STEPS} steps. largest_difference compares the frames, in levels of "
            "0..255.",
            CACHED,
            ENCODER,
            LIMIT,
        ),
    )


def measure_night(setting: Setting) -> Result:
    """Compare a shard through render_shard with the plain loop, in clips per hour of the device."""
    with rig(setting) as one:
        made = render(one, "night", one.variants(0, setting.clips_a_prompt))
        plain_s = _plain_seconds(one)
    clips, wall = made.passed + made.failed, made.wall_seconds
    busy = made.device_seconds / wall
    return Result(
        name="gpu-night",
        unit="clips/h of device",
        more_is_better=True,
        ours=clips / wall * HOUR,
        baseline=HOUR / plain_s,
        what=f"{clips} clips of {len(setting.prompts)} prompts, {setting.shown}: generated, MP4, checks, score by an "
        "OpenCLIP ViT-B-32, catalogue.",
        limits=(Limit("ratio", "at least", 1.0), Limit("passed", "exactly", clips)),
        figures={
            "passed": made.passed,
            "busy_share": busy,
            "clips": clips,
            "baseline_clips": setting.plain_clips,
            "device_s_a_clip": made.device_seconds / clips,
            "baseline_s_a_clip": plain_s,
            **_share("flop_share", _step_flops(setting) * setting.steps * clips, wall, setting),
        },
        held_back_by=f"The device, which is busy {busy:.0%} of the time. The FLOP share includes the transformer and "
        "not the autoencoder.",
        notes=(
            "Both sides use steps, guidance and scheduler of the four-step cards, without their LoRAs. Random weights "
            "generate noise, which takes longer to encode than pictures.",
            LOOP,
            CACHED,
            ENCODER,
            LIMIT,
        ),
    )


def measure_passing(setting: Setting) -> Result:
    """Compare passing clips per hour of the device with the plain loop."""
    with rig(setting) as one:
        gates = _gates(one)
        plain_s = _plain_seconds(one)
        made = render(one, "passing", one.variants(0, setting.clips_a_prompt), gates, setting.want)
    clips = made.passed + made.failed
    return Result(
        name="gpu-passing",
        unit="passing clips/h of device",
        more_is_better=True,
        ours=made.passed / made.wall_seconds * HOUR,
        baseline=made.passed / clips * HOUR / plain_s,
        what=f"Briefs of {len(setting.prompts)} prompts that want {setting.want} passing clips each, {setting.shown}.",
        limits=(Limit("ratio", "at least", 1.0),),
        figures={
            "pass_rate": made.passed / clips,
            "clips": clips,
            "passed": made.passed,
            "busy_share": made.device_seconds / made.wall_seconds,
            "baseline_s_a_clip": plain_s,
            **_share("flop_share", _step_flops(setting) * setting.steps * clips, made.wall_seconds, setting),
        },
        held_back_by="The device. Generation is the same as in gpu-exact; the rest of the loop takes no device time.",
        notes=(
            f"The gate of each prompt is the median of {setting.known} other clips, so that about half pass. Clips are "
            "generated until the briefs have what they want.",
            LOOP,
            ENCODER,
            LIMIT,
        ),
    )


def _paces(one: Rig) -> tuple[Pace, Pace, float]:
    """Return our pace, that of the plain pipeline, and the largest difference of their frames, in levels."""
    setting, frames = one.setting, dict[str, np.ndarray]()
    engine, plain = open_generator(one.card, setting.device), PlainWan(one)

    def times(steps: int, rounds: int) -> list[float]:
        variant = one.variant(setting.prompts[0], 1, num_inference_steps=steps)
        found = interleaved(
            lambda: frames.update(ours=_generated(engine, [variant])[0].frames),
            lambda: frames.update(plain=plain.frames(variant)),
            rounds,
        )
        return [own.wall_s for own in found]

    short, long = times(SHORT_STEPS, 1), times(setting.steps, 2)
    engine.close()
    ours, theirs = (
        Pace(setting.steps, last, (last - first) / (setting.steps - SHORT_STEPS))
        for first, last in zip(short, long, strict=True)
    )
    return ours, theirs, float(np.abs(np.round(frames["plain"] * 255) - frames["ours"]).max())


def _generated(engine: Generator, variants: list[Variant]) -> list[Generated]:
    """Generate the variants. Raise the exception of a failed variant."""
    found = []
    for item in engine.generate(variants):
        if isinstance(item, Exception):
            raise item
        found.append(item)
    return found


def _gates(one: Rig) -> dict[str, float]:
    """Return the median cosine of some clips of each prompt. About half of the other clips pass it."""
    engine = open_generator(one.card, one.setting.device)
    cosines = _cosines(_generated(engine, one.variants(KNOWN_SEED, one.setting.known)), _scorer(one))
    engine.close()
    rows = np.reshape(cosines, (len(one.setting.prompts), one.setting.known))
    return dict(zip(one.setting.prompts, np.median(rows, axis=1).tolist(), strict=True))


def _cosines(made: list[Generated], scorer: FrameScorer) -> list[float]:
    cosines = []
    for item in made:
        score = score_frames(ScoredClip.of(item), scorer, [item.variant.prompt], Gate(-1.0))
        if score.prompt_adherence is None:
            raise RuntimeError(f"frames of the random weights fail the technical checks: {score.checks}")
        cosines.append(score.prompt_adherence)
    return cosines


def _scorer(one: Rig) -> FrameScorer:
    return open_scorer(SCORER, extra_folders=(one.cards,))


def _plain_seconds(one: Rig) -> float:
    """Return the wall time of a clip in the plain loop, after a warm-up clip."""
    plain, scorer = PlainWan(one), _scorer(one)
    variants = one.variants(0, one.setting.plain_clips)[:: len(one.setting.prompts)]
    loop_seconds(plain, variants[:1], scorer, Path(one.folder, "plain-warm-up"))
    seconds = loop_seconds(plain, variants, scorer, Path(one.folder, "plain"))
    del plain
    free_caches()
    return seconds / len(variants)


def _forwards(setting: Setting) -> int:
    return 2 if setting.guidance > 1 else 1


def _step_flops(setting: Setting) -> float:
    """Return the FLOPs of the transformer in one step: one forward pass, or two with guidance."""
    with torch.device("meta"):
        config = WanTransformer3DModel(**TRANSFORMERS[setting.size]).config
    tokens = tokens_of(setting.height, setting.width, setting.num_frames)
    return _forwards(setting) * forward_flops(config, tokens, TEXT_TOKENS[setting.size])


def _share(name: str, flops: float, seconds: float, setting: Setting) -> dict[str, float]:
    """Return the share of the device's peak FLOP/s as a figure. Empty if the peak is unknown."""
    if not setting.device.startswith("cuda"):
        return {}
    peak = peak_flops(torch.cuda.get_device_name(setting.device))
    return {name: flops / seconds / peak} if peak else {}
