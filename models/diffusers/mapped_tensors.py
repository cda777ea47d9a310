"""Copy tensors that are views of mapped files: a later change of a file would change them."""

from collections.abc import Iterable
from typing import Any

import torch


def copy_mapped(models: Iterable[torch.nn.Module]) -> None:
    """Copy the tensors in main memory. Tensors on another device were copied to it.

    One tensor is copied at a time, and tensors that share memory once. A model may occur several times.
    """
    for same in _by_place(models):
        copied = same[0].data.clone()
        for tensor in same:
            tensor.data = copied


def _by_place(models: Iterable[torch.nn.Module]) -> list[list[torch.Tensor]]:
    """Return the tensors in main memory, grouped by the memory that they share.

    All addresses are read before anything is copied: a copy may get the address of a tensor that was just freed.
    """
    places: dict[tuple[Any, ...], list[torch.Tensor]] = {}
    for model in models:
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.device.type == "cpu":
                place = (tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride())
                places.setdefault(place, []).append(tensor)
    return list(places.values())
