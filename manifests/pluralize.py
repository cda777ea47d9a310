"""Counts with their nouns in the singular or plural, and lists of alternatives."""

from collections.abc import Iterable

ONE = {"s": "", "are": "is", "were": "was", "them": "it", "their": "its", "they": "it"}
MORE = {"s": "s", "are": "are", "were": "were", "them": "them", "their": "their", "they": "they"}


def count_of(number: int, noun: str) -> str:
    """Return ``1 clip`` or ``2,000 clips``."""
    return counted(number, noun + "{s}")


def counted(number: int, words: str) -> str:
    """Return a number followed by ``in_number`` of the words: ``1 file is``, ``2 files are``."""
    return f"{number:,} {in_number(words, number)}"


def in_number(words: str, number: int) -> str:
    """Put words into the singular or the plural.

    Args:
        words: with ``{s}``, ``{are}`` and the other keys of ONE where the forms differ: ``file{s} that {are} missing``.
    """
    return words.format(**(ONE if number == 1 else MORE))


def one_or_more(number: int, one: str, more: str) -> str:
    """Return the first word for 1 and the second for any other number: ``it`` or ``them``."""
    return one if number == 1 else more


def any_of(words: Iterable[str]) -> str:
    """Return ``viewer, reviewer or admin``."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last
