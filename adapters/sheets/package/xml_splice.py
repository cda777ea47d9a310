"""Edit XML by splicing bytes at the positions of elements: all other bytes, prefixes and declarations stay the same."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

_TAG = re.compile(rb"""<(?:[^>"']|"[^"]*"|'[^']*')*>""")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_DECLARED = re.compile(r"""^(<\?xml[^>]*encoding=["'])[^"']+""")


class Edit(NamedTuple):
    """Replace the bytes from ``start`` to ``end``; insert if they are equal."""

    start: int
    end: int
    data: bytes


@dataclass(slots=True)
class Element:
    """An element and its positions in the bytes.

    Attributes:
        tag: name with its prefix.
        start, end: of the whole element.
        inner_start, inner_end: of its content; equal for an empty element.
        children: number of child elements.
    """

    tag: str
    attributes: Mapping[str, str]
    start: int
    inner_start: int
    inner_end: int = 0
    end: int = 0
    children: int = 0

    @property
    def prefix(self) -> str:
        """The prefix of its name with the colon, or an empty text."""
        return self.tag[: -len(local(self.tag))]

    def attribute(self, name: str) -> str | None:
        """Return an attribute by its name without prefix."""
        return next((value for key, value in self.attributes.items() if local(key) == name), None)


def local(name: str) -> str:
    """Return a name without its prefix."""
    return name.rpartition(":")[2]


def readable(data: bytes) -> bytes:
    """Return XML in an encoding that is compatible with ASCII, in which inserted markup is valid."""
    if not data.startswith(_UTF16):
        return data
    return _DECLARED.sub(r"\1UTF-8", data.decode("utf-16")).encode()


def tag_end(data: bytes, start: int) -> int:
    """Return the position after the tag that starts at ``start``."""
    found = _TAG.match(data, start)
    if not found:
        raise ValueError(f"no tag at byte {start}")
    return found.end()


def is_empty(data: bytes, end: int) -> bool:
    """Return whether the tag that ends at ``end`` is an empty element."""
    return data[end - 2 : end] == b"/>"


def elements(data: bytes, *names: str, before: str = "") -> list[Element]:
    """Return all elements with one of the names, without prefixes, in the order of their start tags.

    Args:
        before: stop at the first element with this name, which is included if it is one of the names.
    """
    finder = _Finder(data, frozenset(names), before)
    with suppress(_FoundError):
        walk(data, finder.start, finder.end)
    return finder.found


def walk(data: bytes, start: object, end: object) -> None:
    """Parse XML. The handlers are called with the position of the event as their first argument.

    Document types are not allowed, because they can define entity bombs.
    """
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda tag, attributes: start(parser.CurrentByteIndex, tag, attributes)  # type: ignore[operator]
    parser.EndElementHandler = lambda tag: end(parser.CurrentByteIndex, tag)  # type: ignore[operator]
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.Parse(data, True)


def _refuse_doctype(*_: object) -> None:
    raise ValueError("document types are not allowed")


class _FoundError(Exception):
    """The rest of the XML is not needed."""


class _Finder:
    def __init__(self, data: bytes, names: frozenset[str], before: str) -> None:
        self.data, self.names, self.before = data, names, before
        self.found: list[Element] = []
        self.open: list[Element | None] = []

    def start(self, at: int, tag: str, attributes: dict[str, str]) -> None:
        if self.open and (parent := self.open[-1]):
            parent.children += 1
        element = None
        if local(tag) in self.names:
            element = Element(tag, attributes, at, tag_end(self.data, at))
            self.found.append(element)
        if local(tag) == self.before:
            raise _FoundError
        self.open.append(element)

    def end(self, at: int, tag: str) -> None:
        if element := self.open.pop():
            close(self.data, element, at)


def close(data: bytes, element: Element, at: int) -> None:
    """Set the positions of an element's end; ``at`` is the position of its end tag."""
    if is_empty(data, element.inner_start):
        element.inner_end = element.end = element.inner_start
    else:
        element.inner_end, element.end = at, tag_end(data, at)


def appended(data: bytes, element: Element, content: bytes) -> Edit:
    """Return the edit that adds content at the end of an element."""
    if not is_empty(data, element.inner_start):
        return Edit(element.inner_end, element.inner_end, content)
    tag = data[element.start : element.inner_start - 2].rstrip() + b">"
    return Edit(element.start, element.end, tag + content + f"</{element.tag}>".encode())


def with_attribute(tag: bytes, name: str, value: str | None) -> bytes:
    """Return a start tag in which an existing attribute has another value, or is removed if the value is None."""
    pattern = re.compile(rb"""\s%b\s*=\s*("[^"]*"|'[^']*')""" % name.encode())
    return pattern.sub(b"" if value is None else f" {name}={quoteattr(value)}".encode(), tag, count=1)


def splice(data: bytes, edits: Iterable[Edit]) -> bytes:
    """Return the data with all edits applied; they must not overlap."""
    return b"".join(_pieces(data, sorted(edits, key=lambda edit: (edit.start, edit.end))))


def _pieces(data: bytes, edits: Iterable[Edit]) -> Iterator[bytes]:
    at = 0
    for edit in edits:
        if edit.start < at:
            raise ValueError("edits overlap")
        yield data[at : edit.start]
        yield edit.data
        at = edit.end
    yield data[at:]


def markup(text: str) -> bytes:
    """Return text as markup in ASCII, which is valid in every encoding that ``readable`` returns."""
    return text.encode("ascii", "xmlcharrefreplace")


def content(text: str) -> str:
    """Return escaped text for the content of an element."""
    return escape(text)
