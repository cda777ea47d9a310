"""Tables for docs/families.md: what each card needs at each rung, and which rung it uses on common devices."""

from collections.abc import Iterable, Iterator

from models.card import ModelCard
from models.placement.choice import choose, rungs_for
from models.placement.component_sizes import stated_sizes
from models.placement.needs import needed_gb, working_of
from models.placement.rung import RUNGS, Rung

DEVICES_GB = (8, 16, 24, 48, 80, 141)
"""Common sizes of GPU memory."""
DRIVER_GB = 0.5
"""Memory that the driver keeps for a process."""


def memory_tables(cards: Iterable[ModelCard]) -> str:
    """Return both tables for the cards' default clips at their largest size, with their exact profile, in Markdown."""
    known = sorted((card for card in cards if card.memory and card.memory.components), key=lambda card: card.name)
    return "\n".join([*_needs(known), "", *_rungs(known)])


def _needs(cards: list[ModelCard]) -> Iterator[str]:
    rungs = [rung for rung in RUNGS if rung is not Rung.QUANTISED]
    yield f"| GB needed | {' | '.join(map(_words, rungs))} | decoded in tiles | computed from |"
    yield "|---" * (len(rungs) + 3) + "|"
    for card in cards:
        sizes, working = stated_sizes(card), working_of(card)
        usable = rungs_for(card, card.speed_of("exact"), sizes)
        cells = [f"{needed_gb(rung, sizes, working):.1f}" if rung in usable else "–" for rung in rungs]
        tiled = f"{needed_gb(rungs[-1], sizes, working, tiled=True):.1f}"
        source = card.memory.computed_from if card.memory else ""
        yield f"| {card.name} | {' | '.join(cells)} | {tiled} | {source} |"


def _rungs(cards: list[ModelCard]) -> Iterator[str]:
    yield f"| rung on a GPU with | {' | '.join(f'{gb} GB' for gb in DEVICES_GB)} |"
    yield "|---" * (len(DEVICES_GB) + 1) + "|"
    for card in cards:
        yield f"| {card.name} | {' | '.join(_rung(card, gb - DRIVER_GB) for gb in DEVICES_GB)} |"


def rungs_by_size(card: ModelCard) -> dict[int, str]:
    """Return the memory rung on GPUs by their memory in GB; empty if the card does not state what it needs."""
    if not (card.memory and card.memory.components):
        return {}
    return {gb: _rung(card, gb - DRIVER_GB) for gb in DEVICES_GB}


def _rung(card: ModelCard, free_gb: float) -> str:
    sizes = stated_sizes(card)
    choice = choose(rungs_for(card, card.speed_of("exact"), sizes), sizes, working_of(card), free_gb)
    if choice is None:
        return "does not fit"
    return _words(choice.rung) + (", tiled" if choice.tiled else "")


def _words(rung: Rung) -> str:
    return rung.replace("_", " ")
