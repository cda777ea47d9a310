"""Compute the memory that a card's model needs and write it into the card: `python -m training.card_memory [NAME ...]`.

No weights are needed: the real classes of diffusers and transformers are built from their configurations on torch's
meta device, and one step and one decoding run on tensors without contents. The peak of the bytes that are alive is what
they take on a GPU, except for the workspaces of cuBLAS and cuDNN.
"""

import argparse
import json
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import torch
from torch.fx.experimental import _config
from torch.utils._python_dispatch import TorchDispatchMode

from models.card import ModelCard
from models.placement.component_sizes import BYTES, ComponentSize, size_of
from models.registry import HOME, load_cards
from training.component_configs import Model, model_of

DIGITS = 3


class PeakBytes(TorchDispatchMode):
    """Count the bytes of the tensors that are created in the block and still alive.

    Attributes:
        peak: the most bytes at one time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.peak = self._now = 0
        self._seen: dict[int, weakref.ref[Any]] = {}

    def ignore(self, *tensors: torch.Tensor) -> None:
        """Do not count the weights."""
        for tensor in tensors:
            storage = tensor.untyped_storage()
            self._seen[storage._cdata] = weakref.ref(storage)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and count its new results."""
        result = func(*args, **(kwargs or {}))
        torch.utils._pytree.tree_map_only(torch.Tensor, self._count, result)
        return result

    def _count(self, tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key not in self._seen:
            self._seen[key] = weakref.ref(storage, lambda _: self._free(key, size))
            self._now += size
            self.peak = max(self.peak, self._now)
        return tensor

    def _free(self, key: int, size: int) -> None:
        self._seen.pop(key, None)
        self._now -= size


@contextmanager
def without_contents() -> Iterator[None]:
    """Replace what needs the contents of tensors, or needs memory on the meta device only.

    Attention is computed without the matrix of all pairs of tokens, as the kernels of a GPU do. All tokens of a text
    are used.
    """

    def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        return query.new_empty(*query.shape[:-1], value.shape[-1])

    with (
        patch.object(torch.nn.functional, "scaled_dot_product_attention", attend),
        patch.object(_config, "meta_nonzero_assume_all_nonzero", True),
        patch.object(torch, "all", lambda *_: False),
        patch.object(torch, "autocast", lambda *_, **__: nullcontext()),
    ):
        yield


def peak_gb(module: torch.nn.Module, run: Callable[[], Any]) -> float:
    """Return the most memory that a call takes besides the module's weights, in GB."""
    with torch.no_grad(), torch.device("meta"), without_contents(), PeakBytes() as counted:
        counted.ignore(*module.parameters(), *module.buffers())
        run()
    return counted.peak / 1e9


def memory_of(card: ModelCard) -> dict[str, Any]:
    """Return the fields ``components``, ``working`` and ``computed_from`` of a card's memory."""
    model = model_of(card)
    sizes = {name: _size(card, name, module) for name, module in model.components.items()}
    for lora in card.loras:
        size, gb = sizes[lora.component], lora.weights.size_mb / 1e3
        number = round((size.gb - size.rest_gb) / size.block_gb)
        sizes[lora.component] = size._replace(gb=size.gb + gb, block_gb=size.block_gb + gb / number)
    model.vae.to(torch.float32 if _kind(card, "vae") == "float32" else torch.bfloat16)
    model.denoiser.to(torch.bfloat16)
    return {
        "components": {name: _rounded(size._asdict()) for name, size in sizes.items()},
        "working": _rounded(_working(model)) | ({"in_chunks": True} if model.in_chunks else {}),
        "computed_from": "configuration",
    }


def _size(card: ModelCard, name: str, module: torch.nn.Module) -> ComponentSize:
    return size_of(BYTES[_kind(card, name)], {key: tuple(tensor.shape) for key, tensor in module.named_parameters()})


def _kind(card: ModelCard, component: str) -> str:
    return card.precision.get(component, card.precision.get("default", "bfloat16"))


def _working(model: Model) -> dict[str, float]:
    denoise, decode = peak_gb(model.denoiser, model.denoise), peak_gb(model.vae, model.decode)
    if hasattr(model.vae, "use_tiling"):
        model.vae.enable_tiling()
        tiled = peak_gb(model.vae, model.decode)
    else:
        tiled = decode
    rest = model.decoded_gb
    return {"denoise_gb": denoise, "decode_gb": decode + rest, "tiled_gb": min(tiled, decode) + rest}


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(figure, DIGITS) for name, figure in figures.items()}


def main() -> None:
    """Print the figures of the named cards, or write them into their files."""
    parser = argparse.ArgumentParser(description="Compute the memory that models need, and write it into their cards.")
    parser.add_argument("names", nargs="*", help="Cards; by default all whose weights are not in this repository.")
    cards = load_cards()
    for name in parser.parse_args().names or sorted(cards.keys() - {"starter"}):
        path = HOME / "cards" / f"{name}.json"
        content = json.loads(path.read_text())
        content["memory"] = content.get("memory", {}) | memory_of(cards[name])
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        print(f"Wrote {path}: {content['memory']}", flush=True)


if __name__ == "__main__":
    main()
