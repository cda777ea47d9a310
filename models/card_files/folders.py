"""Read all cards: the bundled ones and those of the user's folders."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from manifests.errors import InvalidCardError, ModelError
from manifests.pluralize import any_of
from models.card import Card, GeneratorCard, ModelCard, ScorerCard
from models.card_files.file import read_card
from models.card_files.hosted import hosted_problems
from models.hosted_card import HostedCard
from models.sound_card import HOSTED_SPEECH, MUSIC, SPEECH, HostedSpeechCard, MusicCard, SpeechCard

HOME = Path(__file__).parent.parent
KINDS: dict[str, type[Card]] = {
    "text-to-video": ModelCard,
    "image-to-video": ModelCard,
    "hosted-text-to-video": HostedCard,
    "hosted-image-to-video": HostedCard,
    "openclip": ScorerCard,
    SPEECH: SpeechCard,
    HOSTED_SPEECH: HostedSpeechCard,
    MUSIC: MusicCard,
}


class CardSet(NamedTuple):
    """All cards by name, and why others cannot be used: one sentence with file, field and fix each, by file."""

    cards: dict[str, Card]
    problems: dict[Path, str]


def read_cards(extra_folders: Iterable[Path] = ()) -> CardSet:
    """Read and check all cards, so that a mistake is found before a sheet uses the card.

    Raises:
        ModelError: a folder does not exist.
    """
    cards: dict[str, Card] = {}
    files: dict[str, Path] = {}
    problems: dict[Path, str] = {}
    for path, home in _card_files(extra_folders):
        try:
            card = read_card(path, home, KINDS)
        except InvalidCardError as error:
            problems[path] = str(error)
            continue
        if card.name in files:
            problems[path] = (
                f"The cards {files[card.name]} and {path} have the same name, {card.name}. Rename one of them."
            )
            continue
        cards[card.name], files[card.name] = card, path
    for name, card in list(cards.items()):
        if sentence := next(_problems(card, cards), ""):
            problems[files[name]] = f"Invalid card {files[name]}, {sentence}"
            del cards[name]
    return CardSet(cards, problems)


def _card_files(extra_folders: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield each card's file with the base folder of its relative paths."""
    for path in sorted((HOME / "cards").glob("*.json")):
        yield path, HOME
    for folder in map(Path, extra_folders):
        if not folder.is_dir():
            raise ModelError(f"The card folder {folder} does not exist. Fix the setting model_folders.")
        for path in sorted(folder.glob("*.json")):
            yield path, folder


def _problems(card: Card, cards: Mapping[str, Card]) -> Iterator[str]:
    """Yield what the schema cannot check: other cards, and fields that depend on each other."""
    if not isinstance(card, GeneratorCard):
        return
    scorers = [name for name, each in cards.items() if isinstance(each, ScorerCard)]
    if card.scorer not in scorers:
        near = difflib.get_close_matches(card.scorer, scorers, n=1)
        advice = f"Did you mean {near[0]}?" if near else f"Use {any_of(scorers)}."
        yield f'field scorer: there is no scorer "{card.scorer}". {advice}'
    if isinstance(card, HostedCard):
        yield from hosted_problems(card)
