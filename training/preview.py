"""Draw a contact sheet of the video model, during or after its training: `python -m training.preview`.

The sheet `.runs/video/sheet.png` shows the averaged weights of the latest checkpoint in the complete stock pipeline.
"""

import numpy as np
import torch

from models.registry import load_cards
from training.harness.run import RUNS, device
from training.harness.sheet import save_sheet
from training.judges.judging import balanced
from training.pipeline import build_pipeline
from training.scenes.captions import plain
from training.scenes.scene import FPS, MOTIFS, NUM_FRAMES

SIDE = 96


@torch.no_grad()
def draw() -> None:
    """Generate one square clip of each motif and save the contact sheet."""
    card = load_cards()["starter"]
    pipe = build_pipeline().to(device())
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
