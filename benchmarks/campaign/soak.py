"""Memory growth of one process over 300 starter clips, with all steps of a run.

A separate process renders shards of ten clips (lease, generate, encode, checks, score, verdict, rows). After each
shard it frees unused memory and records its resident memory. The memory that the C library keeps for the next clip
varies by 25 MB and would hide a leak of 10 MB. The slope is a least-squares fit after the warm-up.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import psutil

from benchmarks.harness.result import Limit, Result
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.placement import Placement
from manifests.variant import PlannedVariant, Variant
from models.memory import free_caches
from tasks.plan.remaining import Remaining
from tasks.render.render import render_shard
from tasks.runtime.resources import catalogue_of, close_resources, local_card_of

CLIPS = int(os.environ.get("REELMILL_SOAK_CLIPS", "300"))
EVERY = 10
WARM_UP = 50
PROMPTS = (
    "a red circle drifting right on a white background",
    "a yellow cup zooming in on a blue background",
    "teal waves drifting left on a black background",
    "white snow drifting down on a blue background",
)


def run() -> Result:
    """Measure in a new process, so that its memory contains nothing of other benchmarks."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"REELMILL_HOME": home, "OMP_NUM_THREADS": "1"}
        answer = subprocess.run(
            [sys.executable, "-m", "benchmarks.campaign.soak"], env=environment, check=True, stdout=subprocess.PIPE
        )
    measured = json.loads(answer.stdout)
    clips, megabytes = np.array(measured["clips"]), np.array(measured["megabytes"])
    late = clips > WARM_UP
    (slope, _), covariance = np.polyfit(clips[late], megabytes[late], 1, cov=True)
    return Result(
        name="soak",
        what=f"Generate, encode, score and record {CLIPS} starter clips in one process.",
        unit="MB RSS per 100 clips",
        ours=100 * float(slope),
        limits=(Limit("ours", "at most", 1.0),),
        figures={
            "clips": CLIPS,
            "standard_error": 100 * float(covariance[0, 0] ** 0.5),
            "most_rss_mb": measured["most"],
            "rss_mb_after_warm_up": float(megabytes[late][0]),
            "rss_mb_at_end": float(megabytes[-1]),
            "clips_per_min": CLIPS / measured["seconds"] * 60,
        },
        held_back_by="The cause of the remaining growth was not investigated. At this slope, 10,000 clips need "
        f"{1e4 * float(slope):.0f} MB more.",
        notes=(
            f"Resident memory every {EVERY} clips, after garbage collection and after the C library returned its free "
            f"memory. The slope is a least-squares fit after clip {WARM_UP}. `most_rss_mb` is measured before the "
            "memory is returned.",
        ),
        series={"line": {"x_name": "clips", "x": measured["clips"], "y_name": "RSS in MB", "y": measured["megabytes"]}},
    )


def main() -> None:
    """Render all shards and print the measurements as JSON."""
    resources = resources_of(load_settings())
    catalogue, campaign = catalogue_of(resources), _campaign()
    catalogue.campaigns.add(campaign, {})
    card = local_card_of(resources, "starter")
    variants = [
        Variant(
            card.name,
            card.weights.revision,
            PROMPTS[number % len(PROMPTS)],
            "",
            number,
            90,
            160,
            17,
            8,
            card.defaults.num_inference_steps,
            card.defaults.guidance_scale,
            recipe=card.recipe("exact"),
        )
        for number in range(CLIPS)
    ]
    catalogue.campaigns.add_variants(
        campaign.campaign_id,
        [PlannedVariant("soak", Placement("generic", "16:9"), each, each.variant_id) for each in variants],
    )
    shards = Remaining(resources, campaign.campaign_id, 0.25).shards(EVERY)
    clips: list[int] = []
    megabytes: list[float] = []
    most = 0.0
    started = time.perf_counter()
    for shard in shards:
        report = render_shard(resources, shard)
        most = max(most, _resident_mb())
        free_caches()
        clips.append((clips[-1] if clips else 0) + report.passed + report.failed)
        megabytes.append(_resident_mb())
        print(f"{clips[-1]} clips, {megabytes[-1]} MB", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - started
    close_resources()
    print(json.dumps({"clips": clips, "megabytes": megabytes, "most": most, "seconds": seconds}))


def _resident_mb() -> float:
    result: float = round(psutil.Process().memory_info().rss / 1e6, 2)
    return result


def _campaign() -> Campaign:
    return Campaign("soak", "a" * 64, (Brief(2, "soak", PROMPTS),))


if __name__ == "__main__":
    main()
