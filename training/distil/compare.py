"""Judge the student next to the teacher: `python -m training.distil.compare --clips 240`.

Both generate the same prompts with the same seeds: those of `training.evaluate clips`, half of them held-out
combinations, and half as many in the loose wording of `training.evaluate wording`. The teacher's figures are kept, and
used again for the same weights. Times are measured in turn, clip by clip, so that other work on the machine slows both
sides equally.

The student is the latest checkpoint, in a pipeline that otherwise equals the starter's; its figures are written to
`.runs/student/compare.json`. With `--shipped`, it is the card `starter-4step`, and the figures are written to
`docs/starter/few_steps.json`, from which `training.page` updates the page and the card.
"""

import argparse
import json
from collections import defaultdict
from statistics import median
from typing import NamedTuple

import numpy as np
import torch

from models.registry import load_cards
from training.distil.student import PART, as_shipped, load
from training.distil.teacher import SEGMENTS
from training.evaluate import failures, machine
from training.harness.run import RUNS
from training.harness.sheet import save_sheet
from training.harness.studio import Reader, Studio
from training.judges import motif_judge
from training.judges.judging import balanced, judge, shares, turn
from training.page import FEW_STEPS, WITHIN
from training.scenes.captions import UNKNOWN, caption, plain
from training.scenes.scene import Scene

CARD = "starter-4step"
TIMED = 9
"""Timed clips of each side and size, after one that is not timed."""


def revision_of(card: str) -> str:
    """Return the revisions of the weights of a card and its transformer, as `pipeline/transformer`."""
    found = load_cards()[card]
    return f"{found.weights.revision}/{found.parts['transformer'].revision}"


class Asked(NamedTuple):
    """A clip to generate, and the scene that it should show."""

    prompt: str
    scene: Scene
    seed: int
    ratio: str


def clips_asked(clips: int, ratios: list[str]) -> list[Asked]:
    """Return what `training.evaluate` asks for: `clips` in plain wording, and half as many in loose wording."""
    half = clips // 2
    scenes = balanced(half, 21) + balanced(clips - half, 22, held_out=True)
    asked = [Asked(plain(scene), scene, i, ratios[turn(i, len(ratios))]) for i, scene in enumerate(scenes)]
    rng, loose = np.random.default_rng(23), balanced(half, 23, held_out=True)
    prompts = [caption(scene, rng, loose=True).replace(UNKNOWN, "zesty") for scene in loose]
    return asked + [
        Asked(prompt, scene, i, "1:1") for i, (prompt, scene) in enumerate(zip(prompts, loose, strict=True))
    ]


def figures(studio: Studio, asked: list[Asked]) -> tuple[dict, list[np.ndarray]]:
    """Return the shares and adherence of the clips, and the clips."""
    model, reader = motif_judge.load(), Reader()
    clips = [studio.make(one.prompt, one.seed, one.ratio)[0] for one in asked]
    seen = [judge(clip, one.scene, model) for clip, one in zip(clips, asked, strict=True)]
    texts = reader.prompts([one.prompt for one in asked])
    own = [float(reader.clip(clip) @ text) for clip, text in zip(clips, texts, strict=True)]
    by_motif = defaultdict(list)
    for one, judgement in zip(asked, seen, strict=True):
        by_motif[one.scene.motif].append(judgement.motif)
    plainly = sum(one.prompt == plain(one.scene) for one in asked)
    found = {
        "clips": len(clips),
        **shares(seen),
        "plain": shares(seen[:plainly]),
        "loose": shares(seen[plainly:]),
        "by_motif": {motif: round(float(np.mean(right)), 2) for motif, right in sorted(by_motif.items())},
        "adherence": [round(value, 4) for value in own],
        "failed": failures([one.prompt for one in asked], seen),
    }
    return found, clips


def kept_figures(studio: Studio, asked: list[Asked]) -> dict:
    """Return the figures of the teacher, from an earlier comparison with as many clips if there is one."""
    path = RUNS / PART / f"teacher-{studio.card.weights.revision}-{len(asked)}.json"
    if not path.exists():
        found, _ = figures(studio, asked)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found))
    return json.loads(path.read_text())


def seconds_a_clip(studios: dict[str, Studio]) -> dict[str, dict[str, float]]:
    """Return the median device seconds of a clip by name of the studio and by ratio, measured in turn."""
    prompt, seconds = "a red circle drifting left on a white background", defaultdict(lambda: defaultdict(list))
    for seed in range(TIMED + 1):
        for ratio in next(iter(studios.values())).ratios:
            for name, studio in studios.items():
                seconds[name][ratio].append(studio.make(prompt, seed, ratio)[1])
    return {
        name: {ratio: round(median(spent[1:]), 3) for ratio, spent in by_ratio.items()}
        for name, by_ratio in seconds.items()
    }


def install_student(studio: Studio) -> None:
    """Replace the transformer of an open starter by the student, and its steps and guidance by the student's."""
    transformer = as_shipped(load())
    studio.generator.pipeline.register_modules(transformer=transformer)
    defaults = studio.card.defaults.model_copy(update={"num_inference_steps": SEGMENTS, "guidance_scale": 1.0})
    studio.card = studio.card.model_copy(update={"defaults": defaults})


def compare(sides: dict[str, dict], seconds: dict[str, dict[str, float]]) -> dict:
    """Return the losses in shares, the times, the correlation of adherence, and whether the student holds.

    Args:
        sides: figures of `teacher` and `student`.
        seconds: device seconds of a clip of both, by ratio.
    """
    teacher, student = sides["teacher"], sides["student"]
    losses = {name: round(teacher[name] - student[name], 3) for name in ("motif", "colours", "motion")}
    times = {ratio: round(seconds["teacher"][ratio] / spent, 2) for ratio, spent in seconds["student"].items()}
    correlation = np.corrcoef(teacher["adherence"], student["adherence"])[0, 1]
    return {
        "losses": losses,
        "seconds_a_clip": seconds,
        "times_faster": times,
        "adherence_correlation": round(float(correlation), 3),
        "holds": max(losses.values()) <= WITHIN,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=240, help="clips in plain wording")
    parser.add_argument("--shipped", action="store_true", help="judge the shipped weights, not the latest checkpoint")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    studios = {"teacher": Studio(), "student": Studio()}
    asked = clips_asked(chosen.clips, studios["teacher"].ratios)
    if chosen.shipped:
        studios["student"] = Studio(CARD)
    else:
        install_student(studios["student"])
    student, clips = figures(studios["student"], asked)
    sides = {"teacher": kept_figures(studios["teacher"], asked), "student": student}
    about = {"machine": machine(), "revision": revision_of(CARD) if chosen.shipped else "checkpoint"}
    answer = about | compare(sides, seconds_a_clip(studios)) | sides
    path = FEW_STEPS if chosen.shipped else RUNS / PART / "compare.json"
    path.write_text(json.dumps(answer, indent=1) + "\n")
    square = [i for i, clip in enumerate(clips) if clip.shape[1:3] == (96, 96)][:32]
    save_sheet(path.with_suffix(".png"), [clips[i] for i in square], [asked[i].prompt for i in square])
    for side in sides:
        print(side, {name: value for name, value in answer[side].items() if name not in ("adherence", "failed")})
    print({name: value for name, value in answer.items() if name not in sides})


if __name__ == "__main__":
    main()
