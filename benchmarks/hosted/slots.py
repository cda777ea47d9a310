"""500 jobs at a provider with 20 slots that needs 2 s a job: the lane of hosted cards, and one thread for each slot.

Each side runs in a separate process, one after the other, at the same provider. Our side keeps every promise: each
job is committed before it is sent, and its reference before it is polled; its file is hashed, synced, decoded, checked
and scored. The other side is what people write: each thread submits, asks for the state every ``POLL_S``, and writes
the file.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import psutil

import tasks.render.postprocess
import tasks.runtime.resources
from adapters.media.video import encode
from benchmarks.harness.result import Limit, Result
from benchmarks.harness.stubs import Agreeable
from benchmarks.hosted.provider import SlotUse, provider
from flows.fan_out.hosted_lanes import by_card
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.placement import Placement
from manifests.variant import PlannedVariant, Variant
from models.memory import free_caches
from tasks.plan.remaining import Remaining
from tasks.render.hosted.lane import render_hosted_shard
from tasks.render.render import ShardReport
from tasks.runtime.resources import Resources, catalogue_of, close_resources, hosted_card_of, scorer_of

JOBS = int(os.environ.get("REELMILL_HOSTED_JOBS", "500"))
SLOTS = 20
JOB_S = 2.0
POLL_S = 0.05
EVERY_S = 4.0
"""Seconds between two measurements of the memory."""
WARM_UP = 0.3
"""Share of the clips after which the slope of the memory is fitted."""
HEIGHT, WIDTH, FRAMES, FPS = 180, 320, 16, 8
CARD = {
    "name": "slots",
    "kind": "hosted-text-to-video",
    "title": "A provider on loopback",
    "description": "For the benchmark.",
    "provider": "slots",
    "protocol": "openai_videos",
    "dialect": "openai",
    "model": "slots",
    "licence": {"name": "None", "url": "https://example.com", "sentence": "For the benchmark."},
    "sizes": {"16:9": {"height": HEIGHT, "width": WIDTH, "word": f"{WIDTH}x{HEIGHT}"}},
    "durations": {"allowed": [2], "default_s": 2},
    "fps": FPS,
    "min_adherence": -1,
    "costs_money": True,
    "prices": {"currency": "USD", "per_second": {"any": "0.1"}, "as_of": "2026-11-30", "source": "the benchmark"},
    "limits_of_account": {"concurrency": SLOTS},
    "poll_s": POLL_S,
    "reconcile": "none",
}


def run() -> Result:
    """Measure both sides and the memory, each in a separate process."""
    with tempfile.TemporaryDirectory() as folder, provider(SLOTS, JOB_S, _file(Path(folder))) as server:
        naive, naive_use = _side("naive", Path(folder) / "naive", server.base_url), server.use()
        ours, our_use = _side("ours", Path(folder) / "ours", server.base_url), server.use()
        watched = _side("memory", Path(folder) / "memory", server.base_url)
    clips, megabytes = np.array(watched["clips"]), np.array(watched["megabytes"])
    late = clips > WARM_UP * JOBS
    slope, _ = np.polyfit(clips[late], megabytes[late], 1)
    return Result(
        name="hosted",
        what=f"{JOBS} jobs of {JOB_S:g} s at a provider on loopback with {SLOTS} slots, each with a file of "
        f"{WIDTH}×{HEIGHT} and {FRAMES} frames.",
        unit="share of the slots used",
        ours=_share(our_use),
        baseline=_share(naive_use),
        more_is_better=True,
        limits=(
            Limit("ours", "at least", 0.95),
            Limit("cpu_ms_a_clip", "at most", 15.0),
            Limit("mb_per_100_clips", "at most", 1.0),
        ),
        figures={
            "cpu_ms_a_clip": 1000 * (ours["cpu_s"] - ours["scoring_s"] - ours["staging_s"]) / JOBS,
            "scoring_ms_a_clip": 1000 * ours["scoring_s"] / JOBS,
            "staging_ms_a_clip": 1000 * ours["staging_s"] / JOBS,
            "naive_cpu_ms_a_clip": 1000 * naive["cpu_s"] / JOBS,
            "wall_s": our_use.wall_s,
            "naive_wall_s": naive_use.wall_s,
            "refused": our_use.refused,
            "mb_per_100_clips": 100 * float(slope),
            "rss_mb_at_end": float(megabytes[-1]),
            "load_average": os.getloadavg()[0],
        },
        held_back_by="A slot is free from the end of its job until the next poll has seen it and the next job is "
        "committed and sent.",
        notes=(
            "The provider measures the share itself, in a separate process: seconds of work of all slots, divided by "
            "the slots and by the time from the first submission to the end of the last job. `cpu_ms_a_clip` is the "
            "processor time of our whole process, all threads, from the start of the shard to its end, without what "
            "the threads spent in `score_frames` (decoding, checks, scoring; the scorer is a stub) and in "
            "`stage_fetched` (probe, poster and hash of the file), which are separate figures. The scorer is opened "
            "before. Catalogue: SQLite, synced. Prefect, signing and publishing are not part of it. "
            "`mb_per_100_clips` is a least-squares fit of the resident memory, after garbage collection, from "
            f"{WARM_UP:.0%} of the clips on. It is measured in a second run, because collecting garbage stops all "
            "threads for about 0.1 s.",
        ),
        series={"line": {"x_name": "clips", "x": watched["clips"], "y_name": "RSS in MB", "y": watched["megabytes"]}},
    )


def _share(use: SlotUse) -> float:
    if use.jobs != JOBS:
        raise RuntimeError(f"expected {JOBS} jobs, the provider has taken {use.jobs}")
    return use.busy_s / (SLOTS * use.wall_s)


def _file(folder: Path) -> bytes:
    ground = np.linspace(0, 200, WIDTH, dtype=np.uint8)[None, :, None]
    frames = np.stack([np.broadcast_to(np.roll(ground, 9 * number, 1), (HEIGHT, WIDTH, 3)) for number in range(FRAMES)])
    path = folder / "clip.mp4"
    encode(np.ascontiguousarray(frames), FPS, path)
    return path.read_bytes()


def _side(name: str, home: Path, base_url: str) -> dict[str, Any]:
    home.mkdir()
    (home / "cards").mkdir()
    (home / "cards" / "slots.json").write_text(json.dumps({**CARD, "base_url": base_url}))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REELMILL_", "PREFECT_"))}
    own = {
        "REELMILL_HOME": str(home),
        "REELMILL_MODEL_FOLDERS": json.dumps([str(home / "cards")]),
        "REELMILL_PROVIDER_SLOTS_KEY": "key-of-the-benchmark",
        "REELMILL_HOSTED_JOBS": str(JOBS),
        "OMP_NUM_THREADS": "1",
    }
    answer = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "benchmarks.hosted.slots", name, base_url],
        env=kept | own,
        check=True,
        stdout=subprocess.PIPE,
    )
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def naive(base_url: str) -> dict[str, Any]:
    """Let one thread for each slot submit, poll and write one job after the other."""
    folder = Path(os.environ["REELMILL_HOME"])
    with httpx2.Client(base_url=base_url, trust_env=False) as client, ThreadPoolExecutor(SLOTS) as pool:
        before = time.process_time()
        list(pool.map(partial(_naive_job, client, folder), range(JOBS)))
        return {"cpu_s": time.process_time() - before}


def _naive_job(client: httpx2.Client, folder: Path, number: int) -> None:
    while (reply := client.post("/v1/videos", json={"prompt": f"number {number}"})).status_code == 429:
        time.sleep(POLL_S)
    job_id = reply.json()["id"]
    time.sleep(JOB_S * 0.9)
    while client.get(f"/v1/videos/{job_id}").json()["status"] != "completed":
        time.sleep(POLL_S)
    (folder / f"{number}.mp4").write_bytes(client.get(f"/v1/videos/{job_id}/content").content)


def ours(_: str) -> dict[str, Any]:
    """Run the lane on one shard with all jobs, and measure its processor time."""
    spent = {name: _measured(name) for name in ("score_frames", "stage_fetched")}
    cpu_s = _run(lambda work: None)
    scoring_s, staging_s = (sum(spent[name]) for name in ("score_frames", "stage_fetched"))
    return {"cpu_s": cpu_s, "scoring_s": scoring_s, "staging_s": staging_s}


def memory(_: str) -> dict[str, Any]:
    """Do the same, and measure the memory. Collecting garbage stops all threads, so that polls would be late."""
    process, scored = psutil.Process(), _measured("score_frames")
    clips: list[int] = []
    megabytes: list[float] = []

    def watch(work: Future[ShardReport]) -> None:
        while not work.done():
            time.sleep(EVERY_S)
            free_caches()
            clips.append(len(scored))
            megabytes.append(round(process.memory_info().rss / 1e6, 2))

    _run(watch)
    return {"clips": clips, "megabytes": megabytes}


def _run(watch: Callable[[Future[ShardReport]], None]) -> float:
    """Render all jobs while ``watch`` runs; return the seconds of processor time of this process."""
    vars(tasks.runtime.resources).update(open_scorer=lambda *_, **__: Agreeable())
    resources = resources_of(load_settings())
    campaign_id = _registered(resources)
    shard = by_card(Remaining(resources, campaign_id, 0.25).shards(JOBS, ""))["slots"][0]
    scorer_of(resources, hosted_card_of(resources, "slots"))  # imports torch
    with ThreadPoolExecutor(1) as pool:
        free_caches()
        before = time.process_time()
        work = pool.submit(render_hosted_shard, resources, shard)
        watch(work)
        report = work.result()
        cpu_s = time.process_time() - before
    close_resources()
    if report.passed != JOBS:
        raise RuntimeError(f"expected {JOBS} clips: {report}")
    return cpu_s


def _measured(name: str) -> list[float]:
    """Measure the processor time of each call of a function of the postprocessing, in its own thread."""
    taken: list[float] = []
    original: Callable[..., Any] = getattr(tasks.render.postprocess, name)

    def measured(*args: Any, **kwargs: Any) -> Any:
        before = time.thread_time()
        try:
            return original(*args, **kwargs)
        finally:
            taken.append(time.thread_time() - before)

    setattr(tasks.render.postprocess, name, measured)
    return taken


def _registered(resources: Resources) -> str:
    card = hosted_card_of(resources, "slots")
    prompts = tuple(f"number {number}" for number in range(JOBS))
    campaign = Campaign("slots", "a" * 64, (Brief(2, "slots", prompts),))
    catalogue_of(resources).campaigns.add(campaign, {})
    variants = [
        Variant("slots", card.revision, prompt, "", 0, HEIGHT, WIDTH, FRAMES, FPS, 0, 0.0) for prompt in prompts
    ]
    planned = [PlannedVariant("slots", Placement("generic", "16:9"), each, each.variant_id) for each in variants]
    catalogue_of(resources).campaigns.add_variants(campaign.campaign_id, planned)
    return campaign.campaign_id


if __name__ == "__main__":
    print(json.dumps({"ours": ours, "naive": naive, "memory": memory}[sys.argv[1]](sys.argv[2])))
