"""Small sample deliverables for tests."""

from collections.abc import Sequence
from pathlib import Path

import samples

from adapters.catalogue import Catalogue, DeliverableLease, SignedFacts
from manifests.finish.deliverable import FinishedFile
from manifests.finish.design.template import FinishTemplate
from manifests.finish.spec import DeliverableSpec, Shot
from manifests.placements.preset import FrameSize, PlacementPreset

CAMPAIGN = samples.campaign().campaign_id
PRESET = PlacementPreset(name="general", title="General", sizes={"9:16": FrameSize(width=72, height=128)})


def published(catalogue: Catalogue, count: int = 1) -> list[str]:
    """Add a campaign with published clips; return their ids."""
    ids = samples.filled(catalogue, count)
    for variant_id in ids:
        samples.bring_to(catalogue, variant_id, "published")
    return ids


def spec(variant_id: str, locale: str = "", *more: str, cta: str = "Buy", placement: str = "tiktok 9:16"):
    shots = tuple(Shot(variant_id=name, sha256="5" * 64) for name in (variant_id, *more))
    return DeliverableSpec(
        campaign_id=CAMPAIGN,
        brief_id="b1",
        placement=placement,
        aspect_ratio="9:16",
        preset=PRESET,
        locale=locale,
        shots=shots,
        width=72,
        height=128,
        template=FinishTemplate(name="plain"),
        texts=(("cta", cta),),
    )


def lease(catalogue: Catalogue, ids: Sequence[str], owner: str = "me", seconds: float = 600.0):
    return catalogue.deliverable_leases.acquire(ids, owner, seconds, attempts_cap=samples.CAP, campaign_id=CAMPAIGN)


def finished_file(machine: str = "here") -> FinishedFile:
    return FinishedFile(
        sha256="f" * 64, size=100, width=72, height=128, num_frames=16, fps="8", duration_s=2.0, machine=machine
    )


def facts(deliverable_id: str) -> SignedFacts:
    return SignedFacts(
        f"spring/{deliverable_id}.mp4",
        "7" * 64,
        4321,
        f"spring/{deliverable_id}.c2pa",
        f"spring/{deliverable_id}.jpg",
        f"spring/{deliverable_id}.json",
        {f"spring/{deliverable_id}.srt": "6" * 64},
        Path(f"/staging/{deliverable_id}-signed.mp4"),
        caption_keys=(f"spring/{deliverable_id}.srt",),
    )


def bring_to(catalogue: Catalogue, deliverable_id: str, state: str) -> DeliverableLease | None:
    """Bring a planned deliverable to a state by legal transitions; return its lease, if it still has one."""
    if state == "planned":
        return None
    [held] = lease(catalogue, [deliverable_id])
    if state == "failed":
        catalogue.deliverables.fail(held, "The logo cannot be read.")
        return None
    catalogue.deliverables.mark_finished(held, finished_file())
    if state == "finished":
        return held
    catalogue.deliverables.mark_signing(held, facts(deliverable_id))
    if state == "signing":
        return held
    catalogue.deliverables.mark_published(held, f"https://clips.example/{deliverable_id}.mp4")
    if state == "withdrawn":
        catalogue.deliverables.withdraw([deliverable_id], "person:ann", "old price")
    return None
