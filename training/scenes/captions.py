"""Captions of scenes: mostly plain sentences, with some free wording and some unknown words."""

import numpy as np

from training.scenes import words
from training.scenes.scene import Scene

LOOSE_SHARE = 0.35
UNKNOWN = "xqzunknown"
"""Placeholder for any word outside the vocabulary."""
FRONT, BEHIND = "\u00b9", "\u00b2"
"""Marks of foreground and background colour words in an unfinished caption."""


def pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[rng.integers(len(options))]


def with_article(phrase: str, rng: np.random.Generator) -> str:
    """Add `a` or `an`, or rarely another determiner or none."""
    roll = rng.random()
    if roll < 0.85:
        return ("an " if phrase[0] in "aeiou" else "a ") + phrase
    return phrase if roll < 0.9 else pick(rng, ("the ", "one ", "our ")) + phrase


def adorn(colour: str, rng: np.random.Generator, loose: bool, mark: str) -> str:
    """Return a marked word for a colour. In loose captions, it sometimes has an adjective."""
    word = (pick(rng, words.COLOUR_WORDS[colour]) if rng.random() < 0.5 else colour) + mark
    return f"{pick(rng, words.ADJECTIVES)} {word}" if loose and rng.random() < 0.2 else word


def noun(motif: str | None, rng: np.random.Generator) -> tuple[str, bool]:
    """Return a word for the motif, and whether it needs an article."""
    if motif is None:
        return pick(rng, words.VAGUE), True
    singular = words.SINGULAR.get(motif, ())
    options = singular + words.PLURAL.get(motif, ())
    word = pick(rng, options) if rng.random() < 0.6 else options[0]
    return word, word in singular


def subject(scene: Scene, rng: np.random.Generator, loose: bool) -> str:
    """Return motif and foreground, for example `a red circle`. Empty if the scene specifies neither."""
    if scene.motif is None and scene.foreground is None:
        return ""
    word, single = noun(scene.motif, rng)
    if loose and rng.random() < 0.2:
        word = f"{pick(rng, words.ADJECTIVES)} {word}"
    if scene.foreground is None:
        return with_article(word, rng) if single else word
    colour = adorn(scene.foreground, rng, loose, FRONT)
    roll = rng.random() if loose else 0.0
    if roll > 0.88:
        return f"{with_article(word, rng) if single else word} in {colour}"
    if roll > 0.8:
        colour = f"{colour} {pick(rng, words.COLOURED)}"
    phrase = f"{colour} {word}"
    return with_article(phrase, rng) if single else phrase


def motion(scene: Scene, rng: np.random.Generator, loose: bool) -> str:
    if scene.motion is None:
        return ""
    phrase = pick(rng, words.MOTION_WORDS[scene.motion]) if rng.random() < 0.6 else scene.motion
    roll = rng.random() if loose else 1.0
    if roll < 0.15:
        return f"{pick(rng, words.ADVERBS)} {phrase}"
    if roll < 0.3:
        return f"{phrase} {pick(rng, words.ADVERBS)}"
    return f"{pick(rng, words.JOINERS)} {phrase}" if roll < 0.45 else phrase


def background(scene: Scene, rng: np.random.Generator, loose: bool, label: bool = False) -> str:
    if scene.background is None:
        return ""
    form = pick(rng, words.BACKGROUND_LABELS if label else words.BACKGROUNDS)
    if not loose and not label and rng.random() < 0.6:
        form = words.BACKGROUNDS[0]
    filled = form.format(adorn(scene.background, rng, loose, BEHIND))
    return filled.replace(" a orange", " an orange").replace(" a amber", " an amber")


def clauses(scene: Scene, rng: np.random.Generator, loose: bool) -> list[str]:
    """Return subject, motion and background in one of the usual orders."""
    label = loose and rng.random() < 0.4
    parts = [subject(scene, rng, loose), motion(scene, rng, loose), background(scene, rng, loose, label)]
    if label:
        order = rng.permutation(3)
    else:
        order = [(0, 1, 2), (0, 2, 1), (2, 0, 1), (1, 0, 2)][rng.choice(4, p=(0.5, 0.25, 0.15, 0.1))]
    return [parts[i] for i in order if parts[i]]


def loosen(parts: list[str], rng: np.random.Generator) -> list[str]:
    """Add openings and filler words, and drop articles."""
    if rng.random() < 0.35:
        parts = [f"{pick(rng, words.OPENINGS)} {parts[0]}" if parts else pick(rng, words.OPENINGS), *parts[1:]]
    for _ in range(rng.integers(0, 4)):
        parts = list(parts)
        parts.insert(rng.integers(len(parts) + 1), pick(rng, words.FILLERS))
    if rng.random() < 0.15:
        parts = [" ".join(word for word in part.split() if word not in ("a", "an", "the")) for part in parts]
    return parts


def scatter_unknown(text: str, rng: np.random.Generator) -> str:
    """Insert one to four unknown or small words, rarely inside a phrase."""
    tokens = text.split()
    for _ in range(rng.integers(1, 5)):
        place = rng.choice([0, len(tokens), rng.integers(len(tokens) + 1)])
        tokens.insert(place, UNKNOWN if rng.random() < 0.75 else pick(rng, words.SMALL[10:]))
    return " ".join(tokens)


def marked_caption(scene: Scene, rng: np.random.Generator, loose: bool | None = None) -> str:
    """Return a caption of the scene with marked colour words. It does not mention parts that are `None`.

    Args:
        loose: Use filler words and unusual order. None chooses at random.
    """
    if loose is None:
        loose = rng.random() < LOOSE_SHARE
    parts = clauses(scene, rng, loose)
    if loose:
        parts = loosen(parts, rng)
    text = (", " if loose else " ").join(parts)
    return scatter_unknown(text, rng) if rng.random() < 0.2 else text


def unmarked(text: str) -> str:
    return text.replace(FRONT, "").replace(BEHIND, "")


def roles(text: str) -> list[int]:
    """Return the role of each word in a marked caption: 1 for foreground colour, 2 for background colour, else 0."""
    return [1 if FRONT in word else 2 if BEHIND in word else 0 for word in text.split()]


def caption(scene: Scene, rng: np.random.Generator, loose: bool | None = None) -> str:
    """Return the result of `marked_caption` without the marks."""
    return unmarked(marked_caption(scene, rng, loose))


def open_some(scene: Scene, rng: np.random.Generator) -> Scene:
    """Remove parts of the scene at random: nothing in most cases, everything in a few."""
    roll = rng.random()
    if roll < 0.7:
        return scene
    if roll < 0.74:
        return Scene(None, None, None, None)
    odds = {"motif": 0.15, "foreground": 0.3, "background": 0.4, "motion": 0.4}
    return scene.without(*(part for part, share in odds.items() if rng.random() < share))


def plain(scene: Scene) -> str:
    """Return the plainest caption, as in the examples and the measurements."""
    single = scene.motif in words.SINGULAR
    article = ("an " if scene.foreground[0] in "aeiou" else "a ") if single else ""
    ground = ("an " if scene.background[0] in "aeiou" else "a ") + scene.background
    return f"{article}{scene.foreground} {scene.motif} {scene.motion} on {ground} background"
