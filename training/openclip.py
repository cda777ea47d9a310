"""Train the tiny OpenCLIP model: `python -m training.openclip --minutes 15`.

The model embeds images and captions in one space. Each batch contains groups of scenes that differ in a single
choice. Some renders pass through the video autoencoder, so that its blur does not affect the scores. During
training, small linear heads also predict the choices from both embeddings. They are not shipped.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from open_clip.model import CLIP
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from training import vae
from training.harness.run import RUNS, Plan, Run, autocast, device, launch
from training.scenes import tokenizer
from training.scenes.captions import caption
from training.scenes.codes import SLOTS, indices
from training.scenes.renderer import render
from training.scenes.scene import COLOURS, MOTIFS, NUM_FRAMES, SIZES, Scene, is_drawable, is_held_out, sample_scene

SIDE = 96
EMBED = 128
MODEL = {
    "embed_dim": EMBED,
    "vision_cfg": {"image_size": SIDE, "patch_size": 12, "width": 128, "layers": 4, "head_width": 32},
    "text_cfg": {
        "context_length": tokenizer.MAX_LENGTH,
        "vocab_size": tokenizer.ROOM,
        "hf_tokenizer_name": "tokenizer",
        "width": 128,
        "heads": 4,
        "layers": 3,
        "pool_type": "eos",
        "eos_id": 1,
        "pad_id": 0,
    },
}
PREPROCESS = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bilinear", "resize_mode": "squash"}
GROUP = 4
BLURRED_SHARE = 0.3
STATIC = ("motif", "foreground", "background")


def build() -> CLIP:
    return CLIP(**{name: dict(part) if isinstance(part, dict) else part for name, part in MODEL.items()})


class Trainee(nn.Module):
    """The model with prediction heads for motif, foreground and background, for both embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.clip = build()
        self.heads = nn.Linear(EMBED, sum(SLOTS[:3]))

    def forward(self, images: torch.Tensor, texts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return unit vectors (n, 128) of images (n, 3, 96, 96) and of token numbers (n, 32)."""
        seen, read = self.clip.encode_image(images), self.clip.encode_text(texts)
        return F.normalize(seen.float(), dim=-1), F.normalize(read.float(), dim=-1)


def vary(scene: Scene, rng: np.random.Generator) -> Scene:
    """Return a training scene that differs in one choice or has swapped colours."""
    names = list(COLOURS)
    while True:
        part = rng.choice(4)
        if part == 3:
            other = replace(scene, foreground=scene.background, background=scene.foreground)
        else:
            value = MOTIFS[rng.integers(len(MOTIFS))] if part == 0 else names[rng.integers(len(names))]
            other = replace(scene, **{STATIC[part]: value})
        if other != scene and is_drawable(other) and not is_held_out(other):
            return other


def scenes(rng: np.random.Generator, count: int) -> list[Scene]:
    """Return groups of scenes. Each group is one scene and its variations."""
    picked: list[Scene] = []
    while len(picked) < count:
        first = sample_scene(rng)
        picked += [first, *(vary(first, rng) for _ in range(GROUP - 1))]
    return picked[:count]


def squash(frames: torch.Tensor) -> torch.Tensor:
    """Resize images (n, 3, height, width) to (n, 3, 96, 96) like the shipped preprocessing."""
    if frames.shape[-2:] == (SIDE, SIDE):
        return frames
    return F.interpolate(frames, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)


def pictures(autoencoder, picked: list[Scene], rng: np.random.Generator) -> torch.Tensor:
    """Return one frame of each scene, float (n, 3, 96, 96), -1 to 1. The autoencoder blurs a share of them."""
    height, width = SIZES[rng.integers(len(SIZES))]
    stills = [render(one, height, width, rng, 1, int(rng.integers(NUM_FRAMES))) for one in picked]
    video = vae.to_tensor(np.stack(stills)).to(device())
    blurred = int(len(picked) * BLURRED_SHARE * (rng.random() < 0.5) * 2)
    if blurred:
        with torch.no_grad(), autocast():
            part = autoencoder.encode(video[:blurred]).latent_dist.mode()
            video[:blurred] = autoencoder.decode(part).sample.float().clamp(-1, 1)
    return squash(video[:, :, 0])


def losses(model: Trainee, images, texts, slots) -> dict[str, torch.Tensor]:
    """Return the contrastive loss of images and texts, with equal scenes as one class, and the loss of the heads."""
    with autocast():
        seen, read = model(images, texts)
    logits = seen @ read.T * model.clip.logit_scale.exp().clamp(max=100)
    same = (slots[:, None] == slots[None]).all(-1).float()
    target = same / same.sum(1, keepdim=True)
    contrast = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    reading = 0.0
    for side in (seen, read):
        for place, block in enumerate(model.heads(side * 10).split(SLOTS[:3], dim=-1)):
            reading = reading + F.cross_entropy(block, slots[:, place].long())
    hit = same.gather(1, logits.argmax(1, keepdim=True)).mean()
    return {"contrast": contrast, "reading": reading, "hit": hit}


def train(plan: Plan, rank: int) -> None:
    torch.manual_seed(plan.seed)
    model, words, autoencoder = Trainee().to(device()), tokenizer.build(), vae.load()
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.rate, betas=(0.9, 0.98), weight_decay=0.05)
    run = Run(plan, model, [optimizer], rank)
    rng = np.random.default_rng((plan.seed, rank, run.step))
    while run.running():
        picked = scenes(rng, plan.batch)
        shown = [replace(one, motion=one.motion if rng.random() < 0.7 else None) for one in picked]
        texts = tokenizer.numbers(words, [caption(one, rng) for one in shown], tokenizer.MAX_LENGTH).to(device())
        slots = torch.tensor([indices(one)[:3] for one in picked], device=device())
        parts = losses(model, pictures(autoencoder, picked, rng), texts, slots)
        optimizer.zero_grad()
        (parts["contrast"] + 0.2 * parts["reading"]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        run.stepped(**{name: float(value) for name, value in parts.items()})
    run.save()


def load() -> CLIP:
    """Load the averaged weights of the latest checkpoint, without the heads."""
    state = torch.load(RUNS / "openclip" / "checkpoint-0.pt", map_location="cpu", weights_only=True)
    model = Trainee()
    model.load_state_dict(state["average"])
    return model.clip.eval().requires_grad_(False)


def save(folder: Path) -> None:
    """Save configuration, fp16 weights and tokenizer for `open_clip` (`local-dir:`)."""
    folder.mkdir(parents=True)
    config = {"model_cfg": MODEL, "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=1) + "\n")
    weights = {name: value.half().contiguous() for name, value in load().state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    tokenizer.save(tokenizer.build(), folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    launch(Plan(part="openclip", rate=1e-3, **vars(parser.parse_args())), train)


if __name__ == "__main__":
    main()
