"""Find cards by name and open their models. Importing this module does not import torch."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypeVar

from manifests.errors import InvalidCardError, ModelError, UnknownCardError
from models.card import Card, GeneratorCard, LocalCard, ModelCard, ScorerCard
from models.card_files import HOME, read_cards
from models.hosted_card import HostedCard
from models.protocols import FrameScorer, Generator, PictureSource, TextEncoder, TextSource, VideoSource
from models.sound_card import SoundCard
from models.weights import weights_path, weights_problem

__all__ = [
    "HOME",
    "as_local",
    "device_kind",
    "find_devices",
    "free_memory_gb",
    "get_any_card",
    "get_card",
    "get_card_with_weights",
    "get_local_card",
    "get_scorer_card",
    "hosted_cards",
    "import_libraries",
    "invalid_cards",
    "load_cards",
    "load_scorer_cards",
    "load_sound_cards",
    "local_cards",
    "open_generator",
    "open_scorer",
    "open_text_encoder",
    "sound_cards",
    "weights_path",
    "weights_problem",
]

CardType = TypeVar("CardType", bound=Card)


def load_cards(extra_folders: Iterable[Path] = (), *, skip_invalid: bool = False) -> dict[str, GeneratorCard]:
    """Return all model cards by name, local and hosted: the bundled ones and those in the extra folders.

    Args:
        skip_invalid: leave invalid cards out, for lists; ``invalid_cards`` returns them.

    Raises:
        InvalidCardError: a card does not match the schema, or two cards have the same name; names file and field.
    """
    cards = _load(Card, extra_folders, skip_invalid)
    return {name: card for name, card in cards.items() if isinstance(card, GeneratorCard)}


def local_cards(cards: Mapping[str, GeneratorCard]) -> dict[str, ModelCard]:
    """Return the cards of local models."""
    return {name: card for name, card in cards.items() if isinstance(card, ModelCard)}


def hosted_cards(cards: Mapping[str, GeneratorCard]) -> dict[str, HostedCard]:
    """Return the cards of hosted models."""
    return {name: card for name, card in cards.items() if isinstance(card, HostedCard)}


def load_scorer_cards(extra_folders: Iterable[Path] = (), *, skip_invalid: bool = False) -> dict[str, ScorerCard]:
    """Return all scorer cards by name, as load_cards does."""
    return _load(ScorerCard, extra_folders, skip_invalid)


def load_sound_cards(extra_folders: Iterable[Path] = (), *, skip_invalid: bool = True) -> dict[str, SoundCard]:
    """Return all cards of voices and music by name; ``load_cards`` reports invalid ones."""
    cards = _load(Card, extra_folders, skip_invalid)
    return {name: card for name, card in cards.items() if isinstance(card, SoundCard)}


@cache
def sound_cards(extra_folders: tuple[Path, ...] = ()) -> Mapping[str, SoundCard]:
    """Return what ``load_sound_cards`` returns; the files are read once in a process."""
    return load_sound_cards(extra_folders)


def invalid_cards(extra_folders: Iterable[Path] = ()) -> tuple[str, ...]:
    """Return why cards cannot be used, one sentence for each of them."""
    return tuple(read_cards(extra_folders).problems.values())


def get_card(name: str, extra_folders: Iterable[Path] = ()) -> GeneratorCard:
    """Return one model card.

    Raises:
        UnknownCardError: no card has this name; the message suggests similar names.
    """
    return _pick(name, load_cards(extra_folders), "model card")


def get_local_card(name: str, extra_folders: Iterable[Path] = ()) -> ModelCard:
    """Return the card of one local model, as get_card does.

    Raises:
        ModelError: a provider runs the model.
    """
    return as_local(get_card(name, extra_folders))


def as_local(card: GeneratorCard) -> ModelCard:
    """Return a card as that of a local model.

    Raises:
        ModelError: a provider runs the model.
    """
    if not isinstance(card, ModelCard):
        raise ModelError(f"{card.name} is a hosted model and cannot run on a device of this machine.")
    return card


def get_card_with_weights(name: str, extra_folders: Iterable[Path] = ()) -> LocalCard:
    """Return one card of a model or a scorer that has weights, as get_card does.

    Raises:
        ModelError: a provider runs the model.
    """
    card = get_any_card(name, extra_folders)
    if not isinstance(card, LocalCard):
        raise ModelError(f"{name} is a hosted model and has no weights on this machine.")
    return card


def get_scorer_card(name: str, extra_folders: Iterable[Path] = ()) -> ScorerCard:
    """Return one scorer card, as get_card does."""
    return _pick(name, load_scorer_cards(extra_folders), "scorer card")


def get_any_card(name: str, extra_folders: Iterable[Path] = ()) -> Card:
    """Return one card of any kind, also if other cards are invalid.

    Raises:
        UnknownCardError: no card has this name; the message suggests similar names.
        InvalidCardError: the card of this name is invalid.
    """
    found = read_cards(extra_folders)
    if name not in found.cards:
        for path, sentence in found.problems.items():
            if path.stem == name:
                raise InvalidCardError(sentence)
    return _pick(name, found.cards, "model card")


def open_generator(
    card: ModelCard,
    device: str = "cpu",
    threads: int | None = None,
    weights_root: Path | None = None,
    pictures: PictureSource | None = None,
    videos: VideoSource | None = None,
    texts: TextSource | None = None,
) -> Generator:
    """Load a card's pipeline onto a device.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads of torch for the whole process; None for torch's default.
        pictures: source of the pictures that clips are generated from.
        videos: source of the clips that other clips continue.
        texts: source of embedded texts; with it, text encoders are not loaded.

    Raises:
        IncompleteWeightsError: files are missing, damaged, or do not match the card.
        ModelError: the device does not exist.
    """
    from models.diffusers.generator import DiffusersVideo

    return DiffusersVideo(card, weights_root, device, threads, pictures, videos, texts)


def open_text_encoder(
    card: ModelCard, device: str = "cpu", threads: int | None = None, weights_root: Path | None = None
) -> TextEncoder:
    """Load a card's text encoders without the rest of its pipeline; raises as open_generator does."""
    from models.diffusers.shared_encoder import SharedEncoder

    return SharedEncoder(card, weights_root, device, threads)


def open_scorer(
    name: str, gpus: Sequence[str] = (), extra_folders: Iterable[Path] = (), weights_root: Path | None = None
) -> FrameScorer:
    """Load a scorer by the name of its card, on one of the GPUs if that pays, otherwise on the CPU.

    Args:
        gpus: CUDA devices that it may use.

    Raises:
        UnknownCardError: no scorer has this name.
        IncompleteWeightsError: files are missing or damaged.
    """
    card = get_scorer_card(name, extra_folders)
    from models.openclip.device_choice import GpuMemory, open_where_it_pays
    from models.openclip.scorer import OpenClipScorer

    def memory_of(gpu: str) -> GpuMemory:
        import torch

        return GpuMemory(*torch.cuda.mem_get_info(gpu))

    return open_where_it_pays(
        lambda device: OpenClipScorer(card, weights_root=weights_root, device=device),
        gpus,
        memory_of,
        card.weights.size_mb * 1e6,
    )


def import_libraries(card: ModelCard) -> None:
    """Import what a card's generator and scorer are made of, several seconds before they are opened.

    An error here is ignored: it recurs when they are opened, and is reported there.
    """
    with suppress(Exception):
        import diffusers

        import models.diffusers.generator
        import models.openclip.scorer  # noqa: F401

        getattr(diffusers, card.pipeline)  # diffusers imports a pipeline and its models on first use


def find_devices() -> tuple[str, ...]:
    """Return the CUDA devices of this machine, or ``cpu`` if it has none. Imports torch."""
    import torch

    return tuple(f"cuda:{index}" for index in range(torch.cuda.device_count())) or ("cpu",)


def free_memory_gb(device: str) -> float | None:
    """Return the free memory of a GPU in GB (10^9 bytes), or None for the CPU. Imports torch."""
    import torch

    return None if device == "cpu" else torch.cuda.mem_get_info(device)[0] / 1e9


def device_kind(device: str) -> str:
    """Return the name of a GPU, such as ``NVIDIA H200``; other devices are their own kind. Imports torch for a GPU."""
    if not device.startswith("cuda"):
        return device
    import torch

    try:
        return torch.cuda.get_device_name(device)
    except (RuntimeError, AssertionError, ValueError):  # loading a model on it says what is wrong
        return device


def _load(kind: type[CardType], extra_folders: Iterable[Path], skip_invalid: bool = False) -> dict[str, CardType]:
    found = read_cards(extra_folders)
    if found.problems and not skip_invalid:
        raise InvalidCardError(next(iter(found.problems.values())))
    return {name: card for name, card in found.cards.items() if isinstance(card, kind)}


def _pick(name: str, cards: dict[str, CardType], what: str) -> CardType:
    if name in cards:
        return cards[name]
    near = difflib.get_close_matches(name.lower(), cards, n=3)
    advice = f"Did you mean {', '.join(near)}?" if near else "List them with `reelmill models`."
    raise UnknownCardError(f"No {what} is named {name!r}. {advice}")
