"""A campaign of a hosted card in separate processes that are killed, at a provider that fails at random."""

import multiprocessing
import os
import random
import signal
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from billing_books import Bill, Findings, Record, audit, bills_of
from billing_faults import Chaos
from fork_server import fork_server
from hosted_world import World, accept_every_clip, hurry, paid
from sqlalchemy import Engine, event
from vendor_server import VendorServer

from adapters.hosted.download import Downloader
from manifests.errors import ReelmillError
from manifests.hosted.job import JobState
from manifests.states import State
from models.hosted import ark, kling, vertex_veo
from models.hosted_card import HostedCard
from models.registry import hosted_cards, load_cards
from tasks.render.hosted import lane, provider

STOPPED = 3
"""Exit code of a run that ended with one of our errors."""
MOST_RUNS = 100
ATTEMPTS = 60
"""A variant that is leased when its process is killed has used one, even if it was not submitted."""
ACCOUNT = (("project", "p"), ("bucket", "bucket"))
TOLD = {"kling": "0.42", "runway": "0.60", "ark": "1.08", "google_omni": "0.2896"}
"""The cost in the contract's answers, in USD at a unit price of UNITS. The price of the card is the same."""
UNITS = {"runway": "0.01", "ark": "0.00001", "google_omni": "0.00001"}
TELLS_FREE_FAILURES = ("runway",)
"""Protocols whose failed jobs report a cost of 0."""
KINDS = ("auth", "money", *("moderation", "invalid", "rate", "concurrency") * 4, "not_found")
ENDED = (State.PASSED, State.FAILED)


@dataclass
class BilledCampaign:
    """A campaign with one variant for each of ``number`` prompts, in a folder.

    Attributes:
        share: of the submissions that fail.
        runs, kills: how often it was run, and killed.
    """

    folder: Path
    protocol: str
    number: int
    seed: int
    share: float = 0.2
    runs: int = 0
    kills: int = 0
    chaos: Chaos = field(init=False)
    vendor: VendorServer = field(init=False)

    def __post_init__(self) -> None:
        """Create the provider; it is started by ``with campaign.vendor``."""
        self._moments = random.Random(f"{self.seed} {self.protocol}")
        self.vendor = VendorServer(self.protocol, job_s=0.05, oversize_mb=2)
        contract = self.vendor.contract
        rows = {row["class"] for row in contract.error_rows if "http" in row and row.get("at") not in ("job", "state")}
        failed_word = next(iter(contract.words_of("failed")), "failed")
        refusals = [kind for kind in KINDS if kind in rows]
        self.chaos = Chaos(self._moments.randrange(2**32), refusals, failed_word, self.share)
        self.vendor.behaviour = self.chaos

    @property
    def card(self) -> HostedCard:
        """The bundled card whose rules the campaign uses."""
        return next(
            card
            for card in hosted_cards(load_cards()).values()
            if card.protocol == self.protocol and not card.needs_first_frame
        )

    @property
    def price(self) -> int:
        """The price of a job in micro-units."""
        return round(float(TOLD.get(self.protocol, "0.25")) * 1e6)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What a process needs to open the campaign."""
        return self.folder, self.vendor.base_url, self.protocol, self.number, self._changes()

    def _changes(self) -> dict[str, Any]:
        prices = {
            "currency": "USD",
            "per_second": {"any": TOLD.get(self.protocol, "0.25")},
            "unit": UNITS.get(self.protocol),
            "as_of": "2026-11-30",
            "source": "tests",
        }
        reconcile = "none" if self.card.reconcile == "free" else self.card.reconcile
        failures = "unknown" if self.card.reconcile == "free" else self.card.billed_on_failure
        limits = {"concurrency": max(50, self.number)}
        fixed = {"dialect": self.card.dialect, "options": self.card.options, "max_mb": 1}
        return paid(reconcile, prices=prices, billed_on_failure=failures, limits_of_account=limits, **fixed)

    @property
    def world(self) -> World:
        """The campaign, opened in this process."""
        return opened(*self.arguments)

    def run_and_kill(self, kills: int) -> None:
        """Run it again and again, and kill each run after a random number of submissions.

        A run that ends before, because the provider refuses its key, is not counted as killed.
        """
        each = max(2, self.number // (kills + 1))
        while self.kills < kills and self.runs < 5 * kills:
            process = self._start()
            wanted = self.vendor.count("submit") + self._moments.randint(1, each)
            while process.exitcode is None and not self.vendor.await_requests("submit", wanted, 0.05):
                pass
            time.sleep(self._moments.uniform(0.0, 0.1))
            process.kill()
            process.join()
            self.kills += process.exitcode == -signal.SIGKILL
            self._resume()

    def run_to_its_end(self) -> None:
        """Run it again and again until every variant has ended, or has an uncertain job."""
        world = self.world
        for _ in range(MOST_RUNS):
            if not self._left(world):
                return
            process = self._start()
            process.join(300)
            assert process.exitcode in (0, STOPPED), f"seed {self.seed}: exit code {process.exitcode}"
            self._resume()
        raise AssertionError(f"seed {self.seed}: {self._left(world)} are left after {MOST_RUNS} runs")

    def decide(self) -> int:
        """Settle each uncertain job as a person who looks into the provider's records; return their number."""
        jobs, known = self.world.catalogue.provider_jobs, {job.vendor_ref for job in self.world.jobs}
        uncertain = jobs.list(JobState.UNCERTAIN, limit=10_000)
        prompts = {row.variant_id: row.variant.prompt for row in self.world.rows}
        for job in uncertain:
            taken = [bill for bill in self.bills() if bill.prompt == prompts[job.variant_id] and not bill.refs & known]
            if taken:
                ref = next(ref for ref in taken[0].refs if not ref.startswith("gs://"))
                jobs.adopt(job.job_id, ref, "person:ann")
            else:
                jobs.discard(job.job_id, "person:ann")
        return len(uncertain)

    def bills(self) -> list[Bill]:
        """Return what the provider bills."""
        bills_failures = self._changes()["billed_on_failure"] != "no" and self.protocol not in TELLS_FREE_FAILURES
        return bills_of(self.vendor, self.chaos.failed, self.price, bills_failures=bills_failures)

    def findings(self) -> Findings:
        """Compare the provider's bill with the catalogue."""
        prompts = {row.variant_id: row.variant.prompt for row in self.world.rows}
        records = [
            Record(
                prompts[job.variant_id],
                str(job.state),
                job.vendor_ref,
                job.reserved_micros if job.is_busy else job.cost_micros or 0,
            )
            for job in self.world.jobs
        ]
        return audit(self.bills(), records)

    def totals(self) -> dict[str, int]:
        """Return the numbers of jobs by state, and of variants."""
        counts: dict[str, int] = {}
        for word in [f"jobs {job.state}" for job in self.world.jobs] + [
            f"clips {state}" for state in self.world.states
        ]:
            counts[word] = counts.get(word, 0) + 1
        return counts

    def _left(self, world: World) -> int:
        uncertain = {job.variant_id for job in world.jobs if job.state is JobState.UNCERTAIN}
        return sum(row.state not in ENDED and row.variant_id not in uncertain for row in world.rows)

    def _start(self) -> multiprocessing.process.BaseProcess:
        self.runs += 1
        process = fork_server().Process(target=_work, args=self.arguments)
        process.start()
        return process

    def _resume(self) -> None:
        """Resume the account, as a person does after a refusal of the key or for money."""
        accounts = self.world.catalogue.provider_accounts
        if accounts.get("vendor").is_paused:
            accounts.resume("vendor", "person:ann")


def without_syncing(patch: pytest.MonkeyPatch) -> None:
    """Leave it to the operating system when files reach the disk: a killed process does not lose what it has written.

    With the syncing, the audit of 10,000 submissions would mostly wait for the disk.
    """
    patch.setattr(os, "fsync", lambda _: None)
    event.listen(Engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF").close())


_opened: dict[Path, World] = {}


def opened(folder: Path, base_url: str, protocol: str, number: int, changes: dict[str, Any]) -> World:
    """Return the campaign, which is registered once."""
    if folder not in _opened:
        prompts = [f"number {each}" for each in range(number)]
        _opened[folder] = World(
            folder, base_url, protocol, prompts=prompts, key="", account=ACCOUNT, attempts=ATTEMPTS, **changes
        )
    return _opened[folder]


def _work(folder: Path, base_url: str, protocol: str, number: int, changes: dict[str, Any]) -> None:
    """Run the campaign once, in this process."""
    patch = pytest.MonkeyPatch()
    accept_every_clip(patch)
    hurry(patch)
    without_syncing(patch)
    for module in (kling, ark):
        patch.setattr(module, "LOOK_AGAIN_S", 0.05)
    patch.setattr(vertex_veo, "STORAGE", base_url)
    for name in ("WAKE_S", "LOOK_S"):
        patch.setattr(lane, name, 0.05)
    patch.setattr(provider, "Downloader", partial(Downloader, stall_s=0.4, total_s=5.0))
    try:
        opened(folder, base_url, protocol, number, changes).run()
    except ReelmillError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(STOPPED)
