"""Write timelines as CMX 3600 edit decision lists, which all editing programs read."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from adapters.files.durable import write_shared
from manifests.identity import file_stem
from manifests.packages.timeline import Cut, Timeline

RECORD_HOUR = 1
"""Timelines start at 01:00:00:00, as is usual."""


def write_edl(timeline: Timeline, path: Path) -> None:
    """Write a timeline. Time codes count frames without dropping any, so that all positions are exact.

    Raises:
        OSError: the file cannot be written.
    """
    write_shared(path, edl_text(timeline).encode())


def edl_text(timeline: Timeline) -> str:
    """Return a timeline as an edit decision list, in ASCII."""
    lines = [f"TITLE: {_name(timeline.name)}", "FCM: NON-DROP FRAME", ""]
    base = _base(timeline.fps)
    record = RECORD_HOUR * 3600 * base
    for number, event in enumerate(_events(timeline.cuts), 1):
        lines += _lines(number, event, record, base)
        record += event.end - event.start
    return "\r\n".join([*lines, ""])


class _Event(NamedTuple):
    """A cut as edit decision lists have it: it begins where its crossfade begins, in frames of its file.

    Attributes:
        before: the cut that disappears in the crossfade, and the frame at which it begins to; None for a hard cut.
    """

    cut: Cut
    start: int
    end: int
    before: tuple[Cut, int] | None


def _events(cuts: Sequence[Cut]) -> Iterator[_Event]:
    before = None
    for index, cut in enumerate(cuts):
        following = cuts[index + 1].fade_before if index + 1 < len(cuts) else 0
        end = cut.start + cut.length - following
        yield _Event(cut, cut.start - cut.fade_before, end, before if cut.fade else None)
        before = (cut, end)


def _lines(number: int, event: _Event, record: int, base: int) -> Iterator[str]:
    """Yield the lines of an event; a crossfade begins with a line of no length for the clip that disappears."""
    times = (event.start, event.end, record, record + event.end - event.start)
    if event.before:
        cut, leaves = event.before
        yield _line(number, _reel(number - 1), "C", "", (leaves, leaves, record, record), base)
        yield _line(number, _reel(number), "D", f"{event.cut.fade:03d}", times, base)
        yield f"* FROM CLIP NAME: {_name(cut.name)}"
        yield f"* TO CLIP NAME: {_name(event.cut.name)}"
    else:
        yield _line(number, _reel(number), "C", "", times, base)
        yield f"* FROM CLIP NAME: {_name(event.cut.name)}"
    yield f"* SOURCE FILE: {event.cut.media}"
    yield ""


def _line(number: int, reel: str, kind: str, frames: str, times: tuple[int, int, int, int], base: int) -> str:
    codes = " ".join(_time_code(time, base) for time in times)
    return f"{number:03d}  {reel:<8} V     {kind:<4} {frames:<3} {codes}"


def _reel(number: int) -> str:
    return f"CLIP{number:04d}"


def _name(text: str) -> str:
    return file_stem(text, 60).upper()


def _base(fps: Fraction) -> int:
    """Return the frames per second that time codes count: 24 for 23.976."""
    return max(1, round(fps))


def _time_code(frame: int, base: int) -> str:
    seconds, frames = divmod(frame, base)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frames:02d}"
