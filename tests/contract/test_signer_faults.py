"""Failures of signing: no files are left behind, and the error names the cause."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from c2pa import Builder
from credentials import Authority, Files, definition, files, key_pem, sign
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from signer_sources import patch_kms

from adapters.c2pa.certificates import key_signs, read_chain
from adapters.c2pa.kms import kms_key
from adapters.c2pa.signer import CallbackKey, DevelopmentCA, KeyFile, open_signer
from manifests.errors import CredentialError, InvalidDefinitionError, SignerUnavailableError, UntrustedCredentialError

AUTHORITY = Authority()


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """One signer shared by all tests of this file, as in a running process."""
    with open_signer(DevelopmentCA(tmp_path_factory.mktemp("ca"))) as signer:
        yield signer


@contextmanager
def leaves_nothing(paths: Files) -> Iterator[None]:
    """Check that the output folder is empty at the end of the block, even if the block raises."""
    try:
        yield
    finally:
        assert not list(paths.out.parent.iterdir())


def test_a_clip_with_a_tampered_parent_is_not_written(ours, tmp_path):
    paths = files(tmp_path)
    sign(ours, paths)
    data = bytearray(paths.out.read_bytes())
    data[-1] ^= 1
    paths.clip.write_bytes(data)
    before = paths.out.read_bytes()
    with pytest.raises(UntrustedCredentialError, match=r"in its ingredient 'Spring.*', the pixels, the sound or"):
        sign(ours, paths)
    assert paths.out.read_bytes() == before


def test_a_failure_leaves_no_files_and_the_signer_stays_usable(ours, tmp_path):
    paths = files(tmp_path)
    good = paths.clip.read_bytes()
    for bad in (b"", b"hello", good[:20]):
        paths.clip.write_bytes(bad)
        with pytest.raises(CredentialError, match="not a readable video"), leaves_nothing(paths):
            sign(ours, paths)
    paths.clip.write_bytes(good)
    assert sign(ours, paths).size


@pytest.mark.parametrize("missing", ["clip", "poster"])
def test_a_missing_file_is_named(ours, tmp_path, missing):
    paths = files(tmp_path)
    path = getattr(paths, missing)
    path.unlink()
    with pytest.raises(CredentialError, match=f"No such file or directory: .*{path.name}"), leaves_nothing(paths):
        sign(ours, paths)


def test_a_missing_folder_is_named(ours, tmp_path):
    paths = files(tmp_path)
    with pytest.raises(CredentialError, match=r"Cannot sign clip.mp4: No such file or directory: .*nowhere"):
        ours.sign(paths.clip, paths.poster, definition(), tmp_path / "nowhere" / "clip.mp4", paths.sidecar)


def test_a_definition_that_bypassed_pydantic_is_refused(ours, tmp_path):
    paths = files(tmp_path)
    bad = definition().model_copy(update={"title": ""})
    with pytest.raises(InvalidDefinitionError, match="invalid at title"), leaves_nothing(paths):
        sign(ours, paths, bad)


def test_leftovers_of_a_killed_run_are_removed(ours, tmp_path):
    paths = files(tmp_path)
    (paths.out.parent / ".clip.mp4.0123.part").write_bytes(b"half")
    (paths.out.parent / ".other.mp4.0123.part").write_bytes(b"half")
    sign(ours, paths)
    assert {path.name for path in paths.out.parent.iterdir()} == {"clip.mp4", "clip.c2pa", ".other.mp4.0123.part"}


def test_a_credential_that_differs_from_its_definition_is_not_written(ours, tmp_path, monkeypatch):
    """The library accepts any definition without an error; here it gets a different one than intended."""
    paths, other = files(tmp_path), definition(title="other", model_name="other model").to_dict()
    other["assertions"][0]["data"]["actions"][0]["digitalSourceType"] = "foo"
    real = Builder.__init__
    monkeypatch.setattr(Builder, "__init__", lambda self, _, context: real(self, other, context=context))
    with pytest.raises(UntrustedCredentialError) as caught, leaves_nothing(paths):
        sign(ours, paths)
    for part in ("its title is 'other'", "its actions are c2pa.created foo", "c2pa.ai-disclosure differs"):
        assert part in str(caught.value)


def test_the_error_of_a_failing_callback_is_reported(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    chain, _ = AUTHORITY.write(tmp_path / "keys", key)
    sign_bytes, calls = key_signs(key, read_chain(chain), chain), []

    def now_and_then(data: bytes) -> bytes:
        calls.append(data)
        if len(calls) == 2:
            raise ConnectionError("the vault is closed")
        return sign_bytes(data)

    paths = files(tmp_path)
    with open_signer(CallbackKey(chain, now_and_then)) as signer:
        with pytest.raises(SignerUnavailableError, match="the vault is closed"), leaves_nothing(paths):
            sign(signer, paths)
        assert sign(signer, paths).size


def test_a_clip_with_a_forged_signature_is_not_written(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    chain, _ = AUTHORITY.write(tmp_path / "keys", key)
    rightly = key_signs(key, read_chain(chain), chain)
    manners = iter([rightly, lambda data: rightly(data + b"!")])
    paths = files(tmp_path)
    with (
        open_signer(CallbackKey(chain, lambda data: next(manners)(data))) as signer,
        pytest.raises(UntrustedCredentialError, match="its signature is forged"),
        leaves_nothing(paths),
    ):
        sign(signer, paths)


def test_a_callback_with_another_key_is_refused_at_once(tmp_path):
    chain, _ = AUTHORITY.write(tmp_path / "keys")
    other = ec.generate_private_key(ec.SECP256R1())
    source = CallbackKey(chain, lambda data: other.sign(data, ec.ECDSA(hashes.SHA256())))
    with (
        pytest.raises(SignerUnavailableError, match="callback key does not belong to the certificate"),
        open_signer(source),
    ):
        pass


def test_a_key_file_of_another_certificate_is_refused_at_once(tmp_path):
    chain, key = AUTHORITY.write(tmp_path / "keys")
    key.write_bytes(key_pem(ec.generate_private_key(ec.SECP256R1())))
    with (
        pytest.raises(SignerUnavailableError, match="does not belong to the certificate"),
        open_signer(KeyFile(chain, key)),
    ):
        pass


def test_a_certificate_that_expires_meanwhile_no_longer_signs(tmp_path):
    chain, key = AUTHORITY.write(tmp_path / "keys", end=timedelta(seconds=2))
    paths = files(tmp_path)
    with open_signer(KeyFile(chain, key)) as signer:
        while signer.describe().days_left >= 0:
            time.sleep(0.05)
        with pytest.raises(SignerUnavailableError, match=r"expired on .*\. Renew it"), leaves_nothing(paths):
            sign(signer, paths)


def test_a_refusal_of_kms_is_reported(s3_endpoint, monkeypatch, tmp_path):
    patch_kms(monkeypatch)
    chain, _ = AUTHORITY.write(tmp_path / "keys")
    source = kms_key(chain, "alias/gone", region="eu-central-1", endpoint=s3_endpoint)
    with (
        pytest.raises(SignerUnavailableError, match="AWS KMS refused to sign with alias/gone") as caught,
        open_signer(source),
    ):
        pass
    assert not caught.value.transient


def test_an_unreachable_kms_is_reported(monkeypatch, tmp_path):
    patch_kms(monkeypatch)
    chain, _ = AUTHORITY.write(tmp_path / "keys")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
        source = kms_key(chain, "alias/any", region="eu-central-1", endpoint=nowhere)
        with pytest.raises(SignerUnavailableError, match="Cannot reach AWS KMS") as caught, open_signer(source):
            pass
    assert caught.value.transient


def test_a_missing_kms_region_is_reported(monkeypatch, tmp_path):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    chain, _ = AUTHORITY.write(tmp_path / "keys")
    with pytest.raises(SignerUnavailableError, match=r"Cannot use AWS KMS .*region"):
        kms_key(chain, "any")


def test_kms_does_not_support_ed25519(tmp_path):
    chain, _ = AUTHORITY.write(tmp_path / "keys", ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(SignerUnavailableError, match="cannot sign digests with ED25519"):
        kms_key(chain, "any", region="eu-central-1")
