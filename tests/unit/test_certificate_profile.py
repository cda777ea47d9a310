"""A certificate that C2PA does not allow is refused when it is read, with the rule that it breaks.

Each certificate is also given to the signing library, so that our rules neither miss nor invent one.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli_runner import reelmill
from credentials import Authority, certificate, files, key_pem, pem, sign
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage

from adapters.c2pa import signer, signer_source
from adapters.c2pa.certificate_profile import check_leaf
from adapters.c2pa.certificates import Chain, key_signs, read_chain
from adapters.c2pa.verifier import verify
from manifests.errors import CredentialError, SignerUnavailableError

AUTHORITY = Authority()
KEY = ec.generate_private_key(ec.SECP256R1())
DAY = timedelta(days=1)
OID = x509.ObjectIdentifier
DOCUMENT_SIGNING, CLAIM_SIGNING = OID("1.3.6.1.5.5.7.3.36"), OID("1.3.6.1.4.1.62558.2.1")
NO_USAGE = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


def leaf(
    *usages,
    key_usage=("digital_signature",),
    authority=False,
    issuer_id=True,
    extra=(),
    digest=None,
    start=-DAY,
    key=KEY,
    issuer=AUTHORITY,
):
    """Issue a leaf with exactly these extensions."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Acme signer")]))
        .issuer_name(issuer.intermediate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + start)
        .not_valid_after(now + 300 * DAY)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(x509.KeyUsage(**{**NO_USAGE, **dict.fromkeys(key_usage, True)}), critical=True)
    )
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if issuer_id:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
        builder = builder.add_extension(identifier, critical=False)
    for extension in extra:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(issuer.key, digest or hashes.SHA256())


GOOD = {
    "emailProtection": leaf(Usage.EMAIL_PROTECTION),
    "documentSigning": leaf(DOCUMENT_SIGNING),
    "c2pa-kp-claimSigning": leaf(CLAIM_SIGNING),
    "C2PA signing of Microsoft": leaf(OID("1.3.6.1.4.1.311.76.59.1.9")),
    "S/MIME and TLS": leaf(Usage.EMAIL_PROTECTION, Usage.SERVER_AUTH),
    "critical alternative name": leaf(
        Usage.EMAIL_PROTECTION, extra=[x509.SubjectAlternativeName([x509.RFC822Name("ads@acme.example")])]
    ),
}
EMAIL = Usage.EMAIL_PROTECTION
BAD = {
    "TLS server": (
        leaf(Usage.SERVER_AUTH),
        r"it has the extended key usage serverAuth \(it is a TLS certificate\), but C2PA requires emailProtection, "
        "documentSigning or c2pa-kp-claimSigning",
    ),
    "TLS server and client": (
        leaf(Usage.SERVER_AUTH, Usage.CLIENT_AUTH),
        "has the extended key usages serverAuth and clientAuth",
    ),
    "code signing": (leaf(Usage.CODE_SIGNING), "has the extended key usage codeSigning, but C2PA requires email"),
    "unknown usage": (leaf(OID("1.3.6.1.4.1.311.10.3.12")), "usage 1.3.6.1.4.1.311.10.3.12, but C2PA requires"),
    "any usage": (leaf(Usage.ANY_EXTENDED_KEY_USAGE), "C2PA forbids anyExtendedKeyUsage and requires emailProtection"),
    "any usage and email": (leaf(EMAIL, Usage.ANY_EXTENDED_KEY_USAGE), "C2PA forbids anyExtendedKeyUsage"),
    "time stamps and email": (leaf(EMAIL, Usage.TIME_STAMPING), "timeStamping and OCSPSigning only without other"),
    "no usage": (leaf(), "lacks an extended key usage; C2PA requires emailProtection"),
    "key encipherment": (leaf(EMAIL, key_usage=("key_encipherment",)), "lacks the key usage digitalSignature"),
    "signs certificates": (leaf(EMAIL, key_usage=("digital_signature", "key_cert_sign")), "has the key usage keyCert"),
    "authority": (leaf(EMAIL, authority=True), r"is a CA certificate \(CA:TRUE\)"),
    "no issuer identifier": (leaf(EMAIL, issuer_id=False), "lacks an authority key identifier"),
    "unknown critical": (leaf(EMAIL, extra=[x509.UnrecognizedExtension(OID("1.2.3.4"), b"\5\0")]), "extension 1.2.3.4"),
    "other critical": (
        leaf(EMAIL, extra=[x509.IssuerAlternativeName([x509.DNSName("acme.example")])]),
        "has the critical extension 2.5.29.18",
    ),
    "short digest": (leaf(EMAIL, digest=hashes.SHA224()), "is signed by its issuer with SHA224"),
}


def write(folder, *certificates, key=KEY):
    chain, key_file = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(b"".join(map(pem, certificates)))
    key_file.write_bytes(key_pem(key))
    return chain, key_file


def signs_without_our_rules(leaf, folder, monkeypatch):
    monkeypatch.setattr(signer, "check_leaf", lambda *_: None)
    chain = Chain((leaf, AUTHORITY.intermediate), (AUTHORITY.root,))
    opened = signer.Signer(signer_source.OpenKey(chain, key_signs(KEY, chain, folder), "test", folder), None)
    try:
        sign(opened, files(folder))
    except CredentialError:
        return False
    finally:
        opened.close()
    return True


@pytest.mark.parametrize("leaf", GOOD.values(), ids=GOOD)
def test_a_certificate_that_c2pa_allows_signs(leaf, tmp_path):
    paths, root = files(tmp_path), pem(AUTHORITY.root).decode()
    source = signer_source.KeyFile(*write(tmp_path, leaf, AUTHORITY.intermediate, AUTHORITY.root))
    with signer.open_signer(source) as opened:
        sign(opened, paths)
    assert verify(paths.out, root).state == "trusted"
    assert verify(paths.out).state == "valid", "without anchors it is intact, and not 'modified or damaged'"


@pytest.mark.parametrize(("leaf", "sentence"), BAD.values(), ids=BAD)
def test_a_certificate_that_c2pa_forbids_is_refused_at_once(leaf, sentence, tmp_path):
    with pytest.raises(SignerUnavailableError, match=sentence) as caught:
        read_chain(write(tmp_path, leaf, AUTHORITY.intermediate, AUTHORITY.root)[0])
    assert "chain.pem" in str(caught.value)
    assert "unset REELMILL_SIGNER to use the development CA" in str(caught.value)


@pytest.mark.parametrize("leaf", [leaf for leaf, _ in BAD.values()], ids=BAD)
def test_the_library_forbids_it_too(leaf, tmp_path, monkeypatch):
    assert not signs_without_our_rules(leaf, tmp_path, monkeypatch)


@pytest.mark.parametrize("usage", [Usage.TIME_STAMPING, Usage.OCSP_SIGNING])
def test_a_certificate_of_another_authority_is_refused_although_the_library_accepts_it(usage):
    with pytest.raises(SignerUnavailableError, match="but C2PA requires emailProtection"):
        check_leaf(leaf(usage), Path("chain.pem"))


def test_all_faults_of_a_certificate_are_listed(tmp_path):
    bad = leaf(Usage.SERVER_AUTH, key_usage=("key_encipherment",), issuer_id=False)
    with pytest.raises(SignerUnavailableError, match=r"digitalSignature; it has .*; it lacks an authority key"):
        check_leaf(bad, tmp_path / "chain.pem")


@pytest.mark.parametrize(
    ("key", "described"),
    [
        (rsa.generate_private_key(65537, 1024), "RSA of 1024 bits"),
        (ec.generate_private_key(ec.SECP256K1()), "the elliptic curve secp256k1"),
    ],
)
def test_a_weak_key_is_described(key, described):
    with pytest.raises(SignerUnavailableError, match=rf"{described}\. Use P-256.* at least 2048 bits"):
        check_leaf(leaf(EMAIL, key=key), Path("chain.pem"))


def test_a_chain_that_starts_with_the_root_is_called_that(tmp_path):
    good = GOOD["emailProtection"]
    chain, _ = write(tmp_path, AUTHORITY.root, AUTHORITY.intermediate, good)
    sentence = r"starts with the root .*Test root'\. Put the signing certificate 'Acme signer' first, then its issuers"
    with pytest.raises(SignerUnavailableError, match=sentence):
        read_chain(chain)
    assert read_chain(write(tmp_path, good, AUTHORITY.intermediate, AUTHORITY.root)[0]), "the advice works"


def test_a_chain_without_a_signing_certificate_is_called_that(tmp_path):
    with pytest.raises(SignerUnavailableError, match=r"is a CA certificate \(CA:TRUE\)"):
        read_chain(write(tmp_path, AUTHORITY.intermediate, AUTHORITY.root)[0])


def issuer(**options):
    return certificate(AUTHORITY.name, AUTHORITY.key, "Test root", AUTHORITY.root_key, **options)


@pytest.mark.parametrize(
    ("intermediate", "sentence"),
    [
        (issuer(authority=True, start=-9 * DAY, end=-DAY), r"issuer .*intermediate' of .*chain.pem expired on"),
        (issuer(authority=True, start=DAY), r"issuer .*intermediate' of .*chain.pem is not valid before"),
        (issuer(authority=False), r"issuer .*intermediate' of .*chain.pem is not a CA certificate"),
    ],
)
def test_an_invalid_intermediate_is_refused(tmp_path, intermediate, sentence):
    with pytest.raises(SignerUnavailableError, match=sentence):
        read_chain(write(tmp_path, GOOD["emailProtection"], intermediate, AUTHORITY.root)[0])


def test_an_expired_root_of_a_bundle_does_not_matter(tmp_path):
    expired = certificate(
        "Test root", AUTHORITY.root_key, "Test root", AUTHORITY.root_key, authority=True, start=-9 * DAY, end=-DAY
    )
    chain, _ = write(tmp_path, GOOD["emailProtection"], AUTHORITY.intermediate)
    anchors = tmp_path / "anchors.pem"
    anchors.write_bytes(pem(expired) + pem(AUTHORITY.root))
    assert len(read_chain(chain, anchors).anchors) == 2
    anchors.write_bytes(pem(expired))
    with pytest.raises(SignerUnavailableError, match=r"The root certificate of .* expired on"):
        read_chain(chain, anchors)


SHEET = "prompt,placements\na red ball on a beach,16:9\n"


@pytest.mark.parametrize("words", [("signer",), ("run", "sheet.csv"), ("doctor",)], ids=lambda words: words[0])
def test_commands_refuse_a_tls_certificate_at_once(tmp_path, monkeypatch, capsys, words):
    chain, key = write(tmp_path, BAD["TLS server"][0], AUTHORITY.intermediate, AUTHORITY.root)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("REELMILL_SIGNER", "pem")
    monkeypatch.setenv("REELMILL_SIGNER_CHAIN", str(chain))
    monkeypatch.setenv("REELMILL_SIGNER_KEY", str(key))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sheet.csv").write_text(SHEET)
    ended = reelmill(capsys, *words)
    assert ended.code == 1
    assert "it has the extended key usage serverAuth" in " ".join((ended.out + ended.err).split())
    assert not list((tmp_path / "home").rglob("*.mp4"))


def test_a_chain_with_more_authorities_than_allowed_is_refused(tmp_path):
    root_key, outer_key, inner_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    root = certificate("Root", root_key, "Root", root_key, authority=True)
    inner = certificate("Inner", inner_key, "Outer", outer_key, authority=True)
    signing = certificate("Acme", KEY, "Inner", inner_key)
    for allowed in (0, 1):
        outer = certificate("Outer", outer_key, "Root", root_key, authority=True, path_length=allowed)
        path = tmp_path / f"{allowed}.pem"
        path.write_bytes(b"".join(map(pem, (signing, inner, outer, root))))
        if allowed:
            assert read_chain(path).leaf == signing
        else:
            with pytest.raises(SignerUnavailableError, match="Outer' may have 0 CAs below it, but the chain has 1"):
                read_chain(path)
