"""A scorer without a model, which compares brightness with words of the prompt."""

from collections.abc import Sequence

import numpy as np


class FakeScorer:
    """A scorer with the contract of FrameScorer. A prompt that contains ``nothing`` fits no frame."""

    name = "fake-scorer@1"

    def embed_frames(self, frames: np.ndarray) -> np.ndarray:
        """Map uint8 (n, height, width, 3) to float32 (n, 4) with rows of length one."""
        means = frames.reshape(len(frames), -1, 3).mean(axis=1) + 1.0
        return _unit(np.concatenate([means, np.zeros((len(frames), 1))], axis=1))

    def embed_prompts(self, prompts: Sequence[str]) -> np.ndarray:
        """Map n prompts to float32 (n, 4) with rows of length one."""
        rows = [[0.0, 0.0, 0.0, 1.0] if "nothing" in prompt else [1.0, 1.0, 1.0, 0.0] for prompt in prompts]
        return _unit(np.array(rows))


def _unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
