"""Cards, sheets and resources with which hosted generators are tested against ``vendor_server``."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from adapters.catalogue import Catalogue
from manifests.hosted.provider_job import ProviderJob
from models.hosted_card import HostedCard

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
