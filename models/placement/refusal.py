"""The sentence for a model that does not fit on a device."""

from collections.abc import Iterable
from pathlib import Path

from models.card import ModelCard
from models.placement.choice import choose, rungs_for
from models.placement.component_sizes import Sizes, sizes_of
from models.placement.needs import needed_gb, working_of
from models.placement.rung import Rung
from models.weights import weights_problem


def refusal(
    card: ModelCard,
    device: str,
    rung: Rung,
    sizes: Sizes,
    free_gb: float,
    others: Iterable[ModelCard],
    weights_root: Path | None = None,
) -> str:
    """Return the needed and the free memory, and which card fits instead.

    Args:
        rung: the rung that needs the least.
        others: known cards; those whose weights are here are suggested first.
    """
    needed = needed_gb(rung, sizes, working_of(card), tiled=True)
    sentence = (
        f"{card.name} needs about {needed:.1f} GB on {device} even at the memory rung {rung}, "
        f"but {free_gb:.1f} GB are free."
    )
    fitting = [
        each
        for each in others
        if each.kind == card.kind and each.name != card.name and _fits(each, free_gb, weights_root)
    ]
    installed = [each for each in fitting if weights_problem(each, weights_root, quick=True) is None]
    if installed:
        return f"{sentence} Use the installed card {_best(installed).name}, which fits, or a device with more memory."
    if fitting:
        return f"{sentence} Use the card {_best(fitting).name}, which fits, or a device with more memory."
    return f"{sentence} Free memory on the device, or use a device with more memory."


def _fits(card: ModelCard, free_gb: float, weights_root: Path | None) -> bool:
    sizes = sizes_of(card, weights_root)
    return (
        bool(sizes)
        and choose(rungs_for(card, card.speed_of("exact"), sizes), sizes, working_of(card), free_gb) is not None
    )


def _best(cards: list[ModelCard]) -> ModelCard:
    """Return the largest card, as the most capable one."""
    return max(cards, key=lambda card: card.weights.size_mb)
