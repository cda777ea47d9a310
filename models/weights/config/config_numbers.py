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
UNLIMITED = re.compile(r".*(theta|token_id|seed)s?|lambda_min_clipped|.*(logits?|mask)_value")
"""Numbers that decide no sizes. Schedulers save minus infinity as the second."""
NUMBER = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
"""Texts that a library could convert."""


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
        elif (number := _number(value)) is not None and (limit := _limit(key, value)) is not None:
            _check(key, number, limit, name)
    _check_grid(content, name)


def _number(value: Any) -> int | float | None:
    """Return a number, also one in a text; None for other values."""
    if isinstance(value, str) and len(value) < 100 and NUMBER.fullmatch(value.strip()):
        return float(value)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _limit(key: str, value: Any) -> int | None:
    """Return the limit of a key; None if it has none. Other texts are names or dates."""
    if LAYERS.fullmatch(key):
        return MAX_LAYERS
    if POSITIONS.fullmatch(key):
        return MAX_POSITIONS
    return None if UNLIMITED.fullmatch(key) or isinstance(value, str) else MAX_NUMBER


def _check(key: str, value: int | float, limit: int, name: str) -> None:
    if not abs(value) <= limit:  # also NaN
        text = str(value) if isinstance(value, float) or abs(value) < 10**30 else "a number of over 30 digits"
        raise RefusedFileError(
            f"{shown(name)} sets {shown(key)} to {text}, but at most {limit:,} is allowed; correct the value"
        )


def _check_grid(content: dict[str, Any], name: str) -> None:
    product: int | float = 1
    for side in SIDES:
        value = content.get(side)
        for each in value if isinstance(value, list) else [value]:
            number = _number(each)
            product *= min(number, MAX_GRID + 1) if number is not None and number > 0 else 1
    _check(" × ".join(SIDES), product, MAX_GRID, name)
