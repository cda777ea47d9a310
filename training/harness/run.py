"""A training run: its folder, log, checkpoints, clock and workers.

The length of a run is planned in time, not in steps, so that the learning rate reaches zero at the planned end even
on a busy machine. On CPU, each worker is a single-threaded process. The workers train independently and average
their weights every few seconds, so that a slow core does not delay a fast one.
"""

import fcntl
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

RUNS = Path(__file__).parents[1] / ".runs"
SYNC_SECONDS = 2.0
LOG_SECONDS = 20.0
SAVE_SECONDS = 150.0


@dataclass(frozen=True)
class Plan:
    """Settings of a run, saved next to its weights."""

    part: str
    minutes: float
    seed: int = 0
    batch: int = 16
    rate: float = 1e-3
    workers: int = 2
    warmup: float = 0.02
    decay_from: float = 0.35

    def factor(self, progress: float) -> float:
        """Return the factor on the learning rate at a progress of 0 to 1: warm-up, plateau, linear decay."""
        rise = min(1.0, (progress + 1e-3) / (self.warmup + 1e-3))
        fall = min(1.0, (1.0 - progress) / (1.0 - self.decay_from))
        return max(0.0, min(rise, fall))


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast() -> torch.autocast:
    return torch.autocast(device().type, dtype=torch.bfloat16)


def commit() -> str:
    """Return the current commit, or `unknown` outside a repository."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


class Run:
    """The state of one worker in a run. Only rank 0 writes the log and run.json."""

    def __init__(self, plan: Plan, model: nn.Module, optimizers: list[torch.optim.Optimizer], rank: int = 0):
        self.plan, self.model, self.optimizers, self.rank = plan, model, optimizers, rank
        self.folder = RUNS / plan.part
        self.folder.mkdir(parents=True, exist_ok=True)
        self.average = {name: value.detach().clone().float() for name, value in model.state_dict().items()}
        self.seconds, self.step = 0.0, 0
        self.earlier: list[dict] = []
        self.sums: dict[str, list[float]] = {}
        self.last = self.logged = self.saved = time.monotonic()
        self.rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
        self.resume()

    @property
    def progress(self) -> float:
        return min(1.0, self.seconds / (60 * self.plan.minutes))

    def checkpoint(self) -> Path:
        return self.folder / f"checkpoint-{self.rank}.pt"

    def resume(self) -> None:
        """Resume from the latest checkpoint, if one exists."""
        if not self.checkpoint().exists():
            return
        state = torch.load(self.checkpoint(), map_location=device(), weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.average, self.seconds, self.step = state["average"], state["seconds"], state["step"]
        self.remember()

    def remember(self) -> None:
        """Keep the record of an earlier plan for these weights, if it differs from this plan."""
        facts = self.folder / "run.json"
        if facts.exists():
            last = json.loads(facts.read_text())
            self.earlier = last.pop("earlier", [])
            if last["plan"] != asdict(self.plan):
                self.earlier.append(last)

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "average": self.average,
            "seconds": self.seconds,
            "step": self.step,
        }
        part = self.checkpoint().with_suffix(".part")
        torch.save(state, part)
        os.replace(part, self.checkpoint())
        if self.rank == 0:
            facts = {"plan": asdict(self.plan), "commit": commit(), "seconds": round(self.seconds)}
            facts |= {"steps": self.step, "earlier": self.earlier}
            (self.folder / "run.json").write_text(json.dumps(facts, indent=1))
        self.saved = time.monotonic()

    def running(self) -> bool:
        """Set the learning rate of the next step. Return False when the planned time is over."""
        factor = self.plan.factor(self.progress)
        for optimizer, rates in zip(self.optimizers, self.rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        return self.progress < 1.0

    def stepped(self, **losses: float) -> bool:
        """Count a step. Return True if the workers averaged their weights."""
        self.step += 1
        for name, value in losses.items():
            self.sums.setdefault(name, []).append(float(value))
        if time.monotonic() - self.last < SYNC_SECONDS:
            return False
        self.synchronise()
        return True

    def synchronise(self) -> None:
        """Average the weights of the workers and synchronise their clocks."""
        if dist.is_initialized():
            for value in self.model.state_dict().values():
                if value.is_floating_point():
                    dist.all_reduce(value)
                    value /= dist.get_world_size()
        clock = torch.tensor([self.seconds + min(time.monotonic() - self.last, 60.0)], dtype=torch.float64)
        if dist.is_initialized():
            dist.broadcast(clock, 0)
        self.seconds, self.last = clock.item(), time.monotonic()
        self.follow()
        self.report()

    def follow(self) -> None:
        """Update the running average of the weights. It covers about the last twentieth of the run."""
        keep = min(0.98, 1 - SYNC_SECONDS / max(SYNC_SECONDS, 0.05 * self.seconds))
        for name, value in self.model.state_dict().items():
            self.average[name].lerp_(value.float(), 1 - keep)

    def report(self) -> None:
        now = time.monotonic()
        if self.rank == 0 and now - self.logged > LOG_SECONDS:
            means = {name: round(sum(values) / len(values), 5) for name, values in self.sums.items()}
            line = {"seconds": round(self.seconds), "step": self.step, "progress": round(self.progress, 4), **means}
            with (self.folder / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            self.sums, self.logged = {}, now
        if now - self.saved > SAVE_SECONDS:
            self.save()


def _leave_with_parent() -> None:
    """End this process when its parent ends. An orphaned worker would overwrite files of the next run."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(SYNC_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _work(rank: int, plan: Plan, train: Callable[[Plan, int], None]) -> None:
    _leave_with_parent()
    torch.set_num_threads(1)
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    store = dist.FileStore(str(RUNS / f"{plan.part}.store"), plan.workers)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=plan.workers)
    train(plan, rank)
    dist.destroy_process_group()


def launch(plan: Plan, train: Callable[[Plan, int], None]) -> None:
    """Run `train(plan, rank)` in `plan.workers` processes on CPU, or in this process on CUDA.

    Raises:
        SystemExit: Another process is training this part.
    """
    RUNS.mkdir(exist_ok=True)
    with (RUNS / f"{plan.part}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(
                f"Another process is already training {plan.part}. Wait until it has finished, or end it."
            ) from None
        _launch(plan, train)


def _launch(plan: Plan, train: Callable[[Plan, int], None]) -> None:
    (RUNS / f"{plan.part}.store").unlink(missing_ok=True)
    if device().type == "cuda" or plan.workers == 1:
        torch.set_num_threads(1 if device().type == "cpu" else os.cpu_count() or 1)
        train(plan, 0)
        return
    mp.spawn(_work, args=(plan, train), nprocs=plan.workers)
