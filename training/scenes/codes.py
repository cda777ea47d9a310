"""The code of a scene: the vector that the text encoder passes to the video model for every token.

The text encoder is trained so that each of its output states, including padding, equals this vector. The
video model is trained on the vector itself. Captions and their wording are therefore not part of its training,
and it cannot assign colours to the wrong part.
"""

import numpy as np
import torch

from training.scenes.scene import COLOURS, MOTIFS, MOTIONS, Scene

WIDTH = 128
SLOTS = (40, 24, 24, 24)
"""Number of slots for motifs, foregrounds, backgrounds and motions. The first slot of each means `not specified`."""
LEVEL = (WIDTH / len(SLOTS)) ** 0.5
"""Value of the four entries that are set. The mean square of the vector is 1, as after the encoder's final norm."""
NAMES = (MOTIFS, tuple(COLOURS), tuple(COLOURS), MOTIONS)
STARTS = tuple(int(start) for start in np.cumsum((0, *SLOTS[:-1])))


def indices(scene: Scene) -> list[int]:
    """Return the slot numbers of motif, foreground, background and motion. 0 means not specified."""
    parts = (scene.motif, scene.foreground, scene.background, scene.motion)
    return [0 if part is None else names.index(part) + 1 for part, names in zip(parts, NAMES, strict=True)]


def code(slots: torch.Tensor) -> torch.Tensor:
    """Convert slot numbers (..., 4) to codes (..., 128)."""
    places = slots.long() + torch.tensor(STARTS, device=slots.device)
    blank = torch.zeros(*slots.shape[:-1], WIDTH, device=slots.device)
    return blank.scatter(-1, places, LEVEL)


def decode(states: torch.Tensor) -> torch.Tensor:
    """Return the nearest slot numbers (..., 4) of states (..., 128)."""
    blocks = states[..., : sum(SLOTS)].split(SLOTS, dim=-1)
    return torch.stack([block.argmax(dim=-1) for block in blocks], dim=-1)


def scene(slots: list[int]) -> Scene:
    """Return the scene of four slot numbers."""
    parts = [names[slot - 1] if slot else None for slot, names in zip(slots, NAMES, strict=True)]
    return Scene(*parts)
