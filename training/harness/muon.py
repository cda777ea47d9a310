"""The Muon optimizer (Jordan et al., 2024): momentum with orthogonalised matrix updates, and AdamW for the rest."""

import torch
from torch import nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic Newton-Schulz iteration, from the Muon reference code."""
ITERATIONS = 5


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """Return an approximation of the nearest semi-orthogonal matrix (singular values 0.7 to 1.2), computed in bf16."""
    a, b, c = COEFFICIENTS
    tall = matrix.size(0) > matrix.size(1)
    x = (matrix.T if tall else matrix).bfloat16()
    x = x / (x.norm() + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if tall else x).to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    """Muon for weights of two or more dimensions. The first is the output; the others are flattened."""

    def __init__(self, params, lr: float, momentum: float = 0.95, weight_decay: float = 0.0):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self.update(weight, group)

    def update(self, weight: torch.Tensor, group: dict) -> None:
        state = self.state[weight]
        velocity = state.setdefault("velocity", torch.zeros_like(weight))
        velocity.lerp_(weight.grad, 1 - group["momentum"])
        ahead = weight.grad.lerp(velocity, group["momentum"]).flatten(1)
        stretch = max(1.0, ahead.size(0) / ahead.size(1)) ** 0.5
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(orthogonal(ahead).view_as(weight), alpha=-group["lr"] * stretch)


def split(model: nn.Module, rate: float, matrix_rate: float, plain: tuple[str, ...] = ()) -> list:
    """Return Muon for the matrices, and AdamW for vectors and for names that contain one of `plain`."""
    named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    matrices = [weight for name, weight in named if weight.ndim > 1 and not any(word in name for word in plain)]
    chosen = {id(weight) for weight in matrices}
    rest = [weight for _, weight in named if id(weight) not in chosen]
    return [
        Muon(matrices, lr=matrix_rate, weight_decay=0.01),
        torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]
