"""Card files: find, read and check them."""

from models.card_files.folders import HOME, KINDS, CardSet, read_cards

__all__ = ["HOME", "KINDS", "CardSet", "read_cards"]
