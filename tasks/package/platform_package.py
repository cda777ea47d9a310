"""The package for an ad platform: deliverables with safe names, their caption files, and an upload sheet."""

from collections.abc import Sequence
from pathlib import Path

from adapters.bucket import Bucket
from adapters.media.file_facts import measure
from adapters.packages.csv_file import write_csv
from adapters.sheets.escaping import escape_formula
from manifests.packages.errors import PackageError
from manifests.packages.file_names import file_name
from manifests.packages.item import PackageItem
from manifests.packages.upload_sheet import COLUMNS, Platform, belongs_to, upload_row
from tasks.package.fetch import fetch
from tasks.package.items import Published
from tasks.package.result import Package


def write_platform_package(
    bucket: Bucket, published: Published, target: str, platform: Platform, folder: Path
) -> Package:
    """Write the package. Clips are used only if no deliverable was made from them.

    Raises:
        PackageError: the campaign has nothing for the platform.
    """
    finished = {shot for item in published.deliverables for shot in item.shots}
    raw = [clip for clip in published.clips if clip.item_id not in finished]
    items = [item for item in (*published.deliverables, *raw) if belongs_to(item, platform)]
    if not items:
        found = ", ".join(sorted({item.placement for item in (*published.deliverables, *raw)})) or "none at all"
        raise PackageError(
            f"The campaign has no published clip for {platform.title}; it has {found}. "
            "Add a placement of this platform to the sheet, and run the campaign again."
        )
    rows = [_row(bucket, item, platform, folder) for item in items]
    sheet = f"{target}-upload.csv"
    write_csv(folder / sheet, COLUMNS, [[escape_formula(cell) for cell in row] for row in rows], with_mark=True)
    return Package(folder, len(items), (sheet,), notes=(platform.disclosure, *_notes(items)))


def _row(bucket: Bucket, item: PackageItem, platform: Platform, folder: Path) -> tuple[str, ...]:
    name = file_name((item.brief_id, item.placement, item.locale), item.item_id)
    fetch(bucket, item.key, item.sha256, folder / name)
    captions = []
    for caption in item.captions:
        language = f".{item.locale}" if item.locale else ""
        captions.append(f"{name.removesuffix('.mp4')}{language}.{caption.ending}")
        fetch(bucket, caption.key, caption.sha256, folder / captions[-1])
    facts = measure(folder / name, caption_files=(), with_loudness=False)
    return upload_row(item, platform, name, facts, captions)


def _notes(items: Sequence[PackageItem]) -> list[str]:
    broken = [item for item in items if item.violations]
    return [f"{item.label} does not meet its placement: {' '.join(item.violations)}" for item in broken]
