"""Signed distances of the object motifs in short sides of the frame. Negative inside; y points down."""

import numpy as np

Array = np.ndarray
SHOE = ((-0.33, -0.2), (-0.1, -0.2), (-0.01, -0.02), (0.22, 0.04), (0.34, 0.12), (0.34, 0.21), (-0.33, 0.21))
CUP = ((-0.24, -0.22), (0.14, -0.22), (0.09, 0.23), (-0.19, 0.23))
TRIANGLE = ((0.0, -0.32), (0.3, 0.22), (-0.3, 0.22))


def disc(x: Array, y: Array, radius: float) -> Array:
    return np.sqrt(x * x + y * y) - radius


def box(x: Array, y: Array, half_width: float, half_height: float, corner: float = 0.0) -> Array:
    """A rectangle with rounded corners around the origin."""
    dx, dy = np.abs(x) - (half_width - corner), np.abs(y) - (half_height - corner)
    outside = np.sqrt(np.maximum(dx, 0) ** 2 + np.maximum(dy, 0) ** 2)
    return outside + np.minimum(np.maximum(dx, dy), 0) - corner


def polygon(x: Array, y: Array, corners: tuple[tuple[float, float], ...]) -> Array:
    """Distance to the nearest edge. The sign follows the even-odd rule."""
    nearest = np.full_like(x, np.inf)
    inside = np.zeros(x.shape, dtype=bool)
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        ex, ey = bx - ax, by - ay
        along = np.clip(((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey), 0, 1)
        nearest = np.minimum(nearest, (x - ax - along * ex) ** 2 + (y - ay - along * ey) ** 2)
        if ay != by:
            inside ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) / ey * ex)
    return np.where(inside, -1.0, 1.0).astype(x.dtype) * np.sqrt(nearest)


def circle(x: Array, y: Array) -> Array:
    return disc(x, y, 0.27)


def square(x: Array, y: Array) -> Array:
    return box(x, y, 0.245, 0.245)


def triangle(x: Array, y: Array) -> Array:
    return polygon(x, y, TRIANGLE)


def bottle(x: Array, y: Array) -> Array:
    """A body with round shoulders, a thin neck and a cap."""
    body = box(x, y - 0.11, 0.15, 0.23, 0.08)
    neck = box(x, y + 0.19, 0.06, 0.14)
    cap = box(x, y + 0.31, 0.085, 0.045)
    return np.minimum(np.minimum(body, neck), cap)


def cup(x: Array, y: Array) -> Array:
    """A mug that narrows downwards, with its handle on the right."""
    handle = np.abs(disc(x - 0.15, y + 0.01, 0.145)) - 0.046
    return np.minimum(polygon(x, y, CUP), np.maximum(handle, 0.1 - x))


def shoe(x: Array, y: Array) -> Array:
    """A boot from the side, with its toe on the right."""
    return polygon(x, y, SHOE)


def phone(x: Array, y: Array) -> Array:
    """A thick upright frame. The screen is a hole that shows the background."""
    screen = box(x, y + 0.035, 0.12, 0.21)
    return np.maximum(box(x, y, 0.19, 0.33, 0.06), -screen)


OUTLINES = {
    "circle": circle,
    "square": square,
    "triangle": triangle,
    "bottle": bottle,
    "cup": cup,
    "shoe": shoe,
    "phone": phone,
}
