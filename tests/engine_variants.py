"""Variants for the tiny folders of tiny_weights."""

from manifests.variant import Variant


def variant(card: str = "tiny-ltx", **changes) -> Variant:
    """Return a variant of 64x64 pixels, 9 frames and 2 steps, with guidance."""
    made = Variant(card, "1", "a red circle", "blue", 1, 64, 64, 9, 8, 2, 3.0)
    return made._replace(**changes)
