"""Campaigns of `hosted-starter` through a running `reelmill serve-models`: nothing is replaced by a stub."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from review_program import PROGRAM, environment
from served_models import Server

from adapters.catalogue import Catalogue, open_catalogue
from manifests.hosted.job import JobState
from manifests.states import State

WAIT_S = 500.0
COLOURS = ("red", "blue", "green", "yellow", "purple", "teal", "orange", "white")
SHAPES = ("circle", "square", "triangle", "cup", "star")
PROMPTS = tuple(f"a {colour} {shape} drifting right on a black background" for colour in COLOURS for shape in SHAPES)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path / "server" / "home")
    yield running
    running.kill()


class Campaign:
    """A sheet with one brief for each prompt, and its runs."""

    def __init__(self, folder: Path, server: Server, number: int) -> None:
        self.home = folder / "home"
        self._server = server
        self._sheet = folder / "sheet.csv"
        rows = [f"brief-{row},{prompt},16:9,hosted-starter,-1" for row, prompt in enumerate(PROMPTS[:number])]
        self._sheet.write_text("\n".join(["brief_id,prompt,placements,model,min_adherence", *rows, ""]))

    def start(self) -> subprocess.Popen[str]:
        """Start `reelmill run` in a process group of its own."""
        account = {
            "REELMILL_PROVIDER_REELMILL_URL": self._server.url,
            "REELMILL_PROVIDER_REELMILL_KEY": self._server.token,
        }
        return subprocess.Popen(
            [*PROGRAM, "run", str(self._sheet)],
            env=environment(self.home) | account,
            cwd=self.home.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self) -> None:
        """Run it to its end."""
        process = self.start()
        said, _ = process.communicate(timeout=WAIT_S)
        assert process.returncode == 0, said

    def catalogue(self) -> Catalogue:
        """Open its catalogue."""
        return open_catalogue(f"sqlite:///{self.home / 'catalogue.sqlite'}")

    def check(self, number: int) -> int:
        """Check that all clips are published, and made by one job each; return the jobs that were given up."""
        with self.catalogue() as catalogue:
            [campaign] = catalogue.campaigns.all()
            rows = catalogue.variants.of_campaign(campaign.campaign_id)
            jobs = catalogue.provider_jobs.list(limit=1000)
        assert [row.state for row in rows] == [State.PUBLISHED] * number
        assert len(list((self.home / "bucket").rglob("*.mp4"))) == number
        done = {job.vendor_ref for job in jobs if job.state is JobState.DONE}
        assert len(done) == number
        assert done <= set(videos(self._server))
        return len(jobs) - number


def videos(server: Server) -> list[str]:
    """Return the jobs that the server has, by its own list."""
    reply = httpx.get(
        f"{server.url}/v1/videos", params={"limit": 100}, headers={"Authorization": f"Bearer {server.token}"}
    )
    return [video["id"] for video in reply.json()["data"]]


def verified(home: Path, clip: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, "verify", str(clip)], env=environment(home), cwd=home.parent, text=True, capture_output=True
    )


@pytest.mark.timeout(300)
def test_a_small_campaign_is_generated_by_the_server_and_published(tmp_path: Path, server: Server):
    campaign = Campaign(tmp_path, server, 4)
    campaign.run()
    assert campaign.check(4) == 0
    assert len(videos(server)) == 4
    clip = next((campaign.home / "bucket").rglob("*.mp4"))
    answer = verified(campaign.home, clip)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_forty_clips_are_signed_and_published(tmp_path: Path, server: Server):
    campaign = Campaign(tmp_path, server, 40)
    campaign.run()
    assert campaign.check(40) == 0
    assert len(videos(server)) == 40
    for clip in (campaign.home / "bucket").rglob("*.mp4"):
        assert verified(campaign.home, clip).returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_forty_clips_are_published_although_the_run_is_killed_in_the_middle(tmp_path: Path, server: Server):
    campaign = Campaign(tmp_path, server, 40)
    process = campaign.start()
    end = time.monotonic() + WAIT_S
    while len(videos(server)) < 15:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    campaign.run()
    given_up = campaign.check(40)
    # Jobs of a free server of which it is not known whether it has taken them are submitted again.
    assert 40 <= len(videos(server)) <= 40 + given_up
    print(f"{len(videos(server))} jobs on the server, {given_up} given up")
