"""The table with which SentencePiece normalizes a text: a size, a trie, and texts that end with NUL.

https://github.com/google/sentencepiece/blob/master/src/normalizer.cc
"""


def longest_text(table: bytes) -> int:
    """Return the length in bytes of the longest text of a table, which can replace one character."""
    texts = table[4 + int.from_bytes(table[:4], "little") :]
    return max(1, *map(len, texts.split(b"\0"))) if texts else 1
