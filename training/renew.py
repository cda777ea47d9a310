"""Replace one motif in the cache of latents: `python -m training.renew snow --clips 1536 --stills 4096`.

Use it if the drawing of a motif has changed, or if the motif needs more examples. The rows of the motif are removed
from the cache, and new shards with only this motif are added.
"""

import argparse

import numpy as np

from training.harness.run import Plan, launch
from training.latents import FOLDER, FRAMES, ODDS, SHARD, encode, keep
from training.scenes.codes import indices
from training.scenes.renderer import render
from training.scenes.scene import MOTIFS, SIZES, Scene, sample_scene
from training.vae import load

FIRST = 10_000
"""Number of the first added shard, far above those of `training.latents`."""


def drop(motif: str) -> None:
    """Remove the rows of the motif from every shard."""
    number = indices(Scene(motif, None, None, None))[0]
    for path in sorted(FOLDER.glob("*-[0-9]*.npz")):
        with np.load(path) as shard:
            latents, slots = shard["latents"], shard["slots"]
        others = slots[:, 0] != number
        if others.all():
            continue
        kind, index = path.stem.split("-")
        if others.any():
            keep(kind, int(index), latents[others], slots[others])
        else:
            path.unlink()


def sample(motif: str, rng: np.random.Generator) -> Scene:
    while True:
        scene = sample_scene(rng)
        if scene.motif == motif:
            return scene


def add(plan: Plan, rank: int) -> None:
    """Create the new shards of one worker: every `workers`-th one."""
    _, kind, motif = plan.part.split("-")
    vae = load()
    for index in range(rank, -(-plan.batch // SHARD[kind]), plan.workers):
        rng = np.random.default_rng((plan.seed, 5, FRAMES[kind], index))
        height, width = SIZES[rng.choice(len(SIZES), p=ODDS)]
        scenes = [sample(motif, rng) for _ in range(SHARD[kind])]
        frames = [render(scene, height, width, rng, FRAMES[kind]) for scene in scenes]
        slots = np.array([indices(scene) for scene in scenes], dtype=np.int8)
        keep(kind, FIRST + index, encode(vae, kind, frames), slots)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("motif", choices=MOTIFS)
    parser.add_argument("--clips", type=int, default=1536)
    parser.add_argument("--stills", type=int, default=4096)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    drop(chosen.motif)
    for kind in SHARD:
        count = getattr(chosen, kind)
        part = f"renew-{kind}-{chosen.motif}"
        launch(Plan(part=part, minutes=0, seed=chosen.seed, batch=count, workers=chosen.workers), add)


if __name__ == "__main__":
    main()
