"""Every fault of a certificate chain or key has its own error message."""

from datetime import timedelta

import pytest
from credentials import Authority, certificate, key_pem, pem
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from adapters.c2pa.certificates import issuer_of, key_signs, name_of, raw_signature, read_chain, read_key
from manifests.errors import SignerUnavailableError

AUTHORITY = Authority()
KEY = ec.generate_private_key(ec.SECP256R1())
DAY = timedelta(days=1)


def chain_of(*certificates):
    return b"".join(map(pem, certificates))


def leaf(**options):
    return AUTHORITY.leaf(KEY, **options)


def self_signed(authority):
    return certificate("me", KEY, "me", KEY, authority=authority)


BAD_CHAINS = {
    "expired": (
        lambda: chain_of(leaf(start=-9 * DAY, end=-DAY), AUTHORITY.intermediate, AUTHORITY.root),
        "expired on .* UTC. Renew it",
    ),
    "not yet valid": (
        lambda: chain_of(leaf(start=DAY), AUTHORITY.intermediate, AUTHORITY.root),
        "not valid before .* Check the clock",
    ),
    "no intermediate": (
        lambda: chain_of(leaf(), AUTHORITY.root),
        "ends at .*Test signer.*Add the certificate of its issuer .*Test intermediate",
    ),
    "another's intermediate": (
        lambda: chain_of(leaf(), Authority().intermediate, AUTHORITY.root),
        "Test signer.* is not followed by that of its issuer .*Test intermediate",
    ),
    "leaf alone": (lambda: chain_of(leaf()), "ends at .*Test signer.*Add the certificate of its issuer"),
    "no root": (
        lambda: chain_of(leaf(), AUTHORITY.intermediate),
        "ends at .*intermediate.*add the issuer to the anchors",
    ),
    "wrong order": (
        lambda: chain_of(AUTHORITY.intermediate, leaf(), AUTHORITY.root),
        "starts with the CA .*Put the signing certificate .*Test signer' first",
    ),
    "self-signed authority": (lambda: chain_of(self_signed(True)), "is self-signed, which C2PA does not allow"),
    "self-signed": (lambda: chain_of(self_signed(False)), "is self-signed, which C2PA does not allow"),
    "no purpose": (
        lambda: chain_of(leaf(purposes=False), AUTHORITY.intermediate, AUTHORITY.root),
        "lacks an extended key usage",
    ),
    "weak RSA": (
        lambda: chain_of(AUTHORITY.leaf(rsa.generate_private_key(65537, 1024)), AUTHORITY.intermediate, AUTHORITY.root),
        "does not support the signer's type of key",
    ),
    "unknown curve": (
        lambda: chain_of(
            AUTHORITY.leaf(ec.generate_private_key(ec.SECP256K1())), AUTHORITY.intermediate, AUTHORITY.root
        ),
        "Use P-256",
    ),
    "no PEM": (lambda: b"hello", "contains no PEM certificate"),
    "empty": (lambda: b"", "contains no PEM certificate"),
    "half": (lambda: chain_of(leaf())[:200], "contains no PEM certificate"),
    "a key": (lambda: key_pem(KEY), "contains no PEM certificate"),
}


@pytest.mark.parametrize(("data", "sentence"), BAD_CHAINS.values(), ids=BAD_CHAINS)
def test_bad_chains(tmp_path, data, sentence):
    path = tmp_path / "chain.pem"
    path.write_bytes(data())
    with pytest.raises(SignerUnavailableError, match=sentence):
        read_chain(path)


def test_a_missing_chain_is_named(tmp_path):
    with pytest.raises(SignerUnavailableError, match=r"Cannot read the certificate file .*gone.pem: No such file"):
        read_chain(tmp_path / "gone.pem")


@pytest.mark.parametrize("anchor", ["root", "intermediate"])
def test_a_chain_may_stop_at_an_anchor(tmp_path, anchor):
    (tmp_path / "chain.pem").write_bytes(chain_of(leaf(), AUTHORITY.intermediate))
    (tmp_path / "anchors.pem").write_bytes(pem(getattr(AUTHORITY, anchor)))
    chain = read_chain(tmp_path / "chain.pem", tmp_path / "anchors.pem")
    assert chain.anchors == (getattr(AUTHORITY, anchor),)


def test_the_root_is_an_anchor_and_is_not_embedded(tmp_path):
    path, _ = AUTHORITY.write(tmp_path)
    chain = read_chain(path)
    assert chain.anchors == (AUTHORITY.root,)
    assert AUTHORITY.root not in chain.certificates
    assert (name_of(chain.leaf), issuer_of(chain.leaf)) == (
        "Tests of Reelmill, Test signer",
        "Tests of Reelmill, Test intermediate",
    )


def test_anchors_of_another_authority_are_refused(tmp_path):
    path, _ = AUTHORITY.write(tmp_path)
    (tmp_path / "anchors.pem").write_bytes(pem(Authority().root))
    with pytest.raises(SignerUnavailableError, match=r"ends at .*intermediate"):
        read_chain(path, tmp_path / "anchors.pem")


BAD_KEYS = {
    "passphrase": (lambda: key_pem(KEY, b"secret"), "is encrypted"),
    "no PEM": (lambda: b"hello", "contains no PEM private key"),
    "a certificate": (lambda: pem(AUTHORITY.root), "contains no PEM private key"),
    "DSA": (lambda: key_pem(dsa.generate_private_key(1024)), "does not support the type of key"),
    "unknown curve": (lambda: key_pem(ec.generate_private_key(ec.SECP256K1())), "Use P-256"),
}


@pytest.mark.parametrize(("data", "sentence"), BAD_KEYS.values(), ids=BAD_KEYS)
def test_bad_keys(tmp_path, data, sentence):
    (tmp_path / "key.pem").write_bytes(data())
    with pytest.raises(SignerUnavailableError, match=sentence):
        read_key(tmp_path / "key.pem")


def test_a_missing_key_is_named(tmp_path):
    with pytest.raises(SignerUnavailableError, match=r"Cannot read the private key file .*gone.pem: No such file"):
        read_key(tmp_path / "gone.pem")


def test_a_key_of_another_certificate_is_refused(tmp_path):
    path, _ = AUTHORITY.write(tmp_path)
    other = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(SignerUnavailableError, match=r"key.pem does not belong to the certificate of .*Test signer"):
        key_signs(other, read_chain(path), tmp_path / "key.pem")


@given(st.integers(1, 2**256 - 1), st.integers(1, 2**256 - 1))
def test_signatures_keep_their_leading_zeros(r, s):
    raw = raw_signature(encode_dss_signature(r, s), 256)
    assert (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")) == (r, s)
    assert len(raw) == 64
