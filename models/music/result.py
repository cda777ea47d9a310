"""What music is returned as, and what is needed to get it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from manifests.finish.asset import Asset

FindAsset = Callable[[Asset], Path]
"""Returns the path of an asset in the asset store."""
ReadSound = Callable[[Path], np.ndarray]
"""Returns the sound of a file, float32 (2, n) at 48 kHz: ``adapters.media.soundtrack.decode.decode``."""
RATE = 48_000
"""Samples per second of all music that is made here, and of what ``ReadSound`` returns."""


class MusicResult(NamedTuple):
    """Background music.

    Attributes:
        samples: float32 (2, n), -1..1. Music that was made for a length has exactly this length; files have their own.
        rate: samples per second.
        title: for people and for the Content Credential.
        source_type: last part of the IPTC digital source type, such as ``algorithmicMedia``; empty if not known.
        agent: the software or model that made it; empty if not known.
        note: what people should know; empty for nothing.
        path: the file, if it is one; None if the music was made here.
    """

    samples: np.ndarray
    rate: int
    title: str
    source_type: str = ""
    agent: str = ""
    note: str = ""
    path: Path | None = None
