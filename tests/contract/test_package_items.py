"""The published files of a campaign, as packages see them, on both engines."""

import deliverable_samples as ours
import samples

from adapters.catalogue import Catalogue
from manifests.packages.item import CaptionFile
from tasks.package.items import published_items


def test_only_published_clips_and_deliverables_are_packaged(catalogue: Catalogue) -> None:
    one, two = ours.published(catalogue, 2)
    specs = [ours.spec(one, "de", two, cta="Kaufen"), ours.spec(one, "ar"), ours.spec(two)]
    catalogue.deliverables.add(specs)
    ours.bring_to(catalogue, specs[0].deliverable_id, "published")
    ours.bring_to(catalogue, specs[1].deliverable_id, "signing")
    ours.bring_to(catalogue, specs[2].deliverable_id, "withdrawn")
    found = published_items(catalogue, ours.CAMPAIGN, {"tiktok": "tiktok-auction"})
    assert {item.item_id for item in found.clips} == {one, two}
    clip = found.clips[0]
    assert (clip.brief_id, clip.row, clip.placement, clip.preset) == ("b1", 2, "tiktok 9:16", "tiktok-auction")
    assert clip.key == samples.facts(clip.item_id).key
    [deliverable] = found.deliverables
    assert deliverable.item_id == specs[0].deliverable_id
    assert deliverable.is_deliverable
    assert deliverable.shots == (one, two)
    assert (deliverable.locale, deliverable.text("cta"), deliverable.preset) == ("de", "Kaufen", "general")
    assert deliverable.prompt == "a red ball rolls over grass"
    assert deliverable.captions == (CaptionFile("srt", f"spring/{deliverable.item_id}.srt", "6" * 64),)


def test_a_campaign_without_published_clips_has_no_items(catalogue: Catalogue) -> None:
    samples.filled(catalogue, 1)
    found = published_items(catalogue, ours.CAMPAIGN, {})
    assert (found.clips, found.deliverables) == ((), ())
