"""Score eight frames against their prompt: batches with cached texts, against open_clip with PIL, frame by frame."""

import tempfile
from pathlib import Path

import numpy as np
import torch

from benchmarks.harness import machine
from benchmarks.harness.result import Limit, Result
from benchmarks.harness.timing import interleaved
from benchmarks.render import plain_postprocess
from benchmarks.render.footage import HEIGHT, WIDTH, natural
from benchmarks.render.random_openclip import MODEL, random_scorer
from models.openclip.scorer import OpenClipScorer, prepare

PROMPT = "a red kite over a beach"


def run() -> Result:
    """Measure both sides with torch's default threads, and with one thread, as in the engine."""
    frames = natural(plain_postprocess.SCORED_FRAMES)
    with tempfile.TemporaryDirectory() as folder:
        scorer = random_scorer(Path(folder, "openclip"))
        ours, plain = interleaved(lambda: _ours(scorer, frames), lambda: _plain(scorer, frames))
        prepared, by_pil = interleaved(
            lambda: prepare(_pictures(frames), scorer.preprocess),
            lambda: [scorer.preprocess(plain_postprocess.as_pil(frame)) for frame in frames],
        )
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            alone, plain_alone = interleaved(lambda: _ours(scorer, frames), lambda: _plain(scorer, frames), rounds=3)
        finally:
            torch.set_num_threads(threads)
        cosine = _smallest_cosine(scorer, frames)
    least = 8 if "amx_bf16" in machine.describe()["flags"] else 2.5
    return Result(
        name="score8",
        unit="ms per clip",
        ours=1e3 * ours.wall_s,
        baseline=1e3 * plain.wall_s,
        what=f"Cosines of eight frames of {WIDTH}x{HEIGHT} with a prompt, by an OpenCLIP {MODEL}.",
        limits=(Limit("ratio", "at least", least), Limit("smallest_cosine", "at least", 0.999)),
        figures={
            "smallest_cosine": cosine,
            "threads": threads,
            "one_thread_ms": 1e3 * alone.wall_s,
            "baseline_one_thread_ms": 1e3 * plain_alone.wall_s,
            "preprocessing_ms": 1e3 * prepared.wall_s,
            "baseline_preprocessing_ms": 1e3 * by_pil.wall_s,
        },
        held_back_by="The eight passes through the vision tower, in float32 if the CPU has no AMX. oneDNN is close to "
        "the limit of two cores.",
        notes=(
            "Ours prepares the frames as one batch of tensors, embeds them in one call, and embeds the prompt once per "
            "shard. The baseline prepares each frame with PIL, embeds it alone, and embeds the prompt each time. Ours "
            "uses oneDNN for matrix products (models/cpu_matmul.py); the baseline uses torch's default. The weights "
            "are random, which does not affect speed. `smallest_cosine` compares both embeddings of a frame.",
        ),
    )


def _ours(scorer: OpenClipScorer, frames: np.ndarray) -> float:
    return float((scorer.embed_frames(frames) @ scorer.embed_prompts([PROMPT]).T).mean())


def _plain(scorer: OpenClipScorer, frames: np.ndarray) -> float:
    return float(np.mean([plain_postprocess.cosine(frame, scorer, PROMPT) for frame in frames]))


def _pictures(frames: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2)


def _smallest_cosine(scorer: OpenClipScorer, frames: np.ndarray) -> float:
    alone = torch.cat([plain_postprocess.embedding(frame, scorer) for frame in frames]).numpy()
    return float((scorer.embed_frames(frames) * alone).sum(axis=1).min())
