"""Find the published files of a campaign that can become part of a package."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from adapters.catalogue import Catalogue, DeliverableRow, Membership, SignedFacts, VariantRow
from manifests.brief import Brief
from manifests.clip_metadata import clip_metadata
from manifests.finish.deliverable import DeliverableState
from manifests.finish.sheet_order import SheetOrder
from manifests.finish.texts.wording import localised
from manifests.packages.item import CaptionFile, PackageItem
from manifests.placement import parse_placement
from manifests.states import State


class Published(NamedTuple):
    """The published files of a campaign, in the order of the sheet."""

    clips: tuple[PackageItem, ...]
    deliverables: tuple[PackageItem, ...]


def published_items(catalogue: Catalogue, campaign_id: str, presets: Mapping[str, str]) -> Published:
    """Return the published clips and deliverables of a campaign.

    Args:
        presets: names of placement presets by channel, for clips that were not finished.
    """
    found = _Campaign(catalogue, campaign_id, presets)
    return Published(tuple(found.clips()), tuple(found.deliverables()))


class _Campaign:
    """Reads one campaign from the catalogue."""

    def __init__(self, catalogue: Catalogue, campaign_id: str, presets: Mapping[str, str]) -> None:
        self._catalogue, self._campaign_id, self._presets = catalogue, campaign_id, presets
        self._briefs = {brief.brief_id: brief for brief in catalogue.campaigns.briefs(campaign_id)}
        self._rows = {row.variant_id: row for row in catalogue.variants.of_campaign(campaign_id, [State.PUBLISHED])}
        self._members = defaultdict[str, list[Membership]](list)
        for member in catalogue.campaigns.memberships(campaign_id, genuine=True):
            self._members[member.variant_id].append(member)

    def clips(self) -> Iterator[PackageItem]:
        """Yield the clips with their first place in the campaign."""
        items = [self._clip(row, row.signed) for row in self._rows.values() if row.signed]
        yield from sorted((item for item in items if item), key=lambda item: (item.row, item.item_id))

    def deliverables(self) -> Iterator[PackageItem]:
        """Yield the deliverables."""
        rows = self._catalogue.deliverables.of_campaign(self._campaign_id, [DeliverableState.PUBLISHED])
        items = [self._deliverable(row, row.signed) for row in rows if row.signed]
        order = SheetOrder(self._briefs.values())
        yield from sorted(
            items, key=lambda item: (*order.key(item.brief_id, item.placement, item.locale), item.item_id)
        )

    def _clip(self, row: VariantRow, signed: SignedFacts) -> PackageItem | None:
        members = [member for member in self._members[row.variant_id] if member.brief_id in self._briefs]
        if not members:
            return None
        brief, placement = self._briefs[members[0].brief_id], parse_placement(members[0].placement)
        return PackageItem(
            item_id=row.variant_id,
            is_deliverable=False,
            brief_id=brief.brief_id,
            row=brief.row,
            prompt=row.variant.prompt,
            placement=placement.label,
            aspect_ratio=placement.aspect_ratio,
            preset=self._presets.get(placement.channel, ""),
            metadata=_metadata(brief, members[0]),
            key=signed.key,
            sha256=signed.sha256,
            adherence=row.score.prompt_adherence if row.score else None,
            url=row.url or "",
            shots=(row.variant_id,),
        )

    def _deliverable(self, row: DeliverableRow, signed: SignedFacts) -> PackageItem:
        spec, brief = row.spec, self._briefs[row.brief_id]
        members = [member for member in self._members[row.variant_id] if member.brief_id == row.brief_id]
        first = self._rows.get(row.variant_id)
        return PackageItem(
            item_id=row.deliverable_id,
            is_deliverable=True,
            brief_id=row.brief_id,
            row=brief.row,
            prompt=first.variant.prompt if first else brief.prompts[0],
            placement=row.placement,
            aspect_ratio=spec.aspect_ratio,
            preset=spec.preset.name,
            locale=row.locale,
            metadata=_metadata(brief, members[0] if members else None) | _localised(brief, row.locale),
            texts=dict(spec.texts),
            key=signed.key,
            sha256=signed.sha256,
            captions=tuple(_captions(signed)),
            url=row.url or "",
            shots=tuple(shot.variant_id for shot in spec.shots),
            transition_s=spec.transition_s,
            violations=tuple(violation.message for violation in row.file.violations) if row.file else (),
        )


def _metadata(brief: Brief, member: Membership | None) -> dict[str, tuple[str, ...]]:
    """Return the columns by their names in lower case, with spaces as underscores."""
    found = clip_metadata([(brief, member.labels if member else ())])
    return {"_".join(name.lower().split()): values for name, values in found.items()}


def _localised(brief: Brief, locale: str) -> dict[str, tuple[str, ...]]:
    """Return the texts of the columns per language that the row has in a language."""
    return {name: texts for name in brief.localised if (texts := localised(brief, name, locale))}


def _captions(signed: SignedFacts) -> Iterator[CaptionFile]:
    for key in signed.caption_keys:
        yield CaptionFile(key.rpartition(".")[2], key, signed.digests.get(key, ""))
