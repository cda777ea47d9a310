"""Parsers for the cells of finishing. Each raises ValueError with a message that continues after the quoted text."""

import re
from difflib import get_close_matches

from manifests.brief import CROP, NATIVE, NO_FINISH
from manifests.finish.crop_by_hand import parse_places, places_text
from manifests.placement import parse_placement
from manifests.pluralize import any_of
from manifests.sheet.cells import clean

SCRIPT_LENGTH, CAPTIONS_LENGTH = 5_000, 20_000
FITS = (NATIVE, CROP, "blur", "colour")
_OTHER_FITS = {
    **dict.fromkeys(("color", "solid", "background"), "colour"),
    **dict.fromkeys(("blurred", "blur pad", "blurred background"), "blur"),
    **dict.fromkeys(("smart crop", "cropped", "auto crop", "subject"), "crop"),
    **dict.fromkeys(("none", "no", "generate"), NATIVE),
}
_SOUNDS = {
    **dict.fromkeys(("keep", "kept", "on", "yes", "original"), "keep"),
    **dict.fromkeys(("mute", "muted", "off", "no", "none", "silent"), "mute"),
}
_BY_HAND = re.compile(r"crop(?:\s+at)?\s*:?\s*(\d.*)")
_SECONDS = re.compile(r"(\d{1,2}(?:[.,]\d{1,3})?)\s*(?:s|sec|secs|seconds?)?")
LEAST_CROSSFADE_S, LONGEST_CROSSFADE_S = 0.1, 5.0


def parse_finish(text: str) -> str:
    """Return the name of a template; ``none`` for the words with which people leave finishing out."""
    return NO_FINISH if text.casefold() in (NO_FINISH, "no", "-", "off") else text


def parse_reframe(text: str) -> tuple[str, str]:
    """Return (placement, fit) of ``9:16=crop``, or an empty placement with the fit of ``crop``.

    A crop that is set by hand keeps its places: ``crop 30%``.
    """
    placement, equals, fit = text.rpartition("=")
    word = fit.strip().casefold()
    by_hand = _BY_HAND.fullmatch(word)
    fit = f"{CROP} {places_text(parse_places(by_hand[1]))}" if by_hand else _OTHER_FITS.get(word, word)
    if fit not in FITS and not by_hand:
        near = get_close_matches(word, [*FITS, *_OTHER_FITS], 1, 0.7)
        hint = f"Did you mean {_OTHER_FITS.get(near[0], near[0])}? " if near else ""
        raise ValueError(f"is not allowed. {hint}Use {any_of(FITS)}, also for a single placement, such as 9:16=crop.")
    return (_key(placement.strip()) if equals else "", fit)


def _key(text: str) -> str:
    """Return the ratio, the channel, or the label with both of a placement."""
    try:
        placement = parse_placement(text)
    except ValueError:
        raise ValueError(
            "names no placement before the =. Use a ratio or a channel, such as 9:16=crop or tiktok=crop."
        ) from None
    has_ratio = re.search(r"\d\s*[:x×/]\s*\d", text)
    if placement.channel == "generic":
        return placement.aspect_ratio
    return placement.label if has_ratio else placement.channel


def parse_sound(text: str) -> str:
    """Accept keep or mute."""
    if (word := text.casefold()) not in _SOUNDS:
        raise ValueError("is not allowed. Use keep (the sound of the clip stays) or mute (it is removed).")
    return _SOUNDS[word]


def parse_transition(text: str) -> float:
    """Return the seconds of a crossfade; 0 for a cut."""
    if text.casefold() in ("cut", "none", "0", "0 s", "0s"):
        return 0.0
    found = _SECONDS.fullmatch(text.casefold())
    seconds = float(found[1].replace(",", ".")) if found else 0.0
    if not LEAST_CROSSFADE_S <= seconds <= LONGEST_CROSSFADE_S:
        raise ValueError(
            f"is not allowed. Use cut, or the seconds of a crossfade from {LEAST_CROSSFADE_S:g} to "
            f"{LONGEST_CROSSFADE_S:g}, such as 0.5."
        )
    return seconds


def parse_script(text: str) -> str:
    """Accept spoken text of at most SCRIPT_LENGTH characters."""
    return _short(text, SCRIPT_LENGTH)


def parse_captions(text: str) -> str:
    """Accept captions of at most CAPTIONS_LENGTH characters."""
    return _short(text, CAPTIONS_LENGTH)


def _short(text: str, most: int) -> str:
    if len(text) > most:
        raise ValueError(f"has {len(text):,} characters. Shorten it to at most {most:,}.")
    return text


def clean_lines(text: str) -> str:
    """Return a text in which each line is cleaned and line breaks stay; blank lines separate captions in SRT."""
    lines = [clean(line) for line in re.split(r"\r\n|\r|\n|_x000D_", text)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
