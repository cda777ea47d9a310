"""One signer source of every kind, each with its own key."""

from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from credentials import Authority, certificate, pem
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, utils
from cryptography.hazmat.primitives.serialization import load_der_public_key
from moto.kms import utils as moto_keys
from moto.kms.responses import KmsResponse

from adapters.c2pa.certificates import key_signs, read_chain
from adapters.c2pa.kms import kms_key
from adapters.c2pa.signer import CallbackKey, DevelopmentCA, KeyFile, SignerSource

AUTHORITY = Authority()
FACTORIES: dict[str, Callable[[Path, pytest.FixtureRequest], SignerSource]] = {}


def factory(name: str):
    def register(function):
        FACTORIES[name] = function
        return function

    return register


@factory("development CA")
def _(folder, request):
    return DevelopmentCA(folder)


@factory("key file, P-256")
def _(folder, request):
    return KeyFile(*AUTHORITY.write(folder))


@factory("key file, P-384")
def _(folder, request):
    return KeyFile(*AUTHORITY.write(folder, ec.generate_private_key(ec.SECP384R1())))


@factory("key file, P-521")
def _(folder, request):
    return KeyFile(*AUTHORITY.write(folder, ec.generate_private_key(ec.SECP521R1())))


@factory("key file, Ed25519")
def _(folder, request):
    return KeyFile(*AUTHORITY.write(folder, ed25519.Ed25519PrivateKey.generate()))


@factory("key file, RSA")
def _(folder, request):
    return KeyFile(*AUTHORITY.write(folder, rsa.generate_private_key(65537, 2048)))


@factory("key file with anchors")
def _(folder, request):
    chain, key = AUTHORITY.write(folder, root=False)
    (folder / "anchors.pem").write_bytes(pem(AUTHORITY.root))
    return KeyFile(chain, key, folder / "anchors.pem")


@factory("callback")
def _(folder, request):
    key = ec.generate_private_key(ec.SECP256R1())
    chain, key_file = AUTHORITY.write(folder, key)
    key_file.unlink()
    return CallbackKey(chain, key_signs(key, read_chain(chain), chain))


@factory("AWS KMS, P-256")
def _(folder, request):
    return kms_source(folder, request, "ECC_NIST_P256")


@factory("AWS KMS, P-384")
def _(folder, request):
    return kms_source(folder, request, "ECC_NIST_P384")


@factory("AWS KMS, RSA")
def _(folder, request):
    return kms_source(folder, request, "RSA_2048")


def kms_source(folder: Path, request: pytest.FixtureRequest, spec: str) -> CallbackKey:
    """Return a key in moto's KMS, with a certificate for its public half."""
    endpoint = request.getfixturevalue("s3_endpoint")
    patch_kms(request.getfixturevalue("monkeypatch"))
    client = boto3.client("kms", region_name="eu-central-1", endpoint_url=endpoint)
    key_id = client.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    public = load_der_public_key(client.get_public_key(KeyId=key_id)["PublicKey"])
    folder.mkdir()
    leaf = certificate("In the KMS", Half(public), AUTHORITY.name, AUTHORITY.key)
    (folder / "chain.pem").write_bytes(pem(leaf) + pem(AUTHORITY.intermediate) + pem(AUTHORITY.root))
    return kms_key(folder / "chain.pem", key_id, region="eu-central-1", endpoint=endpoint)


class Half:
    """A key pair of which only the public key is known."""

    def __init__(self, public) -> None:
        self.public_key = lambda: public


def patch_kms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make moto's KMS sign a DIGEST unchanged. Unpatched, it hashes the digest again, unlike the real KMS."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
    digests = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}

    def sign_ecdsa(self, message, signing_algorithm):
        return self.private_key.sign(message, ec.ECDSA(utils.Prehashed(digests[signing_algorithm[-3:]])))

    def sign_rsa(self, message, signing_algorithm):
        digest = digests[signing_algorithm[-3:]]
        padding = moto_keys.padding
        pss = padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
        return self.private_key.sign(message, pss, utils.Prehashed(digest))

    def sign_digests_alone(self):
        assert self._get_param("MessageType") == "DIGEST"
        return real_sign(self)

    real_sign = KmsResponse.sign
    monkeypatch.setattr(KmsResponse, "sign", sign_digests_alone)
    monkeypatch.setattr(moto_keys.ECDSAPrivateKey, "sign", sign_ecdsa)
    monkeypatch.setattr(moto_keys.RSAPrivateKey, "sign", sign_rsa)
