"""Pin the images of other projects to the digests that their registries serve now.

    python infra/images/pin.py            # rewrite the files
    python infra/images/pin.py --check    # only report; exit code 1 if a digest is missing or has changed

Tags may be moved, for example when a base image is rebuilt with fixes; digests cannot. Run this to take those fixes,
look at the difference, and run the tests. It needs Docker's buildx and access to the registries.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

INFRA = Path(__file__).resolve().parents[1]
FILES = (
    "docker/Dockerfile",
    "compose/compose.yaml",
    "kubernetes/dashboard.yaml",
)
"""The files that name images of other projects, relative to infra/."""
IMAGE = re.compile(
    r"(?P<start>^# syntax=|^FROM |\bimage: (?:&\w+ )?)"
    r"(?P<tagged>(?!reelmill:)[\w.-]+(?:/[\w.-]+)*:[\w.-]+)"
    r"(?P<digest>@sha256:[0-9a-f]{64})?",
    re.MULTILINE,
)
"""An image with its tag. Our own images have no registry of ours, and stages of a build have no tag."""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def main() -> int:
    """Rewrite or check the files; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="report differences without changing the files")
    is_check = parser.parse_args().check
    _check_buildx()
    known: dict[str, str] = {}
    changed = 0
    for path in (INFRA / name for name in FILES):
        text = path.read_text(encoding="utf-8")
        pinned = IMAGE.sub(lambda found: f"{found['start']}{found['tagged']}@{_digest(found['tagged'], known)}", text)
        if pinned != text:
            changed += 1
            print(f"{path.relative_to(INFRA.parent)}: {'needs other digests' if is_check else 'updated'}")
            if not is_check:
                path.write_text(pinned, encoding="utf-8")
    print(f"{len(known)} images, {changed} files {'to update' if is_check else 'updated'}.")
    return int(is_check and changed > 0)


def _check_buildx() -> None:
    """Stop with an explanation if Docker or its plugin buildx is missing."""
    docker = shutil.which("docker")
    command = [docker or "docker", "buildx", "version"]
    if docker is None or subprocess.run(command, capture_output=True, timeout=60).returncode:  # noqa: S603
        sys.exit(
            "This needs docker buildx. Install Docker with its plugin buildx (Debian's package docker-buildx, or "
            "docker-buildx-plugin of Docker's own packages). Nothing was changed."
        )


def _digest(tagged: str, known: dict[str, str]) -> str:
    """Return the digest of an image's index, which covers all platforms."""
    if tagged not in known:
        command = ["docker", "buildx", "imagetools", "inspect", tagged, "--format", "{{.Manifest.Digest}}"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=120)  # noqa: S603 - image names from our files
        found = answer.stdout.strip()
        if answer.returncode or not DIGEST.fullmatch(found):
            sys.exit(
                f"Cannot get the digest of {tagged}: {(answer.stderr or found).strip()}. Nothing more was changed."
            )
        known[tagged] = found
    return known[tagged]


if __name__ == "__main__":
    sys.exit(main())
