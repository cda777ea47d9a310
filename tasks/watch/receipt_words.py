"""Advice of the command line in the words of a receipt: a watched place has no options, only files."""

import re

_WORDS = (
    (r" \(--encoding [^()\s]+\)", ""),
    (r"Name the right one with --encoding, or save the sheet as CSV in UTF-8", "Save the sheet as CSV in UTF-8"),
    (r", or name its encoding with --encoding", ""),
    (r", or include hidden rows(?: and columns)? \(--include-hidden\)", ""),
    (r"choose it with --tab (?:'.*'|\S+)\.", "save it as a separate sheet."),
)


def for_receipt(text: str) -> str:
    """Return a message of the reader without options, with what can be done to the file."""
    for pattern, words in _WORDS:
        text = re.sub(pattern, words, text)
    return text
