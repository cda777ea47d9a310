"""Signing from threads and processes, and on a full disk."""

import multiprocessing
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from credentials import definition, files, sign

from adapters.c2pa.signer import DevelopmentCA, Signed, open_signer
from adapters.c2pa.verifier import verify
from manifests.errors import DiskFullError


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """One signer shared by all tests of this file, as in a running process."""
    with open_signer(DevelopmentCA(tmp_path_factory.mktemp("ca"))) as signer:
        yield signer


def test_threads_share_a_signer(ours, tmp_path):
    paths = files(tmp_path)

    def one(index: int) -> Signed:
        out = tmp_path / f"{index}.mp4"
        return ours.sign(paths.clip, paths.poster, definition(title=str(index)), out, out.with_suffix(".c2pa"))

    with ThreadPoolExecutor(4) as pool:
        for index, signed in enumerate(pool.map(one, range(8))):
            report = verify(signed.path, ours.anchors_pem())
            assert (report.state, report.title) == ("trusted", str(index))


def _sign_elsewhere(folder: Path, index: int, most_bytes: int | None = None) -> str:
    """Sign in a worker process; return the state, or the name of the error."""
    paths = files(folder / str(index))
    if most_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    with open_signer(DevelopmentCA(folder / "ca")) as signer:
        try:
            sign(signer, paths)
        except DiskFullError as error:
            return f"{type(error).__name__}: {[*paths.out.parent.iterdir()]}"
        return verify(paths.out, signer.anchors_pem()).state


def test_spawned_processes_sign_concurrently(tmp_path):
    for index in range(2):
        (tmp_path / str(index)).mkdir()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.starmap(_sign_elsewhere, [(tmp_path, 0), (tmp_path, 1)]) == ["trusted", "trusted"]


@pytest.mark.parametrize("most_bytes", [5000, 15000, 16000], ids=["video", "credential", "nearly done"])
def test_a_full_disk_leaves_nothing_behind(tmp_path, most_bytes):
    """A limit on the file size replaces the full disk, because the write fails in the same way."""
    (tmp_path / "0").mkdir()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_sign_elsewhere, (tmp_path, 0, most_bytes)) == "DiskFullError: []"
