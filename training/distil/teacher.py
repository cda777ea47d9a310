"""The shipped video model as the teacher: its noise levels, its guided flow and the segments that a student learns.

The teacher needs 16 steps with guidance, which are 32 forward passes. A segment is a quarter of these steps. The noise
levels at its two ends are also those of the stock pipeline with four steps, so a student that predicts the mean flow
of each segment ends where the teacher ends.
"""

import itertools
import json
from pathlib import Path

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTXVideoTransformer3DModel

from training.harness.run import device
from training.scenes.codes import code
from training.scenes.scene import NUM_FRAMES
from training.stamp import MODELS
from training.video import predict, use_one_token

CARD = MODELS / "cards" / "starter.json"
SEGMENTS = 4
"""Steps of the student."""


def load_teacher(folder: Path = MODELS / "starter" / "t2v", compile_blocks: bool = False) -> LTXVideoTransformer3DModel:
    """Return the shipped transformer in fp32, with cross-attention to a single caption token.

    Args:
        compile_blocks: needs a C++ compiler. Measured on a Zen 5 core, forward, 300 tokens: 14 ms a clip instead of 19.
    """
    model = LTXVideoTransformer3DModel.from_pretrained(folder / "transformer", local_files_only=True).float()
    use_one_token(model)
    if compile_blocks:
        model.compile_repeated_blocks(fullgraph=True, dynamic=False)
    return model.to(device()).eval().requires_grad_(False)


def defaults() -> tuple[int, float]:
    """Return the number of steps and the guidance scale of the starter's card."""
    chosen = json.loads(CARD.read_text())["defaults"]
    return chosen["num_inference_steps"], chosen["guidance_scale"]


def noise_levels(steps: int, folder: Path = MODELS / "starter" / "t2v") -> torch.Tensor:
    """Return the noise levels of the stock pipeline, (steps + 1): from 1 to 0, after the scheduler's shift."""
    scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(folder / "scheduler", local_files_only=True)
    scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps))
    return scheduler.sigmas


def latent_shape(height: int, width: int) -> tuple[int, int, int]:
    """Return the latent frames, rows and columns of a clip of this size in pixels."""
    return (NUM_FRAMES - 1) // 4 + 1, height // 16, width // 16


def guided(model, noisy: torch.Tensor, sigma: torch.Tensor, slots: torch.Tensor, shape, scale: float) -> torch.Tensor:
    """Return the guided flow of tokens (n, tokens, 32) at one noise level, 0-dimensional."""
    both = torch.cat([torch.zeros_like(slots), slots])
    flow = predict(model, noisy.repeat(2, 1, 1), sigma.expand(len(both)), code(both), shape)
    blank, asked = flow.float().chunk(2)
    return blank + scale * (asked - blank)


def follow(model, noisy: torch.Tensor, levels: torch.Tensor, slots: torch.Tensor, shape, scale: float) -> torch.Tensor:
    """Return the tokens at the last of the noise levels, by one Euler step between each two levels."""
    for sigma, following in itertools.pairwise(levels):
        noisy = noisy + (following - sigma) * guided(model, noisy, sigma, slots, shape, scale)
    return noisy


def walk(model, noise: torch.Tensor, slots: torch.Tensor, shape, student=None) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the first states of the segments and the teacher's mean flow in each, both (n, SEGMENTS, tokens, 32).

    Args:
        noise: tokens (n, tokens, 32) at noise level 1.
        student: None to continue from the teacher's states. With a student, each segment starts from the student's
            own state, so that the student learns to correct its errors.
    """
    steps, scale = defaults()
    levels = noise_levels(steps).to(noise.device)
    part, state, starts, flows = steps // SEGMENTS, noise, [], []
    for first in range(0, steps, part):
        inner = levels[first : first + part + 1]
        end = follow(model, state, inner, slots, shape, scale)
        width = inner[-1] - inner[0]
        starts.append(state)
        flows.append((end - state) / width)
        if student is not None:
            end = state + width * predict(student, state, inner[0].expand(len(state)), code(slots), shape).float()
        state = end
    return torch.stack(starts, dim=1), torch.stack(flows, dim=1)
