"""XMP metadata in MP4 files, which asset managers and stock agencies read: title, keywords and how a clip was made."""

import os
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from adapters.media.mp4_boxes import boxes_of
from adapters.media.video import appearing
from manifests.credentials.definition import IPTC
from manifests.errors import EncodingError

XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
"""Type of the ``uuid`` box with XMP (Adobe, XMP Specification Part 3, MPEG-4)."""
MAX_PACKET = 2**20
"""Longest packet that is read, in bytes."""
START = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
END = '<?xpacket end="r"?>'
"""``r``: programs may not change the packet in place, which would make the Content Credential invalid."""
NAMESPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
}
COMPOSITE, GENERATED = "compositeWithTrainedAlgorithmicMedia", "trainedAlgorithmicMedia"
"""IPTC digital source types of files with and without other content than that of a model."""
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


class Xmp(NamedTuple):
    """Metadata of a clip; empty texts are left out.

    Attributes:
        title, description: in one language.
        keywords: the most important first.
        source_type: last part of the IPTC digital source type, such as ``compositeWithTrainedAlgorithmicMedia``.
        creator_tool: program and version.
        ai_system: the model that generated the clip.
    """

    title: str = ""
    description: str = ""
    keywords: tuple[str, ...] = ()
    source_type: str = ""
    creator_tool: str = ""
    ai_system: str = ""


def copy_with_xmp(source: Path, target: Path, xmp: Xmp) -> None:
    """Copy an MP4 file and add the metadata, or replace those that it has. It must not be signed yet.

    The box is at the end, so the positions of all others stay, and playback still starts immediately.

    Raises:
        EncodingError: it is not an MP4 file to which a box can be added.
        DiskFullError: the disk is full.
    """
    end = _end_of_content(source)
    with appearing(target) as part:
        shutil.copyfile(source, part)
        with open(part, "r+b") as file:
            file.truncate(end)
            file.seek(end)
            file.write(_box(packet(xmp)))
            file.flush()
            os.fsync(file.fileno())


def read_xmp(path: Path) -> Xmp | None:
    """Return the metadata of an MP4 file; None if it has none, or none that can be read.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        for box in boxes_of(file):
            if box.kind == b"uuid" and box.end - box.start <= MAX_PACKET:
                file.seek(box.start + 8)
                if file.read(16) == XMP_BOX:
                    return _parsed(file.read(box.end - box.start - 24))
    return None


def packet(xmp: Xmp) -> bytes:
    """Return the metadata as an XMP packet, UTF-8."""
    for prefix, address in NAMESPACES.items():
        ElementTree.register_namespace(prefix, address)
    root = ElementTree.Element(_tag("x:xmpmeta"))
    about = ElementTree.SubElement(ElementTree.SubElement(root, _tag("rdf:RDF")), _tag("rdf:Description"))
    about.set(_tag("rdf:about"), "")
    for name, kind, values in _properties(xmp):
        _add(about, name, kind, [text for value in values if (text := _clean(value))])
    return f"{START}{ElementTree.tostring(root, 'unicode')}{END}".encode()


def _properties(xmp: Xmp) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield name, container and values of each property."""
    yield "dc:title", "Alt", (xmp.title,)
    yield "dc:description", "Alt", (xmp.description,)
    yield "dc:subject", "Bag", xmp.keywords
    yield "xmp:CreatorTool", "", (xmp.creator_tool,)
    yield "Iptc4xmpExt:DigitalSourceType", "", (IPTC + xmp.source_type if xmp.source_type else "",)
    yield "Iptc4xmpExt:AISystemUsed", "", (xmp.ai_system,)


def _add(about: ElementTree.Element, name: str, kind: str, values: list[str]) -> None:
    if not values:
        return
    element = ElementTree.SubElement(about, _tag(name))
    if not kind:
        element.text = values[0]
        return
    container = ElementTree.SubElement(element, _tag(f"rdf:{kind}"))
    for value in values:
        item = ElementTree.SubElement(container, _tag("rdf:li"))
        item.text = value
        if kind == "Alt":
            item.set(XML_LANG, "x-default")


def _clean(text: str) -> str:
    """Return the text without characters that XML does not allow, on one line."""
    allowed = (char if _is_allowed(char) else " " for char in text)
    return " ".join("".join(allowed).split())


def _is_allowed(char: str) -> bool:
    return "\x20" <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd" or char >= "\U00010000"


def _tag(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def _box(content: bytes) -> bytes:
    return struct.pack(">I4s", 24 + len(content), b"uuid") + XMP_BOX + content


def _end_of_content(path: Path) -> int:
    """Return where a box can be added: the end of the file, or the start of its metadata at the end."""
    with open(path, "rb") as file:
        boxes = list(boxes_of(file))
        length = file.seek(0, os.SEEK_END)
        if not boxes or boxes[0].kind != b"ftyp" or boxes[-1].end != length:
            raise EncodingError(f"Cannot add metadata to {path.name}: it is not an MP4 file, or it is truncated.")
        file.seek(boxes[-1].start)
        size, kind = struct.unpack(">I4s", file.read(8))
        if size == 0:
            raise EncodingError(f"Cannot add metadata to {path.name}: its last box has no size.")
        is_xmp = kind == b"uuid" and file.read(16) == XMP_BOX
        return boxes[-1].start if is_xmp else length


def _parsed(data: bytes) -> Xmp | None:
    """Return the properties of a packet; None if it is not XMP, or declares entities, which could be endless."""
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        return None
    try:
        root = ElementTree.fromstring(data)  # noqa: S314 (without entities, nothing is expanded or fetched)
    except ElementTree.ParseError:
        return None
    texts = {name: _texts(root, name) for name, _, _ in _properties(Xmp())}
    first = {name: (values or [""])[0] for name, values in texts.items()}
    return Xmp(
        title=first["dc:title"],
        description=first["dc:description"],
        keywords=tuple(texts["dc:subject"]),
        source_type=first["Iptc4xmpExt:DigitalSourceType"].removeprefix(IPTC),
        creator_tool=first["xmp:CreatorTool"],
        ai_system=first["Iptc4xmpExt:AISystemUsed"],
    )


def _texts(root: ElementTree.Element, name: str) -> list[str]:
    """Return the values of a property, which is an element with a text or with items, or an attribute."""
    for element in root.iter(_tag(name)):
        items = [item.text or "" for item in element.iter(_tag("rdf:li"))]
        return items or [element.text or ""]
    return [value for about in root.iter(_tag("rdf:Description")) if (value := about.get(_tag(name)))]
