import numpy as np
import pytest
import torch

from models.memory import HORIZON, MemoryWatch, free_caches, is_broken_device, is_out_of_memory, used_bytes

MB = 1_000_000


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        MemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"
        ),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_errors_of_every_allocator_are_recognised(error):
    assert is_out_of_memory(error)
    assert not is_broken_device(error)


def test_a_real_failed_allocation_is_recognised():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize("error", [RuntimeError("shape mismatch"), ValueError("out of memory"), KeyError("x")])
def test_other_errors_are_not_out_of_memory(error):
    assert not is_out_of_memory(error)


def test_a_broken_device_is_distinguished_from_a_full_one():
    lost = torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
    assert is_broken_device(lost)
    assert not is_out_of_memory(lost)


def watched(used, capacity=1000 * MB) -> MemoryWatch:
    watch = MemoryWatch(capacity)
    for value in used:
        watch.add(int(value))
    return watch


def test_growth_is_detected_before_the_capacity_is_reached():
    used = [700 * MB + clip * 5 * MB for clip in range(40)]
    assert watched(used).is_climbing
    assert max(used) < 1000 * MB


def test_the_same_growth_far_from_the_capacity_is_ignored():
    watch = watched([clip * 5 * MB for clip in range(40)], capacity=100_000 * MB)
    assert watch.slope == pytest.approx(5 * MB)
    assert not watch.is_climbing


@pytest.mark.parametrize("level", [100, 915])
def test_noise_is_not_growth(level):
    noise = np.random.default_rng(0).normal(level, 5, size=200) * MB
    assert watched(noise).slope == 0
    assert not watched(noise).is_climbing


def test_the_warm_up_is_ignored():
    assert not watched([*(clip * 100 * MB for clip in range(8)), *[800 * MB] * 40]).is_climbing


def test_reset_discards_the_history():
    watch = watched([900 * MB + clip * MB for clip in range(HORIZON)])
    assert watch.is_climbing
    watch.reset()
    assert not watch.is_climbing


def test_free_caches_returns_memory_to_the_system():
    held = [np.ones(100_000) for _ in range(500)]
    before = used_bytes("cpu")
    held.clear()
    free_caches()
    assert used_bytes("cpu") < before - 200 * MB
