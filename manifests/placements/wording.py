"""Numbers with their units in messages."""

from collections.abc import Iterable

from manifests.pluralize import any_of

NAMES = {
    "h264": "H.264",
    "hevc": "H.265",
    "mpeg4": "MPEG-4",
    "mpeg2video": "MPEG-2",
    "mpeg1video": "MPEG-1",
    "vp8": "VP8",
    "vp9": "VP9",
    "av1": "AV1",
    "prores": "ProRes",
    "dnxhd": "DNxHD",
    "cfhd": "CineForm",
    "aac": "AAC",
    "mp3": "MP3",
    "opus": "Opus",
    "webm": "WebM",
}
"""Names of formats that are not simply in capitals."""


def seconds(value: float) -> str:
    """Return ``10 s`` or ``4.96 s``."""
    return f"{round(value, 2):g} s" if value < 1e5 else f"{value:,.0f} s"


def kbps(value: float) -> str:
    """Return ``516 kbit/s``."""
    return f"{value:,.0f} kbit/s"


def file_size(value: float) -> str:
    """Return ``74.6 kB``, ``500 MB`` or ``4 GB``, in powers of 1000 as platforms count."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= size:
            return f"{value / size:.4g} {unit}"
    return f"{value:.0f} bytes"


def format_name(name: str) -> str:
    """Return the usual name of a container or codec."""
    return NAMES.get(name, name.upper() if len(name) <= 4 else name)


def format_names(names: Iterable[str]) -> str:
    """Return ``MP4 or MOV``."""
    return any_of(format_name(name) for name in names)
