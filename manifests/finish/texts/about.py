"""What a deliverable is about, in words: its title, description and keywords."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from manifests.brief import Brief
from manifests.clip_metadata import Metadata
from manifests.finish.texts.languages import primary
from manifests.finish.texts.wording import localised, placeholder_of

MAX_KEYWORDS = 50
COLUMNS = ("title", "description", "keywords")


class About(NamedTuple):
    """Words for the metadata of a file.

    Attributes:
        title: one line.
        description: may be empty.
        keywords: the most important first, each once.
    """

    title: str
    description: str = ""
    keywords: tuple[str, ...] = ()


def about(brief: Brief, locale: str = "") -> About:
    """Return the columns ``title``, ``description`` and ``keywords`` of a row, in one language if it has them.

    Columns such as ``title_de`` have priority. Without a title it is the name of the brief: prompts are not disclosed.
    """
    title, description, keywords = (_texts(brief, name, locale) for name in COLUMNS)
    return About(" ".join(title) or brief.brief_id, " ".join(description), _keywords(keywords))


def about_clip(metadata: Metadata) -> About | None:
    """Return the same columns of a clip, of all its rows; None if they are empty."""
    own = {placeholder_of(header): values for header, values in metadata.items()}
    title, description, keywords = (own.get(name, ()) for name in COLUMNS)
    found = About(next(iter(title), ""), next(iter(description), ""), _keywords(keywords))
    return found if any(found) else None


def _keywords(texts: Iterable[str]) -> tuple[str, ...]:
    words: dict[str, str] = {}
    for text in texts:
        for word in filter(None, map(str.strip, re.split("[,;\n]", text))):
            words.setdefault(word.casefold(), word)
    return tuple(words.values())[:MAX_KEYWORDS]


def _texts(brief: Brief, name: str, locale: str) -> tuple[str, ...]:
    """Return the values of a column in a language, or else those of the column without a language."""
    own = {placeholder_of(header): values for header, values in brief.metadata.items()}
    tags = [placeholder_of(tag.replace("-", "_")) for tag in (locale, primary(locale))] if locale else []
    found = [localised(brief, name, locale), *(own.get(f"{name}_{tag}", ()) for tag in tags), own.get(name, ())]
    return next((values for values in found if any(values)), ())
