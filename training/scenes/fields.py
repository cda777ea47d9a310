"""Motifs that fill the frame. Each returns a signed distance in short sides of the frame, negative inside."""

from dataclasses import dataclass

import numpy as np

from training.scenes.shapes import box, disc

Array = np.ndarray
TABLE = 64


@dataclass(frozen=True)
class Scatter:
    """Items on a jittered grid: cell size, jitter within a cell and size of an item."""

    cell: float
    jitter: float
    radius: float


SCATTERS = {
    "bokeh": Scatter(0.42, 0.04, 0.155),
    "particles": Scatter(0.32, 0.04, 0.09),
    "snow": Scatter(0.7, 0.04, 0.24),
    "confetti": Scatter(0.42, 0.03, 0.15),
}


TURNS = {"confetti": np.pi, "snow": np.pi / 9}
"""Largest rotation of an item in radians. All other items are round."""


def vertical_bands(x: Array, period: float, share: float) -> Array:
    """Bands across x. `share` of each period is foreground."""
    return np.abs((x / period) % 1.0 - 0.5) * period - share * period / 2


def stripes(x: Array, y: Array) -> Array:
    return vertical_bands(x, 0.44, 0.38)


def waves(x: Array, y: Array) -> Array:
    """Horizontal bands with a sine wave."""
    return vertical_bands(y + 0.09 * np.sin(x * 2 * np.pi / 0.62), 0.42, 0.38)


def rings(x: Array, y: Array) -> Array:
    """Rings around a disc in the middle."""
    return vertical_bands(np.sqrt(x * x + y * y) + 0.16, 0.32, 0.4)


def gradient(x: Array, y: Array) -> Array:
    """A soft ramp that alternates between both colours. The renderer treats it as a wide edge."""
    return 0.5 * np.cos(2 * np.pi * x / 1.2)


def snowflake(x: Array, y: Array, radius: float) -> Array:
    """Three crossed bars."""
    arms = [box(x * c - y * s, x * s + y * c, radius, 0.22 * radius) for c, s in ((1, 0), (0.5, 0.866), (-0.5, 0.866))]
    return np.minimum(np.minimum(arms[0], arms[1]), arms[2])


def paper(x: Array, y: Array, radius: float) -> Array:
    """A piece of confetti, twice as long as wide."""
    return box(x, y, radius, radius / 2)


THINGS = {"bokeh": disc, "particles": disc, "snow": snowflake, "confetti": paper}


def scatter(name: str, x: Array, y: Array, rng: np.random.Generator) -> Array:
    """Copies of an item, one per cell, each with a random shift and, for confetti and snow, a random rotation."""
    grid = SCATTERS[name]
    v = y / grid.cell
    row = np.floor(v).astype(np.int32)
    u = x / grid.cell - 0.5 * (row % 2)
    column = np.floor(u).astype(np.int32)
    index = (column * 7 + row * 29) % TABLE
    move_x, move_y = rng.uniform(-grid.jitter, grid.jitter, (2, TABLE)).astype(x.dtype)
    local_x = (u - column - 0.5) * grid.cell - move_x[index]
    local_y = (v - row - 0.5) * grid.cell - move_y[index]
    if name in TURNS:
        turn = rng.uniform(0, TURNS[name], TABLE).astype(x.dtype)
        cosine, sine = np.cos(turn)[index], np.sin(turn)[index]
        local_x, local_y = local_x * cosine - local_y * sine, local_x * sine + local_y * cosine
    return THINGS[name](local_x, local_y, grid.radius)


BANDS = {"gradient": gradient, "waves": waves, "stripes": stripes, "rings": rings}
EDGES = {"gradient": 1.0, "bokeh": 0.11}
"""Width of a soft edge in short sides. All other motifs use `renderer.FOCUS`."""
