"""Count how often the text encoder runs for 1,000 jobs over 40 prompts in the real generator.

The model is an LTXPipeline with tiny random weights, built from diffusers' own classes: how often a text is
encoded depends neither on size nor on training. Guidance is off, so that no negative prompt is encoded and 40
prompts need 40 encodings. With guidance on, each negative prompt is also encoded once.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import LTXPipeline

from benchmarks.harness.result import Limit, Result
from benchmarks.render import tiny_ltx
from manifests.variant import Variant
from models.card import ModelCard
from models.diffusers.generator import DiffusersVideo

JOBS = 1_000
PROMPTS = 40
SHARD = 32
"""Jobs per call of the generator: the default of shard_size. Their prompts alternate."""


def run() -> Result:
    """Count the encodings of both sides for the same jobs."""
    torch.set_num_threads(1)
    with tiny_ltx.folder() as folder:
        card = tiny_ltx.card(folder)
        jobs = [_variant(card, number) for number in range(JOBS)]
        ours, our_seconds = _ours(card, jobs)
        plain, plain_seconds = _plain(card, jobs)
    return Result(
        name="embed",
        what="Generate 1,000 clips of 40 prompts and count the calls of the text encoder.",
        unit="encodings",
        ours=ours,
        baseline=plain,
        limits=(Limit("ours", "exactly", PROMPTS),),
        figures={"jobs": JOBS, "prompts": PROMPTS, "ours_s": our_seconds, "baseline_s": plain_seconds},
        held_back_by="Nothing: each text is encoded once while the generator caches it.",
        notes=(
            "Tiny random weights, 9 frames of 32x32, one step. Guidance is off, so there is no negative prompt to "
            "encode. The baseline calls the pipeline with the prompt text, once for each clip.",
        ),
    )


def _variant(card: ModelCard, number: int) -> Variant:
    return Variant(
        card.name,
        card.weights.revision,
        f"a red circle number {number % PROMPTS}",
        "",
        number,
        32,
        32,
        9,
        8,
        1,
        1.0,
        recipe=card.recipe("exact"),
    )


def _ours(card: ModelCard, jobs: list[Variant]) -> tuple[int, float]:
    generator = DiffusersVideo(card)
    with _counted(generator.pipeline.text_encoder) as calls:
        started = time.perf_counter()
        for start in range(0, JOBS, SHARD):
            shard = jobs[start : start + SHARD]
            generator.prepare(shard)
            for item in generator.generate(shard):
                if isinstance(item, Exception):
                    raise item
        seconds = time.perf_counter() - started
    generator.close()
    return len(calls), seconds


def _plain(card: ModelCard, jobs: list[Variant]) -> tuple[int, float]:
    pipeline = LTXPipeline.from_pretrained(card.weights.folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    with _counted(pipeline.text_encoder) as calls:
        started = time.perf_counter()
        for job in jobs:
            pipeline(
                prompt=job.prompt,
                height=job.height,
                width=job.width,
                num_frames=job.num_frames,
                frame_rate=job.fps,
                num_inference_steps=job.num_inference_steps,
                guidance_scale=job.guidance_scale,
                generator=torch.Generator().manual_seed(job.seed),
                max_sequence_length=tiny_ltx.TOKENS,
            )
        seconds = time.perf_counter() - started
    return len(calls), seconds


@contextmanager
def _counted(module: Any) -> Iterator[list[int]]:
    """Yield a list that gets one element for each text that the module encodes."""
    calls: list[int] = []
    hook = module.register_forward_pre_hook(
        lambda _, args, kwargs: calls.extend([1] * len(kwargs.get("input_ids", args[0] if args else ()))),
        with_kwargs=True,
    )
    yield calls
    hook.remove()
