"""A run in a profile with few steps: its inputs, and clips in slow motion that must not pass."""

import json
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from cli_runner import reelmill
from tiny_weights import pinned

from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.states import State
from manifests.variant import Variant
from models.protocols import Generated
from models.registry import HOME
from tasks.runtime import devices as devices_module
from tasks.runtime.resources import catalogue_of

SPEEDS = {"brisk": 40, "slow": 12}
"""Percent of the height per second; a clip with few steps must reach 18.75."""


class Moving:
    """Moves a textured square, at the speed that a word of the prompt stands for."""

    def __init__(self) -> None:
        self.seen: list[Variant] = []

    def prepare(self, variants: Sequence[Variant]) -> None:
        pass

    def generate(self, variants: Sequence[Variant]) -> Iterator[Generated | Exception]:
        for variant in variants:
            self.seen.append(variant)
            speed = next(speed for word, speed in SPEEDS.items() if word in variant.prompt)
            yield Generated(variant, moving(variant, speed), 0.0, variant.num_inference_steps / 100)

    def close(self) -> None:
        pass


def moving(variant: Variant, speed: float) -> np.ndarray:
    rng = np.random.default_rng(variant.seed % 1000)
    frames = np.full((variant.num_frames, variant.height, variant.width, 3), 90, np.uint8)
    square = np.kron(rng.integers(0, 256, (8, 8)), np.ones((4, 4)))[..., None]
    for index in range(variant.num_frames):
        left = round(8 + speed / 100 * variant.height * index / variant.fps)
        frames[index, 30:62, left : left + 32] = square
    return frames


@pytest.fixture
def generator(home, tmp_path, monkeypatch, fake_models) -> Moving:
    """A copy of the starter card whose profile ``fast`` was distilled for few steps."""
    folder = tmp_path / "cards"
    folder.mkdir()
    content = json.loads((HOME / "cards" / "starter.json").read_text())
    fast = {"num_inference_steps": 4, "guidance_scale": 1.0, "distilled": {}}
    content |= {"name": "quick", "vocabulary": None, "profiles": {"fast": fast}}
    content["weights"] = pinned(HOME / "starter" / "t2v")
    (folder / "quick.json").write_text(json.dumps(content))
    monkeypatch.setenv("REELMILL_MODEL_FOLDERS", json.dumps([str(folder)]))
    monkeypatch.setenv("REELMILL_MODEL", "quick")
    made = Moving()
    monkeypatch.setattr(devices_module, "open_generator", lambda *_, **__: made)
    return made


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize(("profile", "steps", "passed"), [("fast", 4, {"brisk"}), ("exact", 16, {"brisk", "slow"})])
def test_slow_motion_fails_only_with_few_steps(capsys, tmp_path, monkeypatch, generator, profile, steps, passed):
    monkeypatch.setenv("REELMILL_PROFILE", profile)
    path = tmp_path / "balls.csv"
    path.write_text("prompt,placements,min_adherence\na brisk ball,16:9,-1\na slow ball,16:9,-1\n")
    reelmill(capsys, "run", path, "--json")
    catalogue = catalogue_of(resources_of(load_settings()))
    [head] = catalogue.campaigns.all()
    rows = {row.variant.prompt.split()[1]: row for row in catalogue.variants.of_campaign(head.campaign_id)}
    assert {name for name, row in rows.items() if row.state == State.PUBLISHED} == passed
    assert {variant.num_inference_steps for variant in generator.seen} == {steps}
    if profile == "fast":
        assert rows["slow"].state == State.FAILED
        assert "it moves in slow motion" in str(rows["slow"])


@pytest.mark.usefixtures("prefect_server", "generator")
def test_a_plan_counts_with_the_times_of_its_own_profile(capsys, tmp_path, monkeypatch):
    path = tmp_path / "balls.csv"
    path.write_text("prompt,placements,min_adherence\na brisk ball,16:9,-1\n")
    for profile in ("exact", "fast"):
        monkeypatch.setenv("REELMILL_PROFILE", profile)
        reelmill(capsys, "run", path, "--json")
    path.write_text("prompt,placements,min_adherence,variants\na brisk ball,16:9,-1,10\n")
    seconds = {}
    for profile in ("exact", "balanced", "fast"):
        monkeypatch.setenv("REELMILL_PROFILE", profile)
        planned = json.loads(reelmill(capsys, "plan", path, "--json").out)
        seconds[profile] = planned["device_seconds"] / planned["to_make"]
    assert seconds == pytest.approx({"exact": 0.16, "balanced": 0.16, "fast": 0.04})
