"""The published files of a campaign, as packages see them, on both engines."""

from pathlib import Path

import deliverable_samples as ours
import pytest
import samples

from adapters.bucket import LocalBucket
from adapters.catalogue import Catalogue
from manifests.errors import BucketError
from manifests.packages.errors import PackageError
from manifests.packages.item import CaptionFile
from tasks.package.items import published_items
from tasks.package.package import make_package


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


def test_an_unfinished_package_is_removed(catalogue: Catalogue, tmp_path: Path) -> None:
    ours.published(catalogue)
    bucket, out = LocalBucket(tmp_path / "bucket"), tmp_path / "out"
    with pytest.raises(BucketError, match="no object"):
        make_package(catalogue, bucket, ours.CAMPAIGN, "editors", out, {})
    assert not out.exists()


def test_a_folder_with_files_is_not_written_to(catalogue: Catalogue, tmp_path: Path) -> None:
    ours.published(catalogue)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(PackageError, match="not an empty folder"):
        make_package(catalogue, LocalBucket(tmp_path / "bucket"), ours.CAMPAIGN, "editors", tmp_path, {})
    assert (tmp_path / "mine.txt").read_text() == "mine"
