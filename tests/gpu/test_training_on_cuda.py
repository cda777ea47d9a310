"""Training on a CUDA device works as on a CPU. Run with `pytest -m gpu`."""

import json

import pytest

from training import vae
from training.harness import run
from training.harness.run import Plan
from training.judges import motif_judge

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize(("part", "batch", "watched"), [("vae", 16, "l1"), ("motif_judge", 256, "loss")])
def test_loss_falls(part, batch, watched, tmp_path, monkeypatch):
    module = {"vae": vae, "motif_judge": motif_judge}[part]
    for place in (run, module):
        monkeypatch.setattr(place, "RUNS", tmp_path)
    monkeypatch.setattr(run, "SYNC_SECONDS", 0.2)
    monkeypatch.setattr(run, "LOG_SECONDS", 0.5)
    module.train(Plan(part=part, minutes=0.5, batch=batch, rate=1e-3), 0)
    losses = [json.loads(line)[watched] for line in (tmp_path / part / "log.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.8 * losses[0]
