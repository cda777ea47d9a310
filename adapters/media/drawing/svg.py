"""Check and draw SVG logos with Skia's SVG module."""

import re
from xml.etree import ElementTree

import numpy as np

from adapters.media.drawing.skia_library import load_skia
from manifests.finish.asset import InvalidAssetError

_SAVE = "Convert {} to paths when you export the logo, or save it as PNG."
_UNSUPPORTED = {
    "text": f"contains text. {_SAVE.format('text')}",
    "image": "contains a picture. Save the logo as PNG.",
    "foreignObject": "contains HTML. Save the logo as PNG.",
}
"""Elements that Skia would leave out without an error."""
PROBE = 64
"""Size in pixels at which a logo is drawn to see whether anything is visible."""
MAX_RATIO = 50.0
MAX_ELEMENTS, MAX_DEPTH = 20_000, 100
"""Limits that no logo reaches: Skia calls itself for each level."""
_SIMPLIFY = "Simplify the logo, or save it as PNG."


def check_svg(data: bytes) -> None:
    """Check that a logo can be drawn completely.

    Raises:
        InvalidAssetError: it cannot.
        FinishError: the extra ``finish`` is not installed.
    """
    ratio = svg_ratio(data)
    wide = ratio >= 1
    size = (PROBE, max(1, round(PROBE / ratio))) if wide else (max(1, round(PROBE * ratio)), PROBE)
    if not draw_svg(data, *size)[..., 3].any():
        raise InvalidAssetError("shows nothing. Check the SVG file in a browser, or save the logo as PNG.")


def svg_ratio(data: bytes) -> float:
    """Return width divided by height.

    Raises:
        InvalidAssetError: it is not SVG, or contains what cannot be drawn.
    """
    if b"<!ENTITY" in data:
        raise InvalidAssetError("contains XML entities. Export the logo again, or save it as PNG.")
    try:
        root = ElementTree.fromstring(data)  # noqa: S314  # without entities, and limited in size
    except ElementTree.ParseError as error:
        raise InvalidAssetError(f"is not valid SVG ({error}). Export the logo again, or save it as PNG.") from error
    _check_structure(root)
    for element in root.iter():
        if problem := _UNSUPPORTED.get(_local(element.tag)):
            raise InvalidAssetError(problem)
    width, height = _size_of(root)
    if not (width > 0 and height > 0 and 1 / MAX_RATIO <= width / height <= MAX_RATIO):
        raise InvalidAssetError('has no usable size. Add a viewBox, such as "0 0 400 100", or save it as PNG.')
    return width / height


def _check_structure(root: ElementTree.Element) -> None:
    """Refuse files that would take very long to draw, or crash Skia.

    Raises:
        InvalidAssetError: there are too many elements or levels, or a ``use`` refers to what contains another one,
            with which a small file can draw billions of shapes.
    """
    level, elements = [root], 0
    for _ in range(MAX_DEPTH):
        elements += len(level)
        level = [child for element in level for child in element]
        if not level:
            break
    if level or elements > MAX_ELEMENTS:
        raise InvalidAssetError(f"is too complex. {_SIMPLIFY}")
    uses = {_target(element) for element in root.iter() if _local(element.tag) == "use"}
    repeated = [element for element in root.iter() if element.get("id") in uses]
    if any(_local(inner.tag) == "use" for element in repeated for inner in element.iter()):
        raise InvalidAssetError(f"repeats shapes that contain repeated shapes. {_SIMPLIFY}")


def _target(use: ElementTree.Element) -> str:
    """Return the id that a ``use`` element refers to."""
    return next((value for name, value in use.attrib.items() if _local(name) == "href"), "").removeprefix("#")


def draw_svg(data: bytes, width: int, height: int) -> np.ndarray:
    """Return the logo as uint8 (height, width, 4), sRGB with straight alpha.

    Raises:
        InvalidAssetError: Skia cannot read it.
        FinishError: the extra ``finish`` is not installed.
    """
    skia = load_skia()
    root = ElementTree.fromstring(data)  # noqa: S314  # checked by svg_ratio
    if "viewBox" not in root.attrib:
        root.set("viewBox", "0 0 {:g} {:g}".format(*_size_of(root)))
    root.attrib.update(width="100%", height="100%")
    _inline_styles(root)
    _remove_namespaces(root)
    picture = skia.SVGDOM.MakeFromStream(skia.MemoryStream(ElementTree.tostring(root), True))
    if picture is None:
        raise InvalidAssetError("cannot be drawn. Save the logo as PNG.")
    picture.setContainerSize(skia.Size(width, height))
    surface = skia.Surface(width, height)
    picture.render(surface.getCanvas())
    return np.array(
        surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType, alphaType=skia.kUnpremul_AlphaType)
    )


def _size_of(root: ElementTree.Element) -> tuple[float, float]:
    """Return width and height of the picture in its own units; 0 for what is missing."""
    box = re.split(r"[\s,]+", root.get("viewBox", "").strip())
    if len(box) == len("xywh"):
        return _number(box[2]), _number(box[3])
    return _number(root.get("width", "")), _number(root.get("height", ""))


def _number(text: str) -> float:
    found = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)(px|pt|mm|cm|in)?\s*", text)
    return float(found[1]) if found else 0.0


def _remove_namespaces(root: ElementTree.Element) -> None:
    """Write names without the prefixes that ElementTree adds: Skia only knows ``svg``, not ``ns0:svg``."""
    for element in root.iter():
        element.tag = _local(element.tag)
        if "href" in element.attrib:
            element.set("xlink:href", element.attrib["href"])  # Skia only knows the name of SVG 1.1
        for name in [name for name in element.attrib if name.startswith("{")]:
            value = element.attrib.pop(name)
            if _local(name) == "href":
                element.set("xlink:href", value)
    root.attrib |= {"xmlns": "http://www.w3.org/2000/svg", "xmlns:xlink": "http://www.w3.org/1999/xlink"}


def _local(name: object) -> str:
    return str(name).rpartition("}")[2]


def _inline_styles(root: ElementTree.Element) -> None:
    """Move rules such as ``.a{fill:#fff}`` to the elements: Skia ignores style sheets, and would draw black shapes.

    Raises:
        InvalidAssetError: another selector is used.
    """
    sheets = [element for element in root.iter() if _local(element.tag) == "style"]
    rules = _rules_of("\n".join(sheet.text or "" for sheet in sheets))
    for sheet in sheets:
        sheet.text = ""
    for element in root.iter():
        styles = [rules[name] for name in element.get("class", "").split() if name in rules]
        if styles:
            element.set("style", ";".join([*styles, element.get("style", "")]))


def _rules_of(sheet: str) -> dict[str, str]:
    """Return the declarations of a style sheet by class."""
    rules: dict[str, str] = {}
    for selectors, declarations in re.findall(r"([^{}]+)\{([^{}]*)\}", re.sub(r"/\*.*?\*/", "", sheet, flags=re.S)):
        for selector in selectors.split(","):
            name = re.fullmatch(r"\s*\.([\w-]+)\s*", selector)
            if name is None:
                raise InvalidAssetError(
                    f'uses the style "{selector.strip()[:40]}", which is not supported. Export the logo with '
                    "presentation attributes, or save it as PNG."
                )
            rules[name[1]] = ";".join(filter(None, [rules.get(name[1], ""), declarations.strip().rstrip(";")]))
    return rules
