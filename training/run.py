"""One training run: its folder, log, checkpoints, clock and workers.

A run is planned in seconds, not steps, so that the rate always decays to nothing at the planned end,
however busy the machine is. On CPU every worker is one single-threaded process; the workers train
apart and average their weights every few seconds, so that a slow core never holds up a fast one.
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

RUNS = Path(__file__).parent / ".runs"
SYNC_SECONDS = 2.0
LOG_SECONDS = 20.0
SAVE_SECONDS = 150.0


@dataclass(frozen=True)
class Plan:
    """What a run was asked to do; written beside its weights."""

    part: str
    minutes: float
    seed: int = 0
    batch: int = 16
    rate: float = 1e-3
    workers: int = 2
    warmup: float = 0.02
    decay_from: float = 0.35

    def factor(self, progress: float) -> float:
        """The rate's factor at a progress of 0 to 1: warm-up, plateau, linear decay."""
        rise = min(1.0, (progress + 1e-3) / (self.warmup + 1e-3))
        fall = min(1.0, (1.0 - progress) / (1.0 - self.decay_from))
        return max(0.0, min(rise, fall))


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast() -> torch.autocast:
    return torch.autocast(device().type, dtype=torch.bfloat16)


def commit() -> str:
    """The commit that the code stands at, or `unknown` outside a repository."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


class Run:
    """Keeps one worker's place in a run. Rank 0 alone writes files."""

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
        """Goes on from the last checkpoint if there is one."""
        if not self.checkpoint().exists():
            return
        state = torch.load(self.checkpoint(), map_location=device(), weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.average, self.seconds, self.step = state["average"], state["seconds"], state["step"]
        self.remember()

    def remember(self) -> None:
        """Keeps what an earlier plan did to these weights, where this plan is another."""
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
        """Sets the rate for the next step; false once the planned time is over."""
        factor = self.plan.factor(self.progress)
        for optimizer, rates in zip(self.optimizers, self.rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        return self.progress < 1.0

    def stepped(self, **losses: float) -> bool:
        """Counts a step; true when this was the moment of averaging (a good one for a contact sheet)."""
        self.step += 1
        for name, value in losses.items():
            self.sums.setdefault(name, []).append(float(value))
        if time.monotonic() - self.last < SYNC_SECONDS:
            return False
        self.synchronise()
        return True

    def synchronise(self) -> None:
        """Averages the workers' weights and agrees on the clock."""
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
        """Moves the running average of the weights; it looks back over about a twentieth of the run so far."""
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
    """Ends this process once its parent is gone: a worker that trains on alone spoils the next run's files."""
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
    """Runs `train(plan, rank)` in `plan.workers` processes on CPU, or in this one on CUDA.

    Raises:
        SystemExit: this part is being trained already.
    """
    RUNS.mkdir(exist_ok=True)
    with (RUNS / f"{plan.part}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"{plan.part} is being trained already; wait for it, or end that process.") from None
        _launch(plan, train)


def _launch(plan: Plan, train: Callable[[Plan, int], None]) -> None:
    (RUNS / f"{plan.part}.store").unlink(missing_ok=True)
    if device().type == "cuda" or plan.workers == 1:
        torch.set_num_threads(1 if device().type == "cpu" else os.cpu_count() or 1)
        train(plan, 0)
        return
    mp.spawn(_work, args=(plan, train), nprocs=plan.workers)
