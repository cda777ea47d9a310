"""Train a small classifier of motifs on renders only: `python -m training.judges.motif_judge --minutes 4`.

It shares no weights, features or captions with the shipped models. Its weights are stored in this folder, so that
anyone can repeat the measurements of `training.evaluate`.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from training.harness.run import RUNS, Plan, Run, autocast, device, launch
from training.openclip import squash
from training.scenes.renderer import render
from training.scenes.scene import MOTIFS, NUM_FRAMES, SIZES, sample_scene
from training.vae import to_tensor

WEIGHTS = Path(__file__).with_suffix(".safetensors")
PICKS = (0, 4, 8, 12, 16)
"""Frames of a clip that are judged. Their results are averaged."""


def build() -> nn.Sequential:
    """Build the network: five halvings of an image (n, 3, 96, 96), then the log-odds of each motif (n, 15)."""
    layers: list[nn.Module] = []
    widths = (3, 32, 48, 64, 96, 128)
    for narrow, wide in pairwise(widths):
        layers += [nn.Conv2d(narrow, wide, 3, 2, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(128 * 9, len(MOTIFS)))


def sample(rng: np.random.Generator, count: int, held_out: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Return single frames of random scenes, resized to 96x96, and their motif numbers."""
    height, width = SIZES[rng.integers(len(SIZES))]
    scenes = [sample_scene(rng, held_out) for _ in range(count)]
    frames = [render(one, height, width, rng, 1, int(rng.integers(NUM_FRAMES))) for one in scenes]
    labels = torch.tensor([MOTIFS.index(one.motif) for one in scenes])
    return squash(to_tensor(np.stack(frames))[:, :, 0]).to(device()), labels.to(device())


def roughen(images: torch.Tensor) -> torch.Tensor:
    """Blur half of the images and add noise, so that the classifier does not depend on sharpness."""
    soft = F.interpolate(F.avg_pool2d(images, 3), scale_factor=3, mode="bilinear")
    chosen = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
    return torch.where(chosen, soft, images) + 0.05 * torch.randn_like(images)


def train(plan: Plan, rank: int) -> None:
    torch.manual_seed(plan.seed)
    model = build().to(device())
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.rate, weight_decay=0.05)
    run = Run(plan, model, [optimizer], rank)
    rng = np.random.default_rng((plan.seed, 77, rank, run.step))
    while run.running():
        images, labels = sample(rng, plan.batch)
        with autocast():
            odds = model(roughen(images)).float()
        loss = F.cross_entropy(odds, labels, label_smoothing=0.02)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.stepped(loss=loss.item(), right=(odds.argmax(1) == labels).float().mean().item())
    run.save()


def save() -> None:
    """Save the latest weights in fp32 in this folder."""
    state = torch.load(RUNS / "motif_judge" / "checkpoint-0.pt", map_location="cpu", weights_only=True)
    save_file({name: value.contiguous() for name, value in state["model"].items()}, WEIGHTS)
    WEIGHTS.chmod(0o644)


def load() -> nn.Sequential:
    model = build()
    model.load_state_dict(load_file(WEIGHTS))
    return model.eval().requires_grad_(False)


def read_motif(model: nn.Sequential, clip: np.ndarray) -> str:
    """Return the motif of a uint8 clip (frames, height, width, 3)."""
    frames = squash(to_tensor(clip[list(PICKS)]).movedim(1, 0))
    return MOTIFS[int(model(frames).log_softmax(1).mean(0).argmax())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    launch(Plan(part="motif_judge", rate=2e-3, **vars(parser.parse_args())), train)


if __name__ == "__main__":
    main()
