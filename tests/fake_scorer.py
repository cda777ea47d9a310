"""A scorer without a model: brightness against plain words."""

from collections.abc import Sequence

import numpy as np


class FakeScorer:
    """Keeps FrameScorer's contract; a prompt that names ``nothing`` fits no frame."""

    name = "fake-scorer@1"

    def embed_frames(self, frames: np.ndarray) -> np.ndarray:
        """uint8 (n, height, width, 3) -> float32 (n, 4), rows of length one."""
        means = frames.reshape(len(frames), -1, 3).mean(axis=1) + 1.0
        return _unit(np.concatenate([means, np.zeros((len(frames), 1))], axis=1))

    def embed_prompts(self, prompts: Sequence[str]) -> np.ndarray:
        """n prompts -> float32 (n, 4), rows of length one."""
        rows = [[0.0, 0.0, 0.0, 1.0] if "nothing" in prompt else [1.0, 1.0, 1.0, 0.0] for prompt in prompts]
        return _unit(np.array(rows))


def _unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
