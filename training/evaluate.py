"""Measures the shipped starter: `python -m training.evaluate --clips 128`.

It opens `models/starter` as anybody would and writes a JSON of figures, a contact sheet, and the prompts
that failed. The judges of colour and motion count and solve; the judge of motifs saw renders only.
"""

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import open_clip
import torch
from diffusers import DiffusionPipeline
from PIL import Image

from training import motif_judge
from training.captions import plain
from training.colour_judge import colours_right, colours_swapped
from training.export import STARTER
from training.motion_judge import read_motion
from training.renderer import render
from training.run import RUNS
from training.scene import FPS, MOTIFS, NUM_FRAMES, SIZES, Scene, sample_scene
from training.sheet import save_sheet
from training.vae import to_frames, to_tensor

STEPS, GUIDANCE = 16, 3.0
Figures = dict[str, object]


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    """Decibels of two uint8 arrays."""
    error = ((first.astype(np.float32) - second) ** 2).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-6)))


def balanced(count: int, seed: int, held_out: bool = False) -> list[Scene]:
    """Random scenes, every motif equally often."""
    rng = np.random.default_rng(seed)
    picked: list[Scene] = []
    while len(picked) < count:
        scene = sample_scene(rng, held_out)
        if scene.motif == MOTIFS[len(picked) % len(MOTIFS)]:
            picked.append(scene)
    return picked


def size_of(number: int) -> tuple[int, int]:
    """The size of the n-th balanced scene: every motif gets every size in turn."""
    return SIZES[(number + number // len(MOTIFS)) % len(SIZES)]


def share(values: list[bool]) -> float:
    return round(float(np.mean(values)), 3)


def judge(clip: np.ndarray, scene: Scene, model) -> dict[str, bool]:
    """What the checks say of one clip."""
    return {
        "motif": motif_judge.read_motif(model, clip) == scene.motif,
        "colours": colours_right(clip, scene.motif, scene.foreground, scene.background),
        "swapped": colours_swapped(clip, scene.motif, scene.foreground, scene.background),
        "motion": read_motion(clip) == scene.motion,
    }


def judge_judges(count: int) -> Figures:
    """The same checks on held-out renders: what they are worth."""
    rng, model = np.random.default_rng(11), motif_judge.load()
    scenes = balanced(count, 11, held_out=True)
    seen = [judge(render(scene, *size_of(i), rng), scene, model) for i, scene in enumerate(scenes)]
    return {name: share([one[name] for one in seen]) for name in seen[0]}


def autoencoder_figures(pipe, count: int) -> Figures:
    """PSNR of held-out renders after encoding and decoding, overall and for each motif."""
    rng, by_motif = np.random.default_rng(12), defaultdict(list)
    for i, scene in enumerate(balanced(count, 12, held_out=True)):
        clip = render(scene, *size_of(i), rng)
        latents = pipe.vae.encode(to_tensor(clip)[None]).latent_dist.mode()
        by_motif[scene.motif].append(psnr(to_frames(pipe.vae.decode(latents).sample[0]), clip))
    means = {motif: round(float(np.mean(values)), 1) for motif, values in by_motif.items()}
    return {"psnr": round(float(np.mean(list(means.values()))), 2), "by_motif": means}


def generate(pipe, prompt: str, seed: int, size: tuple[int, int]) -> np.ndarray:
    """A uint8 clip (17, height, width, 3), with the settings of the card."""
    frames = pipe(
        prompt=prompt,
        height=size[0],
        width=size[1],
        num_frames=NUM_FRAMES,
        frame_rate=FPS,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        max_sequence_length=32,
        generator=torch.Generator().manual_seed(seed),
        output_type="np",
    ).frames[0]
    return (frames * 255 + 0.5).astype(np.uint8)


class Reader:
    """The shipped OpenCLIP model."""

    def __init__(self, folder: Path):
        name = f"local-dir:{folder}"
        self.model, _, self.preprocess = open_clip.create_model_and_transforms(name)
        self.model.eval()
        self.tokenizer = open_clip.get_tokenizer(name)

    def texts(self, prompts: list[str]) -> torch.Tensor:
        return torch.nn.functional.normalize(self.model.encode_text(self.tokenizer(prompts)), dim=-1)

    def frames(self, clip: np.ndarray) -> torch.Tensor:
        """The mean direction of four frames."""
        images = torch.stack([self.preprocess(Image.fromarray(clip[i])) for i in (0, 5, 10, 15)])
        seen = torch.nn.functional.normalize(self.model.encode_image(images), dim=-1).mean(0)
        return torch.nn.functional.normalize(seen, dim=-1)


def openclip_figures(reader: Reader, rounds: int = 4, choices: int = 64) -> Figures:
    """How often a held-out render finds its own caption among 64 of different scenes."""
    rng, hits = np.random.default_rng(13), []
    for number in range(rounds):
        scenes = distinct(choices, 100 + number)
        texts = reader.texts([plain(scene) for scene in scenes])
        clips = torch.stack([reader.frames(render(scene, *size_of(i), rng)) for i, scene in enumerate(scenes)])
        hits += ((clips @ texts.T).argmax(1) == torch.arange(choices)).tolist()
    return {"top1_of_64": share(hits)}


def distinct(count: int, seed: int) -> list[Scene]:
    """Held-out scenes that differ in more than their motion."""
    rng, picked = np.random.default_rng(seed), {}
    while len(picked) < count:
        scene = sample_scene(rng, held_out=True)
        picked.setdefault(scene.without("motion"), scene)
    return list(picked.values())


def pairs_won(reader: Reader, clips: list[np.ndarray], scenes: list[Scene]) -> float:
    """How often a clip's own prompt beats another clip's prompt (of another picture)."""
    scores = torch.stack([reader.frames(clip) for clip in clips]) @ reader.texts([plain(s) for s in scenes]).T
    pictures = [scene.without("motion") for scene in scenes]
    won = [
        bool(scores[i, i] > scores[i, j])
        for i in range(len(clips))
        for j in range(len(clips))
        if pictures[i] != pictures[j]
    ]
    return share(won)


def clip_figures(pipe, reader: Reader | None, count: int, folder: Path) -> Figures:
    """Figures of generated clips; half of the prompts are held-out combinations."""
    scenes = balanced(count // 2, 21) + balanced(count - count // 2, 22, held_out=True)
    model, clips, seen, seconds = motif_judge.load(), [], [], []
    for i, scene in enumerate(scenes):
        begun = time.perf_counter()
        clips.append(generate(pipe, plain(scene), i, size_of(i)))
        seconds.append(time.perf_counter() - begun)
        seen.append(judge(clips[-1], scene, model))
    figures: Figures = {name: share([one[name] for one in seen]) for name in seen[0]}
    figures["held_out"] = {name: share([one[name] for one in seen[count // 2 :]]) for name in seen[0]}
    for part in ("motif", "motion"):
        groups = defaultdict(list)
        for scene, one in zip(scenes, seen, strict=True):
            groups[getattr(scene, part)].append(one[part])
        figures[f"{part}_by_{part}"] = {name: share(group) for name, group in sorted(groups.items())}
    if reader:
        figures["own_prompt_wins"] = pairs_won(reader, clips, scenes)
    figures["seconds_a_clip"] = round(float(np.median(seconds)), 2)
    figures["failed"] = [
        {"prompt": plain(scene), "wrong": [k for k in ("motif", "colours", "motion") if not one[k]]}
        for scene, one in zip(scenes, seen, strict=True)
        if not (one["motif"] and one["colours"] and one["motion"])
    ]
    square = [i for i in range(len(scenes)) if size_of(i) == (96, 96)][:32]
    save_sheet(folder / "sheet.png", [clips[i] for i in square], [plain(scenes[i]) for i in square])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=128)
    parser.add_argument("--renders", type=int, default=120)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RUNS / "evaluate")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    torch.set_grad_enabled(False)
    chosen.out.mkdir(parents=True, exist_ok=True)
    pipe = DiffusionPipeline.from_pretrained(STARTER / "t2v")
    pipe.set_progress_bar_config(disable=True)
    reader = Reader(STARTER / "openclip") if (STARTER / "openclip").exists() else None
    figures: Figures = {
        "judges_on_renders": judge_judges(chosen.renders),
        "autoencoder": autoencoder_figures(pipe, chosen.renders),
        "openclip": openclip_figures(reader) if reader else None,
        "clips": clip_figures(pipe, reader, chosen.clips, chosen.out),
    }
    (chosen.out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps({**figures, "clips": {k: v for k, v in figures["clips"].items() if k != "failed"}}, indent=1))


if __name__ == "__main__":
    main()
