"""Copy tensors that are views of mapped files: a later change of a file would change them."""

from collections.abc import Iterable
from typing import Any

import torch


def copy_mapped(models: Iterable[torch.nn.Module]) -> None:
    """Copy the tensors in main memory. Tensors on another device were copied to it.

    One tensor is copied at a time, and tensors that share memory once.
    """
    copies: dict[tuple[Any, ...], torch.Tensor] = {}
    for model in models:
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.device.type == "cpu":
                place = (tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride())
                copies.setdefault(place, tensor.data.clone())
                tensor.data = copies[place]
