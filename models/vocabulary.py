"""Vocabulary of a small model: the words that it was trained on."""

import json
import re
import unicodedata
from functools import lru_cache
from pathlib import Path

from manifests.errors import IncompleteWeightsError

WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


@lru_cache(maxsize=16)
def load_vocabulary(path: Path) -> frozenset[str]:
    """Read a JSON list of words, or an object with that list in ``words``.

    Raises:
        IncompleteWeightsError: the file is missing or has a different format.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        words = content["words"] if isinstance(content, dict) else content
        return frozenset(_plain(word) for word in words)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IncompleteWeightsError(f"The vocabulary {path} is not a JSON list of words: {error}") from error


def unknown_words(prompt: str, vocabulary: frozenset[str]) -> tuple[str, ...]:
    """Return the unique words of a prompt that are not in the vocabulary, in order and in lower case.

    Case, punctuation and plural endings are ignored. A hyphenated word is known if the whole word or each of its
    parts is known.
    """
    words = dict.fromkeys(WORD.findall(_plain(prompt)))
    return tuple(word for word in words if not _is_known(word, vocabulary))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def _is_known(word: str, vocabulary: frozenset[str]) -> bool:
    parts = re.split("['’-]", word)
    if "".join(parts) in vocabulary or word in vocabulary:
        return True
    return all(any(form in vocabulary for form in _forms(part)) for part in parts)


def _forms(word: str) -> tuple[str, ...]:
    """Return the word, its singular if it ends like a plural, and its plural."""
    singular = (word[:-2], word[:-1]) if word.endswith("es") else (word[:-1],) if word.endswith("s") else ()
    return (word, *singular, word + "s", word + "es")
