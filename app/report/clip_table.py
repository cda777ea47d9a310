"""Clip table of a campaign: a CSV file with one row per variant."""

from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adapters.catalogue import Membership, VariantRow
from adapters.files.umask import make_shared_folders
from adapters.sheets.atomic_save import saving
from adapters.sheets.escaping import escape_formula
from app.report.fallbacks import NONE, Fallbacks
from manifests.brief import Brief
from manifests.clip import Clip
from manifests.clip_metadata import METADATA_COLUMNS, clip_metadata, joined
from manifests.costs.money import Money
from manifests.states import NOT_NEEDED


def write_clip_table(
    rows: Sequence[VariantRow],
    memberships: Sequence[Membership],
    briefs: Iterable[Brief],
    decisions: Mapping[str, str],
    out: Path,
    not_needed: Container[str] = (),
    fallbacks: Fallbacks = NONE,
) -> Path:
    """Write state, inputs, measurements, reasons and keys of each variant, with a column per technical check.

    The columns of the sheet follow those of the place. Excel reads the file as UTF-8 because of its byte order mark.

    Args:
        briefs: the rows of the sheet; at least those of the memberships.
        decisions: decision and reason of a person, by variant id.
        not_needed: ids of variants that no run generates.
        fallbacks: the replacements among the variants.
    """
    import pandas as pd  # the import takes half a second, and most commands write no table

    by_id = {brief.brief_id: brief for brief in briefs}
    places: defaultdict[str, list[Membership]] = defaultdict(list)
    for member in memberships:
        places[member.variant_id].append(member)
    at = [_places(places[row.variant_id], by_id) for row in rows]
    flat = [_flat(row, decisions.get(row.variant_id, ""), not_needed, fallbacks) for row in rows]
    names = _names(by_id.values(), {name.casefold() for line in (*at, *flat) for name in line})
    sheet = [_from_sheet(places[row.variant_id], by_id, names) for row in rows]
    table = pd.DataFrame([{**a, **b, **c} for a, b, c in zip(at, sheet, flat, strict=True)])
    texts = table.select_dtypes(exclude="number").columns
    table[texts] = table[texts].map(lambda cell: escape_formula(cell) if isinstance(cell, str) else cell)
    make_shared_folders(out.parent)
    with saving(out) as unfinished:
        table.rename(columns=escape_formula).to_csv(unfinished, index=False, encoding="utf-8-sig")
    return out


def _places(members: Sequence[Membership], briefs: Mapping[str, Brief]) -> dict[str, str]:
    """Return the rows, briefs and placements that a clip is for, each separated by ``|``."""
    ids = list(dict.fromkeys(member.brief_id for member in members))
    return {
        "row": "|".join(str(briefs[brief_id].row) for brief_id in ids),
        "brief_id": "|".join(ids),
        "placements": "|".join(dict.fromkeys(member.placement for member in members)),
    }


def _names(briefs: Iterable[Brief], taken: Collection[str]) -> dict[str, str]:
    """Return the header of each column of the sheet. A name that the table already has gets ``(sheet)`` after it."""
    names: dict[str, str] = {}
    used = set(taken)
    for column in dict.fromkeys((*METADATA_COLUMNS, *(name for brief in briefs for name in brief.metadata))):
        name = column
        while name.casefold() in used:
            name += " (sheet)"
        names[column] = name
        used.add(name.casefold())
    return names


def _from_sheet(members: Sequence[Membership], briefs: Mapping[str, Brief], names: Mapping[str, str]) -> dict[str, str]:
    metadata = joined(clip_metadata((briefs[member.brief_id], member.labels) for member in members))
    return {name: metadata.get(column, "") for column, name in names.items()}


def _flat(row: VariantRow, decision: str, not_needed: Container[str], fallbacks: Fallbacks) -> dict[str, Any]:
    score = asdict(row.score) if row.score else {}
    return {
        "variant_id": row.variant_id,
        "parent_id": row.parent_id or "",
        "state": NOT_NEEDED if row.variant_id in not_needed else row.state,
        "reasons": "; ".join(reason.sentence for reason in row.reasons) or row.error or "",
        "decision": decision,
        "fallback": fallbacks.note(row.variant_id) or fallbacks.replacement(row.variant_id),
        **{name: value for name, value in row.variant._asdict().items() if not isinstance(value, tuple)},
        "reference_sha256s": "+".join(row.variant.reference_sha256s),
        **{name: score.get(name) for name in ("prompt_adherence", "prompt_rank", "num_distractors", "scorer")},
        **score.get("checks", {}),
        "device_seconds": row.clip.device_seconds if row.clip else None,
        **_billed(row.clip),
        "memory_rung": row.clip.rung if row.clip else "",
        "key": row.signed.key if row.signed else "",
        "sha256": row.signed.sha256 if row.signed else "",
        "credential_sha256": row.signed.digests.get(row.signed.sidecar_key, "") if row.signed else "",
        "url": row.url or "",
        "attestation": row.signed.attestation.statement if row.signed and row.signed.attestation else "",
    }


def _billed(clip: Clip | None) -> dict[str, Any]:
    """Return what a provider has billed for a clip; empty for clips of our devices."""
    cost = Money(clip.cost_micros, clip.currency).amount if clip and clip.cost_micros is not None else None
    return {
        "provider": clip.provider if clip else "",
        "provider_cost": "" if cost is None else str(cost),
        "provider_currency": clip.currency if clip else "",
        "cost_is_estimate": bool(clip and clip.cost_is_estimate),
    }
