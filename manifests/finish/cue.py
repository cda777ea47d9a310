"""Captions with their times."""

from typing import NamedTuple


class Cue(NamedTuple):
    """One caption: text of one or more lines, visible from ``start_s`` to ``end_s``, in seconds from the start."""

    start_s: float
    end_s: float
    text: str
