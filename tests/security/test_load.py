"""The dashboard under load: one account starts 40 bundles, others page, review and sign in meanwhile.

Other work on the machine slows every request. The limits therefore grow with the times that the same people measure
just before, without bundles, and one repetition is allowed: a pause of the machine does not happen twice.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.load.crowd import Load, Measured
from benchmarks.load.crowded_home import CrowdedHome, People, build_home
from benchmarks.load.dashboard import ANY_MS, CLIP_BYTES, CLIPS, DECISION_MS, FULL, PUBLISHED, figures, measure

SMALL = Load(
    bundles=45,
    viewers=20,
    reviewers=3,
    seconds=2.5,
    viewer_s=1.5,
    reviewer_s=0.3,
    sign_in_s=0.8,
    bundle_clips=20,
)
SLOWER = 4.0
"""With bundles, requests may take this much longer than without, if that is more than the limits."""


@pytest.fixture
def small(tmp_path: Path) -> CrowdedHome:
    people = People(SMALL.viewers, SMALL.reviewers, 15)
    return build_home(tmp_path / "home", people, clips=300, published=20, clip_bytes=10_000_000)


@pytest.fixture
def full(tmp_path: Path) -> CrowdedHome:
    people = People(FULL.viewers, FULL.reviewers)
    return build_home(tmp_path / "home", people, clips=CLIPS, published=PUBLISHED, clip_bytes=CLIP_BYTES)


def problems(home: CrowdedHome, load: Load) -> list[str]:
    """Measure without and with bundles; return what is too slow or was refused, in both of two attempts."""
    half = len(home.undecided) // 2
    return _problems(home.part(0, half), load) and _problems(home.part(half, half), load)


def _problems(home: CrowdedHome, load: Load) -> list[str]:
    [quiet, loaded] = measure(home, [load._replace(bundles=0), load])
    found = [*_too_slow(quiet, loaded), *_refused(loaded)]
    print(figures(quiet), figures(loaded), found, sep="\n")
    return found


def _too_slow(quiet: Measured, loaded: Measured) -> Iterator[str]:
    decision_s, usual_s = loaded.percentile("decision", 0.99), quiet.percentile("decision", 0.99)
    if decision_s > max(DECISION_MS / 1000, SLOWER * usual_s):
        yield f"The 99th percentile of a decision is {decision_s:.2f} s with bundles, and {usual_s:.2f} s without."
    if loaded.worst_s > max(ANY_MS / 1000, SLOWER * quiet.worst_s):
        yield f"The longest request took {loaded.worst_s:.2f} s with bundles, and {quiet.worst_s:.2f} s without."


def _refused(loaded: Measured) -> Iterator[str]:
    expected = {"page": {200}, "poster": {200}, "decision": {200}, "sign-in": {303}, "bundle": {200, 429}}
    for kind, statuses in loaded.statuses.items():
        if unexpected := set(statuses) - expected[kind]:
            yield f"{kind}: unexpected statuses {unexpected}"
    if not loaded.downloaded or 200 not in loaded.statuses["bundle"]:
        yield "no bundle was sent"


def test_bundles_of_one_account_do_not_delay_decisions(small: CrowdedHome):
    assert problems(small, SMALL) == []


@pytest.mark.slow
def test_bundles_do_not_delay_decisions_on_postgresql(tmp_path: Path, postgres_url: str):
    people = People(SMALL.viewers, SMALL.reviewers, 15)
    sizes = {"clips": 300, "published": 20, "clip_bytes": 10_000_000}
    home = build_home(tmp_path / "home", people, **sizes, catalogue_url=postgres_url)
    assert problems(home, SMALL) == []


@pytest.mark.slow
def test_the_dashboard_with_200_viewers_and_10_reviewers(full: CrowdedHome):
    assert problems(full, FULL._replace(seconds=30.0)) == []
