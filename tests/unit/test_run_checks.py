"""What a run needs is tested before it spends time or money: scorer weights, signature, bucket and disks."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from credentials import Authority

from flows import registration
from flows.registration import check_delivery, check_disks, check_weights
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.errors import BucketRefusedError, DiskFullError, IncompleteWeightsError, UntrustedCredentialError
from manifests.variant import Variant
from models.registry import get_any_card, get_card, weights_path
from tasks.runtime.files import disk_space
from tasks.runtime.files.disk_space import DiskUse, check_space, least_bytes
from tasks.runtime.resources import close_resources

Usage = namedtuple("Usage", "total used free")
VARIANT = Variant("starter", "1", "a cup", "", 0, 480, 832, 81, 16, 1, 1.0)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    close_resources()
    yield tmp_path / "home"
    close_resources()


def test_weights_of_the_scorer_are_checked(tmp_path, monkeypatch):
    here, there = tmp_path / "weights", get_card("starter")
    folder = here / str(there.weights.folder)
    folder.parent.mkdir(parents=True)
    folder.symlink_to(weights_path(there))
    monkeypatch.setenv("REELMILL_WEIGHTS_ROOT", str(here))
    with pytest.raises(IncompleteWeightsError, match="The weights of starter-openclip"):
        check_weights(resources_of(load_settings()), ["starter"])
    scorer = get_any_card("starter-openclip")
    place = here / str(scorer.weights.folder)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(weights_path(scorer))
    check_weights(resources_of(load_settings()), ["starter"])


def test_a_test_clip_is_signed_and_must_be_trusted(tmp_path, monkeypatch):
    chain, key = Authority().write(tmp_path / "one")
    for name, value in {"SIGNER": "pem", "SIGNER_CHAIN": chain, "SIGNER_KEY": key}.items():
        monkeypatch.setenv(f"REELMILL_{name}", str(value))
    check_delivery(resources_of(load_settings()))

    def untrusted(_: object) -> None:
        raise UntrustedCredentialError("not Trusted")

    monkeypatch.setattr(registration, "sign_test_clip", untrusted)
    monkeypatch.setenv("REELMILL_BUCKET", str(tmp_path / "other bucket"))
    with pytest.raises(UntrustedCredentialError):
        check_delivery(resources_of(load_settings()))


def test_a_successful_check_is_not_repeated_within_a_minute_and_a_failed_one_is(monkeypatch):
    signed = []
    monkeypatch.setattr(registration, "sign_test_clip", signed.append)
    resources = resources_of(load_settings())
    for _ in range(3):
        check_delivery(resources)
    assert len(signed) == 1
    monkeypatch.setattr(registration, "FRESH_S", 0.0)
    check_delivery(resources)
    assert len(signed) == 2


def test_a_folder_without_hard_links_is_refused_by_the_check(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted", str(tmp_path / "bucket" / "x"))

    monkeypatch.setattr("os.link", refuse)
    monkeypatch.setenv("REELMILL_BUCKET", str(tmp_path / "bucket"))
    with pytest.raises(BucketRefusedError, match=r"cannot be used as a bucket, .*does not support hard links"):
        check_delivery(resources_of(load_settings()))
    assert [path for path in (tmp_path / "bucket").rglob("*") if path.is_file()] == []


def free(monkeypatch, bytes_of) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 0, bytes_of(Path(path))))


def test_the_disk_of_the_bucket_folder_is_checked(tmp_path, monkeypatch):
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    monkeypatch.setenv("REELMILL_BUCKET", str(bucket / "clips"))
    settings = load_settings()
    resources = resources_of(settings)
    free(monkeypatch, lambda path: 10**10 if bucket not in (path, *path.parents) else 10**7)
    with pytest.raises(DiskFullError, match=r"bucket/clips has 10 MB free, .* at least 100 MB\. .*set REELMILL_BUCKET"):
        check_disks(settings, resources, ())


def test_space_for_all_clips_is_needed_in_the_bucket_and_for_review_in_staging(monkeypatch):
    settings = load_settings()
    resources = resources_of(settings)
    variants = [VARIANT] * 1000
    size = least_bytes(variants)
    assert 300_000_000 < size < 1_000_000_000, "Wan 2.1's clips of 5 s have 1 to 2 MB"
    free(monkeypatch, lambda _: disk_space.MIN_FREE_BYTES + size)
    check_disks(settings, resources, variants)
    with pytest.raises(DiskFullError, match=r"bucket has 453 MB free, but a run needs at least 807 MB"):
        check_disks(load_settings(review="required"), resources, variants)
    with pytest.raises(DiskFullError):
        check_disks(settings, resources, [*variants, VARIANT])


def test_folders_on_one_disk_share_its_space(tmp_path, monkeypatch):
    uses = [DiskUse("REELMILL_HOME", tmp_path / "a"), DiskUse("REELMILL_BUCKET", tmp_path / "b" / "c", 50)]
    free(monkeypatch, lambda _: disk_space.MIN_FREE_BYTES + 49)
    with pytest.raises(DiskFullError, match="REELMILL_BUCKET"):
        check_space(uses)
    free(monkeypatch, lambda _: disk_space.MIN_FREE_BYTES + 50)
    check_space(uses)


def test_the_least_size_is_not_more_than_that_of_a_plain_clip():
    """A clip of the starter, of plain shapes, has 22 kB, and its companions 18 kB (measured)."""
    assert least_bytes([Variant("starter", "1", "a cup", "", 0, 90, 160, 17, 8, 1, 1.0)]) < 41_000
