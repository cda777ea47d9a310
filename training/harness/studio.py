"""The shipped starter, opened in the same way as in the program."""

import numpy as np
import torch

from manifests.variant import Variant
from models.card import ModelCard
from models.cpu_matmul import fast_matmul
from models.registry import load_cards, load_scorer_cards, open_generator, open_scorer
from training.vae import to_frames, to_tensor

CPU = torch.device("cpu")
SEEN_FRAMES = (0, 5, 10, 15)


def variant_of(card: ModelCard, prompt: str, seed: int, ratio: str) -> Variant:
    """Return a variant with the defaults of a card."""
    size, defaults = card.sizes[ratio], card.defaults
    return Variant(
        card=card.name,
        revision=card.weights.revision,
        prompt=prompt,
        negative_prompt=defaults.negative_prompt,
        seed=seed,
        height=size.height,
        width=size.width,
        num_frames=defaults.num_frames,
        fps=card.rules.fps,
        num_inference_steps=defaults.num_inference_steps,
        guidance_scale=defaults.guidance_scale,
    )


class Studio:
    """Generate clips with one of the starter's cards on the CPU, in one thread."""

    def __init__(self, card: str = "starter") -> None:
        self.card = load_cards()[card]
        self.generator = open_generator(self.card, threads=1)
        self.ratios = list(self.card.sizes)

    def make(self, prompt: str, seed: int, ratio: str = "1:1") -> tuple[np.ndarray, float]:
        """Return a uint8 clip (frames, height, width, 3) with the card's defaults, and its device seconds."""
        made = next(iter(self.generator.generate([variant_of(self.card, prompt, seed, ratio)])))
        if isinstance(made, Exception):
            raise made
        return made.frames, made.device_seconds

    def reconstruct(self, clip: np.ndarray) -> np.ndarray:
        """Encode and decode a uint8 clip of a render size with the autoencoder."""
        vae = self.generator.pipeline.vae
        with torch.no_grad(), fast_matmul(CPU):
            latents = vae.encode(to_tensor(clip)[None]).latent_dist.mode()
            return to_frames(vae.decode(latents).sample[0])


class Reader:
    """The shipped OpenCLIP model."""

    def __init__(self) -> None:
        self.scorer = open_scorer("starter-openclip")

    def prompts(self, texts: list[str]) -> np.ndarray:
        """Return unit vectors (n, d)."""
        return self.scorer.embed_prompts(texts)

    def clip(self, frames: np.ndarray) -> np.ndarray:
        """Return the mean of the unit vectors of four frames, (d,)."""
        return self.scorer.embed_frames(frames[list(SEEN_FRAMES)]).mean(0)


def revisions() -> str:
    """Return the revisions of the shipped weights, as `video/openclip`."""
    return f"{load_cards()['starter'].weights.revision}/{load_scorer_cards()['starter-openclip'].weights.revision}"
