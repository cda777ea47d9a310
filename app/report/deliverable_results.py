"""Deliverables of a campaign, for reports and result files."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from adapters.bucket import Bucket
from adapters.catalogue import DeliverableRow
from adapters.sheets.results.deliverable_results import DeliverableResult
from manifests.brief import Brief
from manifests.finish.deliverable import DeliverableState
from manifests.finish.sheet_order import SheetOrder


def deliverable_results(
    rows: Iterable[DeliverableRow], briefs: Iterable[Brief], bucket: Bucket
) -> list[DeliverableResult]:
    """Return one result for each deliverable, in the order of the sheet's rows.

    Those that were replaced before they were published are left out.
    """
    briefs = tuple(briefs)
    numbers, order = {brief.brief_id: brief.row for brief in briefs}, SheetOrder(briefs)
    found = [_result(row, numbers, bucket) for row in rows if row.state != DeliverableState.WITHDRAWN or row.signed]

    def place(each: DeliverableResult) -> tuple[object, ...]:
        number, *within = order.key(each.brief_id, each.placement, each.locale)
        return number, each.variant_id, *within, each.cta

    return sorted(found, key=place)


def in_sheet_order(rows: Iterable[DeliverableRow], briefs: Iterable[Brief]) -> list[DeliverableRow]:
    """Return deliverables in the order of the sheet's rows, placements and locales."""
    order = SheetOrder(briefs)

    def place(row: DeliverableRow) -> tuple[object, ...]:
        return *order.key(row.brief_id, row.placement, row.locale), row.variant_id, cta_of(row), row.deliverable_id

    return sorted(rows, key=place)


def deliverable_record(row: DeliverableRow) -> dict[str, Any]:
    """Return a deliverable for programs."""
    file, signed = row.file, row.signed
    return {
        "deliverable_id": row.deliverable_id,
        "campaign_id": row.campaign_id,
        "variant_id": row.variant_id,
        "brief_id": row.brief_id,
        "placement": row.placement,
        "locale": row.locale,
        "cta": cta_of(row),
        "state": row.state,
        "url": row.url,
        "key": signed.key if signed and row.state == DeliverableState.PUBLISHED else None,
        "sha256": signed.sha256 if signed and row.state == DeliverableState.PUBLISHED else None,
        "captions": list(signed.caption_keys) if signed and row.state == DeliverableState.PUBLISHED else [],
        "width": file.width if file else None,
        "height": file.height if file else None,
        "duration_s": file.duration_s if file else None,
        "loudness_lufs": file.loudness_lufs if file else None,
        "violations": [violation.message for violation in file.violations] if file else [],
        "notes": list(file.notes) if file else [],
        "error": row.error,
    }


def cta_of(row: DeliverableRow) -> str:
    """Return the call to action of a deliverable; empty for none."""
    return dict(row.stored_spec.texts).get("cta", "") if row.stored_spec else ""


def failures_of(rows: Sequence[DeliverableRow]) -> list[str]:
    """Return why deliverables failed, each reason once."""
    return list(dict.fromkeys(row.error for row in rows if row.state == DeliverableState.FAILED and row.error))


def _result(row: DeliverableRow, numbers: Mapping[str, int], bucket: Bucket) -> DeliverableResult:
    file, signed = row.file, row.signed
    is_published = row.state == DeliverableState.PUBLISHED
    captions = next((key for key in signed.caption_keys if key.endswith(".srt")), "") if signed else ""
    notes = [*(violation.message for violation in file.violations), *file.notes] if file else []
    return DeliverableResult(
        row=numbers.get(row.brief_id),
        brief_id=row.brief_id,
        placement=row.placement,
        locale=row.locale,
        cta=cta_of(row),
        state=row.state,
        url=(row.url or "") if is_published else "",
        captions=bucket.url(captions) if captions and is_published else "",
        seconds=round(file.duration_s, 2) if file else None,
        size=f"{file.width}x{file.height}" if file else "",
        loudness=round(file.loudness_lufs, 1) if file and file.loudness_lufs is not None else None,
        variant_id=row.variant_id,
        deliverable_id=row.deliverable_id,
        why=row.error,
        note=" ".join(notes),
    )
