"""Captions of a finished row: whether they can be read by programs, and by people in their time."""

from collections.abc import Callable, Iterator
from itertools import islice

from adapters.media.subtitles import cues_of, is_subtitles, parse_subtitles
from manifests.brief import Brief
from manifests.errors import FinishError
from manifests.finish.captions.reading import reading_warnings
from manifests.finish.texts.wording import caption_column, captions_of, wordings
from manifests.sheet import CellIssue
from tasks.intake.finishing.sounds import Voices
from tasks.intake.finishing.sources import CAPTIONS, FinishSources, is_file_name

SHOWN = 3
"""Warnings about the captions of one language."""
MAX_CUES = 500
ENDS_LATER = "let this caption end later"
SPEAKS_SLOWER = "use another voice, whose speed decides the times"
IS_LONGER = "make the video longer, such as 16:9 8s in the column 'placements'"
"""How captions get more time: the times are those of a file, of the voice, or parts of the video's length."""


def caption_issues(
    brief: Brief, sources: FinishSources, seconds: Callable[[Brief], float | None], voices: Voices
) -> Iterator[CellIssue]:
    """Yield files that cannot be read, and captions that are too fast or too wide for people.

    Args:
        seconds: length of the shortest deliverable of a row; None if it is not known.
        voices: speak the scripts, whose clauses decide the times of plain texts.
    """
    texts = {each.locale: captions_of(brief, each.locale) for each in wordings(brief)}
    missing: set[str] = set()
    for locale, text in texts.items():
        if is_file_name(text, CAPTIONS):
            text, problem = sources.caption_file(text)
            if problem and texts[locale] not in missing:
                missing.add(texts[locale])
                yield CellIssue(caption_column(brief, locale), texts[locale], problem)
        if text:
            found = _of_language(brief, locale, text, seconds(brief), voices)
            yield from (issue._replace(value=texts[locale]) for issue in found)


def _of_language(brief: Brief, locale: str, text: str, seconds: float | None, voices: Voices) -> Iterator[CellIssue]:
    column, trial = caption_column(brief, locale), voices.trial(brief, locale)
    try:
        if is_subtitles(text):
            cues, end_s = parse_subtitles(text), seconds
        elif trial and trial.clauses:
            cues, end_s = cues_of(text, locale, trial.seconds, trial.clauses), None
        elif seconds and not voices.chosen(brief, locale):
            cues, end_s = cues_of(text, locale, seconds), None
        else:
            return  # the times are known when the voice has spoken
    except FinishError as error:
        yield CellIssue(column, text, f"cannot be used. {error}")
        return
    if len(cues) > MAX_CUES:
        yield CellIssue(column, text, f"has {len(cues)} captions. Use at most {MAX_CUES}.")
        return
    slower = ENDS_LATER if is_subtitles(text) else SPEAKS_SLOWER if voices.chosen(brief, locale) else IS_LONGER
    for sentence in islice(reading_warnings(cues, locale, slower, end_s), SHOWN):
        yield CellIssue(column, text, sentence, warning=True)
