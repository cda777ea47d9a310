"""Random differences between bucket, staging and catalogue: clips keep their files, and nothing is lost."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep_world import DAY_S, SPRING, SweepWorld, content_of

from adapters.catalogue import open_catalogue
from tasks.runtime.resources import BucketConfig, close_resources
from tasks.sweep.report import KINDS

STATES = (
    "planned",
    "leased",
    "rendered",
    "passed",
    "failed",
    "rejected",
    "approved",
    "signing",
    "published",
    "withdrawn",
)


class Made(NamedTuple):
    """A clip and what happened to its files."""

    state: str
    lost: frozenset[int]
    swapped: frozenset[int]
    quiet_days: int
    staged: frozenset[str]
    expired: bool


FILES = st.frozensets(st.integers(0, 3), max_size=2)
MADE = st.builds(
    Made,
    st.sampled_from(STATES),
    FILES,
    FILES,
    st.sampled_from((0, 2, 40)),
    st.frozensets(
        st.sampled_from(("master.mp4", "poster.jpg", "signed-1/clip.mp4", "signed-9/clip.mp4", ".master.mp4.x.part"))
    ),
    st.booleans(),
)
ORPHANS = st.lists(
    st.tuples(st.sampled_from(("b1", "other", "b1/deep")), st.integers(0, 99), st.sampled_from((0, 2, 40))),
    max_size=20,
    unique_by=lambda orphan: orphan[:2],
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty catalogue, created once."""
    path = tmp_path_factory.mktemp("template") / "catalogue.db"
    open_catalogue(f"sqlite:///{path}").close()
    return path


@contextmanager
def new_world(template: Path) -> Iterator[SweepWorld]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        shutil.copy(template, home / "catalogue.db")
        close_resources()
        yield SweepWorld(home, f"sqlite:///{home / 'catalogue.db'}", BucketConfig(str(home / "bucket")))
        close_resources()


def build(world: SweepWorld, made: Made) -> None:
    variant_id = world.variant(made.state)
    for name in made.staged:
        world.stage(variant_id, name, age_s=made.quiet_days * DAY_S)
    world.quiet(variant_id, made.quiet_days * DAY_S)
    row = world.catalogue.variants.get(variant_id)
    for number, key in enumerate(row.signed.keys if row.signed else ()):
        if number in made.lost | made.swapped:
            world.bucket.remove(key)
        if number in made.swapped:
            world.put(key, b"swapped", age_s=40 * DAY_S)
    if made.expired:
        world.catalogue.leases.renew("me", -1.0)


@settings(max_examples=40, deadline=None)
@given(clips=st.lists(MADE, max_size=8), orphans=ORPHANS)
def test_clips_keep_their_files_and_nothing_is_lost(template, clips, orphans):
    with new_world(template) as world:
        check(world, clips, orphans)


def check(world: SweepWorld, clips: Sequence[Made], orphans: Sequence[tuple[str, int, int]]) -> None:
    for made in clips:
        build(world, made)
    for folder, number, days in orphans:
        world.put(f"{SPRING}/{folder}/{number:012x}-{'e' * 16}.mp4", f"{folder}{number}".encode(), age_s=days * DAY_S)
    objects = {key: world.bucket.read(key) for key in world.bucket.list()}
    named = set(world.named())
    first = world.sweep()
    after = {key: world.bucket.read(key) for key in world.bucket.list()}
    assert {key: data for key, data in objects.items() if key in named} == {
        key: data for key, data in after.items() if key in named
    }
    withdrawn = {
        key for row in world.catalogue.files.sent(SPRING) if row.state == "withdrawn" for key in row.signed.keys
    }
    assert sorted(after.values()) == sorted(data for key, data in objects.items() if key not in withdrawn)
    gone = {key for key in named if objects.get(key) != content_of(key)}
    reported = {name for kind in ("missing", "differing") for name in first[kind].names}
    assert reported == {key for key in gone if is_published(world, key)}
    second = world.sweep()
    assert second.needs_person == first.needs_person
    assert not [kind for kind in second.found if KINDS[kind].done]
    assert {key: world.bucket.read(key) for key in world.bucket.list()} == after


def is_published(world: SweepWorld, key: str) -> bool:
    return any(key in row.signed.keys and row.state == "published" for row in world.catalogue.files.sent(SPRING))
