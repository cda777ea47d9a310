"""1,000 jobs over 40 prompts through the real generator: how often the text encoder runs.

A real LTXPipeline with tiny random weights, built here from diffusers' own classes: how often a text is
encoded depends on neither size nor training. Guidance is off, so that no negative prompt is encoded: 40
prompts are 40 encodings. With guidance on, the negative prompts are texts like others, each encoded once.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import LTXPipeline

from benchmarks import tiny_ltx
from benchmarks.result import Limit, Result
from manifests.variant import Variant
from models.card import ModelCard
from models.diffusers.generator import DiffusersVideo

JOBS = 1_000
PROMPTS = 40
SHARD = 32
"""Jobs a call of the generator, as the default shard_size has them; their prompts go round."""


def run() -> Result:
    """Count both sides' encodings over the same jobs."""
    torch.set_num_threads(1)
    with tiny_ltx.folder() as folder:
        card = tiny_ltx.card(folder)
        jobs = [_variant(card, number) for number in range(JOBS)]
        ours, our_seconds = _ours(card, jobs)
        plain, plain_seconds = _plain(card, jobs)
    return Result(
        name="embed",
        what="Make 1,000 clips of 40 prompts, and count the calls of the text encoder.",
        unit="encodings",
        ours=ours,
        baseline=plain,
        limits=(Limit("ours", "exactly", PROMPTS),),
        figures={"jobs": JOBS, "prompts": PROMPTS, "ours_s": our_seconds, "baseline_s": plain_seconds},
        held_back_by="Nothing: each text is encoded once for as long as its generator remembers it.",
        notes=(
            "Tiny random weights, 9 frames of 32x32, one step, guidance off, so there is no negative prompt to "
            "encode. The baseline is the pipeline called with the words, a clip a call.",
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
    """Yield a list that grows by the number of texts at each call of the module."""
    calls: list[int] = []
    hook = module.register_forward_pre_hook(
        lambda _, args, kwargs: calls.extend([1] * len(kwargs.get("input_ids", args[0] if args else ()))),
        with_kwargs=True,
    )
    yield calls
    hook.remove()
