"""How many of something, in words."""

ONE = {"s": "", "are": "is", "were": "was", "them": "it", "their": "its"}
MORE = {"s": "s", "are": "are", "were": "were", "them": "them", "their": "their"}


def count_of(number: int, noun: str) -> str:
    """Return ``1 clip`` or ``2,000 clips``."""
    return counted(number, noun + "{s}")


def counted(number: int, words: str) -> str:
    """Return a number and the words for it, as ``in_number`` puts them."""
    return f"{number:,} {in_number(words, number)}"


def in_number(words: str, number: int) -> str:
    """Put words into the singular or the plural.

    Args:
        words: with ``{s}``, ``{are}`` and the like where the two differ: ``file{s} that {are} missing``.
    """
    return words.format(**(ONE if number == 1 else MORE))


def one_or_more(number: int, one: str, more: str) -> str:
    """Return the word that fits a number: ``it`` or ``them``."""
    return one if number == 1 else more
