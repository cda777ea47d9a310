"""The JSON record that is published next to a deliverable."""

from typing import Any

from adapters.c2pa.signer import Signed
from adapters.catalogue import DeliverableLease

RECORD_SCHEMA = 1


def deliverable_record(
    lease: DeliverableLease, signed: Signed, key: str, caption_keys: tuple[str, ...]
) -> dict[str, Any]:
    """Return what a deliverable was made of, how, and what its file is like."""
    spec, file = lease.spec, lease.row.file
    assert file is not None
    sound = spec.sound
    return {
        "schema": RECORD_SCHEMA,
        "kind": "deliverable",
        "deliverable_id": lease.deliverable_id,
        "campaign_id": spec.campaign_id,
        "brief_id": spec.brief_id,
        "placement": spec.placement,
        "preset": spec.preset.name,
        "locale": spec.locale,
        "masters": [{"variant_id": shot.variant_id, "sha256": shot.sha256} for shot in spec.shots],
        "template": spec.template.name,
        "brand": spec.brand.name,
        "texts": dict(spec.texts),
        "script": sound.voice.text if sound.voice else "",
        "clip": {
            "key": key,
            "sha256": signed.sha256,
            "size": signed.size,
            "width": file.width,
            "height": file.height,
            "num_frames": file.num_frames,
            "fps": file.fps,
            "duration_s": file.duration_s,
            "loudness_lufs": file.loudness_lufs,
            "true_peak_dbtp": file.true_peak_dbtp,
        },
        "captions": list(caption_keys),
        "edits": [edit.model_dump(mode="json") for edit in file.edits],
        "components": [
            {"name": each.name, "title": each.title, "media_type": each.media_type} for each in file.components
        ],
        "crop_paths": [[list(point) for point in path] for path in file.crop_paths],
        "violations": [violation.model_dump(mode="json") for violation in file.violations],
        "notes": list(file.notes),
        "credential": {
            "sha256": signed.credential_sha256,
            "manifest_label": signed.manifest_label,
            "signed_at": signed.signed_at,
        },
    }
