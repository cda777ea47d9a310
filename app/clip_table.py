"""Every variant of a campaign as a row of a CSV: for analysts, and for whoever wants to know why."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adapters.catalogue import VariantRow
from manifests.sheet.safe import guarded


def write_clip_table(rows: Sequence[VariantRow], out: Path) -> Path:
    """Write state, inputs, measurements, reasons and keys; a column for each technical check."""
    import pandas as pd  # takes half a second, and most commands write no table

    table = pd.json_normalize([_flat(row) for row in rows])
    texts = table.select_dtypes(exclude="number").columns
    table[texts] = table[texts].map(lambda cell: guarded(cell) if isinstance(cell, str) else cell)
    out.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(out, index=False)
    return out


def _flat(row: VariantRow) -> dict[str, Any]:
    score = asdict(row.score) if row.score else {}
    return {
        "variant_id": row.variant_id,
        "parent_id": row.parent_id or "",
        "state": row.state,
        "reasons": "; ".join(reason.sentence for reason in row.reasons) or row.error or "",
        **{name: value for name, value in row.variant._asdict().items() if name != "loras"},
        **{name: score.get(name) for name in ("prompt_adherence", "prompt_rank", "num_distractors", "scorer")},
        **score.get("checks", {}),
        "device_seconds": row.clip.device_seconds if row.clip else None,
        "key": row.signed.key if row.signed else "",
        "sha256": row.signed.sha256 if row.signed else "",
        "url": row.url or "",
    }
