"""Sign clips with Content Credentials; a clip is released only if its credential is Trusted."""

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from glob import escape
from io import BytesIO
from math import inf
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from c2pa import Builder, C2paError, C2paSigningAlg
from c2pa import Signer as NativeSigner
from cryptography import x509

from adapters.c2pa.certificate_profile import check_leaf
from adapters.c2pa.certificates import is_issued_by, issuer_of, name_of, to_pem
from adapters.c2pa.detached import Detached, sign_detached
from adapters.c2pa.ingredients.components import add_components
from adapters.c2pa.ingredients.parent import MEDIA_TYPE, Parent, parent_of
from adapters.c2pa.manifest_store import read_store, trust_context
from adapters.c2pa.post_sign_check import check_read_back
from adapters.c2pa.signer_source import (
    CallbackKey,
    DevelopmentCA,
    KeyFile,
    OpenKey,
    SignerSource,
    TimeStamps,
    open_key,
)
from adapters.files.durable import sync_folder, write_durably
from manifests.credentials.definition import ManifestDefinition, check_definition
from manifests.credentials.ingredient_files import PARENT
from manifests.credentials.signed import Signed, SignerFacts, Validity
from manifests.errors import (
    CredentialError,
    DiskFullError,
    ReelmillError,
    SignerUnavailableError,
    TimeStampUnavailableError,
)
from manifests.system_errors import DISK_FULL, full_disk_text

__all__ = [
    "CallbackKey",
    "DevelopmentCA",
    "KeyFile",
    "Signed",
    "Signer",
    "SignerFacts",
    "SignerSource",
    "TimeStamps",
    "open_signer",
]


@contextmanager
def open_signer(source: SignerSource, time_stamps: TimeStamps | None = None) -> "Iterator[Signer]":
    """Open a signer for many clips. Threads may share it; each process opens its own (spawn, not fork).

    Raises:
        SignerUnavailableError: the certificate, the key or the chain is missing or invalid.
    """
    signer = Signer(open_key(source), time_stamps)
    try:
        yield signer
    finally:
        signer.close()


class Signer:
    """A certificate with its key, created by `open_signer`."""

    def __init__(self, key: OpenKey, time_stamps: TimeStamps | None) -> None:
        self._key = key
        self._tsa = time_stamps.url if time_stamps else None
        self._anchors = to_pem(key.chain.anchors) + (time_stamps.anchors_pem if time_stamps else "")
        self._context = trust_context(self._anchors)
        self._attempt = threading.local()
        self._native = self._open_native()

    def describe(self) -> SignerFacts:
        """Return who signs, and until when the certificate is valid."""
        leaf = self._key.chain.leaf
        left = leaf.not_valid_after_utc - datetime.now(UTC)
        return SignerFacts(
            name_of(leaf),
            issuer_of(leaf),
            leaf.not_valid_after_utc,
            left.days,
            self._key.chain.algorithm,
            self._key.kind,
            self._tsa,
        )

    def validity(self) -> tuple[Validity, ...]:
        """Return when each certificate of the chain is valid: the leaf, its issuers and their root."""
        chain = self._key.chain
        roots = [each for each in chain.anchors if is_issued_by(chain.certificates[-1], each)]
        issued = [_validity(each, each.not_valid_after_utc.timestamp()) for each in chain.certificates]
        return (*issued, *(_validity(each, inf) for each in roots))

    def anchors_pem(self) -> str:
        """Return the roots under which clips are Trusted, including that of the timestamps, in PEM."""
        return self._anchors

    def sign_detached(self, data: bytes) -> Detached:
        """Sign a small text, with a time stamp if there is an authority; see ``detached``."""
        check_leaf(self._key.chain.leaf, self._key.path)
        return sign_detached(self._key, data, self._tsa)

    def close(self) -> None:
        """Free the native handle."""
        self._native.close()

    def sign(self, clip: Path, poster: Path, definition: ManifestDefinition, out: Path, sidecar: Path) -> Signed:
        """Sign a clip to ``out`` and write its manifest store to ``sidecar``.

        An existing credential of the clip, or of the file that it was transcoded from, becomes the parent of the new
        one. An invalid one is only accepted if the definition discloses that it is invalid. The parent of a deliverable
        is its master, and its components become ingredients as well. Both files appear only after the signed clip was
        verified as Trusted and as matching its definition.

        Raises:
            InvalidDefinitionError: the definition does not match our schema.
            SignerUnavailableError: the certificate has expired, or the key failed to sign.
            TimeStampUnavailableError: no timestamp; the same call may succeed later.
            UntrustedCredentialError: the signed clip failed verification.
            DiskFullError: the disk is full; nothing was left behind.
            CredentialError: a file cannot be read or written.
        """
        definition = check_definition(definition)
        check_leaf(self._key.chain.leaf, self._key.path)
        with _temporary_file(out) as temporary:
            parent = parent_of(clip, definition, self._context)
            meant = definition if parent is None or definition.master else definition.opening(PARENT)
            store = self._write(clip, poster, meant, temporary, parent)
            signed = self._read_back(temporary, meant, store, out, sidecar)
            write_durably(sidecar, store)
            os.replace(temporary, out)
            sync_folder(out.parent)
        return signed

    def _open_native(self) -> NativeSigner:
        algorithm = C2paSigningAlg[self._key.chain.algorithm]
        chain = to_pem(self._key.chain.certificates)
        try:
            return NativeSigner.from_callback(self._sign_bytes, algorithm, chain, self._tsa)
        except C2paError as error:
            raise SignerUnavailableError(f"The signing library rejects {self._key.path} ({error}).") from error

    def _sign_bytes(self, data: bytes) -> bytes:
        """Sign for the library; keep an exception for `_explain`, because the library swallows it."""
        try:
            signature = self._key.sign(data)
        except Exception as error:  # noqa: BLE001
            self._attempt.failure = error
            return b""
        self._attempt.signed = True
        return signature

    def _write(
        self, clip: Path, poster: Path, meant: ManifestDefinition, temporary: Path, parent: Parent | None
    ) -> bytes:
        self._attempt.failure, self._attempt.signed = None, False
        with (
            open(clip, "rb") as source,
            open(temporary, "xb+") as file,
            Builder(meant.to_dict(), context=self._context) as builder,
        ):
            target = _Watched(file)
            try:
                with open(poster, "rb") as picture:
                    builder.add_resource(meant.thumbnail.identifier, picture)
                _add_prompt(builder, meant)
                _add_first_frame(builder, meant)
                if parent is not None:
                    parent.add_to(builder)
                add_components(builder, meant)
                store = builder.sign(self._native, MEDIA_TYPE, source, target)
            except C2paError as error:
                raise self._explain(error, target) from error
            file.flush()
            os.fsync(file.fileno())
        result: bytes = store
        return result

    def _explain(self, error: C2paError, target: "_Watched") -> Exception:
        failure = self._attempt.failure
        if target.failure:
            return target.failure
        if isinstance(failure, ReelmillError):
            return failure
        if failure:
            what = f"{type(failure).__name__}: {failure}"
            return SignerUnavailableError(f"The {self._key.kind} failed to sign ({what}). Check that it works.")
        if "No space left" in str(error):
            return DiskFullError()
        if self._tsa and self._attempt.signed:
            return TimeStampUnavailableError(
                f"No timestamp from {self._tsa} ({error}). Check REELMILL_TSA_URL, or run the command again later."
            )
        if "certificate" in str(error):
            return SignerUnavailableError(f"The signing library rejects {self._key.path} ({error}).")
        return CredentialError(f"The signing library failed ({error}).")

    def _read_back(self, temporary: Path, meant: ManifestDefinition, store: bytes, out: Path, sidecar: Path) -> Signed:
        with open(temporary, "rb") as file:
            reading = check_read_back(read_store(file, self._context), meant, self._tsa)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        stamp = reading.signature.get("timeStampInfo", {}).get("timestamp")
        return Signed(
            out,
            digest,
            temporary.stat().st_size,
            sidecar,
            hashlib.sha256(store).hexdigest(),
            reading.label,
            stamp or datetime.now(UTC).isoformat(timespec="seconds"),
        )


def _validity(certificate: x509.Certificate, not_after: float) -> Validity:
    what = f"the certificate of {name_of(certificate)!r}"
    return Validity(what, certificate.not_valid_before_utc.timestamp(), not_after)


class _Watched:
    """A file that keeps the error of a failed write, because the library only reports "IO error"."""

    def __init__(self, file: BinaryIO) -> None:
        self.failure: OSError | None = None
        self.read, self.seek, self.tell = file.read, file.seek, file.tell
        self._file = file

    def write(self, data: bytes) -> int:
        result: int = self._watch(lambda: self._file.write(data))
        return result

    def flush(self) -> None:
        self._watch(self._file.flush)

    def _watch(self, call: Any) -> Any:
        try:
            return call()
        except OSError as error:
            self.failure = error
            raise


def _add_prompt(builder: Builder, meant: ManifestDefinition) -> None:
    if meant.prompt is not None:
        builder.add_resource(meant.ingredients[0].data.identifier, BytesIO(meant.prompt.encode()))


def _add_first_frame(builder: Builder, meant: ManifestDefinition) -> None:
    """Add the first frame as an ingredient, with its own credential if it has one."""
    if meant.first_frame is not None:
        ingredient = meant.first_frame.to_dict()
        builder.add_resource(ingredient["thumbnail"]["identifier"], BytesIO(meant.first_frame.thumbnail))
        with open(meant.first_frame.path, "rb") as picture:
            builder.add_ingredient(ingredient, meant.first_frame.format, picture)


@contextmanager
def _temporary_file(out: Path) -> Iterator[Path]:
    """Yield a temporary path next to ``out``; remove the file afterwards, and leftovers of killed runs before.

    Removing leftovers is safe, because only the owner of a clip's lease signs it.
    """
    try:
        for leftover in out.parent.glob(f".{escape(out.name)}.*.part"):
            leftover.unlink(missing_ok=True)
        temporary = out.with_name(f".{out.name}.{uuid4().hex}.part")
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _our_error(error, out) from error


def _our_error(error: OSError, out: Path) -> ReelmillError:
    if error.errno in DISK_FULL:
        return DiskFullError(full_disk_text(out.parent))
    return CredentialError(f"Cannot sign {out.name}: {error.strerror}: {error.filename or out}.")
