"""The starter end to end: `reelmill run` on a sheet, against a plain diffusers loop over the same variants.

Both run in new processes, so the time includes loading Python, libraries and weights. Ours also starts Prefect's
server, and checks, scores, signs, verifies and publishes each clip. The loop does not.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.harness.result import Limit, Result
from manifests.costs.device_use import UseKind
from models.registry import get_local_card, weights_path

SHEET = """brief_id,prompt,placements,variants,colour
circle,a {colour} circle drifting right on a white background,16:9,2,red|blue|green
cup,a yellow cup zooming in on a blue background,16:9,6,
waves,teal waves drifting left on a black background,16:9,6,
snow,white snow drifting down on a blue background,16:9,6,
"""
CLIPS = 24
PLAIN = "--plain"


def run() -> Result:
    """Time both sides."""
    with tempfile.TemporaryDirectory() as folder:
        report, seconds = _ours(Path(folder))
        plain_seconds = _timed([sys.executable, "-m", "benchmarks.campaign.starter", PLAIN, folder])[1]
    states = report["states"]
    model_s = sum(use["seconds"] for use in report["device_use"] if use["kind"] == UseKind.GENERATE)
    finished = states.get("published", 0) + states.get("failed", 0)
    return Result(
        name="starter",
        what=f"{CLIPS} clips of the starter, from a sheet to published files, including a cold start.",
        unit="clips/min",
        ours=finished / seconds * 60,
        baseline=CLIPS / plain_seconds * 60,
        more_is_better=True,
        limits=(Limit("finished", "exactly", CLIPS),),
        figures={
            "finished": finished,
            "published": states.get("published", 0),
            "seconds": seconds,
            "baseline_s": plain_seconds,
            "model_share": model_s / seconds,
            "model_s_a_clip": model_s / CLIPS,
        },
        held_back_by="The cold start, which loads Python, Prefect's server and the weights before the first clip. With "
        "two cores, the other steps also compete with the model.",
        notes=(
            "The baseline generates the same sizes, frames and steps with LTXPipeline in float32 on one thread and "
            "writes them with export_to_video: no checks, score, signature, catalogue or bucket. Ours calculates in "
            "bfloat16 if the processor supports it.",
        ),
    )


def _ours(folder: Path) -> tuple[dict[str, Any], float]:
    sheet = folder / "sheet.csv"
    sheet.write_text(SHEET, encoding="utf-8")
    program = "import sys; from app.cli.main import main; sys.argv[0] = 'reelmill'; main()"
    answer, seconds = _timed(
        [sys.executable, "-c", program, "run", str(sheet), "--json"], REELMILL_HOME=str(folder / "home")
    )
    return json.loads(answer), seconds


def _timed(command: list[str], **settings: str) -> tuple[str, float]:
    started = time.perf_counter()
    answer = subprocess.run(  # noqa: S603
        command,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | settings,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return answer.stdout, time.perf_counter() - started


def plain(folder: Path) -> None:
    """Generate the clips with a plain script: one pipeline, a loop, and one file per clip."""
    import torch
    from diffusers import LTXPipeline
    from diffusers.utils import export_to_video, logging
    from transformers.utils import logging as transformers_logging

    logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    torch.set_num_threads(1)
    card = get_local_card("starter")
    pipeline = LTXPipeline.from_pretrained(str(weights_path(card, None)), dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    size, defaults = card.sizes["16:9"], card.defaults
    prompts = (
        [f"a {colour} circle drifting right on a white background" for colour in ("red", "blue", "green")] * 2
        + ["a yellow cup zooming in on a blue background"] * 6
        + ["teal waves drifting left on a black background"] * 6
        + ["white snow drifting down on a blue background"] * 6
    )
    for seed, prompt in enumerate(prompts):
        frames = pipeline(
            prompt=prompt,
            height=size.render_height,
            width=size.render_width,
            num_frames=defaults.num_frames,
            frame_rate=card.rules.fps,
            num_inference_steps=defaults.num_inference_steps,
            guidance_scale=defaults.guidance_scale,
            generator=torch.Generator().manual_seed(seed),
            **card.call,
        ).frames[0]
        export_to_video(frames, str(folder / f"{seed}.mp4"), fps=card.rules.fps)


if __name__ == "__main__" and PLAIN in sys.argv:
    plain(Path(sys.argv[-1]))
