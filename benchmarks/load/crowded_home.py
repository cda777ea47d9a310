"""A catalogue with some thousand clips, large files in a folder bucket, and accounts, without generating anything."""

import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from adapters.catalogue import Catalogue, Filter, SignedFacts, open_catalogue, sqlite_url
from adapters.catalogue.accounts.passwords import hash_password
from benchmarks.review.rows import fill_with
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.clip import Clip
from manifests.states import State
from manifests.variant import Variant

PASSWORD = "a long sentence for the load test"  # noqa: S105 - of accounts in a temporary folder
SESSION_S = 3600.0
_PIXELS = 1 << 16


class People(NamedTuple):
    """Numbers of accounts. All of them have the password PASSWORD."""

    viewers: int
    reviewers: int
    others: int = 60


@dataclass(frozen=True)
class CrowdedHome:
    """What the load test uses.

    Attributes:
        published: ids of published clips, for the bundle.
        undecided: ids and last events of clips to decide.
        sessions: secrets of the viewers' sessions.
        catalogue_url: empty for the SQLite file in the home.
    """

    home: Path
    campaign_id: str
    published: tuple[str, ...]
    undecided: tuple[tuple[str, int], ...]
    sessions: tuple[str, ...]
    catalogue_url: str = ""

    def part(self, start: int, number: int) -> "CrowdedHome":
        """Return the same home with a part of the undecided clips, for one of several measurements."""
        return replace(self, undecided=self.undecided[start : start + number])


def build_home(
    home: Path, people: People, *, clips: int, published: int, clip_bytes: int, catalogue_url: str = ""
) -> CrowdedHome:
    """Fill an empty home, and return what is in it.

    Args:
        clips: clips in the catalogue.
        published: how many of them are published.
        clip_bytes: size of each published clip; the files share their content, and so the disk's blocks.
    """
    home.mkdir(parents=True)
    key = resources_of(
        load_settings(home=home)
    ).audit_key  # of the dashboard, which would end sessions without its seal
    with open_catalogue(catalogue_url or sqlite_url(home / "catalogue.sqlite"), audit_key=key) as catalogue:
        campaign_id = fill_with(catalogue, _variant(), [_staged(home)], clips, "load")
        _publish(catalogue, home, campaign_id, published, clip_bytes)
        hashed = hash_password(PASSWORD)
        roles = [("viewer", people.viewers), ("reviewer", people.reviewers), ("other", people.others)]
        for role, number in roles:
            for index in range(number):
                known = "viewer" if role == "other" else role
                catalogue.accounts.add(f"{role} {index}", known, "load test", password_hash=hashed)
        sessions = tuple(catalogue.sessions.start(f"viewer {index}", SESSION_S) for index in range(people.viewers))
        _link_posters(home, [row.variant_id for row in catalogue.variants.of_campaign(campaign_id) if row.clip])
        undecided = catalogue.gallery.last_events(Filter(states=(State.PASSED,)), clips)
        done = tuple(row.variant_id for row in catalogue.variants.of_campaign(campaign_id, [State.PUBLISHED]))
    return CrowdedHome(home, campaign_id, done, tuple(undecided.items()), sessions, catalogue_url)


def _variant() -> Variant:
    return Variant("starter", "1", "a red ball rolls over grass", "", 0, 64, 64, 16, 8, 20, 6.0)


def _staged(home: Path) -> Clip:
    """Return a clip with a poster, on this machine."""
    machine = secrets.token_bytes(8)
    (home / "machine.id").write_bytes(machine)
    folder = home / "staging" / "aa" / "any"
    folder.mkdir(parents=True)
    clip, poster = folder / "master.mp4", folder / "poster.jpg"
    clip.write_bytes(os.urandom(_PIXELS))
    Image.effect_noise((320, 180), 60).save(poster)
    return Clip(
        "0" * 32,
        clip,
        poster,
        hashlib.sha256(clip.read_bytes()).hexdigest(),
        _PIXELS,
        64,
        64,
        16,
        8,
        1.5,
        machine=machine.hex(),
    )


def _link_posters(home: Path, variant_ids: Iterable[str]) -> None:
    """Give every clip its poster where a worker stages it, from which the dashboard serves it without a query."""
    poster = home / "staging" / "aa" / "any" / "poster.jpg"
    for variant_id in variant_ids:
        folder = home / "staging" / variant_id[:2] / variant_id
        folder.mkdir(parents=True)
        os.link(poster, folder / "poster.jpg")


def _publish(catalogue: Catalogue, home: Path, campaign_id: str, number: int, size: int) -> None:
    """Approve and publish clips. One file of random bytes has many names."""
    folder = home / "bucket" / campaign_id
    folder.mkdir(parents=True)
    content = folder / "content.mp4"
    with content.open("wb") as file:
        for start in range(0, size, 1 << 20):
            file.write(os.urandom(min(1 << 20, size - start)))
    with content.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    seen = catalogue.gallery.last_events(Filter(states=(State.PASSED,)), number)
    catalogue.reviews.record(seen, State.APPROVED, "person:load test")
    for lease in catalogue.leases.acquire(list(seen), "load", 600.0, (State.APPROVED,), attempts_cap=5):
        stem = f"{campaign_id}/{lease.variant_id}"
        os.link(content, home / "bucket" / f"{stem}.mp4")
        record = home / "bucket" / f"{stem}.json"
        record.write_text(json.dumps({"variant_id": lease.variant_id}))
        catalogue.results.mark_signing(lease, SignedFacts(f"{stem}.mp4", sha256, size, record_key=f"{stem}.json"))
        catalogue.results.mark_published(lease, f"https://clips.example/{stem}.mp4")
    content.unlink()
