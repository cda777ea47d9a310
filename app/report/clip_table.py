"""Clip table of a campaign: a CSV file with one row per variant."""

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adapters.catalogue import Membership, VariantRow
from adapters.sheets.escaping import escape_formula
from manifests.states import NOT_NEEDED


def write_clip_table(
    rows: Sequence[VariantRow],
    memberships: Sequence[Membership],
    sheet_rows: Mapping[str, int],
    decisions: Mapping[str, str],
    out: Path,
    not_needed: Container[str] = (),
) -> Path:
    """Write state, inputs, measurements, reasons and keys of each variant, with a column per technical check.

    Args:
        sheet_rows: row number in the sheet by brief id.
        decisions: decision and reason of a person, by variant id.
        not_needed: ids of variants that no run generates.
    """
    import pandas as pd  # the import takes half a second, and most commands write no table

    places: defaultdict[str, list[Membership]] = defaultdict(list)
    for member in memberships:
        places[member.variant_id].append(member)
    table = pd.json_normalize(
        [
            {
                **_places(places[row.variant_id], sheet_rows),
                **_flat(row, decisions.get(row.variant_id, "")),
                **({"state": NOT_NEEDED} if row.variant_id in not_needed else {}),
            }
            for row in rows
        ]
    )
    texts = table.select_dtypes(exclude="number").columns
    table[texts] = table[texts].map(lambda cell: escape_formula(cell) if isinstance(cell, str) else cell)
    out.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(out, index=False)
    return out


def _places(members: Sequence[Membership], sheet_rows: Mapping[str, int]) -> dict[str, str]:
    """Return the rows, briefs and placements that a clip is for, each separated by ``|``."""
    briefs = list(dict.fromkeys(member.brief_id for member in members))
    return {
        "row": "|".join(str(sheet_rows[brief_id]) for brief_id in briefs),
        "brief_id": "|".join(briefs),
        "placements": "|".join(dict.fromkeys(member.placement for member in members)),
    }


def _flat(row: VariantRow, decision: str) -> dict[str, Any]:
    score = asdict(row.score) if row.score else {}
    return {
        "variant_id": row.variant_id,
        "parent_id": row.parent_id or "",
        "state": row.state,
        "reasons": "; ".join(reason.sentence for reason in row.reasons) or row.error or "",
        "decision": decision,
        **{name: value for name, value in row.variant._asdict().items() if name != "loras"},
        **{name: score.get(name) for name in ("prompt_adherence", "prompt_rank", "num_distractors", "scorer")},
        **score.get("checks", {}),
        "device_seconds": row.clip.device_seconds if row.clip else None,
        "draft_seconds": row.clip.draft_seconds if row.clip else None,
        "memory_rung": row.clip.rung if row.clip else "",
        "key": row.signed.key if row.signed else "",
        "sha256": row.signed.sha256 if row.signed else "",
        "credential_sha256": row.signed.digests.get(row.signed.sidecar_key, "") if row.signed else "",
        "url": row.url or "",
        "attestation": row.signed.attestation.statement if row.signed and row.signed.attestation else "",
    }
