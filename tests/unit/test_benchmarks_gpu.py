"""The logic of the GPU benchmarks, with tiny networks on the CPU."""

import pytest
import torch
from diffusers import WanTransformer3DModel

from benchmarks.harness.result import Result
from benchmarks.wan import gpu, kernels
from benchmarks.wan.flops import forward_flops, peak_flops, tokens_of
from benchmarks.wan.rig import TINY, TRANSFORMERS
from benchmarks.wan.tiny import BENCHMARKS


def real_transformer() -> WanTransformer3DModel:
    with torch.device("meta"):
        return WanTransformer3DModel(**TRANSFORMERS["real"])


def assert_well_formed(result: Result) -> None:
    assert not result.not_measured
    assert result.ours is not None
    assert result.baseline is not None
    assert min(result.ours, result.baseline) > 0
    assert result.ratio is not None
    assert isinstance(result.met, bool)
    assert Result.from_json(result.to_json()) == result


def test_the_flops_of_a_forward_pass_match_the_published_value():
    """The published value is 283 TFLOP for 81 frames of 480x832, with 32,760 tokens."""
    tokens = tokens_of(480, 832, 81)
    assert tokens == 32_760
    assert forward_flops(real_transformer().config, tokens) == pytest.approx(283e12, rel=0.05)


def test_the_real_transformer_has_the_published_parameters():
    """The repository of Wan 2.1 T2V 1.3B lists 1.42 billion."""
    assert sum(weight.numel() for weight in real_transformer().parameters()) == pytest.approx(1.42e9, rel=0.01)


def test_flops_agree_with_the_counter_of_torch():
    """Both count matrix products. torch also counts those of the time and text embeddings."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        model = WanTransformer3DModel(**TRANSFORMERS["real"] | {"num_layers": 2}).eval()
        latents, text = torch.zeros(1, 16, 5, 60, 104), torch.zeros(1, 512, 4096)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(latents, timestep=torch.zeros(1), encoder_hidden_states=text)
    assert forward_flops(model.config, tokens_of(480, 832, 17)) == pytest.approx(counter.get_total_flops(), rel=0.02)


def test_the_peak_is_found_by_the_device_name():
    assert peak_flops("NVIDIA H100 80GB HBM3") == pytest.approx(989e12, rel=0.01)
    assert peak_flops("NVIDIA H100 PCIe") == pytest.approx(756e12, rel=0.01)
    assert peak_flops("Some other device") is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="runs for minutes with a GPU")
@pytest.mark.parametrize("benchmark", [gpu.exact, gpu.night, gpu.passing, kernels.run])
def test_without_a_gpu_nothing_is_measured(benchmark):
    assert benchmark().not_measured


@pytest.mark.slow
def test_exact_generates_the_frames_of_the_plain_pipeline():
    result = gpu.measure_exact(TINY)
    assert_well_formed(result)
    assert result.figures["largest_difference"] == 0
    assert "flop_share_of_the_clip" not in result.figures


@pytest.mark.slow
def test_another_seed_of_the_plain_pipeline_is_detected(monkeypatch):
    right = gpu.PlainWan.frames
    monkeypatch.setattr(gpu.PlainWan, "frames", lambda self, variant: right(self, variant._replace(seed=2)))
    result = gpu.measure_exact(TINY)
    assert result.figures["largest_difference"] > 1
    assert not result.met


@pytest.mark.slow
def test_a_night():
    result = gpu.measure_night(BENCHMARKS["gpu-night"].tiny)
    assert_well_formed(result)
    assert result.figures["clips"] == 4
    assert 0 < result.figures["busy_share"] <= 1


@pytest.mark.slow
def test_passing():
    result = gpu.measure_passing(BENCHMARKS["gpu-passing"].tiny)
    assert_well_formed(result)
    assert result.figures["passed"] == 18
    assert 0 < result.figures["pass_rate"] <= 1


@pytest.mark.slow
def test_kernels():
    chosen = {"attention": {"attention": "_native_math"}, "channels_last": {"channels_last_vae": True}}
    result = kernels.measure(TINY, chosen)
    assert_well_formed(result)
    assert set(result.figures) == {
        f"{what}_{name}" for what in ("s", "gain", "difference") for name in ("attention", "channels_last", "all")
    }
    assert result.figures["difference_channels_last"] == 0  # only CUDA devices use it
    assert 0 < result.figures["difference_attention"] < 10  # random weights amplify rounding
