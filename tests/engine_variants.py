"""Variants for the tiny folders of tiny_weights."""

from functools import cache

import tiny_families
import tiny_weights

from manifests.variant import Variant


def variant(card: str = "tiny-ltx", **changes) -> Variant:
    """Return a variant of 64x64 pixels, 9 frames and 2 steps, with guidance."""
    made = Variant(card, changes.get("revision") or revision(card), "a red circle", "blue", 1, 64, 64, 9, 8, 2, 3.0)
    return made._replace(**changes)


@cache
def revision(card: str) -> str:
    """Return the revision of a card's tiny folder; 1 for other cards."""
    folders = {"tiny-ltx": tiny_weights.ltx_folder, "tiny-wan": tiny_families.wan22_5b_folder}
    return tiny_weights.pinned(folders[card]())["revision"] if card in folders else "1"
