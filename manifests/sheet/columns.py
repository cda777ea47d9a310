"""The known columns: their names, aliases and explanations for the template."""

import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

from manifests.placement import ASPECT_RATIOS, CHANNELS

RESULT_PREFIX = "reelmill "
"""Prefix of the headers that we add to a results sheet. Columns with this prefix are ignored as input."""


class Column(NamedTuple):
    """A column: its meaning, the allowed values, and the meaning of an empty cell."""

    name: str
    aliases: tuple[str, ...]
    about: str
    allowed: str
    example: str
    default: str
    splits: bool = False


COLUMNS = (
    Column(
        "brief_id",
        ("id", "brief", "brief no", "brief number", "brief name", "ref", "reference"),
        "Your name for the row. It is used in reports and file names.",
        "Text, different in every row.",
        "summer-01",
        "generated from the prompt",
    ),
    Column(
        "prompt",
        (
            "prompts",
            "video prompt",
            "text prompt",
            "positive prompt",
            "prompt text",
            "prompt template",
            "ad prompt",
            "ai prompt",
            "generation prompt",
        ),
        "What the clip shows. {name} is replaced by the value in the column 'name'.",
        "Text, at most 2,000 characters. Write {{ and }} for literal braces.",
        "a {colour} circle drifting left on a white background",
        "required",
        True,
    ),
    Column(
        "negative_prompt",
        ("negative", "negative prompts", "neg prompt", "avoid", "exclude"),
        "What the clip must not show.",
        "Text, at most 2,000 characters.",
        "black background",
        "the model's default",
        True,
    ),
    Column(
        "placements",
        (
            "placement",
            "aspect",
            "aspects",
            "aspect ratio",
            "aspect ratios",
            "ratio",
            "ratios",
            "format",
            "formats",
            "channel",
            "channels",
            "platform",
            "platforms",
            "orientation",
            "ad placement",
            "ad placements",
        ),
        "The channel in which the ad runs, or its aspect ratio.",
        f"{', '.join(ASPECT_RATIOS)}; {', '.join(CHANNELS)}; both, such as tiktok 1:1.",
        "16:9|tiktok",
        "16:9",
        True,
    ),
    Column(
        "duration_s",
        (
            "duration",
            "durations",
            "dur",
            "duration sec",
            "duration secs",
            "duration seconds",
            "duration in seconds",
            "duration in s",
            "length",
            "length s",
            "length sec",
            "length seconds",
            "length in seconds",
            "clip length",
            "video length",
            "seconds",
            "secs",
        ),
        "Length of the clip in seconds.",
        "A number from 0.1 to 600; the model may allow less.",
        "2",
        "the model's default",
        True,
    ),
    Column(
        "model",
        ("models", "model card", "video model", "generator"),
        "The model that generates the clip.",
        "A name that is listed by `reelmill models`.",
        "starter",
        "the campaign's model",
        True,
    ),
    Column(
        "first_frame",
        (
            "first frames",
            "first frame image",
            "first frame picture",
            "first frame path",
            "first frame url",
            "start frame",
            "start image",
            "start image url",
            "starting frame",
            "starting image",
            "initial frame",
            "initial image",
            "init image",
            "input image",
            "source image",
            "reference image",
            "reference picture",
            "ref image",
            "image",
            "images",
            "image file",
            "image path",
            "picture",
            "pictures",
        ),
        "The picture that the clip starts from, for models that generate clips from a picture.",
        "A PNG, JPEG or WebP file. Enter its path relative to the folder of the sheet, its full path, or an https:// "
        "or s3:// URL.",
        "pictures/bottle.png",
        "none; required by these models",
        True,
    ),
    Column(
        "variants",
        ("variations", "number of variants", "num variants", "no of variants", "seeds", "number of seeds", "takes"),
        "How many clips to generate of each combination, each with a different seed.",
        "A whole number from 1 to 10000.",
        "3",
        "1",
    ),
    Column(
        "want",
        ("wanted", "clips wanted", "want passed", "stop after"),
        "Stop when this many clips of the row have passed.",
        "A whole number from 1 to the number of clips of the row.",
        "1",
        "generate all",
    ),
    Column(
        "seed",
        ("first seed", "random seed", "start seed"),
        "The first seed. The same seed gives the same clip again.",
        "A whole number from 0 to 4294967295.",
        "7",
        "derived from the prompt",
    ),
    Column(
        "min_adherence",
        ("minimum adherence", "adherence", "threshold", "min score", "minimum score"),
        "How well a clip must match its prompt to pass. Higher is stricter.",
        "A number from -1 to 1.",
        "0.2",
        "the model's default",
    ),
    Column(
        "locale",
        ("locales", "language", "languages", "lang"),
        "Language or market, for {locale} in the prompt and for your records.",
        "Text.",
        "en",
        "none",
        True,
    ),
    Column(
        "cta",
        ("ctas", "call to action", "calls to action"),
        "Call to action, for {cta} in the prompt and for your records.",
        "Text.",
        "Shop now",
        "none",
        True,
    ),
    Column(
        "notes",
        ("note", "comment", "comments", "remark", "remarks"),
        "For your team. It does not change the clips unless a prompt uses {notes}.",
        "Text.",
        "for the June mailing",
        "none",
    ),
    Column(
        "axes",
        ("axis", "axes mode"),
        "How cells with several values are combined: every value with every other (cartesian), or first with first and "
        "second with second (zip).",
        "cartesian or zip",
        "zip",
        "cartesian",
    ),
)
BY_NAME = {column.name: column for column in COLUMNS}
SPLIT = frozenset(column.name for column in COLUMNS if column.splits)


def normalise(header: str) -> str:
    """Return a header in lower case, with one space in place of any run of other characters than letters and digits."""
    return re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", header).casefold()).strip()


_MEANINGS = {normalise(name): column.name for column in COLUMNS for name in (column.name, *column.aliases)}
_PROMPT_LIKE = ("description", "text", "scene", "idea", "concept", "script", "shot", "visual", "copy")


def name_of(header: str) -> str | None:
    """Return our name for the column of a header, or None."""
    return _MEANINGS.get(normalise(header))


def typo_of(header: str) -> str | None:
    """Return our name for the column of a header with a typo, or None."""
    near = get_close_matches(normalise(header), _MEANINGS, 1, 0.8)
    return _MEANINGS[near[0]] if near else None


def misspelling_of(header: str) -> str | None:
    """Return our name for the column of a header with a small typo, or None: ``placment``, but not ``Prompt 2``."""
    text = normalise(header)
    near = get_close_matches(text, _MEANINGS, 1, 0.85)
    return _MEANINGS[near[0]] if near and len(near[0].split()) == len(text.split()) else None


def is_result(header: str) -> bool:
    """Return whether a column was added by us to a results sheet."""
    return normalise(header).startswith(RESULT_PREFIX)


def nearest_to_prompt(headers: Iterable[str]) -> str | None:
    """Return the header that looks most like a prompt column, or None."""
    by_text = {normalise(header): header for header in headers}
    prompts = ("prompt", *BY_NAME["prompt"].aliases)
    near = [header for text, header in by_text.items() if get_close_matches(text, prompts, 1, 0.7)]
    alike = [header for text, header in by_text.items() if any(word in text for word in _PROMPT_LIKE)]
    return next(iter(near or alike), None)
