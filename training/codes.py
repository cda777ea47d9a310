"""The code of a scene: what every token's state carries from the text encoder to the video model.

The text encoder is trained so that each of its output states, padding included, is this vector. The
video model is trained on the vector itself, so captions and their wording never enter its training,
and colours cannot be bound to the wrong part.
"""

import numpy as np
import torch

from training.scene import COLOURS, MOTIFS, MOTIONS, Scene

WIDTH = 128
SLOTS = (40, 24, 24, 24)
"""Room for motifs, foregrounds, backgrounds and motions; the first slot of each means `not said`."""
LEVEL = (WIDTH / len(SLOTS)) ** 0.5
"""Value of the four set entries: the vector's mean square is 1, as the encoder's final norm makes it."""
NAMES = (MOTIFS, tuple(COLOURS), tuple(COLOURS), MOTIONS)
STARTS = tuple(int(start) for start in np.cumsum((0, *SLOTS[:-1])))


def indices(scene: Scene) -> list[int]:
    """Slot numbers of motif, foreground, background and motion; 0 where the scene leaves one open."""
    parts = (scene.motif, scene.foreground, scene.background, scene.motion)
    return [0 if part is None else names.index(part) + 1 for part, names in zip(parts, NAMES, strict=True)]


def code(slots: torch.Tensor) -> torch.Tensor:
    """Slot numbers (..., 4) to codes (..., 128)."""
    places = slots.long() + torch.tensor(STARTS, device=slots.device)
    blank = torch.zeros(*slots.shape[:-1], WIDTH, device=slots.device)
    return blank.scatter(-1, places, LEVEL)


def decode(states: torch.Tensor) -> torch.Tensor:
    """The nearest slot numbers (..., 4) of states (..., 128)."""
    blocks = states[..., : sum(SLOTS)].split(SLOTS, dim=-1)
    return torch.stack([block.argmax(dim=-1) for block in blocks], dim=-1)


def scene(slots: list[int]) -> Scene:
    """The scene of four slot numbers."""
    parts = [names[slot - 1] if slot else None for slot, names in zip(slots, NAMES, strict=True)]
    return Scene(*parts)
