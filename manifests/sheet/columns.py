"""The known columns: their names, aliases and explanations for the template."""

import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

from manifests.placement import ASPECT_RATIOS, CHANNELS, OTHER_RATIOS

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
        "What the clip shows. {name} is replaced by the value in the column 'name', and __name__ by each line of the "
        "file wildcards/name.txt in the folder of the sheet.",
        "Text, at most 2,000 characters, or JSON. Write {{ and }} for literal braces, and \\| for a literal bar "
        "outside brackets.",
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
        f"{', '.join(ASPECT_RATIOS)}; {', '.join(OTHER_RATIOS)} if the model supports them; {', '.join(CHANNELS)}; "
        "both, such as tiktok 1:1. The names in `reelmill placements` are other names of these channels.",
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
        "fallback",
        ("fallbacks", "fallback model", "fallback models", "backup model", "second choice"),
        "The model to use if the row's model generates no clip, because its provider refuses the prompt or cannot be "
        "reached, its account is paused or the generation fails. Clips that do not pass the gate are not replaced.",
        "A name from `reelmill models`. Several names are tried in this order.",
        "starter",
        "none",
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
        "last_frame",
        (
            "last frames",
            "last frame image",
            "last frame picture",
            "last frame path",
            "last frame url",
            "end frame",
            "end image",
            "ending frame",
            "ending image",
            "final frame",
        ),
        "The picture that the clip ends with, for models that accept one (see `reelmill models show`).",
        "A PNG, JPEG or WebP file, as in first_frame.",
        "pictures/bottle-open.png",
        "none",
        True,
    ),
    Column(
        "reference_pictures",
        ("reference images", "reference photos", "pictures of the product", "product references"),
        "Pictures of what the clip shows, such as a product or a person, for models that accept them (see `reelmill "
        "models show`).",
        "PNG, JPEG or WebP files, as in first_frame, with + between the pictures of one clip.",
        "pictures/bottle.png + pictures/logo.png",
        "none",
        True,
    ),
    Column(
        "continue_from",
        ("continues", "continue clip", "previous clip", "earlier clip"),
        "The clip that this one continues. Helios continues its movement; models that start from a picture start from "
        "its last frame.",
        "An MP4 file, or the id of a clip that is stored on this machine. Enter the path relative to the folder of the "
        "sheet, or the full path.",
        "clips/part-1.mp4",
        "none",
        True,
    ),
    Column(
        "variants",
        ("variations", "number of variants", "num variants", "no of variants", "number of seeds", "takes"),
        "How many clips to generate of each combination, each with a different seed.",
        "A whole number from 1 to 10000.",
        "3",
        "1",
    ),
    Column(
        "want",
        ("wanted", "clips wanted", "want passed", "stop after"),
        "Stop when this many clips of each combination have passed; see want_scope.",
        "A whole number from 1 to the number of variants.",
        "1",
        "generate all",
    ),
    Column(
        "want_scope",
        ("want per", "scope of want"),
        "Whether want counts the clips of each combination of values (combination) or of the whole row (brief).",
        "combination or brief",
        "brief",
        "the setting want_scope",
    ),
    Column(
        "seed",
        ("seeds", "first seed", "random seed", "random seeds", "start seed", "seed list"),
        "One number is the first seed; several are all seeds. The same seed gives the same clip again.",
        "Whole numbers from 0 to 4294967295, with | or a comma between them.",
        "7",
        "derived from the prompt",
    ),
    Column(
        "min_adherence",
        ("minimum adherence", "adherence", "threshold", "min score", "minimum score"),
        "How well a clip must match its prompt to pass. Higher is stricter.",
        "A number from -1 to 1, or a percentage.",
        "0.2",
        "the model's default",
    ),
    Column(
        "locale",
        ("locales", "language", "languages", "lang"),
        "Language or market, for {locale} in the prompt, for finishing and for your records.",
        "Text; with a finish template, a language tag such as en or pt-BR. Several values give separate clips only if "
        "the prompt uses {locale}; finishing makes a deliverable of each.",
        "en",
        "none",
        True,
    ),
    Column(
        "cta",
        ("ctas", "call to action", "calls to action"),
        "Call to action, for {cta} in the prompt, for finish templates and for your records.",
        "Text. Several values give separate clips only if the prompt uses {cta}; finishing makes a deliverable of "
        "each.",
        "Shop now",
        "none",
        True,
    ),
    Column(
        "notes",
        ("note", "comment", "comments", "remark", "remarks"),
        "For your team and the records of the clips. It does not change the clips unless a prompt uses {notes}.",
        "Text.",
        "for the June mailing",
        "none",
    ),
    Column(
        "axes",
        ("axis", "axes mode"),
        "How cells with several values are combined: every value with every other (cartesian), first with first and "
        "second with second (zip), or so that each pair of values occurs at least once (pairwise).",
        "cartesian, zip or pairwise",
        "zip",
        "cartesian",
    ),
    Column(
        "finish",
        ("finish template", "finishing template", "ad template"),
        "The finish template that makes an ad of each approved clip: logo, texts, captions, sound and end card, for "
        "each placement and language.",
        "A name from `reelmill templates`, or none to publish the clips as they are.",
        "none",
        "the setting finish, which is none",
    ),
    Column(
        "script",
        ("voice script", "voiceover script", "voice over script", "spoken text", "narration"),
        "What the voice says.",
        "Text. A column per language, such as script_de, contains the text of another locale.",
        "Light as the summer. Shop now.",
        "no voice",
    ),
    Column(
        "captions",
        ("caption", "subtitles", "subtitle"),
        "Captions, which are drawn on the video and also written as SRT and VTT files.",
        "Text, SRT or WebVTT, the name of an .srt or .vtt file, script to show what the voice says, or none. A column "
        "per language, such as captions_de, contains those of another locale.",
        "script",
        "the script, if there is one",
    ),
    Column(
        "voiceover",
        ("voice over", "voice", "speaker"),
        "The voice that speaks the script, or a recording.",
        "auto, none, an engine, an engine and a voice such as hibari:heart, or the name of a sound file.",
        "auto",
        "auto",
    ),
    Column(
        "music",
        ("background music", "music track", "soundtrack"),
        "Music under the video. It is lowered while the voice speaks.",
        "none, auto, a mood, library:NAME, procedural:MOOD, a name of the brand kit, or the name of a sound file.",
        "none",
        "the brand kit's default music, or none",
    ),
    Column(
        "sound",
        ("clip sound", "native sound", "original sound"),
        "Whether the sound that a model has made is kept.",
        "keep or mute",
        "mute",
        "keep",
    ),
    Column(
        "reframe",
        ("reframing",),
        "How one clip is fitted to placements with other aspect ratios: native generates a clip in each ratio, crop "
        "follows the subject, blur and colour show the whole clip on a blurred copy or on the brand's background "
        "colour.",
        "native, crop, blur or colour; or for single placements, such as 9:16=crop|1:1=blur. crop 30% puts the centre "
        "of the crop at 30 % from the left or the top, and crop 0s:30% 2s:60% moves it.",
        "crop",
        "native",
    ),
    Column(
        "sequence",
        ("sequence name", "storyline"),
        "Rows with the same text are joined to one video, in the order of the sheet.",
        "Text.",
        "launch-film",
        "each row is a video",
    ),
    Column(
        "transition",
        ("transitions",),
        "How the clips of a sequence follow each other.",
        "cut, or the seconds of a crossfade, from 0.1 to 5.",
        "0.5",
        "cut",
    ),
)
FINISHING = frozenset(
    ("finish", "script", "captions", "voiceover", "music", "sound", "reframe", "sequence", "transition")
)
"""Columns of finishing. They are read only in rows with a finish template; they also stay columns of the sheet's own,
so that prompts can use them and records contain them, as before there was finishing."""
BY_NAME = {column.name: column for column in COLUMNS}


def normalise(header: str) -> str:
    """Return a header in lower case, with one space in place of any run of other characters than letters and digits."""
    return re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", header).casefold()).strip()


_MEANINGS = {normalise(name): column.name for column in COLUMNS for name in (column.name, *column.aliases)}
_PROMPT_LIKE = (
    *("description", "text", "scene", "idea", "concept", "script", "shot", "visual", "copy"),
    *("prompt", "beschreibung", "szene", "idee", "konzept", "motiv", "inhalt", "descripción", "escena", "concepto"),
    *("descrição", "descricao", "cena", "conceito", "scène", "scene", "idée", "descrizione", "scena", "beschrijving"),
    *("opis", "beskrivning", "beskrivelse", "kuvaus", "popis", "açıklama", "описание", "сцена", "промпт", "промт"),
    *("提示词", "描述", "プロンプト", "説明", "프롬프트", "설명", "content", "storyboard", "action"),
)
"""Parts of headers of columns with prompts, in several languages."""


def name_of(header: str) -> str | None:
    """Return our name for the column of a header, or None."""
    return _MEANINGS.get(normalise(header))


def typo_of(header: str) -> str | None:
    """Return our name for the column of a header with a typo, or None."""
    text = normalise(header)
    near = _with_swapped_letters(text) or get_close_matches(text, _MEANINGS, 1, 0.8)
    return _MEANINGS[near[0]] if near else None


def misspelling_of(header: str) -> str | None:
    """Return our name for the column of a header with a small typo, or None: ``placment``, but not ``Prompt 2``."""
    text = normalise(header)
    near = _with_swapped_letters(text) or get_close_matches(text, _MEANINGS, 1, 0.85)
    return _MEANINGS[near[0]] if near and len(near[0].split()) == len(text.split()) else None


def _with_swapped_letters(text: str) -> list[str]:
    """Return the known name from which a text differs by two swapped letters: ``wnat`` is too short for difflib."""
    swapped = (text[:i] + text[i + 1] + text[i] + text[i + 2 :] for i in range(len(text) - 1))
    return [each for each in swapped if len(text) > 3 and each in _MEANINGS and text not in _MEANINGS][:1]


def is_result(header: str) -> bool:
    """Return whether a column was added by us to a results sheet."""
    return normalise(header).startswith(RESULT_PREFIX)


def nearest_to_prompt(headers: Iterable[str]) -> str | None:
    """Return the header that looks most like a prompt column, or None."""
    by_text = {normalise(header): header for header in headers if name_of(header) != "negative_prompt"}
    prompts = ("prompt", *BY_NAME["prompt"].aliases)
    near = [header for text, header in by_text.items() if get_close_matches(text, prompts, 1, 0.7)]
    alike = [
        header
        for text, header in by_text.items()
        if text in ("brief", "creative brief") or any(word in text for word in _PROMPT_LIKE)
    ]
    named = [header for text, header in by_text.items() if {"prompt", "prompts"} & set(text.split())]
    return next(iter(near or named or alike), None)
