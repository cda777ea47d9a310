"""Read the C2PA manifest store of a file, for the signer and the verifier."""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, BinaryIO, NamedTuple

from c2pa import Context, Reader

from adapters.c2pa.certificate_profile import ACCEPTED_USAGES
from manifests.credentials.definition import OWN_LABEL

FRAGMENTED = "video/mp4"
UNTRUSTED = "signingCredential.untrusted"
LATER = (UNTRUSTED, "signingCredential.expired")
"""Failures of ingredients that can occur after signing although nothing was changed."""
USAGES = "".join(f"{usage.dotted_string}\n" for usage in sorted(ACCEPTED_USAGES, key=lambda each: each.dotted_string))
"""Without this list, the library calls signers invalid that have c2pa-kp-claimSigning but not emailProtection."""


class StoreReading(NamedTuple):
    """The library's report on a file.

    Attributes:
        text: the original JSON.
        store: the parsed JSON.
        signature: signature of the active manifest: certificateInfo and, if it is time-stamped, timeStampInfo.
        hard_binding: assertion of the active manifest that contains the hash of a video; empty for other files.
    """

    text: str
    store: dict[str, Any]
    signature: dict[str, Any]
    hard_binding: dict[str, Any]

    @property
    def label(self) -> str:
        """Label of the active manifest."""
        result: str = self.store.get("active_manifest", "")
        return result

    @property
    def manifest(self) -> dict[str, Any]:
        """The active manifest."""
        result: dict[str, Any] = self.store.get("manifests", {}).get(self.label, {})
        return result

    @property
    def state(self) -> str:
        """``Trusted``, ``Valid`` (intact, but by a signer that is not trusted) or ``Invalid``."""
        result: str = self.store.get("validation_state", "Invalid")
        return result

    def lineage(self) -> list[dict[str, Any]]:
        """Return the active manifest and its parents, oldest first."""
        manifests = self.store.get("manifests", {})
        line: list[dict[str, Any]] = []
        label = self.label
        while label in manifests and manifests[label] not in line:
            line.insert(0, manifests[label])
            label = next(
                (
                    each.get("active_manifest", "")
                    for each in line[0].get("ingredients", [])
                    if each.get("relationship") == "parentOf"
                ),
                "",
            )
        return line

    def codes(self, kind: str) -> list[dict[str, Any]]:
        """Return the entries of the active manifest's results: success, informational or failure."""
        result: list[dict[str, Any]] = self.store.get("validation_results", {}).get("activeManifest", {}).get(kind, [])
        return result

    def assertion(self, label: str) -> dict[str, Any]:
        """Return the data of an assertion of the active manifest; empty if it is missing."""
        return assertion_of(self.manifest, label)

    def tampered_ingredients(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield title and failure of every ingredient, at any depth, that is worse than untrusted.

        The state of the store does not cover this: a clip with a tampered parent is still Trusted. Failures of the
        parent that the signer found and disclosed are left out.
        """
        disclosed = list(self.disclosed_failures())
        yield from (each for each in self._recorded() if each not in disclosed)
        for delta in self.store.get("validation_results", {}).get("ingredientDeltas", []):
            for failure in delta.get("validationDeltas", {}).get("failure", []):
                if failure["code"] not in LATER:
                    yield "an ingredient", failure

    def disclosed_failures(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield title and failure of the parent, and of its own ingredients, if the signer discloses them.

        A provider may deliver a file whose credential is invalid. Our own facts then state it.
        """
        if self.assertion(OWN_LABEL).get("parent_credential") == "invalid":
            own = [each for each in self.manifest.get("ingredients", []) if each.get("relationship") != "parentOf"]
            others = [failure for each in own for failure in _failures(each)]
            yield from (each for each in self._recorded() if each not in others)

    def _recorded(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the failures that signers found in their ingredients."""
        for manifest in self.store.get("manifests", {}).values():
            for ingredient in manifest.get("ingredients", []):
                yield from _failures(ingredient)


def _failures(ingredient: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    results = ingredient.get("validation_results", {}).get("activeManifest", {})
    for failure in results.get("failure", []):
        if failure["code"] != UNTRUSTED:
            yield ingredient.get("title", "untitled"), failure


def assertion_of(manifest: dict[str, Any], label: str) -> dict[str, Any]:
    """Return the data of a manifest's assertion; empty if it is missing."""
    return next((each["data"] for each in manifest.get("assertions", []) if each["label"] == label), {})


@lru_cache(maxsize=8)
def trust_context(anchors_pem: str) -> Context:
    """Return the process's context for these anchors; it never accesses the network."""
    return Context.from_dict(
        {
            "trust": {"trust_config": USAGES} | ({"user_anchors": anchors_pem} if anchors_pem else {}),
            "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
            "builder": {"thumbnail": {"enabled": False}},
            "core": {"backing_store_memory_threshold_in_mb": 16},
        }
    )


def read_store(file: BinaryIO, context: Context, sidecar: bytes | None = None) -> StoreReading | None:
    """Read the manifest store of an open file, or validate ``sidecar`` against it.

    Returns:
        None if the file contains no manifest store.

    Raises:
        C2paError: the file is not a media file, or it or its store is damaged.
    """
    reader = Reader.try_create(None, file, sidecar, context=context)
    if reader is None:
        return None
    with reader:
        return _reading_of(reader)


def read_fragment(init: BinaryIO, fragment: BinaryIO, context: Context) -> StoreReading:
    """Validate the manifest store of an initialization segment against one of its fragments.

    Raises:
        C2paError: a file or the store is damaged.
    """
    init.seek(0)
    with Reader(FRAGMENTED, init, context=context) as reader:
        init.seek(0)
        return _reading_of(reader.with_fragment(FRAGMENTED, init, fragment))


def _reading_of(reader: Reader) -> StoreReading:
    text, details = reader.json(), json.loads(reader.crjson())
    store = json.loads(text)
    manifests = {each.get("label"): each for each in details.get("manifests", [])}
    active = manifests.get(store.get("active_manifest"), {})
    bindings = (data for label, data in active.get("assertions", {}).items() if label.startswith("c2pa.hash.bmff"))
    return StoreReading(text, store, active.get("signature", {}), next(bindings, {}))
