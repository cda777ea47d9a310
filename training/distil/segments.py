"""Store segments of the teacher's trajectories: `python -m training.distil.segments --count 4000`.

A shard contains clips of one size. Re-run the command to resume: existing shards are kept. With `--round 1` and
higher, segments start from the states of the student in its latest checkpoint, not from those of the teacher.
"""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from training.distil.teacher import SEGMENTS, latent_shape, load_teacher, noise_levels, walk
from training.harness.run import RUNS, Plan, autocast, device, launch
from training.scenes.captions import open_some
from training.scenes.codes import indices
from training.scenes.scene import SIZES, sample_scene
from training.vae import LATENT_CHANNELS

SHARD = 48
GROUP = 4
"""Clips per forward pass on CPU. Larger groups are slower per clip: their activations leave the cache."""
OPEN_SHARE = 0.5
"""Share of scenes that may leave parts unspecified; most prompts specify all of them."""
HELD_OUT = len(SIZES)
"""The first shards, one of each size, are not trained on: they measure the student."""


def shard_path(turn: int, index: int) -> Path:
    return RUNS / "segments" / f"segments-{turn}-{index:05d}.npz"


def sample(turn: int, index: int, seed: int) -> tuple[tuple[int, int, int], torch.Tensor, torch.Tensor]:
    """Return the latent shape of a shard, its noise (SHARD, tokens, 32) and its slot numbers (SHARD, 4)."""
    rng = np.random.default_rng((seed, turn, index))
    scenes = [sample_scene(rng) for _ in range(SHARD)]
    slots = [indices(open_some(scene, rng) if rng.random() < OPEN_SHARE else scene) for scene in scenes]
    shape = latent_shape(*SIZES[index % len(SIZES)])
    noise = rng.standard_normal((SHARD, int(np.prod(shape)), LATENT_CHANNELS), dtype=np.float32)
    return shape, torch.from_numpy(noise), torch.tensor(slots)


def write(teacher, student, turn: int, index: int, seed: int) -> None:
    """Create a shard atomically, unless it exists."""
    path = shard_path(turn, index)
    if path.exists():
        return
    shape, noise, slots = sample(turn, index, seed)
    group, parts = GROUP if device().type == "cpu" else SHARD, []
    for start in range(0, SHARD, group):
        few = (part[start : start + group].to(device()) for part in (noise, slots))
        with torch.no_grad(), autocast(), sdpa_kernel(SDPBackend.FLASH_ATTENTION):
            parts.append([part.half().cpu() for part in walk(teacher, *few, shape, student)])
    starts, flows = (torch.cat(kind).numpy() for kind in zip(*parts, strict=True))
    part = path.with_suffix(".part.npz")
    np.savez(part, starts=starts, flows=flows, slots=slots.numpy().astype(np.int8), shape=np.array(shape))
    os.replace(part, path)


@dataclass(frozen=True)
class SegmentPlan(Plan):
    """Plan in which `batch` counts clips."""

    compile: bool = False


def fill(plan: SegmentPlan, rank: int) -> None:
    """Create the shards of one worker: every `workers`-th one."""
    turn, student = int(plan.part.split("-")[1]), None
    if turn:
        from training.distil.student import load  # that module reads segments

        student = load()
    teacher = load_teacher(compile_blocks=plan.compile)
    for index in range(rank, -(-plan.batch // SHARD), plan.workers):
        write(teacher, student, turn, index, plan.seed)


@dataclass
class Segments:
    """Shards in memory, grouped by latent shape: starts, mean flows (n, SEGMENTS, tokens, 32) and slots (n, 4)."""

    groups: dict[tuple[int, ...], tuple[torch.Tensor, torch.Tensor, torch.Tensor]]

    @classmethod
    def read(cls, held_out: bool = False) -> "Segments":
        """Read all shards that are not held out, or only the held-out ones."""
        groups: dict[tuple[int, ...], list] = {}
        for path in sorted((RUNS / "segments").glob("segments-*[0-9].npz")):
            turn, index = map(int, path.stem.split("-")[1:])
            if (turn == 0 and index < HELD_OUT) == held_out:
                with np.load(path) as shard:
                    parts = [torch.from_numpy(shard[name]) for name in ("starts", "flows", "slots")]
                    groups.setdefault(tuple(map(int, shard["shape"])), []).append(parts)
        return cls({shape: tuple(map(torch.cat, zip(*parts, strict=True))) for shape, parts in groups.items()})

    def __len__(self) -> int:
        return sum(len(slots) for _, _, slots in self.groups.values())

    def draw(self, rng: np.random.Generator, tokens: int):
        """Return a batch of about `tokens` tokens of one shape.

        Returns:
            The shape, states (n, tokens, 32), their mean flows, noise levels (n), slots (n, 4) and segments (n).
        """
        shapes = list(self.groups)
        sizes = np.array([len(self.groups[shape][2]) for shape in shapes])
        shape = shapes[rng.choice(len(shapes), p=sizes / sizes.sum())]
        count = max(2, tokens // int(np.prod(shape)))
        rows = torch.from_numpy(rng.integers(len(self.groups[shape][2]), size=count))
        return shape, *self.pick(shape, rows, torch.from_numpy(rng.integers(SEGMENTS, size=count)))

    def pick(self, shape: tuple[int, ...], rows: torch.Tensor, segments: torch.Tensor):
        """Return states, mean flows, noise levels, slots and segments of the chosen rows, on the device."""
        starts, flows, slots = self.groups[shape]
        levels = noise_levels(SEGMENTS)[segments]
        chosen = starts[rows, segments].float(), flows[rows, segments].float(), levels, slots[rows], segments
        return tuple(part.to(device()) for part in chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=4000, help="number of clips")
    parser.add_argument("--round", type=int, default=0, help="0: states of the teacher; 1 and higher: of the student")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--compile", action="store_true", help="compile the teacher; needs a C++ compiler")
    chosen = parser.parse_args()
    (RUNS / "segments").mkdir(parents=True, exist_ok=True)
    options = {"seed": chosen.seed, "workers": chosen.workers, "compile": chosen.compile}
    launch(SegmentPlan(part=f"segments-{chosen.round}", minutes=0, batch=chosen.count, **options), fill)


if __name__ == "__main__":
    main()
