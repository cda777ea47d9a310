"""The checks of C2PA's conformance programme 0.2 for spec 2.4 that concern what Reelmill writes.

The programme publishes them as a rubric over the crJSON of an asset (c2pa-conformance-tool,
asset-rubric-conformance0.2-spec2.4.yml); an evaluator for Python does not exist.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from c2pa import Reader

from adapters.c2pa.manifest_store import trust_context

INCEPTION = {"c2pa.created", "c2pa.opened"}
NOT_EDITORIAL = {
    "c2pa.converted",
    "c2pa.edited.metadata",
    "c2pa.enhanced",
    "c2pa.published",
    "c2pa.redacted",
    "c2pa.repackaged",
    "c2pa.resized.proportional",
    "c2pa.transcoded",
    "c2pa.watermarked.bound",
    "c2pa.watermarked.unbound",
}
EDITORIAL = {
    "c2pa.addedText",
    "c2pa.adjustedColor",
    "c2pa.changedSpeed",
    "c2pa.cropped",
    "c2pa.deleted",
    "c2pa.drawing",
    "c2pa.dubbed",
    "c2pa.edited",
    "c2pa.filtered",
    "c2pa.orientation",
    "c2pa.placed",
    "c2pa.removed",
    "c2pa.resized",
    "c2pa.translated",
    "c2pa.trimmed",
    "c2pa.unknown",
}
ACTIONS = INCEPTION | NOT_EDITORIAL | EDITORIAL
ASSERTIONS = {
    "c2pa.actions.v2",
    "c2pa.ai-disclosure",
    "c2pa.hash.bmff.v3",
    "c2pa.ingredient.v3",
    "c2pa.thumbnail.claim",
    "c2pa.thumbnail.ingredient",
    "c2pa.embedded-data",
}
PARAMETERS = {"ingredients", "description", "redacted", "relatedAssertions", "multipleInstances"}


def asset_faults(path: Path, anchors_pem: str) -> list[str]:
    """Return what the rubric finds wrong with the active manifest of a video."""
    with open(path, "rb") as file, Reader("video/mp4", file, context=trust_context(anchors_pem)) as reader:
        manifest = json.loads(reader.crjson())["manifests"][0]
    assertions, claim = manifest["assertions"], manifest["claim.v2"]
    actions = [action for each in assertions.values() for action in each.get("actions", ())]
    return [
        *_claim_faults(claim, manifest),
        *_assertion_faults(assertions, claim),
        *(fault for action in actions for fault in _action_faults(action)),
        *_ingredient_faults(assertions),
    ]


def _claim_faults(claim: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[str]:
    generator = claim["claim_generator_info"]
    generator = generator[0] if isinstance(generator, list) else generator
    if str(generator.get("specVersion", "")).split(".")[:2] != ["2", "4"]:
        yield f"specVersion of the claim generator is {generator.get('specVersion')!r}"
    if "specVersion" in claim:
        yield "specVersion is deprecated in the claim itself"
    if not manifest["label"].startswith("urn:c2pa:"):
        yield f"label {manifest['label']}"
    if "validationResults" not in manifest or manifest["validationResults"].get("failure"):
        yield f"validation results {manifest.get('validationResults')}"


def _assertion_faults(assertions: Mapping[str, Any], claim: Mapping[str, Any]) -> Iterator[str]:
    for label in assertions:
        base = label.split("__")[0]
        if "." not in label or (base.startswith("c2pa.") and base not in ASSERTIONS):
            yield f"assertion {label}"
    for label, data in assertions.items():
        if "actions" in data and "allActionsIncluded" not in data:
            yield f"{label} lacks allActionsIncluded"
    created = [each["url"] for each in claim["created_assertions"] if "c2pa.actions" in each["url"]]
    first = assertions["c2pa.actions.v2"]["actions"][0]["action"]
    if not created or not created[0].endswith("c2pa.actions.v2") or first not in INCEPTION:
        yield f"the first created action is {first}"


def _action_faults(action: Mapping[str, Any]) -> Iterator[str]:
    name, source, used = action["action"], action.get("digitalSourceType"), action.get("parameters", {})
    if name not in ACTIONS:
        yield f"action {name}"
    if name not in INCEPTION | NOT_EDITORIAL | {"c2pa.placed"} and source is None:
        yield f"the perceptible transformation {name} has no digitalSourceType"
    if name == "c2pa.created" and source is None:
        yield "c2pa.created has no digitalSourceType"
    if name == "c2pa.opened" and (source is not None or len(used.get("ingredients", ())) != 1):
        yield "c2pa.opened has a digitalSourceType, or not exactly one ingredient"
    if unknown := [key for key in used if key not in PARAMETERS and "." not in key]:
        yield f"{name} has the parameters {unknown}"


def _ingredient_faults(assertions: Mapping[str, Any]) -> Iterator[str]:
    for label, data in assertions.items():
        if "relationship" not in data:
            continue
        if data["relationship"] not in ("parentOf", "inputTo", "componentOf"):
            yield f"{label} has the relationship {data['relationship']}"
        if ("activeManifest" in data) != ("validationResults" in data):
            yield f"{label} has only one of activeManifest and validationResults"
        if "activeManifest" in data and "digitalSourceType" in data:
            yield f"{label} has both activeManifest and digitalSourceType"
