"""A contact sheet of the video model as it stands: `python -m training.preview`, while it trains or after.

Writes `.runs/video/sheet.png` from the last checkpoint's averaged weights, through the whole stock pipeline.
"""

import numpy as np
import torch

from models.registry import load_cards
from training.captions import plain
from training.export import pipeline
from training.judging import balanced
from training.run import RUNS, device
from training.scene import FPS, MOTIFS, NUM_FRAMES
from training.sheet import save_sheet

SIDE = 96


@torch.no_grad()
def draw() -> None:
    """One square clip of every motif."""
    card = load_cards()["starter"]
    pipe = pipeline().to(device())
    pipe.set_progress_bar_config(disable=True)
    prompts = [plain(scene) for scene in balanced(len(MOTIFS), 31)]
    clips = []
    for seed, prompt in enumerate(prompts):
        video = pipe(
            prompt=prompt,
            height=SIDE,
            width=SIDE,
            num_frames=NUM_FRAMES,
            frame_rate=FPS,
            num_inference_steps=card.defaults.num_inference_steps,
            guidance_scale=card.defaults.guidance_scale,
            **card.call,
            generator=torch.Generator().manual_seed(seed),
            output_type="np",
        ).frames[0]
        clips.append((video * 255 + 0.5).astype(np.uint8))
    save_sheet(RUNS / "video" / "sheet.png", clips, prompts)


if __name__ == "__main__":
    torch.set_num_threads(1)
    draw()
