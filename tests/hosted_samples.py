"""Cards of hosted models for tests, and a folder with them."""

import json
from pathlib import Path
from typing import Any

from models.hosted_card import HostedCard

CARD: dict[str, Any] = {
    "name": "acme-video-1",
    "kind": "hosted-text-to-video",
    "title": "Acme Video 1",
    "description": "Footage of up to ten seconds.",
    "licence": {"name": "Terms of Acme", "url": "https://acme.example/terms", "sentence": "Clips may be published."},
    "provider": "acme",
    "protocol": "runway",
    "base_url": "https://api.acme.example",
    "model": "video-1",
    "sizes": {"16:9": {"height": 720, "width": 1280, "word": "1280:720", "resolution": "720p"}},
    "durations": {"allowed": [5, 10], "default_s": 5},
    "fps": 24,
    "audio": "switch",
    "takes_seed": True,
    "min_adherence": 0.2,
    "max_prompt_chars": 1000,
    "prices": {
        "currency": "USD",
        "per_second": {"720p": "0.12"},
        "as_of": "2026-11-01",
        "source": "https://acme.example/prices",
    },
    "limits_of_account": {"concurrency": 2, "per_minute": 10},
    "poll_s": 5,
    "deadline_s": 900,
    "retention_s": 86400,
    "reconcile": "list",
    "keeps_c2pa": "signs its files",
    "unconfirmed": ["whether failed jobs are billed"],
}


def hosted_card(**changes: Any) -> HostedCard:
    return HostedCard.model_validate({**CARD, **changes})


def card_folder(folder: Path, *cards: dict[str, Any]) -> Path:
    """Write cards that differ from CARD as given; without any, CARD itself."""
    folder.mkdir(parents=True, exist_ok=True)
    for changes in cards or ({},):
        content = {**CARD, **changes}
        (folder / f"{content['name']}.json").write_text(json.dumps(content))
    return folder
