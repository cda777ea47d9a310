"""Render scenes and store their latents: `python -m training.latents --clips 24000 --stills 60000`.

A still is the first frame of a clip. The encoder is causal, so the latent of a still is the first of the clip.
"""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from training.harness.run import RUNS, Plan, autocast, device, launch
from training.scenes.codes import indices
from training.scenes.renderer import render
from training.scenes.scene import NUM_FRAMES, SIZES, sample_scene
from training.vae import load, to_tensor

FOLDER = RUNS / "latents"
SHARD = {"stills": 2048, "clips": 256}
FRAMES = {"stills": 1, "clips": NUM_FRAMES}
ENCODE = {"stills": 32, "clips": 2}
ODDS = (0.5, 0.25, 0.25)


def sample(kind: str, index: int, seed: int) -> tuple[list[np.ndarray], list[list[int]]]:
    """Return the clips or stills of a shard, all of the same size, and their slot numbers."""
    rng = np.random.default_rng((seed, FRAMES[kind], index))
    height, width = SIZES[rng.choice(len(SIZES), p=ODDS)]
    scenes = [sample_scene(rng) for _ in range(SHARD[kind])]
    return [render(one, height, width, rng, FRAMES[kind]) for one in scenes], [indices(one) for one in scenes]


def encode(vae, kind: str, frames: list[np.ndarray]) -> np.ndarray:
    """Return latent means, not normalised: float16 (count, 32, latent frames, height/16, width/16)."""
    group = ENCODE[kind] * (1 if device().type == "cpu" else 16)
    kept = []
    for start in range(0, len(frames), group):
        video = to_tensor(np.stack(frames[start : start + group])).to(device(), memory_format=torch.channels_last_3d)
        with torch.no_grad(), autocast():
            kept.append(vae.encode(video).latent_dist.mode().half().cpu())
    return torch.cat(kept).numpy()


def write(vae, kind: str, index: int, seed: int) -> None:
    """Create a shard unless it exists."""
    if shard_path(kind, index).exists():
        return
    frames, slots = sample(kind, index, seed)
    keep(kind, index, encode(vae, kind, frames), np.array(slots, dtype=np.int8))


def shard_path(kind: str, index: int) -> Path:
    return FOLDER / f"{kind}-{index:05d}.npz"


def keep(kind: str, index: int, latents: np.ndarray, slots: np.ndarray) -> None:
    """Save a shard atomically."""
    path = shard_path(kind, index)
    part = path.with_suffix(".part.npz")
    np.savez(part, latents=latents, slots=slots)
    os.replace(part, path)


def fill(plan: Plan, rank: int) -> None:
    """Create the shards of one worker: every `workers`-th one."""
    vae = load()
    kind, count = plan.part.split("-")[1], plan.batch
    for index in range(rank, -(-count // SHARD[kind]), plan.workers):
        write(vae, kind, index, plan.seed)


@dataclass
class Cache:
    """All shards of one kind in memory, grouped by latent shape."""

    latents: dict[tuple[int, ...], torch.Tensor]
    slots: dict[tuple[int, ...], torch.Tensor]

    @classmethod
    def read(cls, kind: str) -> "Cache":
        latents: dict[tuple[int, ...], list] = {}
        slots: dict[tuple[int, ...], list] = {}
        for path in sorted(FOLDER.glob(f"{kind}-*[0-9].npz")):
            with np.load(path) as shard:
                shape = shard["latents"].shape[2:]
                latents.setdefault(shape, []).append(torch.from_numpy(shard["latents"]))
                slots.setdefault(shape, []).append(torch.from_numpy(shard["slots"]))
        return cls(
            {shape: torch.cat(parts) for shape, parts in latents.items()},
            {shape: torch.cat(parts) for shape, parts in slots.items()},
        )

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.slots.values())

    def draw(self, rng: np.random.Generator, tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return about `tokens` tokens of one shape: latents (n, 32, frames, height, width) and slots (n, 4)."""
        shapes = list(self.slots)
        sizes = np.array([len(self.slots[shape]) for shape in shapes])
        shape = shapes[rng.choice(len(shapes), p=sizes / sizes.sum())]
        rows = rng.integers(len(self.slots[shape]), size=max(2, tokens // int(np.prod(shape))))
        return self.latents[shape][rows].float(), self.slots[shape][rows]


def statistics(cache: Cache) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and standard deviation of each latent channel, with a lower bound for nearly constant channels."""
    flat = torch.cat([part[:2000].float().movedim(1, -1).flatten(0, -2) for part in cache.latents.values()])
    deviation = flat.std(0)
    return flat.mean(0), deviation.clamp(min=0.25 * deviation.median().item())


def read_statistics() -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and standard deviation of the latents. They are computed once and then stay fixed."""
    path = FOLDER / "statistics.pt"
    if not path.exists():
        torch.save(statistics(Cache.read("clips")), path)
    mean, deviation = torch.load(path, weights_only=True)
    return mean, deviation


def make(kind: str, count: int, workers: int, seed: int) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    launch(Plan(part=f"latents-{kind}", minutes=0, seed=seed, batch=count, workers=workers), fill)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=24000)
    parser.add_argument("--stills", type=int, default=60000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    for kind in ("stills", "clips"):
        make(kind, getattr(chosen, kind), chosen.workers, chosen.seed)


if __name__ == "__main__":
    main()
