"""Pack everything that a GPU machine without a network needs: ``python -m infra.gpu.kit [--light] [--python 3.12]``.

The kit is a tar file with the committed source, the wheels of all packages with CUDA, and ``gpu.sh``. On the machine:
``tar xf reelmill-gpu-kit.tar && sh reelmill/gpu.sh``. ``--light`` leaves out torch and CUDA, for a machine that has
them.
"""

import argparse
import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from infra.gpu.session import COMMIT
from infra.supply.lock import pip, platform_options
from infra.supply.pins import PYTHON, ROOT, SupplyError, closure, read_pins, runtime_requirements

MACHINE = "x86_64"
TOOLS = ("pytest", "pytest-timeout", "imageio", "imageio-ffmpeg")
"""What the tests and the plain loop of the benchmarks need besides the packages of a run."""
GPU_NAMES = ("torch", "torchvision", "triton")
GPU_PREFIXES = ("nvidia-", "cuda-")
DOWNLOAD_S = 3600
NAME = "reelmill-gpu-kit.tar"
FOLDER = "reelmill"
START = """\
#!/bin/sh
# Runs everything that needs a GPU; results.json and log.txt are in out/gpu. Options: sh gpu.sh --help
cd "$(dirname "$0")" && exec "${PYTHON:-python3}" infra/gpu/session.py "$@"
"""


def names_of(python: str, light: bool) -> list[str]:
    """Return the packages of a kit for a version of Python, sorted."""
    wanted = [*runtime_requirements(), *map(Requirement, TOOLS)]
    names = closure(wanted, MACHINE, python=python)
    return sorted(name for name in names if not (light and _is_of_gpu(name)))


def _is_of_gpu(name: str) -> bool:
    return name in GPU_NAMES or name.startswith(GPU_PREFIXES)


def pinned(names: Sequence[str]) -> list[str]:
    """Return ``name==version`` for each package, and for the pip that installs them.

    Raises:
        SupplyError: constraints.txt does not pin one of them.
    """
    pins = read_pins()
    if missing := [name for name in names if name not in pins]:
        raise SupplyError(f"constraints.txt does not pin {', '.join(missing)}. Add them, and run `make test`.")
    return [*(f"{name}=={pins[name]}" for name in names), f"pip=={metadata.version('pip')}"]


def download(wanted: Sequence[str], python: str, folder: Path) -> list[Path]:
    """Let pip download wheels to a folder.

    Raises:
        SupplyError: a package has no wheel for this version of Python, or the index cannot be reached.
    """
    flags = ["--no-deps", "--only-binary", ":all:", "--quiet", "--dest", str(folder)]
    done = pip("download", *flags, *platform_options(MACHINE, python), *wanted, timeout=DOWNLOAD_S)
    if done.returncode:
        last = "\n".join(f"  {line}" for line in done.stderr.splitlines()[-8:])
        raise SupplyError(f"pip cannot download the wheels for Python {python}:\n{last}")
    return sorted(folder.glob("*.whl"))


def pack(wheels: Sequence[Path], out: Path) -> None:
    """Write the kit: the source of the last commit, its hash, the wheels and the script that starts everything."""
    source = _git("archive", "--format=tar", f"--prefix={FOLDER}/", "HEAD")
    unfinished = out.with_name(f".{out.name}")
    with tarfile.open(unfinished, "w") as kit:
        for member, content in _members(source):
            kit.addfile(member, content)
        _add(kit, COMMIT, _git("rev-parse", "HEAD"), 0o644)
        _add(kit, "gpu.sh", START.encode(), 0o755)
        for wheel in wheels:
            kit.add(wheel, f"{FOLDER}/wheels/{wheel.name}")
    unfinished.replace(out)


def _members(source: bytes) -> Iterator[tuple[tarfile.TarInfo, io.BufferedReader | None]]:
    with tarfile.open(fileobj=io.BytesIO(source)) as archive:
        for member in archive:
            yield member, archive.extractfile(member) if member.isreg() else None  # type: ignore[misc]


def _add(kit: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    member = tarfile.TarInfo(f"{FOLDER}/{name}")
    member.size, member.mode = len(content), mode
    kit.addfile(member, io.BytesIO(content))


def _git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=True).stdout  # noqa: S603, S607


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a kit, and print its size; return the exit code."""
    parser = argparse.ArgumentParser("python -m infra.gpu.kit", description="Pack a kit for a GPU machine.")
    parser.add_argument("--python", default=PYTHON, metavar="X.Y", help=f"Python of that machine. Default: {PYTHON}")
    parser.add_argument("--light", action="store_true", help="without torch and CUDA, which that machine has")
    parser.add_argument("--wheels", type=Path, metavar="FOLDER", help="keep the downloaded wheels here, and use them")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / NAME, metavar="FILE", help=f"default: out/{NAME}")
    options = parser.parse_args(arguments)
    try:
        wanted = pinned(names_of(options.python, options.light))
        with tempfile.TemporaryDirectory() as folder:
            wheels = download(wanted, options.python, options.wheels or Path(folder))
            options.out.parent.mkdir(parents=True, exist_ok=True)
            pack(wheels, options.out)
    except SupplyError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Wrote {options.out}: {len(wheels)} wheels, {options.out.stat().st_size / 1e9:.2f} GB.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
