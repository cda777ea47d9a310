"""Eight frames and their prompt: batches and kept texts against open_clip's PIL way, a frame at a time."""

import tempfile
from pathlib import Path

import numpy as np
import torch

from benchmarks import machine, plain_tail
from benchmarks.footage import HEIGHT, WIDTH, natural
from benchmarks.random_openclip import MODEL, random_scorer
from benchmarks.result import Limit, Result
from benchmarks.timing import interleaved
from models.openclip.scorer import OpenClipScorer, prepare

PROMPT = "a red kite over a beach"


def run() -> Result:
    """Measure both with the threads that torch takes by itself, and ours with one too, as the engine has it."""
    frames = natural(plain_tail.SCORED_FRAMES)
    with tempfile.TemporaryDirectory() as folder:
        scorer = random_scorer(Path(folder, "openclip"))
        ours, plain = interleaved(lambda: _ours(scorer, frames), lambda: _plain(scorer, frames))
        prepared, by_pil = interleaved(
            lambda: prepare(_pictures(frames), scorer.preprocess),
            lambda: [scorer.preprocess(plain_tail.as_pil(frame)) for frame in frames],
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
        unit="ms a clip",
        ours=1e3 * ours.wall_s,
        baseline=1e3 * plain.wall_s,
        what=f"Cosines of eight frames of {WIDTH}x{HEIGHT} and a prompt by an OpenCLIP {MODEL}.",
        limits=(Limit("ratio", "at least", least), Limit("smallest_cosine", "at least", 0.999)),
        figures={
            "smallest_cosine": cosine,
            "threads": threads,
            "one_thread_ms": 1e3 * alone.wall_s,
            "baseline_one_thread_ms": 1e3 * plain_alone.wall_s,
            "preprocessing_ms": 1e3 * prepared.wall_s,
            "baseline_preprocessing_ms": 1e3 * by_pil.wall_s,
        },
        held_back_by="The eight passes through the vision tower, in float32 where there is no AMX: oneDNN is near what "
        "two cores can do.",
        notes=(
            "Ours prepares the frames as one batch of tensors, embeds them in one call and its prompt once a shard; "
            "the other side prepares each by PIL, embeds it alone, and its prompt each time. Ours has oneDNN "
            "multiply the matrices (models/cpu_matmul.py), the other side has what torch takes by itself. Weights "
            "are random: speed does not depend on them. `smallest_cosine` is of the two embeddings of one frame.",
        ),
    )


def _ours(scorer: OpenClipScorer, frames: np.ndarray) -> float:
    return float((scorer.embed_frames(frames) @ scorer.embed_prompts([PROMPT]).T).mean())


def _plain(scorer: OpenClipScorer, frames: np.ndarray) -> float:
    return float(np.mean([plain_tail.cosine(frame, scorer, PROMPT) for frame in frames]))


def _pictures(frames: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2)


def _smallest_cosine(scorer: OpenClipScorer, frames: np.ndarray) -> float:
    alone = torch.cat([plain_tail.embedding(frame, scorer) for frame in frames]).numpy()
    return float((scorer.embed_frames(frames) * alone).sum(axis=1).min())
