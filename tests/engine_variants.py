"""Variants for the tiny folders of tiny_weights."""

from manifests.variant import Variant


def variant(card: str = "tiny-ltx", **changes) -> Variant:
    """64x64, 9 frames, 2 steps, guided."""
    made = Variant(card, "1", "a red circle", "blue", 1, 64, 64, 9, 8, 2, 3.0)
    return made._replace(**changes)
