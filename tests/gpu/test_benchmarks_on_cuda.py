"""The GPU benchmarks with tiny networks on a CUDA device. They take seconds instead of minutes."""

from dataclasses import replace

import pytest
import torch

from benchmarks.wan import gpu
from benchmarks.wan.rig import TINY

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
ON_CUDA = replace(TINY, device="cuda:0")


def test_exact_generates_the_frames_of_the_plain_pipeline():
    assert gpu.measure_exact(ON_CUDA).figures["largest_difference"] == 0


def test_the_nightly_and_passing_clips_benchmarks():
    night = gpu.measure_night(replace(ON_CUDA, guidance=1.0, few_steps=True, clips_a_prompt=2, plain_clips=2))
    passing = gpu.measure_passing(replace(ON_CUDA, steps=16, clips_a_prompt=40, plain_clips=2, want=9, known=4))
    assert night.figures["clips"] == 4
    assert passing.figures["passed"] == 18
