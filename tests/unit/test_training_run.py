"""A training run resumes from its checkpoint after a kill, and saves its plan and log."""

import json
import os
import subprocess
import sys
import time
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch
from torch import nn

from training.harness import run
from training.harness.run import Plan, Run
from training.judges import motif_judge


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "RUNS", tmp_path)
    monkeypatch.setattr(motif_judge, "RUNS", tmp_path)
    monkeypatch.setattr(run, "SYNC_SECONDS", 0.0)
    monkeypatch.setattr(run, "LOG_SECONDS", 0.0)
    return tmp_path


def start(seed=0, minutes=1):
    torch.manual_seed(seed)
    model = nn.Linear(3, 2)
    return Run(Plan(part="probe", minutes=minutes), model, [torch.optim.AdamW(model.parameters(), lr=0.1)])


def step(one):
    one.running()
    loss = one.model(torch.ones(4, 3)).square().mean()
    one.optimizers[0].zero_grad()
    loss.backward()
    one.optimizers[0].step()
    one.stepped(loss=loss.item())


def test_a_resumed_run_continues_from_its_checkpoint(runs):
    first = start()
    for _ in range(5):
        step(first)
    first.save()
    kept = {name: value.clone() for name, value in first.model.state_dict().items()}
    step(first)

    second = start(seed=1)
    assert (second.step, second.seconds) == (5, pytest.approx(first.seconds, abs=1))
    assert all(torch.equal(kept[name], value) for name, value in second.model.state_dict().items())
    assert second.optimizers[0].state_dict()["state"][0]["step"] == 5


def test_an_incomplete_checkpoint_is_ignored(runs):
    one = start()
    step(one)
    one.save()
    (runs / "probe" / "checkpoint-0.part").write_bytes(b"half of a che")
    assert start().step == 1


def test_plan_seed_and_commit_are_saved_with_the_weights(runs):
    one = start()
    step(one)
    one.save()
    facts = json.loads((runs / "probe" / "run.json").read_text())
    assert facts["plan"] | {"part": "probe", "minutes": 1, "seed": 0} == facts["plan"]
    assert facts["commit"]
    assert facts["steps"] == 1
    assert "loss" in json.loads((runs / "probe" / "log.jsonl").read_text().splitlines()[-1])


def test_a_longer_plan_keeps_the_record_of_the_shorter_one(runs):
    one = start()
    step(one)
    one.save()
    longer = start(minutes=2)
    step(longer)
    longer.save()
    facts = json.loads((runs / "probe" / "run.json").read_text())
    assert (facts["plan"]["minutes"], facts["steps"]) == (2, 2)
    assert [(leg["plan"]["minutes"], leg["steps"]) for leg in facts["earlier"]] == [(1, 1)]


@pytest.mark.slow
def test_a_part_trains_and_resumes(runs, monkeypatch):
    ticks = count()
    clock = SimpleNamespace(monotonic=lambda: 0.03 * next(ticks))  # the number of steps must not depend on the machine
    monkeypatch.setattr(run, "time", clock)
    plan = Plan(part="motif_judge", minutes=0.08, batch=16, rate=2e-3, workers=1)
    motif_judge.train(plan, 0)
    first = json.loads((runs / "motif_judge" / "run.json").read_text())
    motif_judge.train(Plan(part="motif_judge", minutes=0.2, batch=16, rate=2e-3, workers=1), 0)
    second = json.loads((runs / "motif_judge" / "run.json").read_text())
    losses = [json.loads(line)["loss"] for line in (runs / "motif_judge" / "log.jsonl").read_text().splitlines()]
    assert second["steps"] > first["steps"] > 0
    assert min(losses[-5:]) < losses[0]


def test_only_one_process_trains_a_part(runs):
    def again(plan, rank):
        with pytest.raises(SystemExit, match="already training probe"):
            run.launch(plan, again)

    run.launch(Plan(part="probe", minutes=0, workers=1), again)


@pytest.mark.slow
def test_workers_end_with_their_parent(tmp_path):
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom training.harness import run\n"
        "run.RUNS = Path(sys.argv[1])\nrun.RUNS.mkdir(exist_ok=True)\n"
        "def train(plan, rank):\n    (run.RUNS / f'{rank}.pid').write_text(str(run.os.getpid()))\n    time.sleep(60)\n"
        "if __name__ == '__main__':\n    run.launch(run.Plan(part='probe', minutes=1, workers=2), train)\n"
    )
    (tmp_path / "probe.py").write_text(script)
    root = Path(run.__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, tmp_path / "probe.py", tmp_path], env=os.environ | {"PYTHONPATH": str(root)}
    )
    try:
        files = [tmp_path / "0.pid", tmp_path / "1.pid"]
        wait_for(lambda: all(file.exists() and file.read_text() for file in files), 60)
        workers = [int(file.read_text()) for file in files]
    finally:
        parent.kill()
        parent.wait()
    wait_for(lambda: not any(psutil.pid_exists(worker) for worker in workers), 20)


def wait_for(holds, seconds):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)
