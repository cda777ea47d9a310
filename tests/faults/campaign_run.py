"""Run a small campaign in a separate process: the steps of the flow without Prefect, with a fake model."""

import multiprocessing
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import stand_in_maker
from fork_server import fork_server
from sealed_catalogue import key_of_home

import tasks.runtime.devices
import tasks.runtime.resources
from flows.registration import register
from flows.settings import Settings
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.errors import GenerationError, ReelmillError
from manifests.finish.design.template import FinishTemplate, TextLayer
from manifests.finish.kit import FinishKit
from manifests.placements.preset import FrameSize, PlacementPreset
from manifests.sheet import Checked
from models.fake import FakeGenerator
from tasks.deliver.deliver import deliver
from tasks.deliver.finished.finish_deliverables import finish_deliverables
from tasks.deliver.withdraw import withdraw
from tasks.intake.intake import Intake
from tasks.plan.expand import expand
from tasks.plan.remaining import Remaining, release_dead_leases
from tasks.render.render import render_shard
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig, cards_of, catalogue_of
from tasks.sweep.context import SweepOptions, SweepTarget
from tasks.sweep.sweep import sweep_all

ENDINGS = {
    "a red ball rolls": "published",
    "a blue cube turns": "published",
    "the wrong thing": "failed",
    "a broken one": "failed",
}
"""The state in which each prompt of the campaign must end."""
KIT = FinishKit(
    templates={"plain": FinishTemplate(name="plain", layers=(TextLayer(name="cta", kind="text", text="{cta}"),))},
    presets={
        "16:9": PlacementPreset(
            name="general", title="General", sizes={"16:9": FrameSize(width=128, height=72)}, status="secondary"
        )
    },
)
CTAS = {"a red ball rolls": ("Buy", "Try"), "a blue cube turns": ("Buy", "broken")}
"""Calls to action of prompts whose clips are finished; the stand-in cannot make "broken"."""
STOPPED = 3
"""Exit code of a run that ended with one of our errors. Its message is in ``World.error_file``."""


class Model(FakeGenerator):
    """The fake generator, which fails for prompts that contain "broken"."""

    def generate(self, variants):
        for variant, result in zip(variants, super().generate(variants), strict=True):
            yield GenerationError("the device ran out of memory") if "broken" in variant.prompt else result


class Scorer:
    """A scorer for which every picture fits, except for prompts that contain "wrong"."""

    name = "fake@1"

    def embed_frames(self, frames: np.ndarray) -> np.ndarray:
        return np.ones((len(frames), 1), dtype=np.float32)

    def embed_prompts(self, prompts: Sequence[str]) -> np.ndarray:
        return np.array([[-1.0 if "wrong" in prompt else 1.0] for prompt in prompts], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class World:
    """The storage and the campaign of a run.

    Attributes:
        finish: the finish template of all rows.
        machine: id of the installation.
        signer: folder of the development CA; None for the one in ``home``.
    """

    home: Path
    catalogue_url: str
    bucket: BucketConfig
    seeds: int = 1
    lease_s: float = 60.0
    finish: str = "none"
    machine: str = ""
    signer: Path | None = None

    @property
    def resources(self) -> Resources:
        return Resources(
            self.catalogue_url,
            self.bucket,
            SignerConfig("development", self.signer or self.home / "signer"),
            self.home / "staging",
            devices=("cpu",),
            lease_s=self.lease_s,
            attempts=60,
            prompt_key=b"k" * 32,
            machine=self.machine,
            audit_key=key_of_home(self.home) or b"",  # commands in the same home seal the catalogue
        )

    @property
    def error_file(self) -> Path:
        """The error message of the last run that stopped. Not in ``home``, whose disk may be full."""
        return self.home.with_name(f"{self.home.name}.error")

    @property
    def campaign(self) -> Campaign:
        briefs = [
            Brief(
                row,
                f"row-{row}",
                (prompt,),
                variants=self.seeds,
                finish=self.finish,
                ctas=CTAS.get(prompt, ()) if self.is_finished else (),
            )
            for row, prompt in enumerate(ENDINGS, 2)
        ]
        return Campaign("Faults", "f" * 64, tuple(briefs))

    @property
    def is_finished(self) -> bool:
        """Whether deliverables are made of the clips."""
        return self.finish != "none"

    def expected(self) -> dict[str, str]:
        """Return the state in which each variant must end."""
        planned = expand(
            self.campaign.briefs, cards_of(self.resources), "starter", campaign_id=self.campaign.campaign_id
        )
        return {item.variant_id: ENDINGS[item.variant.prompt] for item in planned}

    def expected_deliverables(self) -> dict[tuple[str, str], str]:
        """Return the state in which each deliverable must end, by clip and call to action."""
        planned = expand(
            self.campaign.briefs, cards_of(self.resources), "starter", campaign_id=self.campaign.campaign_id
        )
        return {
            (item.variant_id, cta): "failed" if cta == "broken" else "published"
            for item in planned
            if self.is_finished
            for cta in CTAS.get(item.variant.prompt, ())
        }


def run_campaign(world: World, shard_size: int = 4, withdraws: bool = False) -> None:
    """Run the steps of flows.campaign in threads of this process.

    Args:
        withdraws: withdraw all published clips at the end, and sweep the bucket.
    """
    vars(tasks.runtime.devices).update(open_generator=lambda *_, **__: Model())
    vars(tasks.runtime.resources).update(open_scorer=lambda *_, **__: Scorer())
    resources = world.resources
    campaign = world.campaign
    kit = KIT if world.is_finished else None
    intake = Intake(None, Checked(campaign.briefs), campaign, kit=kit)  # type: ignore[arg-type]
    campaign_id = register(Settings(home=world.home), resources, intake)
    catalogue = catalogue_of(resources)
    release_dead_leases(catalogue)
    remaining = Remaining(resources, campaign_id, 0.25)
    remaining.regate()
    with finishing(world, campaign_id), Delivery(resources, campaign_id):
        for shard in remaining.shards(shard_size):
            render_shard(resources, shard)
    if withdraws:
        withdraw_all(resources, campaign_id)


def withdraw_all(resources: Resources, campaign_id: str) -> None:
    """Withdraw the published clips, then sweep, which deletes what a killed process has left in the bucket."""
    catalogue = catalogue_of(resources)
    ids = [row.variant_id for row in catalogue.variants.of_campaign(campaign_id) if row.state == "published"]
    seen = {row.variant_id: row.seen for row in catalogue.gallery.rows(ids)}
    withdraw(resources, seen, "person:ann", "expired rights")
    target = SweepTarget(resources, frozenset({campaign_id}))
    sweep_all(resources, [target], SweepOptions(sample=0))


def finishing(world: World, campaign_id: str) -> AbstractContextManager[object]:
    """Finish deliverables in a thread until the block has ended, if the world has any."""
    if not world.is_finished:
        return nullcontext()
    return Delivery(world.resources, campaign_id, lambda *call: finish_deliverables(*call, make=stand_in_maker.make))


class Delivery:
    """Deliver in a thread while the block renders, and raise its error at the end of the block."""

    def __init__(self, resources: Resources, campaign_id: str, step: Callable[..., object] | None = None) -> None:
        self._step = step or (lambda own, name, ended: deliver(own, name, "auto", ended))
        self._call = (resources, campaign_id)
        self._rendered = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work)

    def _work(self) -> None:
        try:
            self._step(*self._call, self._rendered)
        except BaseException as error:  # noqa: BLE001 - raised at the end of the block
            self._error = error

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._rendered.set()
        self._thread.join()
        if self._error:
            raise self._error


def start(
    world: World, prepare: Callable[..., None] | None = None, *arguments: Any, options: Mapping[str, Any] | None = None
) -> multiprocessing.process.BaseProcess:
    """Start a run in a separate process, after calling ``prepare(*arguments)`` there."""
    process = fork_server().Process(target=_child, args=(world, prepare, arguments, dict(options or {})))
    process.start()
    return process


def finish(process: multiprocessing.process.BaseProcess, seconds: float = 120.0) -> int:
    """Wait for a run; return its exit code, which is negative for a signal."""
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise AssertionError(f"the run did not end within {seconds} s")
    return process.exitcode


def _child(
    world: World, prepare: Callable[..., None] | None, arguments: Sequence[Any], options: Mapping[str, Any]
) -> None:
    if prepare:
        prepare(*arguments)
    try:
        run_campaign(world, **options)
    except ReelmillError as error:
        world.error_file.write_text(f"{type(error).__name__}: {error}")
        sys.exit(STOPPED)
