"""The GPU benchmarks with tiny networks: the same code in seconds, also on a CPU. The figures mean nothing."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from benchmarks.harness.result import Result
from benchmarks.wan import gpu, kernels
from benchmarks.wan.rig import TINY, Setting


class Benchmark(NamedTuple):
    """A benchmark with its settings.

    Attributes:
        real: on a GPU, with the real size of the networks.
        tiny: for tests.
    """

    measure: Callable[[Setting], Result]
    real: Setting
    tiny: Setting


BENCHMARKS: Mapping[str, Benchmark] = {
    "gpu-exact": Benchmark(gpu.measure_exact, gpu.EXACT, TINY),
    "gpu-night": Benchmark(
        gpu.measure_night,
        gpu.NIGHT,
        replace(TINY, guidance=1.0, few_steps=True, clips_a_prompt=2, plain_clips=2),
    ),
    "gpu-passing": Benchmark(
        gpu.measure_passing,
        gpu.PASSING,
        replace(TINY, steps=16, clips_a_prompt=40, plain_clips=2, want=9, known=4),
    ),
    "gpu-kernels": Benchmark(kernels.measure, gpu.EXACT, TINY),
}
