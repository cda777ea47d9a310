"""What a deliverable is about, in words: its title, description and keywords."""

import re
from typing import NamedTuple

from manifests.brief import Brief
from manifests.finish.languages import primary
from manifests.finish.wording import localised, placeholder_of

MAX_KEYWORDS = 50


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
    title = " ".join(_texts(brief, "title", locale))
    keywords: dict[str, str] = {}
    for text in _texts(brief, "keywords", locale):
        for word in filter(None, map(str.strip, re.split("[,;\n]", text))):
            keywords.setdefault(word.casefold(), word)
    return About(
        title or brief.brief_id,
        " ".join(_texts(brief, "description", locale)),
        tuple(keywords.values())[:MAX_KEYWORDS],
    )


def _texts(brief: Brief, name: str, locale: str) -> tuple[str, ...]:
    """Return the values of a column in a language, or else those of the column without a language."""
    own = {placeholder_of(header): values for header, values in brief.metadata.items()}
    tags = [placeholder_of(tag.replace("-", "_")) for tag in (locale, primary(locale))] if locale else []
    found = [localised(brief, name, locale), *(own.get(f"{name}_{tag}", ()) for tag in tags), own.get(name, ())]
    return next((values for values in found if any(values)), ())
