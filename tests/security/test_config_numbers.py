"""Numbers of configurations are limited as integers, as floats and as texts."""

import math

import pytest

from models.weights.config.config_numbers import check_numbers
from models.weights.refusal import RefusedFileError

REFUSED = [
    {"sample_size": 1e9}, {"num_layers": 1e6}, {"mlp_ratio": 1e12}, {"sample_size": [1e6, 1e6]},
    {"sample_size": "1000000000"}, {"num_layers": " 1e9 "}, {"num_layers": "1_000_000"}, {"num_layers": math.nan},
    {"num_layers": math.inf}, {"hidden_size": math.nan}, {"hidden_size": -math.inf}, {"seed_layers": 10**9},
    {"a": [{"num_layers": 1e6}]}, {"sample_width": 60_000.0, "sample_height": 60_000},
    {"sample_width": "60000", "sample_height": 60_000}, {"a": {"sample_width": 10**400, "sample_height": 1.5}},
]  # fmt: skip
ACCEPTED = [
    {"rope_theta": 1e12}, {"lambda_min_clipped": -math.inf}, {"layer_norm_eps": 1e-6}, {"scaling_factor": 0.18215},
    {"sample_size": 128.0}, {"revision": "20991231235959"}, {"transformers_version": "5.23"}, {"mask_value": -1e9},
    {"timestep_scale_multiplier": 1000.0}, {"is_causal": True}, {"sample_size": None},
]  # fmt: skip


@pytest.mark.parametrize("content", REFUSED, ids=str)
def test_a_large_number_of_any_type_is_refused(content: dict[str, object]):
    with pytest.raises(RefusedFileError, match=r"config\.json sets .* but at most"):
        check_numbers(content, "config.json")


@pytest.mark.parametrize("content", ACCEPTED, ids=str)
def test_published_numbers_are_accepted(content: dict[str, object]):
    check_numbers(content, "config.json")
