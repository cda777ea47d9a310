"""Whether people can read captions in their time."""

from collections.abc import Iterator, Sequence

from manifests.finish.captions.limits import MAX_LINES, limits_of, width_of
from manifests.finish.cue import Cue
from manifests.finish.texts.languages import language_name

_TOLERANCE = 1.05
"""Times are rounded to milliseconds, so a caption may be 5 % too fast before a warning."""


def reading_warnings(cues: Sequence[Cue], language: str, slower: str, end_s: float | None = None) -> Iterator[str]:
    """Yield what is hard to read, as sentences that continue after the quoted text of the cell.

    Args:
        slower: how a caption gets more time, after "or".
        end_s: length of the shortest deliverable in seconds; None if it is not known.
    """
    limits, name = limits_of(language), language_name(language) or "this language"
    for number, cue in enumerate(cues, 1):
        place = f"in caption {number} ({cue.text.splitlines()[0][:30]!r})"
        speed = width_of(cue.text, language) / max(cue.end_s - cue.start_s, 0.001)
        if speed > limits.chars_per_s * _TOLERANCE:
            yield (
                f"has {speed:.0f} characters a second {place}; {limits.chars_per_s:g} are readable in {name}. Shorten "
                f"the text, or {slower}."
            )
        widest = max(width_of(line, language) for line in cue.text.splitlines())
        if widest > limits.chars_per_line:
            yield (
                f"has a line of {widest:g} characters {place}; {limits.chars_per_line} fit in {name}. Shorten it, or "
                "break the line."
            )
        if len(cue.text.splitlines()) > MAX_LINES:
            yield f"has {len(cue.text.splitlines())} lines {place}. Use at most {MAX_LINES}, and more captions."
        if end_s is not None and cue.end_s > end_s + 0.001:
            yield (
                f"ends at {cue.end_s:.1f} s {place}, but the video has {end_s:.1f} s. Shorten the captions, or "
                "make the video longer."
            )
