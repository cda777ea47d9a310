"""Find operations on weights that diffusers' group offloading has moved away: on a GPU they would fail.

On a CPU that is placed as a GPU, every tensor is in main memory, so an operation on offloaded weights succeeds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from diffusers.hooks.group_offloading import ModuleGroup
from torch.utils._python_dispatch import TorchDispatchMode

MOVES = ("detach", "_to_copy", "alias", "view", "clone", "copy_", "lift_fresh")
"""Operations that work on any device, or that move a tensor."""


class Misplaced(TorchDispatchMode):
    """Records the operations on offloaded tensors.

    Attributes:
        found: name of the operation and shape of the tensor.
    """

    def __init__(self) -> None:
        super().__init__()
        self.away: set[int] = set()
        self.allowed: set[int] = set()
        self.found: set[tuple[str, tuple[int, ...]]] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Check the arguments of an operation, and run it."""
        name = func.overloadpacket.__name__
        if name not in MOVES:
            for each in torch.utils._pytree.tree_leaves((args, kwargs)):
                if isinstance(each, torch.Tensor) and each.untyped_storage().data_ptr() in self.away - self.allowed:
                    self.found.add((name, tuple(each.shape)))
        return func(*args, **(kwargs or {}))

    def allow(self, *tensors: torch.Tensor) -> None:
        """Ignore tensors that the pipeline itself copies to the device."""
        self.allowed |= {tensor.untyped_storage().data_ptr() for tensor in tensors}


@contextmanager
def misplaced() -> Iterator[Misplaced]:
    """Watch group offloading and all operations in the block."""
    mode = Misplaced()
    offload, onload = ModuleGroup.offload_, ModuleGroup.onload_

    def storages(group: ModuleGroup) -> set[int]:
        tensors = [each for module in group.modules for each in (*module.parameters(), *module.buffers())]
        tensors += [*group.parameters, *group.buffers]
        return {tensor.data.untyped_storage().data_ptr() for tensor in tensors}

    def offloading(group: ModuleGroup) -> None:
        offload(group)
        mode.away |= storages(group)

    def onloading(group: ModuleGroup) -> None:
        onload(group)
        mode.away -= storages(group)

    with patch.object(ModuleGroup, "offload_", offloading), patch.object(ModuleGroup, "onload_", onloading), mode:
        yield mode
