"""Sheets for people who upload ads to a platform: one line for each file."""

from collections.abc import Sequence
from typing import NamedTuple

from manifests.packages.item import PackageItem
from manifests.placements.facts import FileFacts


class Platform(NamedTuple):
    """A platform to which ads are uploaded.

    Attributes:
        presets: how the names of its placement presets begin.
        disclosure: what to do about AI-generated content, in one sentence.
    """

    title: str
    presets: tuple[str, ...]
    disclosure: str


PLATFORMS = {
    "meta": Platform("Meta", ("meta-",), "Declare the ad as AI-generated where Ads Manager asks for it."),
    "tiktok": Platform("TikTok", ("tiktok-",), "Declare the ad as AI-generated where TikTok Ads Manager asks for it."),
    "google": Platform(
        "Google",
        ("google-", "youtube"),
        "Disclose the YouTube upload as AI-generated; in Campaign Manager 360 and Display & Video 360, set "
        "syntheticContentAttestationStatus to IS_SYNTHETIC.",
    ),
}
"""Google: developers.google.com/doubleclick-advertisers/guides/ai_content_labeling, read 2026-12-01."""
COLUMNS = (
    "file_name",
    "placement",
    "aspect_ratio",
    "locale",
    "width",
    "height",
    "duration_s",
    "size_bytes",
    "headline",
    "primary_text",
    "call_to_action",
    "caption_files",
    "ai_generated",
    "ai_disclosure",
    "problems",
    "brief_id",
    "row",
    "sha256",
    "url",
)


def belongs_to(item: PackageItem, platform: Platform) -> bool:
    """Return whether a file was made for a platform."""
    return item.preset.startswith(platform.presets)


def upload_row(
    item: PackageItem, platform: Platform, name: str, facts: FileFacts, captions: Sequence[str]
) -> tuple[str, ...]:
    """Return the cells of a file in the order of COLUMNS.

    Args:
        name: of the file in the package.
        captions: names of its caption files in the package.
    """
    return (
        name,
        item.preset,
        item.aspect_ratio,
        item.locale,
        str(facts.width),
        str(facts.height),
        f"{facts.duration_s:.3f}",
        str(facts.size_bytes),
        item.text("headline", "title"),
        item.text("primary_text", "description", "text"),
        item.text("cta"),
        " ".join(captions),
        "yes",
        platform.disclosure,
        " ".join(item.violations),
        item.brief_id,
        str(item.row),
        item.sha256,
        item.url,
    )
