"""Sizes of a card's components: from the headers of the files if they are here, else from the card."""

import re
from collections import defaultdict
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import NamedTuple

from models.card import ModelCard
from models.placement.rung import DENOISERS
from models.speed import Speed
from models.weights import lora_path, part_path, weights_path
from models.weights.refusal import RefusedFileError
from models.weights.safetensors_header import read_header

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
BLOCK = re.compile(r"(.*?\.\d+)\.")
"""The name of a block in the name of a tensor: ``blocks.7`` in ``blocks.7.attn1.to_q.weight``."""
COPY = re.compile(r"\.(fp16|bf16|fp32|non_ema)[.-]")
"""In the names of files that contain the weights a second time, in another precision."""


class ComponentSize(NamedTuple):
    """Size of a component's weights on the device, in GB (10^9 bytes).

    Attributes:
        gb: all weights.
        block_gb: the largest block, which group offloading copies at a time.
        rest_gb: what is in no block.
        leaf_gb: the largest tensor.
    """

    gb: float
    block_gb: float
    rest_gb: float
    leaf_gb: float


Sizes = dict[str, ComponentSize]
"""By name of the component."""


def sizes_of(card: ModelCard, weights_root: Path | None = None, speed: Speed | None = None) -> Sizes:
    """Return the sizes of the card's components with a profile; empty if neither the files nor the card tell them."""
    try:
        sizes = _from_files(card, weights_root) or stated_sizes(card)
    except (OSError, RefusedFileError):  # loading reports files that cannot be read
        sizes = stated_sizes(card)
    return stored_in_8_bits(sizes) if speed and speed.storage else sizes


def stated_sizes(card: ModelCard) -> Sizes:
    """Return the sizes that the card states; empty if it states none."""
    known = card.memory.components if card.memory else {}
    return {name: ComponentSize(**size.model_dump()) for name, size in known.items()}


def _from_files(card: ModelCard, weights_root: Path | None) -> Sizes:
    folder = weights_path(card, weights_root)
    names = [path.name for path in sorted(folder.iterdir()) if path.is_dir()] if folder.is_dir() else []
    folders = {name: folder / name for name in names} | {
        name: part_path(card, name, weights_root) for name in card.parts
    }
    tensors = {name: dict(_tensors(path)) for name, path in folders.items()}
    for lora in card.loras:
        path = lora_path(card, lora, weights_root)
        if path.is_file() and lora.component in tensors:
            tensors[lora.component] |= read_header(path, path.name).shapes
    return {name: size_of(_width(card, name), shapes) for name, shapes in tensors.items() if shapes}


def _tensors(folder: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    for path in sorted(folder.glob("*.safetensors")):
        if not COPY.search(path.name):
            yield from read_header(path, path.name).shapes.items()


def size_of(width: int, shapes: dict[str, tuple[int, ...]]) -> ComponentSize:
    """Add up tensors that are loaded with ``width`` bytes per value."""
    blocks: dict[str, int] = defaultdict(int)
    sizes = {name: prod(shape) * width for name, shape in shapes.items()}
    for name, size in sizes.items():
        if block := BLOCK.match(name):
            blocks[block[1]] += size
    rest = sum(sizes.values()) - sum(blocks.values())
    figures = (sum(sizes.values()), max(blocks.values(), default=0), rest, max(sizes.values()))
    return ComponentSize(*(figure / 1e9 for figure in figures))


def _width(card: ModelCard, component: str) -> int:
    kind = card.precision.get(component, card.precision.get("default", "bfloat16"))
    return BYTES[kind]


def stored_in_8_bits(sizes: Sizes) -> Sizes:
    """Return the sizes with the blocks of the denoisers in one byte per value instead of two."""
    return {
        name: size._replace(gb=size.rest_gb + (size.gb - size.rest_gb) / 2, block_gb=size.block_gb / 2)
        if name in DENOISERS
        else size
        for name, size in sizes.items()
    }
