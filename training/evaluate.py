"""Measure the shipped starter: `python -m training.evaluate [PART…]`. Without PART, measure all parts.

The starter is opened by its card, as in the program. Figures and contact sheets are written to `docs/starter/`.
The judges of colour and motion need no training. The judge of motifs is trained on renders only.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from training.harness.sheet import save_sheet
from training.harness.studio import Reader, Studio, revisions
from training.judges import motif_judge
from training.judges.judging import balanced, distinct, judge, psnr, shares, turn
from training.scenes.captions import UNKNOWN, caption, plain
from training.scenes.renderer import render
from training.scenes.scene import SIZES, Scene

HOME = Path(__file__).parent.parent / "docs" / "starter"
CHOICES = 64
SHOWCASE = (
    ("a red circle drifting left on a white background", Scene("circle", "red", "white", "drifting left")),
    ("Yellow coffee mug pulsing, blue background, 4k", Scene("cup", "yellow", "blue", "pulsing")),
    ("cinematic pink stripes moving up on teal", Scene("stripes", "pink", "teal", "drifting up")),
    ("white snow falling on a blue background", Scene("snow", "white", "blue", "drifting down")),
    ("a green bottle zooming in on an orange background", Scene("bottle", "green", "orange", "zooming in")),
    ("a black phone rotating on a yellow background", Scene("phone", "black", "yellow", "rotating")),
    ("a blue shoe drifting right on a white background", Scene("shoe", "blue", "white", "drifting right")),
    ("purple triangle zooming out on a yellow background", Scene("triangle", "purple", "yellow", "zooming out")),
    ("an orange square rotating on a black background", Scene("square", "orange", "black", "rotating")),
    ("orange bokeh drifting left on a black background", Scene("bokeh", "orange", "black", "drifting left")),
    ("white particles drifting up on a purple background", Scene("particles", "white", "purple", "drifting up")),
    ("teal waves drifting right on a white background", Scene("waves", "teal", "white", "drifting right")),
    ("red rings pulsing on a white background", Scene("rings", "red", "white", "pulsing")),
    ("pink confetti falling on a black background", Scene("confetti", "pink", "black", "drifting down")),
    ("a blue gradient drifting up on a pink background", Scene("gradient", "blue", "pink", "drifting up")),
    ("a teal cup drifting down on a black background for the spring sale",
     Scene("cup", "teal", "black", "drifting down")),
)  # fmt: skip
"""Prompts of the contact sheet with their scenes: every motif, some in the words of a marketer."""


def judges(chosen: argparse.Namespace) -> dict:
    """Measure the judges themselves on held-out renders."""
    rng, model = np.random.default_rng(11), motif_judge.load()
    scenes = balanced(chosen.renders, 11, held_out=True)
    clips = [render(scene, *SIZES[turn(i, len(SIZES))], rng) for i, scene in enumerate(scenes)]
    return {"renders": len(scenes), **shares([judge(*pair, model) for pair in zip(clips, scenes, strict=True)])}


def autoencoder(chosen: argparse.Namespace) -> dict:
    """Measure the PSNR of held-out renders after encoding and decoding: mean over the motifs, and by motif."""
    rng, by_motif, studio = np.random.default_rng(12), defaultdict(list), Studio()
    for i, scene in enumerate(balanced(chosen.renders, 12, held_out=True)):
        clip = render(scene, *SIZES[turn(i, len(SIZES))], rng)
        by_motif[scene.motif].append(psnr(studio.reconstruct(clip), clip))
    means = {motif: round(statistics.mean(values), 1) for motif, values in by_motif.items()}
    return {"renders": chosen.renders, "psnr": round(statistics.mean(means.values()), 2), "by_motif": means}


def openclip(chosen: argparse.Namespace) -> dict:
    """Measure how often a held-out render matches its own caption among the captions of 64 scenes."""
    reader, rng, hits = Reader(), np.random.default_rng(13), []
    for number in range(max(1, chosen.renders // CHOICES)):
        scenes = distinct(CHOICES, 100 + number)
        texts = reader.prompts([plain(scene) for scene in scenes])
        clips = [reader.clip(render(scene, *SIZES[i % len(SIZES)], rng)) for i, scene in enumerate(scenes)]
        hits += ((np.stack(clips) @ texts.T).argmax(1) == np.arange(CHOICES)).tolist()
    return {"renders": len(hits), "top1_of_64": round(float(np.mean(hits)), 3)}


def pairs_won(clips: list[np.ndarray], scenes: list[Scene]) -> float:
    """Return how often the own prompt of a clip scores higher than the prompt of a clip with another picture."""
    reader = Reader()
    seen = np.stack([reader.clip(clip) for clip in clips])
    scores = seen @ reader.prompts([plain(scene) for scene in scenes]).T
    pictures = [scene.without("motion") for scene in scenes]
    other = np.array([[one != two for two in pictures] for one in pictures])
    return round(float((scores.diagonal()[:, None] > scores)[other].mean()), 4)


def clips(chosen: argparse.Namespace) -> dict:
    """Judge generated clips of prompts in plain wording. Half of the prompts are held-out combinations."""
    half = chosen.clips // 2
    scenes = balanced(half, 21) + balanced(chosen.clips - half, 22, held_out=True)
    studio, model = Studio(), motif_judge.load()
    ratios = [studio.ratios[turn(i, len(studio.ratios))] for i in range(len(scenes))]
    made = [studio.make(plain(scene), i, ratios[i]) for i, scene in enumerate(scenes)]
    seen = [judge(clip, scene, model) for (clip, _), scene in zip(made, scenes, strict=True)]
    square = [i for i in range(len(scenes)) if ratios[i] == "1:1"][:32]
    save_sheet(chosen.out / "clips.png", [made[i][0] for i in square], [plain(scenes[i]) for i in square])
    figures: dict = {"clips": len(seen), **shares(seen), "held_out": shares(seen[half:])}
    for part in ("motif", "motion"):
        groups = defaultdict(list)
        for scene, one in zip(scenes, seen, strict=True):
            groups[getattr(scene, part)].append(getattr(one, part))
        figures[f"by_{part}"] = {name: round(float(np.mean(group)), 2) for name, group in sorted(groups.items())}
    figures["own_prompt_wins"] = pairs_won([clip for clip, _ in made], scenes)
    figures["failed"] = failures([plain(scene) for scene in scenes], seen)
    return figures


def wording(chosen: argparse.Namespace) -> dict:
    """Judge clips of held-out combinations in loose wording: synonyms, filler, any order, unknown words."""
    studio, model, rng = Studio(), motif_judge.load(), np.random.default_rng(23)
    scenes = balanced(chosen.clips // 2, 23, held_out=True)
    prompts = [caption(scene, rng, loose=True).replace(UNKNOWN, "zesty") for scene in scenes]
    made = [studio.make(prompt, i)[0] for i, prompt in enumerate(prompts)]
    seen = [judge(clip, scene, model) for clip, scene in zip(made, scenes, strict=True)]
    return {"clips": len(seen), **shares(seen), "examples": prompts[:6], "failed": failures(prompts, seen)}


def sheet(chosen: argparse.Namespace) -> dict:
    """Draw the contact sheet of 16 prompts, with the same seed for all and without selection."""
    studio, model = Studio(), motif_judge.load()
    made = [studio.make(prompt, 1)[0] for prompt, _ in SHOWCASE]
    seen = [judge(clip, scene, model) for clip, (_, scene) in zip(made, SHOWCASE, strict=True)]
    prompts = [prompt for prompt, _ in SHOWCASE]
    save_sheet(chosen.out / "sheet.png", made, prompts, columns=6)
    return {"clips": len(seen), "failed": failures(prompts, seen)}


def failures(prompts: list[str], seen: list) -> list[dict]:
    """Return the faults of each clip that the judges do not fully accept."""
    return [{"prompt": prompt, "wrong": one.wrong} for prompt, one in zip(prompts, seen, strict=True) if one.wrong]


def speed(_chosen: argparse.Namespace) -> dict:
    """Measure seconds and memory in a separate process."""
    command = [sys.executable, "-m", "training.speed"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return {"machine": machine(), **json.loads(answer.stdout.splitlines()[-1])}


def machine() -> str:
    """Return the name of the processor and the number of cores."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, one thread"


PARTS = {
    "judges": judges,
    "autoencoder": autoencoder,
    "openclip": openclip,
    "clips": clips,
    "wording": wording,
    "sheet": sheet,
    "speed": speed,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one or more of {', '.join(PARTS)}")
    parser.add_argument("--clips", type=int, default=240)
    parser.add_argument("--renders", type=int, default=240)
    parser.add_argument("--out", type=Path, default=HOME)
    chosen = parser.parse_args()
    if unknown := sorted(set(chosen.parts) - set(PARTS)):
        parser.error(f"unknown part {', '.join(unknown)}: choose from {', '.join(PARTS)}")
    torch.set_num_threads(1)
    chosen.out.mkdir(parents=True, exist_ok=True)
    path = chosen.out / "figures.json"
    figures = json.loads(path.read_text()) if path.exists() else {}
    for name in chosen.parts or PARTS:
        figures[name] = {"weights": revisions(), **PARTS[name](chosen)}
        path.write_text(json.dumps(figures, indent=1) + "\n")
        print(name, json.dumps({key: value for key, value in figures[name].items() if key != "failed"}, indent=1))


if __name__ == "__main__":
    main()
