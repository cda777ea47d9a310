"""Headers that are used in two ways: the values decide, or a message names both meanings."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from manifests.sheet.columns import normalise

_PICTURE = re.compile(r"(https?|s3)://\S+|\S.*\.(png|jpe?g|webp|gif|tiff?|bmp|svg|heic|avif|psd)", re.IGNORECASE)
_FILE_FORMATS = frozenset(
    [
        "mp4",
        "mov",
        "m4v",
        "webm",
        "avi",
        "mkv",
        "gif",
        "mxf",
        "mpg",
        "mpeg",
        "wmv",
        "prores",
        "h264",
        "h.264",
        "h265",
        "h.265",
        "hevc",
        "av1",
        "vp9",
        "video",
        "image",
        "static",
        "carousel",
        "slideshow",
        "animation",
        "animated",
        "banner",
        "html5",
        "jpg",
        "jpeg",
        "png",
    ]
)
_DESCRIPTION_WORDS = 5
MARKS = {
    "set": frozenset(
        ["x", "✓", "✔", "☑", "✗", "yes", "y", "true", "1", "wahr", "ja", "vrai", "oui", "verdadero", "sí", "si", "vero"]
    ),
    "unset": frozenset(["no", "n", "false", "0", "falsch", "nein", "faux", "non", "falso", "☐", "☒"]),
}
"""Values of a column with which people mark rows."""


class Use(NamedTuple):
    """How an ambiguous column is used.

    Attributes:
        is_own: True if its values do not fit our column, so that it is a column of the sheet's own.
        message: what a person should know, which continues the sentence after the header.
    """

    is_own: bool
    message: str


class Column(NamedTuple):
    """The cells of a column that are not empty, and the prompts of the same rows."""

    header: str
    texts: Sequence[str]
    prompts: Sequence[str]


def use_of(header: str, texts: Sequence[str], prompts: Sequence[str]) -> Use | None:
    """Return how a column with an ambiguous header is used; None if there is no doubt.

    Args:
        texts: the column's cells, in the order of the rows.
        prompts: the prompts of the same rows, as long as ``texts``.
    """
    pairs = [(text.strip(), prompt.strip()) for text, prompt in zip(texts, prompts, strict=True) if text.strip()]
    rule = _RULES.get(normalise(header))
    if not pairs or rule is None:
        return None
    return rule(Column(header, [text for text, _ in pairs], [prompt for _, prompt in pairs]))


def hint_on(header: str) -> str:
    """Return what to do if a cell is invalid because the column means something else, or an empty text."""
    other = _OTHERS.get(normalise(header))
    return f" If the column contains {other[0]}, rename it, for example to '{other[1]}'." if other else ""


_OTHERS = {
    **dict.fromkeys(("format", "formats"), ("file formats", "File type")),
    **dict.fromkeys(("image", "images", "picture", "pictures"), ("other pictures", "Product photo")),
    "variations": ("descriptions", "Wording"),
    "takes": ("numbers of takes", "Take no"),
    "generator": ("other programs", "Made with"),
    "models": ("products", "Product"),
}
"""What else a header can mean, and a header for that meaning."""


def _seeds(column: Column) -> Use | None:
    if all(re.search(r"[|,;\s]", text) for text in column.texts):
        return None
    seed = next((found[0] for text in column.texts if (found := re.search(r"\d+", text))), "3")
    return Use(
        False,
        f"is read as the seeds themselves: {seed} is the seed {seed}. If it is the number of clips, rename it to "
        "'variants'; if it is not, rename it to 'seed'.",
    )


def _reference(column: Column) -> Use | None:
    if not all(_PICTURE.fullmatch(text) for text in column.texts):
        return None
    return Use(
        True,
        "contains pictures, so it is not used as the brief_id. If the clips start from these pictures, rename it to "
        "'first_frame'; if they do not, rename it to 'Attachment'.",
    )


def _brief(column: Column) -> Use | None:
    if not any(len(text.split()) >= _DESCRIPTION_WORDS for text in column.texts):
        return None
    return Use(
        True,
        "contains descriptions, so it is not used as the brief_id. If they are the names of the rows, rename it to "
        "'brief_id'; if they are not, rename it to 'Briefing'.",
    )


def _format(column: Column) -> Use | None:
    if not all(text.lower().lstrip(".") in _FILE_FORMATS for text in column.texts):
        return None
    return Use(
        True,
        "contains file formats, so it is not used for the aspect ratio. Rename it to 'File type', and give ratios in a "
        "column 'placements'.",
    )


def _length(column: Column) -> Use | None:
    lengths = [text for text in column.texts if text.isdecimal()]
    if len(lengths) < len(column.texts):
        return None
    characters = all(int(text) == len(prompt) for text, prompt in zip(column.texts, column.prompts, strict=True))
    words = len(set(column.texts)) > 1 and all(
        int(text) == len(prompt.split()) for text, prompt in zip(column.texts, column.prompts, strict=True)
    )
    if not (characters or words):
        return None
    return Use(
        True,
        "contains the lengths of the prompts, so it is not used for the length of the clips. Rename it to 'Prompt "
        "size'; if they are seconds, rename it to 'duration_s'.",
    )


def _finish(column: Column) -> Use | None:
    if not any(re.search(r"\{\s*finish\s*\}", prompt, re.IGNORECASE) for prompt in column.prompts):
        return None
    return Use(
        True,
        "is used in the prompt, so it does not choose a finish template. To choose one, enter it in a column 'finish "
        "template'.",
    )


def _always(meaning: str, name: str, other: str, renamed: str) -> Callable[[Column], Use | None]:
    message = (
        f"is read as {meaning}. If this is what you mean, rename it to '{name}'. If it is {other}, rename it to "
        f"'{renamed}'."
    )
    return lambda _: Use(False, message)


_PICTURE_USE = _always(
    "the picture that the clip starts from", "first_frame", "only a reference or a product photo", "Product photo"
)
_THRESHOLD_USE = _always(
    "the lowest prompt adherence with which a clip passes", "min_adherence", "another score", "Other score"
)
_TAKES_USE = _always("the number of clips of each combination", "variants", "the number of a take", "Take no")
_RULES: dict[str, Callable[[Column], Use | None]] = {
    **dict.fromkeys(("seeds", "random seeds"), _seeds),
    **dict.fromkeys(("ref", "reference"), _reference),
    "brief": _brief,
    **dict.fromkeys(("format", "formats"), _format),
    "length": _length,
    "finish": _finish,
    **dict.fromkeys(("image", "images", "picture", "pictures"), _PICTURE_USE),
    **dict.fromkeys(("reference image", "reference picture", "ref image"), _PICTURE_USE),
    **dict.fromkeys(("adherence", "threshold", "min score", "minimum score"), _THRESHOLD_USE),
    "takes": _TAKES_USE,
    "stop after": _always("the number of clips that have to pass", "want", "a time in seconds", "Stops at"),
}


def mark_of(text: str) -> str:
    """Return ``set`` or ``unset`` for a mark such as x, yes or FALSE, or an empty text."""
    mark = text.strip().lower()
    return next((kind for kind, marks in MARKS.items() if mark in marks), "")
