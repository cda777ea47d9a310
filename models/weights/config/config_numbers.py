"""Limits for the numbers of a configuration: a model is built in memory before its weights are read."""

import re
from typing import Any

from models.weights.refusal import RefusedFileError, shown

MAX_NUMBER = 2**25
"""The largest vocabulary of a published model has about 2**20 entries."""
LAYERS = re.compile(r".*(layers?|blocks?|depth|heads?|repeats?|queries)(_per_block)?|num_.*_layers.*")
MAX_LAYERS = 1024
POSITIONS = re.compile(
    r".*(rope|freq).*(len|dim|size).*|sample_(size|width|height|frames)|.*image_size|num_frames|target_size"
    r"|patch_size.*|num_train_timesteps"
)
MAX_POSITIONS = 65_536
"""Tables of positions are computed at once, in main memory."""
MAX_GRID = 2**26
"""Product of the sides of a table of positions."""
SIDES = ("sample_size", "sample_width", "sample_height", "sample_frames")
MAX_LIST = 65_536
UNLIMITED = re.compile(r".*(theta|token_id|seed)s?")
"""Numbers that decide no sizes."""


def check_numbers(content: dict[str, Any], name: str) -> None:
    """Refuse a configuration of a model or scheduler whose numbers are far larger than those of published models.

    Raises:
        RefusedFileError: names the key.
    """
    waiting: list[tuple[str, Any]] = list(content.items())
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend((str(each), inner) for each, inner in value.items())
            _check_grid(value, name)
        elif isinstance(value, list):
            _check(key, len(value), MAX_LIST, name)
            waiting.extend((key, inner) for inner in value)
        elif isinstance(value, int) and not isinstance(value, bool) and not UNLIMITED.fullmatch(key):
            _check(key, value, _limit(key), name)
    _check_grid(content, name)


def _limit(key: str) -> int:
    if LAYERS.fullmatch(key):
        return MAX_LAYERS
    return MAX_POSITIONS if POSITIONS.fullmatch(key) else MAX_NUMBER


def _check(key: str, value: int, limit: int, name: str) -> None:
    if abs(value) > limit:
        text = str(value) if abs(value) < 10**30 else "a number of over 30 digits"
        raise RefusedFileError(
            f"{shown(name)} sets {shown(key)} to {text}, but at most {limit:,} is allowed; correct the value"
        )


def _check_grid(content: dict[str, Any], name: str) -> None:
    product = 1
    for side in SIDES:
        value = content.get(side)
        for each in value if isinstance(value, list) else [value]:
            product *= each if isinstance(each, int) and each > 0 else 1
    _check(" × ".join(SIDES), product, MAX_GRID, name)
