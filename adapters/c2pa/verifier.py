"""Verify the Content Credential of a media file: who signed it, whether it is intact, and what was done to it."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from c2pa import C2paError, Context

from adapters.c2pa.fragmented_report import report_alone, report_together
from adapters.c2pa.fragments import Part, fragment_count, is_init_segment, part_of, part_of_file
from adapters.c2pa.manifest_store import StoreReading, assertion_of, read_fragment, read_store, trust_context
from adapters.c2pa.sidecar_restore import restore_sidecar
from manifests.credentials.credential_report import (
    CredentialReport,
    Finding,
    Ingredient,
    SignedBy,
    State,
    action_sentence,
    finding_of,
)
from manifests.credentials.definition import OWN_LABEL
from manifests.errors import CredentialError

__all__ = ["CredentialReport", "credential_state", "verify"]

STATES: dict[str, State] = {"Trusted": "trusted", "Valid": "valid"}
UNREADABLE = finding_of({"code": "credential.unreadable"})
ELSEWHERE = "its credential is stored at {}; download it and pass it as the sidecar"
LONE_FRAGMENT = (
    "{} is a fragment of a fragmented video (DASH or HLS), which has no credential of its own. "
    "Verify it together with its initialization segment: reelmill verify INIT_SEGMENT FRAGMENT…"
)
OTHER_BYTES = finding_of({"code": "file.sha256.mismatch"})


def verify(
    path: Path,
    anchors_pem: str | None = None,
    sidecar: Path | None = None,
    sha256: str | None = None,
    fragments: Sequence[Path] = (),
) -> CredentialReport:
    """Verify the Content Credential of a file, without network access.

    Args:
        anchors_pem: trusted roots; without any, the best state is ``valid``.
        sidecar: manifest store to use if the file contains none (platforms strip it).
        sha256: hash of the whole file as published, if known; a credential does not cover every byte of a video (a
            ``free`` box can be appended without invalidating it).
        fragments: fragments of a fragmented video (DASH, HLS) whose initialization segment is ``path``.

    Raises:
        CredentialError: a file is missing or unreadable, not a media file, or a fragment without its initialization
            segment.
    """
    try:
        store = sidecar.read_bytes() if sidecar else None
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            _check_parts(path, part_of(file), fragments)
            report = _report(file, trust_context(anchors_pem or ""), store, fragments)
    except OSError as error:
        raise CredentialError(f"Cannot read {error.filename or path}: {error.strerror}.") from error
    except C2paError.NotSupported as error:
        raise CredentialError(f"{path} is not a media file. Use a video, such as an MP4.") from error
    if sha256 and sha256 != digest:
        report = replace(report, state="invalid", findings=(*report.findings, OTHER_BYTES))
    return replace(report, path=str(path), sha256=digest)


def credential_state(path: Path) -> str:
    """Return the state of a file's Content Credential without trusted roots: ``valid`` or ``invalid``.

    Empty if it has none, if its format cannot contain one, or if the file cannot be read.
    """
    try:
        state = verify(path).state
    except CredentialError:
        return ""
    return "" if state == "absent" else state


def _check_parts(path: Path, part: Part | None, fragments: Sequence[Path]) -> None:
    if part == "fragment":
        raise CredentialError(LONE_FRAGMENT.format(path))
    if fragments and part != "init":
        raise CredentialError(f"{path} is not the initialization segment of a fragmented video. Verify it alone.")
    for fragment in fragments:
        if part_of_file(fragment) != "fragment":
            raise CredentialError(f"{fragment} is missing, unreadable or not a fragment of a fragmented video.")


def _report(file: BinaryIO, context: Context, store: bytes | None, fragments: Sequence[Path]) -> CredentialReport:
    try:
        reading = read_store(file, context)
        if reading:
            return _report_of_parts(file, context, reading, fragments)
        missing: tuple[Finding, ...] = ()
    except C2paError.NotSupported:
        raise
    except C2paError as error:
        if not str(error).startswith("Remote:"):
            return CredentialReport("invalid", (UNREADABLE,))
        missing = (Finding("credential.elsewhere", ELSEWHERE.format(str(error).rpartition(" ")[2])),)
    if store is None:
        return CredentialReport("absent", missing)
    try:
        return replace(_report_of_sidecar(file, context, store, fragments), from_sidecar=True)
    except C2paError:
        return CredentialReport("invalid", (UNREADABLE,), from_sidecar=True)


def _report_of_sidecar(file: BinaryIO, context: Context, store: bytes, fragments: Sequence[Path]) -> CredentialReport:
    """Validate the sidecar against the file as it is, or else with the store restored to its position."""
    reading = _read(file, context, store)
    if reading.state in STATES:
        return _report_of(reading)
    with restore_sidecar(file, store) as restored:
        second = read_store(restored, context)
        if second and (second.state in STATES or is_init_segment(restored, second)):
            return _report_of_parts(restored, context, second, fragments)
    return _report_of(reading)


def _report_of_parts(
    file: BinaryIO, context: Context, reading: StoreReading, fragments: Sequence[Path]
) -> CredentialReport:
    """Return the report on a file; if it is an initialization segment, together with its fragments."""
    if not is_init_segment(file, reading):
        return _report_of(reading)
    if not fragments:
        return report_alone(_report_of(reading))
    parts = {_sha256(path): path for path in fragments}.values()
    return report_together(
        [(path.name, _report_of_fragment(file, path, context)) for path in parts], fragment_count(reading)
    )


def _report_of_fragment(init: BinaryIO, path: Path, context: Context) -> CredentialReport:
    with open(path, "rb") as fragment:
        try:
            return _report_of(read_fragment(init, fragment, context))
        except C2paError:
            return CredentialReport("invalid", (Finding(UNREADABLE.code, f"the fragment {path.name} is damaged"),))


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(file: BinaryIO, context: Context, store: bytes) -> StoreReading:
    file.seek(0)
    reading = read_store(file, context, store)
    if reading is None:
        raise C2paError("the sidecar contains no manifest store")
    return reading


def _report_of(reading: StoreReading) -> CredentialReport:
    tampered = tuple(_tampered(reading))
    ingredients = tuple(_ingredient(each) for each in reading.manifest.get("ingredients", []))
    return CredentialReport(
        state="invalid" if tampered else STATES.get(reading.state, "invalid"),
        findings=(*(finding_of(each) for each in _problems(reading)), *tampered, *_disclosed(reading)),
        signer=_signer(reading.signature),
        time_stamped=any(each["code"] == "timeStamp.validated" for each in reading.codes("success")),
        title=reading.manifest.get("title") or "",
        actions=tuple(_history(reading)),
        ingredients=ingredients,
        generation=reading.assertion(OWN_LABEL),
        manifest_label=reading.label,
        store=reading.text,
    )


def _problems(reading: StoreReading) -> list[dict[str, Any]]:
    """Return the failures and the timestamp problems, which the library reports as informational."""
    time_stamps = (each for each in reading.codes("informational") if each["code"].startswith("timeStamp."))
    return [*reading.codes("failure"), *time_stamps]


def _tampered(reading: StoreReading) -> Iterator[Finding]:
    for title, failure in reading.tampered_ingredients():
        code, sentence = finding_of(failure)
        yield Finding(code, f"in its ingredient “{title}”, {sentence}")


def _disclosed(reading: StoreReading) -> Iterator[Finding]:
    """Yield what the signer found in the file from which the clip was made; it does not make the clip invalid."""
    for title, failure in reading.disclosed_failures():
        code, sentence = finding_of(failure)
        yield Finding(code, f"according to the signer, already in the provider's file “{title}”, {sentence}")


def _history(reading: StoreReading) -> Iterator[str]:
    """Yield what was done, starting with the oldest known parent."""
    opened = ""
    for manifest in reading.lineage():
        model = assertion_of(manifest, "c2pa.ai-disclosure").get("modelName", "")
        for label in ("c2pa.actions.v2", "c2pa.actions"):
            for action in assertion_of(manifest, label).get("actions", []):
                yield action_sentence(action, model, opened, _placed(action, manifest))
        opened = manifest.get("title") or ""


def _placed(action: dict[str, Any], manifest: dict[str, Any]) -> str:
    """Return the titles of the ingredients that an action uses, quoted."""
    parameters = action.get("parameters") or {}
    used = {str(each.get("url", "")).rpartition("/")[2] for each in parameters.get("ingredients") or ()}
    titles = (each.get("title") for each in manifest.get("ingredients", ()) if each.get("label") in used)
    return ", ".join(f"“{title}”" for title in titles if title)


def _ingredient(ingredient: dict[str, Any]) -> Ingredient:
    results = ingredient.get("validation_results", {}).get("activeManifest", {})
    findings = tuple(finding_of(each) for each in results.get("failure", []))
    return Ingredient(ingredient.get("title") or "untitled", ingredient.get("relationship", ""), findings)


def _signer(signature: dict[str, Any]) -> SignedBy | None:
    certificate = signature.get("certificateInfo")
    if not certificate:
        return None
    time = signature.get("timeStampInfo", {}).get("timestamp")
    return SignedBy(
        _name(certificate.get("subject", {})),
        _name(certificate.get("issuer", {})),
        signature.get("algorithm", "").upper(),
        time,
    )


def _name(parts: dict[str, str]) -> str:
    return ", ".join(parts[key] for key in ("O", "CN") if parts.get(key)) or "unnamed"
