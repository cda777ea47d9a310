"""Crops that are set by hand in the column ``reframe``: ``crop 30%``, or ``crop 0s:30% 2.5s:60%`` if they move."""

import re

Place = tuple[float, float]
"""Seconds from the start of the clip, and the centre of the crop as a fraction of the side that is cropped, 0..1."""

MOST = 100
_NUMBER = r"(\d{1,3}(?:[.,]\d{1,3})?)"
_STILL = re.compile(rf"{_NUMBER}\s*%")
_PLACE = re.compile(rf"{_NUMBER}\s*s\s*:\s*{_NUMBER}\s*%")
HELP = (
    "Use the centre of the crop in percent from the left or the top, such as crop 30%, or with times in seconds, such "
    "as crop 0s:30% 2.5s:60%."
)


def parse_places(text: str) -> tuple[Place, ...]:
    """Return the places of a text such as ``30%`` or ``0s:30% 2.5s:60%``, in order of time.

    Raises:
        ValueError: it is none; the message continues after the quoted text.
    """
    if still := _STILL.fullmatch(text.strip()):
        return _checked([(0.0, _value(still[1]) / 100)])
    rest = _PLACE.sub("", text)
    if rest.strip(" ,;") or not _PLACE.search(text):
        raise ValueError(f"is not a crop. {HELP}")
    return _checked([(_value(seconds), _value(percent) / 100) for seconds, percent in _PLACE.findall(text)])


def places_text(places: tuple[Place, ...]) -> str:
    """Return the text that ``parse_places`` reads."""
    if len(places) == 1:
        return f"{places[0][1] * 100:g}%"
    return " ".join(f"{seconds:g}s:{place * 100:g}%" for seconds, place in places)


def crop_points(places: tuple[Place, ...], *, wide: bool) -> tuple[tuple[float, float, float], ...]:
    """Return the path of the crop, as ``Shot.crop_path`` has it.

    Args:
        wide: whether the clip is wider than the crop, so that the places count from the left and not from the top.
    """
    return tuple((seconds, place, 0.5) if wide else (seconds, 0.5, place) for seconds, place in places)


def _checked(places: list[Place]) -> tuple[Place, ...]:
    times = [seconds for seconds, _ in places]
    if any(place > 1 for _, place in places):
        raise ValueError(f"has a place beyond 100 %. {HELP}")
    if times != sorted(set(times)) or len(times) > MOST:
        raise ValueError(f"does not have its times in order, or has more than {MOST}. {HELP}")
    return tuple(places)


def _value(text: str) -> float:
    return float(text.replace(",", "."))
