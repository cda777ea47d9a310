"""Judge the student next to the teacher: `python -m training.distil.compare --clips 240`.

Both generate the same prompts with the same seeds. Half of the prompts are held-out combinations. The student is the
latest checkpoint, in a pipeline that otherwise equals the starter's. Its figures are written to
`.runs/student/compare.json`, and those of the teacher are kept for the next checkpoint.

With `--shipped`, the student is the card `starter-4step`. Both sides are measured again, as their times are only
comparable on an equally busy machine, and the figures are written to `docs/starter/few_steps.json`, from which
`training.page` updates the page and the card.
"""

import argparse
import json
from collections import defaultdict

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
from training.scenes.captions import plain
from training.scenes.scene import Scene

CARD = "starter-4step"


def revision_of(card: str) -> str:
    """Return the revisions of the weights of a card and its transformer, as `pipeline/transformer`."""
    found = load_cards()[card]
    return f"{found.weights.revision}/{found.parts['transformer'].revision}"


def scenes_of(clips: int) -> list[Scene]:
    """Return the scenes of `training.evaluate clips`."""
    half = clips // 2
    return balanced(half, 21) + balanced(clips - half, 22, held_out=True)


def figures(studio: Studio, scenes: list[Scene]) -> tuple[dict, list[np.ndarray]]:
    """Return shares, adherence and median device seconds of the clips of the scenes, and the clips."""
    model, reader = motif_judge.load(), Reader()
    ratios = [studio.ratios[turn(i, len(studio.ratios))] for i in range(len(scenes))]
    made = [studio.make(plain(scene), i, ratios[i]) for i, scene in enumerate(scenes)]
    clips, seconds = [clip for clip, _ in made], defaultdict(list)
    for ratio, (_, spent) in zip(ratios, made, strict=True):
        seconds[ratio].append(spent)
    seen = [judge(clip, scene, model) for clip, scene in zip(clips, scenes, strict=True)]
    texts = reader.prompts([plain(scene) for scene in scenes])
    own = [float(reader.clip(clip) @ text) for clip, text in zip(clips, texts, strict=True)]
    by_motif = defaultdict(list)
    for scene, one in zip(scenes, seen, strict=True):
        by_motif[scene.motif].append(one.motif)
    found = {
        "clips": len(clips),
        **shares(seen),
        "by_motif": {motif: round(float(np.mean(right)), 2) for motif, right in sorted(by_motif.items())},
        "adherence": [round(value, 4) for value in own],
        "mean_adherence": round(float(np.mean(own)), 4),
        "seconds_a_clip": {ratio: round(float(np.median(spent)), 3) for ratio, spent in seconds.items()},
        "failed": failures([plain(scene) for scene in scenes], seen),
    }
    return found, clips


def install_student(studio: Studio) -> None:
    """Replace the transformer of an open starter by the student, and its steps and guidance by the student's."""
    transformer = as_shipped(load())
    studio.generator.pipeline.register_modules(transformer=transformer)
    defaults = studio.card.defaults.model_copy(update={"num_inference_steps": SEGMENTS, "guidance_scale": 1.0})
    studio.card = studio.card.model_copy(update={"defaults": defaults})


def compare(teacher: dict, student: dict) -> dict:
    """Return the losses in shares, the speed-up, the correlation of adherence, and whether the student holds."""
    losses = {name: round(teacher[name] - student[name], 3) for name in ("motif", "colours", "motion")}
    times = {ratio: round(teacher["seconds_a_clip"][ratio] / spent, 2)
             for ratio, spent in student["seconds_a_clip"].items()}  # fmt: skip
    correlation = np.corrcoef(teacher["adherence"], student["adherence"])[0, 1]
    return {
        "losses": losses,
        "times_faster": times,
        "adherence_correlation": round(float(correlation), 3),
        "holds": max(losses.values()) <= WITHIN,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=240)
    parser.add_argument("--shipped", action="store_true", help="judge the shipped weights, not the latest checkpoint")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    scenes, studio = scenes_of(chosen.clips), Studio()
    kept = RUNS / PART / f"teacher-{studio.card.weights.revision}-{chosen.clips}.json"
    if chosen.shipped or not kept.exists():
        teacher, _ = figures(studio, scenes)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(teacher))
    teacher = json.loads(kept.read_text())
    if chosen.shipped:
        studio = Studio(CARD)
    else:
        install_student(studio)
    student, clips = figures(studio, scenes)
    answer = {"machine": machine(), "revision": revision_of(CARD) if chosen.shipped else "checkpoint"}
    answer |= {"teacher": teacher, "student": student, **compare(teacher, student)}
    path = FEW_STEPS if chosen.shipped else RUNS / PART / "compare.json"
    path.write_text(json.dumps(answer, indent=1) + "\n")
    square = [i for i, clip in enumerate(clips) if clip.shape[1:3] == (96, 96)][:32]
    save_sheet(path.with_suffix(".png"), [clips[i] for i in square], [plain(scenes[i]) for i in square])
    for side in ("teacher", "student"):
        print(side, {name: value for name, value in answer[side].items() if name not in ("adherence", "failed")})
    print({name: value for name, value in answer.items() if name not in ("teacher", "student")})


if __name__ == "__main__":
    main()
