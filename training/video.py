"""Train the video model: `python -m training.video --minutes 90 --still-minutes 15`.

Training uses flow matching on cached latents, conditioned on the code of the scene (see `codes`). It starts with
stills, which cost a fifth of a clip, until shapes and colours are learned, and continues with clips and some stills.
"""

import argparse
import time
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import LTXVideoTransformer3DModel
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from training import preview
from training.harness.muon import split
from training.harness.run import Plan, Run, autocast, device, launch
from training.latents import Cache, read_statistics
from training.scenes.codes import code
from training.scenes.scene import FPS
from training.video_model import build

MATRIX_RATE = 0.02
PLAIN = ("proj_in", "proj_out", "time_embed", "scale_shift_table", "caption_projection.linear_1", "position")
POSITION_BLOCK, POSITION_WEIGHT = 1, 0.2
ROPE_SCALE = (4 / FPS, 16, 16)
"""Seconds per latent frame and pixels per latent, as passed by the stock pipeline at `frame_rate=8`."""
STILL_SHARE = 0.25
SHEET_SECONDS = 900.0
REREAD = 300
"""Batches of clips after which the cache is read again, to include added shards."""
DROP_ALL, DROP_PART = 0.1, 0.08


@dataclass(frozen=True)
class VideoPlan(Plan):
    """Plan in which `batch` counts tokens. The first `still_minutes` use stills only."""

    still_minutes: float = 15.0


class OneToken:
    """Cross-attention to a single token: the result is its value for any query. Exact, at almost no cost."""

    def __call__(self, attn, hidden_states, encoder_hidden_states, *_: object, **__: object) -> torch.Tensor:
        value = attn.to_out[0](attn.to_v(encoder_hidden_states))
        return value.expand(-1, hidden_states.size(1), -1)


def use_one_token(model: LTXVideoTransformer3DModel) -> None:
    """Use a single caption token in training. All caption tokens have the same state, so one is enough."""
    for block in model.transformer_blocks:
        block.attn2.set_processor(OneToken())
        for part in (block.attn2.to_q, block.attn2.to_k, block.attn2.norm_q, block.attn2.norm_k):
            part.requires_grad_(False)


class Position:
    """A loss that teaches the model early where in the frame each token is.

    The class has only relative positions (RoPE), so the model must infer the middle of the frame from its edges. A
    linear head on the second block, which is not shipped, predicts time, height and width. On pure noise, the model
    learns this in less than a hundred steps; without the head, it needs many more.
    """

    def __init__(self, model: LTXVideoTransformer3DModel):
        model.position = nn.Linear(model.proj_in.out_features, 3).to(device())
        self.head, self.states = model.position, torch.empty(0)
        model.transformer_blocks[POSITION_BLOCK].register_forward_hook(self.keep)

    def keep(self, _block: nn.Module, _inputs: tuple, states: torch.Tensor) -> None:
        self.states = states.float()

    def loss(self, shape) -> torch.Tensor:
        """Return the mean squared error of the three coordinates, each -1 to 1 (time is 0 for a still)."""
        axes = [torch.linspace(-1, 1, length, device=device()) * (length > 1) for length in shape]
        target = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, 2)
        read = self.head(F.rms_norm(self.states, self.states.shape[-1:]))
        return F.mse_loss(read, target.expand_as(read))


def pack(latents: torch.Tensor) -> torch.Tensor:
    """Convert (n, 32, frames, height, width) to tokens (n, frames * height * width, 32)."""
    return latents.flatten(2).transpose(1, 2)


def forget(slots: torch.Tensor) -> torch.Tensor:
    """Clear parts of some codes, and all parts of a tenth of them, as required for classifier-free guidance."""
    keep = torch.rand(slots.shape) > DROP_PART
    keep &= torch.rand(len(slots), 1) > DROP_ALL
    return slots * keep


def predict(model, noisy: torch.Tensor, sigma: torch.Tensor, codes: torch.Tensor, shape) -> torch.Tensor:
    """Predict the flow (noise minus latents) of noisy tokens (n, tokens, 32) at noise levels `sigma` (n), 0 to 1."""
    frames, height, width = shape
    return model(
        hidden_states=noisy,
        encoder_hidden_states=codes[:, None],
        timestep=sigma * 1000,
        encoder_attention_mask=None,
        num_frames=frames,
        height=height,
        width=width,
        rope_interpolation_scale=ROPE_SCALE,
        return_dict=False,
    )[0]


def loss_of(model, latents: torch.Tensor, slots: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error of the flow at logit-normal noise levels, with more weight on high noise."""
    clean = pack(latents)
    noise = torch.randn_like(clean)
    sigma = torch.sigmoid(0.4 + 1.1 * torch.randn(len(clean), device=clean.device))
    noisy = torch.lerp(clean, noise, sigma[:, None, None])
    with autocast():
        flow = predict(model, noisy, sigma, code(slots), latents.shape[2:])
    return F.mse_loss(flow.float(), noise - clean)


def attention_kernel():
    """Return the fastest attention kernel. On CPU and at these lengths, the plain one has the fastest backward pass."""
    return sdpa_kernel(SDPBackend.MATH if device().type == "cpu" else SDPBackend.FLASH_ATTENTION)


class Feed:
    """Source of normalised training batches on the device."""

    def __init__(self, plan: VideoPlan, rng: np.random.Generator):
        self.plan, self.rng = plan, rng
        self.stills = Cache.read("stills")
        self.clips: Cache | None = None
        self.drawn = 0
        self.mean, self.deviation = (part[:, None, None, None] for part in read_statistics())

    def draw(self, seconds: float) -> tuple[str, torch.Tensor, torch.Tensor]:
        """Return the kind of the batch, its latents and its slot numbers, some of them cleared."""
        still = seconds < 60 * self.plan.still_minutes or self.rng.random() < STILL_SHARE
        if not still:
            if self.drawn % REREAD == 0:
                self.clips = Cache.read("clips")
            self.drawn += 1
        latents, slots = (self.stills if still else self.clips).draw(self.rng, self.plan.batch)
        latents = (latents - self.mean) / self.deviation
        return "still" if still else "clip", latents.to(device()), forget(slots).to(device())


def train(plan: VideoPlan, rank: int) -> None:
    torch.manual_seed(plan.seed)
    model = build().to(device())
    use_one_token(model)
    position = Position(model)
    run = Run(plan, model, split(model, plan.rate, MATRIX_RATE, PLAIN), rank)
    torch.manual_seed(plan.seed + rank + run.step)
    feed = Feed(plan, np.random.default_rng((plan.seed, rank, run.step)))
    shown = time.monotonic()
    with attention_kernel():
        while run.running():
            kind, latents, slots = feed.draw(run.seconds)
            loss = loss_of(model, latents, slots)
            place = position.loss(latents.shape[2:])
            model.zero_grad()
            (loss + POSITION_WEIGHT * place).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer in run.optimizers:
                optimizer.step()
            run.stepped(**{kind: loss.item(), f"{kind}_samples": len(latents), "place": place.item()})
            if rank == 0 and time.monotonic() - shown > SHEET_SECONDS:
                preview.draw()
                shown = time.monotonic()
    run.save()
    if rank == 0:
        preview.draw()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--still-minutes", type=float, default=15)
    parser.add_argument("--batch", type=int, default=4096 if device().type == "cpu" else 65536)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    launch(VideoPlan(part="video", rate=1e-3, **vars(parser.parse_args())), train)


if __name__ == "__main__":
    main()
