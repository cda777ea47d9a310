"""Train the video autoencoder: `python -m training.vae --minutes 30`."""

import argparse
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLLTXVideo
from torch.nn import functional as F

from training.harness.muon import split
from training.harness.run import RUNS, Plan, Run, autocast, device, launch
from training.harness.sheet import save_sheet
from training.scenes.renderer import render
from training.scenes.scene import NUM_FRAMES, SIZES, sample_scene

LATENT_CHANNELS = 32
MATRIX_RATE = 0.015
LENGTHS = (1, 5, 9, 17)
STAGES = (
    (0.35, 32, (0.45, 0.2, 0.2, 0.15)),
    (0.75, 64, (0.15, 0.15, 0.3, 0.4)),
    (1.01, 96, (0.15, 0.15, 0.2, 0.5)),
)
"""Progress at the end of the stage, side of a crop in pixels, and probability of each length. Many small crops of
many scenes teach colours much faster than a few complete clips."""
PIXELS = 65536
"""Pixels in one unit of batch, over all frames and crops."""
FIRST_LOG_VARIANCE = -6.0
"""Latents start almost without noise. With the usual 0, training spends its first minutes on the noise."""


def build() -> AutoencoderKLLTXVideo:
    """Build an autoencoder with 16x16 pixels and four frames per latent (one for the first frame) and 32 channels.

    Both scaling steps of encoder and decoder have a shortcut that only reorders pixels, and every residual branch
    starts at zero.
    """
    vae = AutoencoderKLLTXVideo(
        latent_channels=LATENT_CHANNELS,
        block_out_channels=(64, 128, 128),
        down_block_types=("LTXVideo095DownBlock3D",) * 2,
        decoder_block_out_channels=(64, 128),
        layers_per_block=(1, 1, 1),
        decoder_layers_per_block=(2, 2, 1),
        spatio_temporal_scaling=(True, True),
        decoder_spatio_temporal_scaling=(True, True),
        decoder_inject_noise=(False, False, False),
        downsample_type=("spatiotemporal", "spatiotemporal"),
        upsample_residual=(True, True),
        upsample_factor=(1, 2),
        timestep_conditioning=False,
        patch_size=4,
    )
    with torch.no_grad():
        vae.encoder.conv_out.conv.bias[-1] = FIRST_LOG_VARIANCE
        for name, weight in vae.named_parameters():
            if ".conv2." in name:
                weight.zero_()
    return vae


def to_tensor(frames: np.ndarray) -> torch.Tensor:
    """Convert uint8 (..., frames, height, width, 3) to float (..., 3, frames, height, width), -1 to 1."""
    return torch.from_numpy(frames).movedim(-1, -4).float() / 127.5 - 1


def to_frames(video: torch.Tensor) -> np.ndarray:
    """Convert the result of `to_tensor` back to uint8, clipped."""
    scaled = (video.float().clamp(-1, 1) + 1) * 127.5 + 0.5
    return scaled.movedim(-4, -1).to(torch.uint8).cpu().numpy()


def crop(rng: np.random.Generator, num_frames: int, side: int) -> np.ndarray:
    """Return a square crop of a random training scene, uint8 (num_frames, side, side, 3)."""
    height, width = SIZES[rng.integers(len(SIZES))]
    first = int(rng.integers(NUM_FRAMES - num_frames + 1))
    clip = render(sample_scene(rng), height, width, rng, num_frames, first)
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    return clip[:, top : top + side, left : left + side]


def batch(rng: np.random.Generator, units: int, progress: float) -> torch.Tensor:
    """Return crops of the same length and side, float (copies, 3, frames, side, side)."""
    _, side, odds = next(stage for stage in STAGES if progress < stage[0])
    num_frames = int(rng.choice(LENGTHS, p=odds))
    copies = max(1, units * PIXELS // (num_frames * side * side))
    crops = [crop(rng, num_frames, side) for _ in range(copies)]
    return to_tensor(np.stack(crops)).to(device(), memory_format=torch.channels_last_3d)


def edges(video: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the differences of horizontal and of vertical neighbours."""
    return video[..., 1:] - video[..., :-1], video[..., 1:, :] - video[..., :-1, :]


def losses(vae: AutoencoderKLLTXVideo, video: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return L1, squared error, L1 of the edges and KL of the latents, each as a mean over the elements."""
    with autocast():
        posterior = vae.encode(video).latent_dist
        output = vae.decode(posterior.sample()).sample
    output = output.float()
    edge = sum(F.l1_loss(a, b) for a, b in zip(edges(output), edges(video), strict=True))
    kl = 0.5 * (posterior.mean.float() ** 2 + posterior.var.float() - 1 - posterior.logvar.float()).mean()
    return {"l1": F.l1_loss(output, video), "mse": F.mse_loss(output, video), "edge": edge, "kl": kl}


def show(vae: AutoencoderKLLTXVideo, path: Path) -> None:
    """Draw eight clips, each with its reconstruction."""
    rng = np.random.default_rng(5)
    clips, labels = [], []
    for _ in range(8):
        scene = sample_scene(rng)
        clip = render(scene, 96, 96, rng)
        with torch.no_grad(), autocast():
            video = vae.decode(vae.encode(to_tensor(clip)[None].to(device())).latent_dist.mode()).sample
        clips += [clip, to_frames(video[0])]
        labels += [f"{scene.foreground} {scene.motif} {scene.motion} on {scene.background}", "reconstruction"]
    save_sheet(path, clips, labels)


def train(plan: Plan, rank: int) -> None:
    torch.manual_seed(plan.seed)
    vae = build().to(device(), memory_format=torch.channels_last_3d)
    optimizers = split(vae, plan.rate, MATRIX_RATE)
    run = Run(plan, vae, optimizers, rank)
    rng = np.random.default_rng((plan.seed, rank, run.step))
    torch.manual_seed(plan.seed + rank + run.step)
    while run.running():
        parts = losses(vae, batch(rng, plan.batch, run.progress))
        loss = parts["l1"] + parts["mse"] + 0.5 * parts["edge"] + 3e-4 * parts["kl"]
        vae.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        run.stepped(**{name: value.item() for name, value in parts.items()})
    run.save()
    if rank == 0:
        vae.load_state_dict(run.average)
        show(vae, run.folder / "sheet.png")


def load() -> AutoencoderKLLTXVideo:
    """Load the averaged weights of the latest checkpoint, ready for use."""
    vae = build()
    state = torch.load(RUNS / "vae" / "checkpoint-0.pt", map_location="cpu", weights_only=True)
    vae.load_state_dict(state["average"])
    return vae.to(device(), memory_format=torch.channels_last_3d).eval().requires_grad_(False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    chosen = vars(parser.parse_args())
    launch(Plan(part="vae", rate=1e-3, **chosen), train)


if __name__ == "__main__":
    main()
