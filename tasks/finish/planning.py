"""Plan the deliverables of published clips, as more of them are published."""

import time
from collections import defaultdict
from collections.abc import Iterable

from pydantic import ValidationError

from adapters.catalogue import Catalogue, Membership, PublishedFile
from manifests.brief import Brief
from manifests.errors import CatalogueError
from manifests.finish.brief_digest import FINISHED_BRIEFS, digest_of
from manifests.finish.kit import FinishKit, kit_in
from manifests.finish.spec import DeliverableSpec
from manifests.pluralize import counted, one_or_more
from tasks.plan.deliverables import PublishedClip, specs_of
from tasks.runtime.lease_owner import current_owner

SHARE = 0.1
"""Largest share of the time that planning takes, since all clips of a campaign are read each time."""


def kit_of(catalogue: Catalogue, campaign_id: str) -> FinishKit:
    """Return templates, brand kit, presets and files of a campaign, as they were when its sheet was submitted.

    Raises:
        CatalogueError: they are missing or cannot be read.
    """
    try:
        kit = kit_in(catalogue.campaigns.get(campaign_id).settings)
    except ValidationError:
        kit = None
    if kit is None:
        raise CatalogueError(
            f"The templates and the brand kit of the campaign {campaign_id} are missing from the catalogue, or cannot "
            "be read. Run its sheet again to store them."
        )
    return kit


def finished_briefs(catalogue: Catalogue, campaign_id: str) -> list[Brief]:
    """Return the briefs of a campaign in the sheet's order; those that are finished are as they were submitted.

    Raises:
        CatalogueError: the settings of the campaign, or a finished brief, were changed outside Reelmill.
    """
    catalogue.campaigns.check_settings(campaign_id)
    known = catalogue.campaigns.get(campaign_id).settings.get(FINISHED_BRIEFS, {})
    found = []
    for brief in catalogue.campaigns.briefs(campaign_id):
        if brief.is_finished and known.get(brief.brief_id) != digest_of(brief):
            raise CatalogueError(
                f"Row {brief.row} of the campaign {campaign_id} was changed in the catalogue outside Reelmill, so no "
                "deliverable is made. Run the sheet again to restore it."
            )
        found.append(brief)
    return found


class Planning:
    """Plans the deliverables of one campaign; planning the same ones again has no effect."""

    def __init__(self, catalogue: Catalogue, campaign_id: str) -> None:
        self._catalogue = catalogue
        self._campaign_id = campaign_id
        self._briefs = finished_briefs(catalogue, campaign_id)
        self._kit = kit_of(catalogue, campaign_id)
        self._published = -1
        self._due = 0.0

    def plan(self, *, at_once: bool = False) -> int:
        """Plan the deliverables of clips that were published since the last call; return the number of new ones.

        Args:
            at_once: plan now, even if that was done a moment ago.
        """
        if not at_once and time.monotonic() < self._due:
            return 0
        number = self._catalogue.published.count(self._campaign_id)
        if number == self._published:
            return 0
        began = time.monotonic()
        clips = self._clips()
        specs = specs_of(self._campaign_id, self._briefs, clips, self._kit)
        self._withdraw_replaced(clips, specs)
        added = self._catalogue.deliverables.add(specs, current_owner())
        self._published = number
        self._due = time.monotonic() + (time.monotonic() - began) / SHARE
        return len(added)

    def _withdraw_replaced(self, clips: Iterable[PublishedClip], specs: Iterable[DeliverableSpec]) -> None:
        """Withdraw what an earlier submission of the sheet has planned, once at the start.

        Later, another process may have planned those of a newer submission, which this one does not know.
        """
        if self._published < 0:
            known, current = {clip.variant_id for clip in clips}, {spec.deliverable_id for spec in specs}
            self._catalogue.deliverables.replace(self._campaign_id, known, current)

    def _clips(self) -> list[PublishedClip]:
        """Return the published clips with a genuine place in the campaign, in the order of publishing."""
        files = self._catalogue.published.files(self._campaign_id)
        places: defaultdict[tuple[str, str], list[Membership]] = defaultdict(list)
        for member in self._catalogue.campaigns.memberships(self._campaign_id, genuine=True):
            places[member.variant_id, member.brief_id].append(member)
        brief_ids: defaultdict[str, list[str]] = defaultdict(list)
        for variant_id, brief_id in places:
            brief_ids[variant_id].append(brief_id)
        return [
            _clip(file, brief_id, places[file.variant_id, brief_id])
            for file in files
            for brief_id in brief_ids[file.variant_id]
        ]


def _clip(file: PublishedFile, brief_id: str, members: list[Membership]) -> PublishedClip:
    return PublishedClip(
        file.variant_id,
        brief_id,
        tuple(dict.fromkeys(member.placement for member in members)),
        members[0].labels,
        file.signed.sha256,
        file.width,
        file.height,
        file.seconds,
    )


def needs_finishing(catalogue: Catalogue, campaign_id: str) -> bool:
    """Return whether a campaign has briefs whose clips are finished, or deliverables that are left."""
    is_finished = any(brief.is_finished for brief in catalogue.campaigns.briefs(campaign_id))
    return is_finished or bool(catalogue.deliverables.waiting(campaign_id))


def left_to_finish(catalogue: Catalogue, campaign_id: str) -> str:
    """Return that deliverables are left, and what to do, without a full stop; empty if none are."""
    number = len(catalogue.deliverables.waiting(campaign_id))
    if not number:
        return ""
    them = one_or_more(number, "it", "them")
    return f"{counted(number, 'deliverable{s} {are}')} not published yet. Re-run the same command to finish {them}"


def is_finishing_done(catalogue: Catalogue, campaign_id: str) -> bool:
    """Return whether a run would make no deliverables, after planning those of all published clips."""
    if not needs_finishing(catalogue, campaign_id):
        return True
    Planning(catalogue, campaign_id).plan(at_once=True)
    return not catalogue.deliverables.waiting(campaign_id)
