"""Viewers, reviewers, a person who downloads, and people who sign in, all at the same time."""

import asyncio
import random
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.load.connection import Answer, Connection
from benchmarks.load.crowded_home import PASSWORD, CrowdedHome

_AFTER = re.compile(r"after=([^\"&]+)")
_POSTER = re.compile(r"/media/[0-9a-f]{32}/poster\?v=\d+")
ORDERS = ("score", "-score", "newest", "oldest")


class Load(NamedTuple):
    """How much the people do.

    Attributes:
        viewer_s, reviewer_s: seconds from one request of a person to the next, on average.
        sign_in_s: seconds from one sign-in to the next.
        bundles: downloads that one account starts at the same time; again when all have ended or were refused.
        posters: posters that a browser loads for each page, which are those in the window.
    """

    bundles: int
    viewers: int
    reviewers: int
    seconds: float
    viewer_s: float = 10.0
    reviewer_s: float = 2.0
    sign_in_s: float = 1.0
    bundle_clips: int = 100
    posters: int = 12


@dataclass
class Measured:
    """Seconds of each request by kind, and the statuses of the responses.

    Attributes:
        downloaded: bytes of the bundles.
        lag_s: longest delay of the load generator itself.
    """

    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    downloaded: int = 0
    lag_s: float = 0.0

    def add(self, kind: str, answer: Answer, seconds: float | None = None) -> None:
        """Add a request."""
        self.seconds[kind].append(answer.all_s if seconds is None else seconds)
        self.statuses[kind].append(answer.status)

    def percentile(self, kind: str, share: float) -> float:
        """Return the time that a share of the requests did not exceed."""
        times = sorted(self.seconds[kind])
        return times[min(len(times) - 1, int(share * len(times)))]

    def median(self, kind: str) -> float:
        """Return the median of a kind of requests."""
        return statistics.median(self.seconds[kind])

    @property
    def worst_s(self) -> float:
        """The longest request of all kinds."""
        return max(max(times) for times in self.seconds.values())


async def crowd(home: CrowdedHome, port: int, cookie_name: str, load: Load) -> Measured:
    """Sign people in, let all of them work for some seconds, and return what they measured."""
    viewers = [Connection(port, f"{cookie_name}={secret}") for secret in home.sessions[: load.viewers]]
    reviewers = [Connection(port, address=f"10.0.1.{index}") for index in range(load.reviewers)]
    downloader = Connection(port, address="10.0.3.1")
    for index, reviewer in enumerate(reviewers):
        await reviewer.sign_in(f"reviewer {index}", PASSWORD)
    await downloader.sign_in("other 0", PASSWORD)
    measured, until = Measured(), time.perf_counter() + load.seconds
    share = len(home.undecided) // max(load.reviewers, 1)
    clips = [home.undecided[index * share : (index + 1) * share] for index in range(load.reviewers)]
    await asyncio.gather(
        *(_viewer(own, measured, until, load, index) for index, own in enumerate(viewers)),
        *(_reviewer(own, measured, until, load, 1000 + index, clips[index]) for index, own in enumerate(reviewers)),
        _signing_in(port, measured, until, load),
        _downloading(home, downloader, measured, until, load),
        _lagging(measured, until),
    )
    for own in (*viewers, *reviewers, downloader):
        own.close()
    return measured


async def _every(period_s: float, until: float, index: int, act: Callable[[], Awaitable[None]]) -> None:
    """Act at random times, on average once in each period; the first time within the first period."""
    dice = random.Random(index)  # noqa: S311
    await asyncio.sleep(dice.uniform(0, period_s))
    while time.perf_counter() < until:
        began = time.perf_counter()
        await act()
        pause = period_s * dice.uniform(0.5, 1.5) - (time.perf_counter() - began)
        await asyncio.sleep(max(0.0, min(pause, until - time.perf_counter())))


async def _viewer(own: Connection, measured: Measured, until: float, load: Load, index: int) -> None:
    """Turn the pages of the gallery, each viewer in one of its orders."""
    after = ""

    async def turn() -> None:
        nonlocal after
        answer = await own.get(f"/gallery?order={ORDERS[index % len(ORDERS)]}&after={after}")
        measured.add("page", answer)
        text = answer.body.decode()
        after = (_AFTER.search(text) or [""] * 2)[1]
        for poster in _POSTER.findall(text)[: load.posters]:
            measured.add("poster", await own.get(poster))

    await _every(load.viewer_s, until, index, turn)


async def _reviewer(
    own: Connection, measured: Measured, until: float, load: Load, index: int, undecided: Sequence[tuple[str, int]]
) -> None:
    """Reject one clip after the other."""
    clips = iter(undecided)

    async def decide() -> None:
        key, event = next(clips)
        answer = await own.post("/decide", outcome="rejected", seen=f"{key}:{event}")
        if b"1 clip rejected" not in answer.body:
            raise RuntimeError(f"The decision was not recorded: {answer.status} {answer.body.decode()}")
        measured.add("decision", answer)

    await _every(load.reviewer_s, until, index, decide)


async def _signing_in(port: int, measured: Measured, until: float, load: Load) -> None:
    """Let one person after the other sign in, each from another address."""
    number = 0

    async def sign_in() -> None:
        nonlocal number
        number += 1
        own = Connection(port, address=f"10.0.2.{number}")
        measured.add("sign-in", await own.sign_in(f"other {number}", PASSWORD))
        own.close()

    await _every(load.sign_in_s, until, 2000, sign_in)


async def _downloading(home: CrowdedHome, own: Connection, measured: Measured, until: float, load: Load) -> None:
    """Start all bundles of one account at the same time, and again when all have ended or were refused."""
    path = "/bundle?" + "&".join(f"id={key}" for key in home.published[: load.bundle_clips])

    async def download() -> None:
        answer = await own.twin().download(path, until - time.perf_counter())
        measured.add("bundle", answer, answer.first_s)
        measured.downloaded += int(answer.body) if answer.status == 200 else 0

    while load.bundles and (left := until - time.perf_counter()) > 0:
        await asyncio.gather(*(download() for _ in range(load.bundles)))
        await asyncio.sleep(min(1.0, max(0.0, left)))


async def _lagging(measured: Measured, until: float) -> None:
    """Measure the delays of this process, which the times of all requests include."""
    while time.perf_counter() < until:
        began = time.perf_counter()
        await asyncio.sleep(0.05)
        measured.lag_s = max(measured.lag_s, time.perf_counter() - began - 0.05)
