"""Clips, definitions and certificates for tests of Content Credentials."""

import struct
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import av
import encypher_c2pa
import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

from adapters.c2pa.signer import Signed, Signer
from manifests.credentials.credential import Provenance, generation_definition
from manifests.credentials.definition import ManifestDefinition
from manifests.variant import Variant

VARIANT = Variant("starter", "r1", "a red ball on a beach", "blurry", 7, 64, 64, 12, 24, 8, 3.0)
PROVENANCE = Provenance(
    title="Spring: a red ball",
    variant=VARIANT,
    variant_id=VARIANT.variant_id,
    campaign_id="spring-0123456789",
    model_name="Reelmill starter",
    pipeline="LTXPipeline",
    generator_library="diffusers 0.42.1",
    created_at="2026-11-23T18:00:00+00:00",
    program_version="0.1.0",
    licence="Apache-2.0",
    prompt_hmac_key=b"a secret of tests",
    render_size=(64, 64),
)


def definition(**facts: Any) -> ManifestDefinition:
    """Return the definition of PROVENANCE, with the given facts replaced."""
    return generation_definition(replace(PROVENANCE, **facts))


@lru_cache
def clip_bytes(num_frames: int = 12) -> bytes:
    """Return an MP4 of 64 x 64 pixels that becomes lighter, with its index at the start."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "clip.mp4")
        with av.open(path, "w", options={"movflags": "faststart"}) as container:
            stream = container.add_stream("libx264", rate=24)
            stream.width = stream.height = 64
            stream.pix_fmt = "yuv420p"
            for index in range(num_frames):
                frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), index * 15, np.uint8), "rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path.read_bytes()


class Files(NamedTuple):
    """The paths for `Signer.sign`."""

    clip: Path
    poster: Path
    out: Path
    sidecar: Path


def files(folder: Path, name: str = "clip") -> Files:
    """Write a clip and a poster; return their paths and those for the signed files."""
    clip, poster = folder / "clip.mp4", folder / "poster.jpg"
    clip.write_bytes(clip_bytes())
    Image.new("RGB", (64, 64), (200, 30, 30)).save(poster)
    (folder / "out").mkdir(exist_ok=True)
    return Files(clip, poster, folder / "out" / f"{name}.mp4", folder / "out" / f"{name}.c2pa")


def sign(signer: Signer, paths: Files, made: ManifestDefinition | None = None) -> Signed:
    """Sign the clip of these files, with the definition of PROVENANCE if no other is given."""
    return signer.sign(paths.clip, paths.poster, made or definition(), paths.out, paths.sidecar)


def second_opinion(path: Path, anchors_pem: str, **options: Any) -> Mapping[str, Any]:
    """Return the report of the independent validator."""
    return encypher_c2pa.verify(
        path, "video/mp4", trust_pem=anchors_pem, no_default_trust=True, telemetry=False, online=False, **options
    )


def failures(report: Mapping[str, Any]) -> set[str]:
    """Return the failure codes of the independent validator."""
    return {each["code"] for each in report["validation_results"]["failure"]}


def boxes(data: bytes) -> list[tuple[str, int, int]]:
    """Return the top-level boxes of an MP4 as kind, start and end."""
    found, start = [], 0
    while start < len(data):
        size, kind = struct.unpack(">I4s", data[start : start + 8])
        found.append((kind.decode(), start, start + size))
        start += size
    return found


def stripped(data: bytes) -> bytes:
    """Return the video without its credential, which platforms often remove."""
    return b"".join(data[start:end] for kind, start, end in boxes(data) if kind != "uuid")


class Authority:
    """A certificate authority with a root and an intermediate, which issues leaf certificates."""

    def __init__(self, name: str = "Test") -> None:
        self.root_key, self.key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.root = certificate(f"{name} root", self.root_key, f"{name} root", self.root_key, authority=True)
        self.intermediate = certificate(f"{name} intermediate", self.key, f"{name} root", self.root_key, authority=True)
        self.name = f"{name} intermediate"

    def leaf(self, key: Any, name: str = "Test signer", **options: Any) -> x509.Certificate:
        """Issue a leaf certificate for a key."""
        return certificate(name, key, self.name, self.key, **options)

    def write(self, folder: Path, key: Any = None, root: bool = True, **options: Any) -> tuple[Path, Path]:
        """Write the chain and the key of a new leaf certificate; return their paths."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        folder.mkdir(exist_ok=True)
        certificates = [self.leaf(key, **options), self.intermediate, *([self.root] if root else [])]
        chain, key_file = folder / "chain.pem", folder / "key.pem"
        chain.write_bytes(b"".join(map(pem, certificates)))
        key_file.write_bytes(key_pem(key))
        return chain, key_file


def certificate(
    name: str,
    key: Any,
    issuer: str,
    issuer_key: Any,
    *,
    authority: bool = False,
    start: timedelta = timedelta(minutes=-5),
    end: timedelta = timedelta(days=300),
    purposes: bool = True,
    path_length: int | None = None,
) -> x509.Certificate:
    """Return a certificate that meets the rules of C2PA; times are relative to now."""
    now = datetime.now(UTC)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + start)
        .not_valid_after(now + end)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=path_length), critical=True)
        .add_extension(_usage(authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(identifier, critical=False)
    )
    if purposes and not authority:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purpose, critical=False)
    is_edwards = isinstance(issuer_key, ed25519.Ed25519PrivateKey)
    return builder.sign(issuer_key, None if is_edwards else hashes.SHA256())


def pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: Any, passphrase: bytes | None = None) -> bytes:
    """Return a private key as PEM."""
    lock = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tests of Reelmill"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
