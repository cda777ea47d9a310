"""XML as a stream of elements."""

from collections.abc import Callable
from typing import IO, Protocol
from xml.parsers import expat

from manifests.errors import UnreadableSheetError


class Handler(Protocol):
    """What is called for each element and text."""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Start an element."""

    def end(self, tag: str) -> None:
        """End an element."""

    def text(self, data: str) -> None:
        """Continue the text of an element."""


class Elements:
    """Calls a function with the attributes of every element that has a name, whatever its namespace prefix."""

    def __init__(self, **found: Callable[[dict[str, str]], None]) -> None:
        self.found = found

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Call the element's function."""
        function = self.found.get(local(tag))
        if function:
            function({local(name): value for name, value in attributes.items()})

    def end(self, tag: str) -> None:
        """Ignore the end of elements."""

    def text(self, data: str) -> None:
        """Ignore texts."""


def local(name: str) -> str:
    """Return a name without its namespace prefix."""
    return name.rpartition(":")[2] if ":" in name else name


def walk(stream: IO[bytes], handler: Handler) -> None:
    """Stream XML through a handler.

    Raises:
        UnreadableSheetError: it has a document type, which would allow entity bombs.
        expat.ExpatError: it is not XML.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = handler.start
    parser.EndElementHandler = handler.end
    parser.CharacterDataHandler = handler.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    while chunk := stream.read(2**16):
        parser.Parse(chunk)
    parser.Parse(b"", True)


def _refuse_doctype(*_: object) -> None:
    raise UnreadableSheetError(
        "contains XML declarations that spreadsheet programs do not write. Open it in a spreadsheet program and save "
        "it again as XLSX"
    )
