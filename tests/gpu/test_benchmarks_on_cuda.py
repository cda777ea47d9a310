"""The GPU benchmarks with tiny networks on a CUDA device. They take seconds instead of minutes."""

from dataclasses import replace

import pytest

from benchmarks.wan.tiny import BENCHMARKS

pytestmark = pytest.mark.gpu


def measured(name: str, device: str) -> dict[str, float]:
    found = BENCHMARKS[name]
    return found.measure(replace(found.tiny, device=device)).figures


def test_exact_generates_the_frames_of_the_plain_pipeline(device):
    assert measured("gpu-exact", device)["largest_difference"] == 0


def test_a_night(device):
    assert measured("gpu-night", device)["clips"] == 4


def test_passing_clips(device):
    assert measured("gpu-passing", device)["passed"] == 18
