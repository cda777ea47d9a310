"""The development CA: created once, readable by its owner only, recreated if damaged."""

import fcntl
import multiprocessing
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from credentials import certificate, key_pem, pem
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.c2pa.certificates import is_issued_by, read_certificates, read_key
from adapters.c2pa.development_ca import development_chain
from manifests.errors import SignerUnavailableError


def test_the_ca_is_created_once(tmp_path):
    first, key = development_chain(tmp_path / "ca")
    second, same_key = development_chain(tmp_path / "ca")
    assert second == first
    assert same_key.private_numbers() == key.private_numbers()
    assert is_issued_by(first.leaf, first.anchors[0])


def test_only_the_owner_can_read_the_ca(tmp_path):
    development_chain(tmp_path / "ca")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "ca").iterdir()}
    assert modes == dict.fromkeys(["root.pem", "root.key", "leaf.pem", "leaf.key", ".lock"], 0o600)
    assert stat.S_IMODE((tmp_path / "ca").stat().st_mode) == 0o700


def test_the_leaf_meets_the_requirements_of_c2pa(tmp_path):
    leaf = development_chain(tmp_path)[0].leaf
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert {each.dotted_string for each in purposes} == {"1.3.6.1.5.5.7.3.4", "1.3.6.1.4.1.62558.2.1"}
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert leaf.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    assert leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    assert leaf.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)


@pytest.mark.parametrize("broken", ["root.pem", "root.key", "leaf.pem", "leaf.key"])
@pytest.mark.parametrize(
    "left", [None, b"", b"-----BEGIN CERTIFICATE-----\nMIIB"], ids=["missing", "empty", "truncated"]
)
def test_files_damaged_by_a_crash_are_recreated(tmp_path, broken, left):
    before, _ = development_chain(tmp_path)
    (tmp_path / broken).unlink()
    if left is not None:
        (tmp_path / broken).write_bytes(left)
    after, key = development_chain(tmp_path)
    assert is_issued_by(after.leaf, after.anchors[0])
    assert key.public_key() == after.leaf.public_key()
    assert (after.anchors[0] == before.anchors[0]) == broken.startswith("leaf")
    assert not list(tmp_path.glob("*.part"))


def test_clips_of_a_replaced_root_stay_trusted(tmp_path):
    before, _ = development_chain(tmp_path)
    (tmp_path / "root.key").unlink()
    after, _ = development_chain(tmp_path)
    again, _ = development_chain(tmp_path)
    assert after.anchors == again.anchors == (after.anchors[0], before.anchors[0])


@pytest.mark.parametrize("end", [timedelta(minutes=-1), timedelta(days=29)], ids=["expired", "soon expired"])
def test_an_old_leaf_is_renewed_under_the_same_root(tmp_path, end):
    before, _ = development_chain(tmp_path)
    key = ec.generate_private_key(ec.SECP256R1())
    root_key = read_key(tmp_path / "root.key")
    old = certificate("old", key, "Reelmill development root", root_key, start=timedelta(days=-300), end=end)
    (tmp_path / "leaf.pem").write_bytes(pem(old))
    (tmp_path / "leaf.key").write_bytes(key_pem(key))
    after, _ = development_chain(tmp_path)
    assert after.leaf != old
    assert after.anchors == before.anchors
    assert read_certificates(tmp_path / "leaf.pem") == (after.leaf,)


def test_a_folder_that_cannot_be_created_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(
        SignerUnavailableError, match=r"Cannot store the development CA in .*: .*configure another signer"
    ):
        development_chain(tmp_path / "file" / "ca")


def _serial(folder: Path) -> tuple[int, int]:
    chain, _ = development_chain(folder)
    return chain.anchors[0].serial_number, chain.leaf.serial_number


def test_processes_that_start_together_share_the_ca(tmp_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        serials = pool.map(_serial, [tmp_path / "ca"] * 4, chunksize=1)
    assert len(set(serials)) == 1


def test_a_second_process_waits_for_the_lock(tmp_path):
    with open(tmp_path / ".lock", "wb") as first, ThreadPoolExecutor(1) as pool:
        fcntl.flock(first, fcntl.LOCK_EX)
        second = pool.submit(development_chain, tmp_path)
        time.sleep(0.5)
        made_meanwhile = list(tmp_path.glob("*.pem"))
        fcntl.flock(first, fcntl.LOCK_UN)
        assert not made_meanwhile
        assert second.result(timeout=30)[0].leaf


def test_a_partial_key_of_a_killed_writer_is_removed(tmp_path):
    (tmp_path / ".leaf.key.part").write_bytes(b"half a key")
    development_chain(tmp_path)
    assert read_key(tmp_path / "leaf.key")
    assert not list(tmp_path.glob(".*.part"))
