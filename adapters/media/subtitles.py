"""Read and write captions as SubRip (SRT) and WebVTT, with pysubs2."""

import re
from collections.abc import Sequence
from html import unescape

from manifests.errors import FinishError
from manifests.finish.captions.timing import Clause, caption_timing, fitted
from manifests.finish.cue import Cue

_TIME = re.compile(r"(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}\s*-->\s*(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}")
_TAG = re.compile(r"</?(?:i|b|u|s|em|strong|font|v|c|lang|ruby|rt)\b[^<>]*>|<\d[\d:.]*>|\{\\[^{}]*\}", re.IGNORECASE)
_SIGNS = {ord(sign): 0xE000 + number for number, sign in enumerate("{}\\<>")}
"""pysubs2 takes these for styles; characters of the private area stand for them while it reads and writes."""
_MARK = "\ue010"
"""Follows a line of digits that is a text: pysubs2 takes such lines for the number of the next caption."""
_BACK = {own: sign for sign, own in _SIGNS.items()} | {ord(_MARK): ""}


def is_subtitles(text: str) -> bool:
    """Return whether a text is meant as SRT or WebVTT: it has a line of times, or WebVTT's heading."""
    return bool(_TIME.search(text)) or text.lstrip("\ufeff \r\n").startswith("WEBVTT")


def parse_subtitles(text: str) -> list[Cue]:
    """Return the cues of an SRT or WebVTT text, without styles, in order of their starts.

    Raises:
        FinishError: it has no cue, or one that ends before it starts.
    """
    import pysubs2

    text = text.lstrip("\ufeff")
    kind = "vtt" if text.lstrip().startswith("WEBVTT") else "srt"
    try:
        found = pysubs2.SSAFile.from_string(_protected(text), format_=kind)
    except (pysubs2.Pysubs2Error, ValueError) as error:
        raise FinishError(f"The captions cannot be read as {kind.upper()} ({error}). {_FORM}") from error
    cues = [_cue(event.start, event.end, event.plaintext) for event in found if event.plaintext.strip()]
    if not cues:
        raise FinishError(f"The captions contain no caption that can be read. {_FORM}")
    if backwards := next((cue for cue in cues if cue.end_s <= cue.start_s), None):
        raise FinishError(f"The caption {backwards.text!r} ends before it starts. Correct its times.")
    return sorted(cues)


_FORM = "Write a line with two times, such as 00:00:00,000 --> 00:00:02,000, and the text below it."


def _protected(text: str) -> str:
    """Return a text in which pysubs2 finds neither styles nor numbers of captions, except in front of times."""
    lines = text.splitlines()
    following = [*lines[1:], ""]
    return "\n".join(map(_protected_line, lines, following))


def _protected_line(line: str, following: str) -> str:
    if _TIME.search(line):
        return line
    is_text = line.strip().isdecimal() and not _TIME.search(following)
    return line.translate(_SIGNS) + _MARK * is_text


def _cue(start_ms: int, end_ms: int, text: str) -> Cue:
    lines = (" ".join(unescape(_TAG.sub("", line)).split()) for line in text.translate(_BACK).splitlines())
    return Cue(start_ms / 1000, end_ms / 1000, "\n".join(line for line in lines if line))


def to_srt(cues: Sequence[Cue]) -> str:
    """Return the cues as SubRip."""
    return _written(cues, "srt")


def to_vtt(cues: Sequence[Cue]) -> str:
    """Return the cues as WebVTT."""
    return _written(cues, "vtt")


def _written(cues: Sequence[Cue], kind: str) -> str:
    import pysubs2

    file = pysubs2.SSAFile()
    for cue in cues:
        start, end = round(cue.start_s * 1000), round(cue.end_s * 1000)
        event = pysubs2.SSAEvent(start=start, end=max(end, start + 1))
        event.plaintext = _plain(cue.text, kind)
        file.append(event)
    text: str = file.to_string(kind)
    return text.translate(_BACK)


def _plain(text: str, kind: str) -> str:
    """Return a text that players do not take for markup or the end of a caption."""
    lines = "\n".join(line for line in text.splitlines() if line.strip())
    if kind == "vtt":
        lines = lines.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return lines.replace("-->", "→").translate(_SIGNS)


def cues_of(text: str, language: str, end_s: float, clauses: Sequence[Clause] = (), start_s: float = 0.0) -> list[Cue]:
    """Return the cues of a deliverable's captions: SRT and WebVTT with their own times, plain text timed to the voice.

    Args:
        text, language: ``CaptionSpec.text`` and the locale.
        end_s: end of the time in which captions are shown, in seconds.
        clauses, start_s: see ``caption_timing``; times of SRT and WebVTT count from ``start_s`` as well.

    Raises:
        FinishError: the text cannot be read, or the voice does not fit.
    """
    if is_subtitles(text):
        return fitted(parse_subtitles(text), end_s, start_s)
    try:
        return caption_timing(text, language, end_s, clauses, start_s)
    except ValueError as error:
        raise FinishError(str(error)) from error
