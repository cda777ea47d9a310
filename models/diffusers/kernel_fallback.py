"""Return to torch's default kernels if compiled or special ones do not work on this machine."""

from typing import Any

import torch

from models.diffusers.loading import first_line

COMPILERS = ("torch._dynamo", "torch._inductor", "torch.fx", "triton")
"""Modules of the errors that a failed compilation raises, for example because there is no C compiler."""
PHRASES = ("no available kernel", "no viable backend", "no valid execution plans", "mha graph")
"""Phrases in the errors of torch and cuDNN when an attention backend does not support a shape or a device."""


def is_kernel_error(error: BaseException) -> bool:
    """Return whether a kernel could not be compiled, or an attention backend does not support the call."""
    seen: BaseException | None = error
    while seen is not None:
        if type(seen).__module__.startswith(COMPILERS):
            return True
        if isinstance(seen, RuntimeError) and any(phrase in str(seen).lower() for phrase in PHRASES):
            return True
        seen = seen.__cause__
    return False


def use_plain_kernels(pipeline: Any) -> bool:
    """Run all models of a pipeline without compilation and with torch's default attention.

    Clips change at most by rounding, so they keep their ids. Attention in 8 bits is kept, since it decides pixels.

    Returns:
        False if nothing was compiled and no attention backend was set, so that a retry would fail again.
    """
    changed = False
    models = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    for module in (module for model in models for module in model.modules()):
        if module._compiled_call_impl is not None:
            module._compiled_call_impl, changed = None, True
        processor = getattr(module, "processor", None)
        backend = getattr(processor, "_attention_backend", None)
        if processor is not None and backend is not None and "sage" not in str(backend.value):
            processor._attention_backend, changed = None, True
    return changed


def plain_kernels_sentence(card: str, device: torch.device, error: BaseException) -> str:
    """Return the warning for the log."""
    return (
        f"{card} runs without compiled blocks and special attention kernels on {device}, which is slower "
        f"({first_line(error)}). To compile, install a C compiler (Debian: apt-get install gcc) and restart the worker."
    )
