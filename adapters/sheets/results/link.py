"""Targets of hyperlinks in the results."""

import re
from urllib.parse import quote, urlsplit

MAX_LINKS = 65_530
"""Maximum number of hyperlinks on a tab; Excel repairs a workbook with more and removes all of them."""
MAX_TARGET = 2_079
"""Maximum length of a target; Excel repairs a workbook with a longer one."""
_KEPT = "%:/?#[]@!$&'()*+,;=~"
"""Characters that have a meaning in URLs; all others that are not allowed in them are encoded."""
_LOCAL = re.compile("/(?!/)")


def target_of(text: str) -> str:
    """Return the target of a hyperlink for a URL, or an empty text if it must stay plain text.

    Only web pages and files on this computer are linked. A file on another host is not, because opening it sends that
    host the user's credentials on Windows.
    """
    try:
        parts = urlsplit(text)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return ""
    is_file = parts.scheme == "file" and parts.netloc in ("", "localhost") and _LOCAL.match(parts.path)
    if not (is_web or is_file) or text != text.strip() or not text.isprintable() or "\\" in text:
        return ""
    target = quote(text, safe=_KEPT, errors="replace")
    return target if len(target) <= MAX_TARGET else ""
