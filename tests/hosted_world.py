"""Cards, sheets and resources with which hosted generators are tested against ``vendor_server``."""

import json
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any

import pytest
from fake_scorer import FakeScorer

from adapters.catalogue import Catalogue, VariantRow
from adapters.hosted.transport import Timeouts
from flows.fan_out.hosted_lanes import by_card
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.hosted.provider_job import ProviderJob
from manifests.placement import Placement
from manifests.variant import PlannedVariant, Variant
from models.hosted_card import HostedCard
from tasks.plan.remaining import Remaining
from tasks.render.hosted import delays, provider, steps
from tasks.render.hosted.lane import render_hosted_shard
from tasks.render.render import ShardReport
from tasks.runtime import resources as resources_module
from tasks.runtime.providers.provider_accounts import ProviderAccount
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig, catalogue_of

CARD: dict[str, Any] = {
    "kind": "hosted-text-to-video",
    "title": "A provider on loopback",
    "description": "For tests.",
    "provider": "vendor",
    "dialect": "openai",
    "model": "small",
    "licence": {"name": "None", "url": "https://example.com", "sentence": "For tests."},
    "sizes": {"1:1": {"height": 64, "width": 64, "word": "64x64", "resolution": "64p"}},
    "durations": {"allowed": [1], "default_s": 1},
    "fps": 8,
    "min_adherence": -1,
    "limits_of_account": {"concurrency": 3},
    "poll_s": 0.02,
    "deadline_s": 60,
}
PRICES = {"currency": "USD", "per_second": {"any": "0.25"}, "as_of": "2026-11-29", "source": "tests"}


def card_body(name: str, base_url: str, protocol: str = "openai_videos", **changes: Any) -> dict[str, Any]:
    """Return the JSON of a card; without changes, jobs cost nothing."""
    body = {**CARD, "name": name, "base_url": base_url, "protocol": protocol, "reconcile": "free", "costs_money": False}
    return {**body, **changes}


def paid(reconcile: str = "none", **changes: Any) -> dict[str, Any]:
    """Return the changes for a card whose jobs cost 0.25 USD each."""
    return {"costs_money": True, "prices": PRICES, "billed_on_failure": "no", "reconcile": reconcile, **changes}


def make_card(name: str, base_url: str, protocol: str = "openai_videos", **changes: Any) -> HostedCard:
    """Return a card."""
    return HostedCard.model_validate(card_body(name, base_url, protocol, **changes))


def write_card(folder: Path, name: str, base_url: str, protocol: str = "openai_videos", **changes: Any) -> Path:
    """Write a card into a folder for REELMILL_MODEL_FOLDERS; return the folder."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(card_body(name, base_url, protocol, **changes)))
    return folder


def write_sheet(path: Path, prompts: Sequence[str], variants: int = 1, model: str = "") -> Path:
    """Write a sheet with one brief for each prompt."""
    rows = [f"b{number},{prompt},1:1,{variants},1,{model}" for number, prompt in enumerate(prompts)]
    path.write_text("\n".join(["brief_id,prompt,placements,variants,duration_s,model", *rows, ""]))
    return path


def jobs_of(catalogue: Catalogue, campaign_id: str | None = None) -> list[ProviderJob]:
    """Return all provider jobs, oldest first."""
    return catalogue.provider_jobs.list(campaign_id=campaign_id, limit=10_000)[::-1]


def use_cards(monkeypatch: pytest.MonkeyPatch, folder: Path, model: str = "hosted") -> None:
    """Set the folder of cards, and the card of briefs that name none."""
    monkeypatch.setenv("REELMILL_MODEL_FOLDERS", json.dumps([str(folder)]))
    monkeypatch.setenv("REELMILL_MODEL", model)


class World:
    """A campaign of one hosted card in a new catalogue, with a scorer that accepts every clip.

    Args:
        folder: holds everything.
        account: further fields of the account.
        catalogue_url: of the database; empty for a new SQLite file.
        attempts: leases of a variant that may end without an outcome.
        changes: of the card, see ``card_body``.
    """

    def __init__(
        self,
        folder: Path,
        base_url: str,
        protocol: str = "openai_videos",
        *,
        prompts: Sequence[str] = ("a red ball",),
        key: str = "secret-key",
        account: tuple[tuple[str, str], ...] = (),
        attempts: int = 5,
        catalogue_url: str = "",
        **changes: Any,
    ) -> None:
        self.card = make_card("hosted", base_url, protocol, **changes)
        self.account = ProviderAccount("vendor", key, fields=account)
        self.resources = Resources(
            catalogue_url or f"sqlite:///{folder}/catalogue.sqlite",
            BucketConfig(str(folder / "bucket")),
            SignerConfig("development", folder / "signer"),
            folder / "staging",
            devices=("cpu",),
            model_folders=(write_card(folder / "cards", "hosted", base_url, protocol, **changes),),
            providers=(self.account,),
            attempts=attempts,
        )
        self.prompts = tuple(prompts)
        self.campaign_id = self._register()

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue of this process."""
        return catalogue_of(self.resources)

    def _register(self, name: str = "Spring", digest: str = "ab") -> str:
        briefs = tuple(Brief(row, f"b{row}", (prompt,)) for row, prompt in enumerate(self.prompts, 2))
        registered = Campaign(name, digest * 32, briefs)
        self.catalogue.campaigns.add(registered, {})
        items = [self._variant(prompt) for prompt in self.prompts]
        planned = [
            PlannedVariant(brief.brief_id, Placement("square", "1:1"), item, item.variant_id)
            for brief, item in zip(briefs, items, strict=True)
        ]
        self.catalogue.campaigns.add_variants(registered.campaign_id, planned)
        return registered.campaign_id

    def second(self, prompt: str) -> "World":
        """Return a world of another campaign in the same catalogue."""
        other = copy(self)
        other.prompts = (prompt,)
        other.campaign_id = other._register("Autumn", "cd")
        return other

    def _variant(self, prompt: str) -> Variant:
        return Variant("hosted", self.card.revision, prompt, "", 0, 64, 64, 8, 8, 0, 0.0)

    def run(self, run_id: str = "") -> ShardReport:
        """Render what is left in one shard."""
        shards = Remaining(self.resources, self.campaign_id, 1.0).shards(1000, run_id)
        return render_hosted_shard(self.resources, by_card(shards)["hosted"][0])

    @property
    def jobs(self) -> list[ProviderJob]:
        """All provider jobs, oldest first."""
        return jobs_of(self.catalogue)

    @property
    def rows(self) -> list[VariantRow]:
        """The variants in the order of the prompts."""
        rows = {row.variant.prompt: row for row in self.catalogue.variants.of_campaign(self.campaign_id)}
        return [rows[prompt] for prompt in self.prompts]

    @property
    def states(self) -> list[str]:
        """The states of the variants in the order of the prompts."""
        return [row.state for row in self.rows]

    @property
    def reason(self) -> str:
        """Why the first variant failed."""
        return self.rows[0].error or ""


def accept_every_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the scorer by a fake, and open new resources."""
    resources_module.close_resources()
    monkeypatch.setattr(resources_module, "open_scorer", lambda *_, **__: FakeScorer())


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten delays and time limits of the lane to milliseconds."""
    monkeypatch.setattr(delays, "FIRST_S", 0.01)
    monkeypatch.setattr(steps, "FULL_S", 0.02)
    monkeypatch.setattr(provider, "TIMEOUTS", Timeouts(2.0, 0.4, 0.4, 2.0, 2.0))
