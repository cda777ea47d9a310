"""A local page that opens the one-time sign-in link in the browser."""

import html
import webbrowser
from contextlib import suppress
from pathlib import Path

from adapters.files.durable import write_durably

_PAGE = """<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={link}">
<title>Reelmill</title>
<p><a href="{link}">Open the review dashboard</a></p>
"""


class SignInPage:
    """A file of which the browser gets the path.

    Every user of the machine can read the arguments of all programs, so a link there could be used by others first.
    Only the owner of the home can read the file.
    """

    def __init__(self, home: Path, port: int) -> None:
        self._path = home / f"signin-{port}.html"

    def open(self, link: str) -> None:
        """Write the page and open it in the browser."""
        write_durably(self._path, _PAGE.format(link=html.escape(link)).encode(), mode=0o600)
        webbrowser.open(self._path.as_uri())

    def delete(self) -> None:
        """Delete the page, if it exists."""
        with suppress(OSError):
            self._path.unlink()
