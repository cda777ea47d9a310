"""Advice of the command line in the words of the upload page, which has form fields instead of options."""

import re

_WORDS = (
    (r" \(--encoding (?:[^()\s]+)\)", ""),
    (r"[Nn]ame the right one with --encoding", "Choose the right one under Encoding"),
    (r"name its encoding with --encoding", "choose it under Encoding"),
    (r"Remove --encoding", "Choose Detect under Encoding"),
    (r"choose it with --tab (?:'.*'|\S+)\.", "choose it under Tab."),
    (r"Choose another tab with --tab", "Choose another one under Tab"),
    (
        r"Generate fewer clips with --sample, or raise the budget with --budget or REELMILL_BUDGET",
        "Enter a smaller number of clips, or raise the setting REELMILL_BUDGET",
    ),
    (r"with --budget or REELMILL_BUDGET", "in the setting REELMILL_BUDGET"),
    (r"start without a budget \(--budget ''\)", "remove the setting REELMILL_BUDGET"),
    (r", or use --budget-hours", ""),
    (r", or add --finish NAME; ", "; "),
    (r"include hidden rows(?: and columns)? \(--include-hidden\)", "select Include hidden rows and columns"),
)
_CANDIDATE = re.compile(r"\(--encoding ([^()\s]+)\)")


def for_page(text: str) -> str:
    """Return a message of the reader with the names of the page's fields in place of options."""
    for pattern, words in _WORDS:
        text = re.sub(pattern, words, text)
    return text


def candidates(text: str) -> list[str]:
    """Return the encodings that a message about an ambiguous encoding names."""
    return _CANDIDATE.findall(text)
