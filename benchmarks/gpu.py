"""Wan 2.1 1.3B on a CUDA GPU, with random weights, against a plain diffusers loop: one clip, a night, what passes.

Each takes less than ten minutes of an H100. The real networks are made on the processor first, in half a minute.
"""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from diffusers import WanTransformer3DModel

from benchmarks.flops import forward_flops, peak_flops, tokens_of
from benchmarks.plain_wan import PlainWan, loop_seconds
from benchmarks.result import Limit, Result
from benchmarks.timing import interleaved
from benchmarks.wan import SCORER, TEXT_LAYERS, TEXT_TOKENS, TRANSFORMERS, Rig, Setting, rig
from benchmarks.wan_shard import Made, render
from manifests.gate import Gate
from manifests.variant import Variant
from models.memory import free_caches
from models.protocols import FrameScorer, Generated, Generator
from models.registry import open_generator, open_scorer
from tasks.score.score import score_frames

EXACT = Setting("real", "cuda:0", 480, 832, 81, steps=10, guidance=5.0)
NIGHT = Setting("real", "cuda:0", 480, 832, 81, steps=4, guidance=1.0, few_steps=True, clips_a_prompt=6, plain_clips=5)
PASSING = Setting(
    "real", "cuda:0", 480, 832, 17, steps=20, guidance=5.0, clips_a_prompt=30, plain_clips=4, want=10, known=6
)
FULL_STEPS, SHORT_STEPS = 50, 2
"""Steps of the published figures, and of the clip that tells what is not steps."""
HOUR = 3600.0
KNOWN_SEED = 50_000
CACHED = "Ours keeps a prompt's embedding, as in a shard; the loop encodes words in each call."
ENCODER = (
    f"The text encoder is UMT5-XXL at full width with {TEXT_LAYERS} of its 24 layers, so that encoding costs "
    "the loop less than it would."
)
LIMIT = (
    "The limit is the FLOPs of the transformer's forwards (benchmarks/flops.py) at the dense bfloat16 rate of "
    "NVIDIA's data sheet for the device."
)
LOOP = (
    "The loop calls WanPipeline with the words of a clip at a time, then export_to_video of float frames, eight "
    "frames read back and scored one by one with PIL, checks on full frames. Both score on the processor."
)


class Pace(NamedTuple):
    """How long a clip of some steps takes, and one of its steps."""

    steps: int
    clip_s: float
    step_s: float

    def clip_of(self, steps: int) -> float:
        """Seconds of a clip of other steps; of none, what is beside the steps."""
        return self.clip_s + (steps - self.steps) * self.step_s


class Known(NamedTuple):
    """What was measured of drafts and finals of the same variants.

    Attributes:
        gates: median cosine of the finals, by prompt: about half of the others pass.
        correlation: of draft and final cosine around their prompts' means.
        cost: median device time of a draft as a share of a final's.
    """

    gates: dict[str, float]
    correlation: float
    cost: float


def exact() -> Result:
    """One clip as it is with nothing left out."""
    return _measured("gpu-exact", measure_exact, EXACT)


def night() -> Result:
    """A night's shard of few-step clips, tail included."""
    return _measured("gpu-night", measure_night, NIGHT)


def passing() -> Result:
    """Briefs that want some passing clips, drafts first where they pay."""
    return _measured("gpu-passing", measure_passing, PASSING)


def _measured(name: str, measure: Callable[[Setting], Result], setting: Setting) -> Result:
    if not torch.cuda.is_available():
        return Result(
            name, f"Wan 2.1 1.3B with random weights, {setting.shown}.", not_measured="no CUDA GPU, or torch sees none"
        )
    return measure(setting)


def measure_exact(setting: Setting) -> Result:
    """Compare DiffusersVideo in profile ``exact`` with WanPipeline on a clip; the frames too."""
    with rig(setting) as one:
        ours, plain, difference = _paces(one)
    flops = _step_flops(setting)
    return Result(
        name="gpu-exact",
        unit="s a clip",
        ours=ours.clip_s,
        baseline=plain.clip_s,
        what=f"A clip of Wan 2.1 1.3B with random weights, {setting.shown}, profile exact, against WanPipeline.",
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
        held_back_by="The transformer's forwards: exact changes no rounding, so attention and kernels are torch's own.",
        notes=(
            f"{setting.steps} steps; a clip of {FULL_STEPS} is reckoned from the time of a step, by the difference "
            f"to a clip of {SHORT_STEPS} steps. largest_difference is of the frames, in levels of 0..255.",
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
    clips, wall = made.finals, made.report.wall_seconds
    busy = made.report.device_seconds / wall
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
            "passed": made.report.passed,
            "busy_share": busy,
            "clips": clips,
            "baseline_clips": setting.plain_clips,
            "device_s_a_clip": made.report.device_seconds / clips,
            "baseline_s_a_clip": plain_s,
            **_share("flop_share", _step_flops(setting) * setting.steps * clips, wall, setting),
        },
        held_back_by=f"The device, which is busy {busy:.0%} of the time; the flop share counts the transformer's "
        "work in it, and not the autoencoder's.",
        notes=(
            "Steps, guidance and scheduler are those of the four-step cards, on both sides; their LoRAs are left "
            "out. Random weights show noise, which takes an encoder longer than pictures do.",
            LOOP,
            CACHED,
            ENCODER,
            LIMIT,
        ),
    )


def measure_passing(setting: Setting) -> Result:
    """Compare passing clips per hour of the device: drafts first, without drafts, and the plain loop of everything."""
    with rig(setting) as one:
        known, drafts = _known(one), _drafts_of(one)
        variants = one.variants(0, setting.clips_a_prompt)
        plain_s = _plain_seconds(one)
        off = render(one, "everything", variants, known.gates, setting.want)
        on = render(one, "drafts-first", variants, known.gates, setting.want, drafts="auto")
    rate, without, pass_rate = _passing_rate(on), _passing_rate(off), off.report.passed / off.finals
    return Result(
        name="gpu-passing",
        unit="passing clips/h of device",
        more_is_better=True,
        ours=rate,
        baseline=pass_rate * HOUR / plain_s,
        what=f"Briefs of {len(setting.prompts)} prompts that want {setting.want} passing clips each, {setting.shown}; "
        "the loop makes everything.",
        limits=(Limit("ratio", "at least", 1.0),),
        figures={
            "without_drafts": without,
            "gain_of_drafts": rate / without if without else 0.0,
            "pass_rate": pass_rate,
            "correlation": known.correlation,
            "draft_cost": known.cost,
            "draft_share_of_device": on.draft_seconds / on.report.device_seconds,
            "finals": on.finals,
            "finals_without_drafts": off.finals,
            "passed": on.report.passed,
            "busy_share": on.report.device_seconds / on.report.wall_seconds,
            "baseline_s_a_clip": plain_s,
            **_share(
                "flop_share_without_drafts",
                _step_flops(setting) * setting.steps * off.finals,
                off.report.wall_seconds,
                setting,
            ),
        },
        held_back_by="Learning what drafts are worth takes the first clips of a bucket, and a night has more of them.",
        notes=(
            f"The gate of each prompt is the median of {setting.known} finals, so that about half pass. "
            f"{drafts} correlation and draft_cost are of these finals and their drafts.",
            "Scores of random weights by a random scorer rank noise; that drafts resemble their finals is measured, "
            "and not what it would be with trained weights.",
            LOOP,
            ENCODER,
            LIMIT,
        ),
    )


def _paces(one: Rig) -> tuple[Pace, Pace, float]:
    """Return our pace and the plain pipeline's, and how far their frames lie apart at most, in levels."""
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


def _generated(engine: Generator, variants: list[Variant], draft: bool = False) -> list[Generated]:
    """Generate; raise what a variant failed by."""
    found = []
    for item in engine.generate(variants, draft):
        if isinstance(item, Exception):
            raise item
        found.append(item)
    return found


def _known(one: Rig) -> Known:
    """Make finals and drafts of the same variants, and score both."""
    engine = open_generator(one.card, one.setting.device)
    scorer, variants = _scorer(one), one.variants(KNOWN_SEED, one.setting.known)
    for draft in (False, True):
        _generated(engine, variants[:1], draft)  # warm
    finals, drafts = (_scored(_generated(engine, variants, draft), scorer) for draft in (False, True))
    engine.close()
    (cosines, seconds), (draft_cosines, draft_seconds) = finals, drafts
    rows = (len(one.setting.prompts), one.setting.known)
    around = [
        np.reshape(values, rows) - np.mean(np.reshape(values, rows), axis=1, keepdims=True)
        for values in (cosines, draft_cosines)
    ]
    gates = np.median(np.reshape(cosines, rows), axis=1)
    return Known(
        dict(zip(one.setting.prompts, gates.tolist(), strict=True)),
        float(np.corrcoef(around[0].ravel(), around[1].ravel())[0, 1]),
        statistics.median(draft_seconds) / statistics.median(seconds),
    )


def _scored(made: list[Generated], scorer: FrameScorer) -> tuple[list[float], list[float]]:
    """Cosines and device seconds."""
    cosines = []
    for item in made:
        score = score_frames(item, scorer, [item.variant.prompt], Gate(-1.0))
        if score.prompt_adherence is None:
            raise RuntimeError(f"the checks turn down frames of the random weights: {score.checks}")
        cosines.append(score.prompt_adherence)
    return cosines, [item.device_seconds for item in made]


def _scorer(one: Rig) -> FrameScorer:
    return open_scorer(SCORER, extra_folders=(one.cards,))


def _plain_seconds(one: Rig) -> float:
    """Wall time of a clip of the plain loop, after one that warms it."""
    plain, scorer = PlainWan(one), _scorer(one)
    variants = one.variants(0, one.setting.plain_clips)[:: len(one.setting.prompts)]
    loop_seconds(plain, variants[:1], scorer, Path(one.folder, "plain-warm-up"))
    seconds = loop_seconds(plain, variants, scorer, Path(one.folder, "plain"))
    del plain
    free_caches()
    return seconds / len(variants)


def _drafts_of(one: Rig) -> str:
    """A sentence on what a draft is."""
    draft = one.card.draft
    if draft is None:
        raise RuntimeError("the card makes no drafts")
    cached = f" with {draft.step_cache.kind}" if draft.step_cache else ""
    return f"A draft is the card's: {draft.num_inference_steps or one.setting.steps} steps{cached}."


def _passing_rate(made: Made) -> float:
    return made.report.passed / made.report.wall_seconds * HOUR


def _forwards(setting: Setting) -> int:
    return 2 if setting.guidance > 1 else 1


def _step_flops(setting: Setting) -> float:
    """FLOPs of the transformer in a step: a forward, two with guidance."""
    with torch.device("meta"):
        config = WanTransformer3DModel(**TRANSFORMERS[setting.size]).config
    tokens = tokens_of(setting.height, setting.width, setting.num_frames)
    return _forwards(setting) * forward_flops(config, tokens, TEXT_TOKENS[setting.size])


def _share(name: str, flops: float, seconds: float, setting: Setting) -> dict[str, float]:
    """The figure where the device's limit is known; none where it is not."""
    if not setting.device.startswith("cuda"):
        return {}
    peak = peak_flops(torch.cuda.get_device_name(setting.device))
    return {name: flops / seconds / peak} if peak else {}
