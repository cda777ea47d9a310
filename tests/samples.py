"""Small sample records for tests, each of them different."""

import secrets
from collections.abc import Sequence
from pathlib import Path

from decisions import decide

from adapters.catalogue import Catalogue, Lease, SignedFacts
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.clip import Clip
from manifests.costs.device_use import Cause, DeviceUse, UseKind
from manifests.placement import Placement
from manifests.scoring.score import Score
from manifests.scoring.verdict import Reason, Verdict
from manifests.variant import PlannedVariant, Variant

LONG = 600.0
CAP = 5


def campaign(name: str = "Spring", briefs: Sequence[str] = ("b1", "b2")) -> Campaign:
    return Campaign(
        name,
        (name.encode().hex() * 64)[:64],
        tuple(Brief(row, brief_id, (f"prompt of {brief_id}",)) for row, brief_id in enumerate(briefs, 2)),
    )


def variant(seed: int = 0, prompt: str = "a red ball rolls over grass") -> Variant:
    return Variant("starter", "1", prompt, "", seed, 64, 64, 16, 8, 20, 6.0)


def planned(count: int, brief_id: str = "b1", start: int = 0) -> list[PlannedVariant]:
    placement = Placement("tiktok", "9:16")
    items = [variant(seed) for seed in range(start, start + count)]
    return [PlannedVariant(brief_id, placement, item, item.variant_id, (("seed", str(item.seed)),)) for item in items]


def filled(catalogue: Catalogue, count: int) -> list[str]:
    """Add a campaign with ``count`` planned variants; return their ids in order."""
    catalogue.campaigns.add(campaign(), {})
    items = planned(count)
    catalogue.campaigns.add_variants(campaign().campaign_id, items)
    return [item.variant_id for item in items]


def take(catalogue: Catalogue, variant_ids: Sequence[str], states=("planned",), owner: str = "me") -> list[Lease]:
    return catalogue.leases.acquire(variant_ids, owner, LONG, states, attempts_cap=CAP)


def clip(variant_id: str) -> Clip:
    return Clip(
        variant_id,
        Path(f"/staging/{variant_id}.mp4"),
        Path(f"/staging/{variant_id}.jpg"),
        "c" * 64,
        1234,
        64,
        64,
        16,
        8,
        1.5,
    )


def score(variant_id: str, adherence: float | None = 0.3) -> Score:
    return Score(variant_id, {"luma_mean": 90.0, "nan_share": 0.0}, adherence, 1, 7, "starter-openclip@1")


def passed(variant_id: str) -> Verdict:
    return Verdict(variant_id)


def failed(variant_id: str) -> Verdict:
    return Verdict(variant_id, (Reason("black", "the clip is black"),))


def facts(variant_id: str) -> SignedFacts:
    return SignedFacts(
        f"spring/{variant_id}.mp4",
        "5" * 64,
        4321,
        f"spring/{variant_id}.c2pa",
        f"spring/{variant_id}.jpg",
        f"spring/{variant_id}.json",
        {f"spring/{variant_id}.jpg": "6" * 64},
        Path(f"/staging/{variant_id}-signed.mp4"),
    )


def device_use(
    campaign_id: str, run_id: str = "", kind: UseKind = UseKind.GENERATE, seconds: float = 1.0, device: str = "cpu"
) -> DeviceUse:
    owner = "host:0:1:1"
    return DeviceUse(secrets.token_hex(16), Cause(campaign_id, run_id, "starter"), kind, owner, "cpu", device, seconds)


def bring_to(catalogue: Catalogue, variant_id: str, state: str) -> Lease | None:
    """Bring a planned variant to a state by legal transitions; return its lease, if it still has one."""
    if state == "planned":
        return None
    if state == "quarantined":
        catalogue.decisions.quarantine([variant_id], "odd")
        return None
    lease = take(catalogue, [variant_id])[0]
    if state == "leased":
        return lease
    catalogue.results.mark_rendered(lease, clip(variant_id))
    if state == "rendered":
        return lease
    verdict = failed(variant_id) if state == "failed" else passed(variant_id)
    catalogue.results.mark_judged(lease, score(variant_id), verdict)
    if state == "rejected":
        decide(catalogue, [variant_id], "rejected", "ann", "dull")
    if state in ("passed", "failed", "rejected"):
        return None
    decide(catalogue, [variant_id], "approved", "ann")
    return None if state == "approved" else _bring_to_bucket(catalogue, variant_id, state)


def _bring_to_bucket(catalogue: Catalogue, variant_id: str, state: str) -> Lease | None:
    lease = take(catalogue, [variant_id], ("approved",))[0]
    catalogue.results.mark_signing(lease, facts(variant_id))
    if state == "signing":
        return lease
    catalogue.results.mark_published(lease, f"https://clips.example/{variant_id}.mp4")
    if state == "withdrawn":
        decide(catalogue, [variant_id], "withdrawn", "ann", "expired rights")
    return None
