"""The dashboard under load: one account downloads, others look at clips, review them and sign in."""

import asyncio
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.dashboard.middleware.security_middleware import cookie_name
from benchmarks.harness.result import Limit, Result
from benchmarks.load.crowd import Load, Measured, crowd
from benchmarks.load.crowded_home import CrowdedHome, People, build_home
from benchmarks.review.dashboard import PROGRAM, _environment

CLIPS, PUBLISHED, CLIP_BYTES = 6_000, 100, 19_000_000
FULL = Load(bundles=40, viewers=200, reviewers=10, seconds=60.0)
DECISION_MS, ANY_MS = 300.0, 2000.0
"""Limits of the 99th percentile of a decision, and of every request."""


def run() -> Result:
    """Measure the full load, and the same without bundles."""
    with tempfile.TemporaryDirectory() as folder:
        people = People(FULL.viewers, FULL.reviewers)
        home = build_home(Path(folder, "home"), people, clips=CLIPS, published=PUBLISHED, clip_bytes=CLIP_BYTES)
        [quiet, loaded] = measure(home, [FULL._replace(bundles=0), FULL])
    return Result(
        name="load",
        unit="ms per decision",
        ours=loaded.percentile("decision", 0.99) * 1000,
        what=f"Decisions in the dashboard (99th percentile) while one account downloads {FULL.bundles} bundles of "
        f"{PUBLISHED * CLIP_BYTES / 1e9:.1f} GB at once, {FULL.viewers} viewers page, and people sign in.",
        limits=(Limit("ours", "at most", DECISION_MS), Limit("worst_ms", "at most", ANY_MS)),
        figures={"without_bundles_ms": quiet.percentile("decision", 0.99) * 1000, **figures(loaded)},
        held_back_by="Python renders one page at a time, and a page of 60 cards takes most of the processor time.",
        notes=(
            f"Each viewer requests a page of the gallery every {FULL.viewer_s:g} s on average, with {FULL.posters} "
            f"posters, each reviewer rejects a clip every {FULL.reviewer_s:g} s, and one person signs in every "
            f"{FULL.sign_in_s:g} s. A bundle counts until its first byte or its refusal. The "
            "load generator runs on the same machine.",
        ),
    )


def figures(measured: Measured) -> dict[str, float]:
    """Return percentiles and numbers of all kinds of requests."""
    found = {"worst_ms": measured.worst_s * 1000, "generator_lag_ms": measured.lag_s * 1000}
    for kind, times in measured.seconds.items():
        found[f"{kind}s"] = len(times)
        found[f"{kind}_median_ms"] = measured.median(kind) * 1000
        found[f"{kind}_p99_ms"] = measured.percentile(kind, 0.99) * 1000
        found[f"{kind}_worst_ms"] = max(times) * 1000
    return found | {"downloaded_gb": measured.downloaded / 1e9}


def measure(home: CrowdedHome, loads: Sequence[Load]) -> list[Measured]:
    """Serve the dashboard and let people use it, under one load after the other. Each decides a part of the clips."""
    share = len(home.undecided) // len(loads)
    with served(home) as port:
        cookie = cookie_name("", f"127.0.0.1:{port}")
        return [
            asyncio.run(crowd(home.part(number * share, share), port, cookie, load))
            for number, load in enumerate(loads)
        ]


@contextmanager
def served(home: CrowdedHome) -> Iterator[int]:
    """Run ``reelmill review`` and yield its port."""
    log = home.home.parent / "review.log"
    url = {"REELMILL_CATALOGUE_URL": home.catalogue_url} if home.catalogue_url else {}
    with log.open("w") as out:
        process = subprocess.Popen(  # noqa: S603
            [*PROGRAM, "review", "--no-browser"],
            # Each person has an address of their own, because sign-in attempts are limited by address.
            env=_environment(home.home) | url | {"REELMILL_TRUSTED_PROXIES": '["127.0.0.1"]'},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield _port(log, process)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port(log: Path, process: "subprocess.Popen[bytes]") -> int:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text()):
            return int(found[1])
        time.sleep(0.05)
    raise RuntimeError(f"reelmill review did not start: {log.read_text()}")
