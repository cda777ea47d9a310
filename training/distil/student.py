"""Train the student on segments of the teacher: `python -m training.distil.student --minutes 75`.

The student is a copy of the teacher that is trained to predict the mean guided flow of a segment, at the four noise
levels where a segment starts. The prediction includes the guidance, so that one forward pass replaces eight.
"""

import argparse
import time
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import LTXVideoTransformer3DModel
from torch.nn.attention import SDPBackend, sdpa_kernel

from training.distil.segments import Segments
from training.distil.teacher import SEGMENTS, load_teacher, noise_levels
from training.harness.muon import split
from training.harness.run import RUNS, Plan, Run, autocast, device, launch
from training.scenes.codes import code
from training.video import PLAIN, predict

PART = "student"
MEASURE_SECONDS = 300.0
MEASURED = 8
"""Held-out clips of each size in a measurement during training."""
KERNEL = SDPBackend.FLASH_ATTENTION
"""Measured on a Zen 5 core, forward and backward, 300 tokens: 47 ms a sample, the plain kernel 53 ms."""


@dataclass(frozen=True)
class StudentPlan(Plan):
    """Plan in which `batch` counts tokens. `matrix_rate` is the learning rate of matrices, `rate` of the rest."""

    matrix_rate: float = 0.0015
    compile: bool = False


class Feed:
    """Source of batches. It reads the shards again when more have been written."""

    def __init__(self, plan: StudentPlan, rng: np.random.Generator):
        self.plan, self.rng = plan, rng
        self.read()

    def read(self) -> None:
        self.files, self.segments = self.count(), Segments.read()
        if not len(self.segments):
            raise SystemExit(
                f"No segments to train on in {RUNS / 'segments'}. Run `python -m training.distil.segments` first."
            )

    @staticmethod
    def count() -> int:
        return len(list((RUNS / "segments").glob("segments-*[0-9].npz")))

    def refresh(self) -> None:
        if self.count() != self.files:
            self.read()

    def draw(self):
        return self.segments.draw(self.rng, self.plan.batch)


def weights_of_segments() -> torch.Tensor:
    """Return the weight of each segment in the loss, (SEGMENTS), on average 1: the square of its width.

    The loss is then the squared error of the state at the end of the segment. Without weights, the first segment
    dominates: its flow has thirteen times the error of the last one, but a third of the width.
    """
    squares = noise_levels(SEGMENTS).diff().square()
    return squares / squares.mean()


def errors(model, shape, states, flows, levels, slots) -> torch.Tensor:
    """Return the mean squared error of the predicted mean flow of each sample, (n)."""
    with autocast():
        flow = predict(model, states, levels, code(slots), shape)
    return (flow.float() - flows).square().mean(dim=(1, 2))


@torch.no_grad()
def held_out(average: dict[str, torch.Tensor], kept: Segments) -> dict[str, float]:
    """Return the error of the averaged weights on held-out segments, by segment."""
    model = load_teacher()
    model.load_state_dict(average)
    found: list[list[float]] = [[] for _ in range(SEGMENTS)]
    for shape, (_, _, slots) in kept.groups.items():
        rows = torch.arange(min(MEASURED, len(slots)))
        for segment in range(SEGMENTS):
            *batch, _ = kept.pick(shape, rows, torch.full_like(rows, segment))
            found[segment] += errors(model, shape, *batch).tolist()
    return {f"held_out_{segment}": float(np.mean(values)) for segment, values in enumerate(found) if values}


def train(plan: StudentPlan, rank: int) -> None:
    torch.manual_seed(plan.seed)
    model = load_teacher(compile_blocks=plan.compile).train()
    trained = [name for name, _ in model.named_parameters() if not is_unused(name)]
    for name, weight in model.named_parameters():
        weight.requires_grad_(name in trained)
    run = Run(plan, model, split(model, plan.rate, plan.matrix_rate, PLAIN), rank)
    feed = Feed(plan, np.random.default_rng((plan.seed, rank, run.step)))
    weights = weights_of_segments().to(device())
    kept, measured = Segments.read(held_out=True), time.monotonic()
    with sdpa_kernel(KERNEL):
        while run.running():
            shape, *batch, segments = feed.draw()
            each = errors(model, shape, *batch)
            loss = (weights[segments] * each).mean()
            model.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer in run.optimizers:
                optimizer.step()
            figures = {f"segment_{i}": each[segments == i].mean().item() for i in segments.unique().tolist()}
            if time.monotonic() - measured > MEASURE_SECONDS:
                figures |= held_out(run.average, kept)
                feed.refresh()
                measured = time.monotonic()
            run.stepped(loss=loss.item(), **figures)
    run.stepped(**held_out(run.average, kept))
    run.synchronise()
    run.save()


def is_unused(name: str) -> bool:
    """Return whether weights have no effect with a single caption token."""
    return "attn2" in name and any(part in name for part in ("to_q", "to_k", "norm_q", "norm_k"))


def load() -> LTXVideoTransformer3DModel:
    """Return the averaged weights of the latest checkpoint, with cross-attention to a single caption token.

    Raises:
        SystemExit: no student has been trained here.
    """
    path = RUNS / PART / "checkpoint-0.pt"
    if not path.exists():
        raise SystemExit(f"There is no student in {path}. Run `python -m training.distil.student` first.")
    model = load_teacher()
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["average"])
    return model


def as_shipped(model: LTXVideoTransformer3DModel) -> LTXVideoTransformer3DModel:
    """Return the model on the CPU in the precision of the shipped weights, with normal cross-attention.

    Its configuration does not name the folder of the teacher, which is a path of this machine.
    """
    shipped = LTXVideoTransformer3DModel.from_config(
        {name: value for name, value in model.config.items() if name != "_name_or_path"}
    )
    shipped.load_state_dict({name: value.half().float().cpu() for name, value in model.state_dict().items()})
    return shipped.eval().requires_grad_(False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=75)
    parser.add_argument("--batch", type=int, default=2560, help="tokens per step; a clip has 180 or 300")
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--matrix-rate", type=float, default=0.0015)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--compile", action="store_true", help="compile the student; needs a C++ compiler")
    launch(StudentPlan(part=PART, **vars(parser.parse_args())), train)


if __name__ == "__main__":
    main()
