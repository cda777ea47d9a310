"""The trained models: shapes, initial values, and the shortcut used in training."""

import pytest
import torch

from training.harness.muon import orthogonal
from training.harness.run import Plan
from training.scenes.codes import code
from training.video import forget, predict, use_one_token
from training.video_model import build

pytestmark = pytest.mark.usefixtures("default_matmul")


def test_muon_makes_updates_orthogonal():
    update = orthogonal(torch.randn(48, 96, generator=torch.Generator().manual_seed(0)))
    values = torch.linalg.svdvals(update.float())
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_the_learning_rate_rises_and_falls_to_zero():
    plan = Plan(part="x", minutes=1)
    factors = [plan.factor(progress) for progress in (0.0, 0.02, 0.3, 0.7, 1.0)]
    assert factors[0] < 0.1
    assert factors[2] == 1.0
    assert factors[3] < factors[2]
    assert factors[4] == 0.0


@pytest.mark.filterwarnings("ignore")
def test_one_token_equals_many_of_the_same():
    torch.manual_seed(0)
    model = build(layers=2, heads=1).eval()
    torch.nn.init.normal_(model.proj_out.weight)
    noisy, sigma = torch.randn(2, 36, 32), torch.tensor([0.3, 0.9])
    codes = code(torch.tensor([[1, 2, 3, 4], [5, 1, 2, 0]]))
    with torch.no_grad():
        many = model(
            hidden_states=noisy,
            encoder_hidden_states=codes[:, None].repeat(1, 7, 1),
            timestep=sigma * 1000,
            encoder_attention_mask=torch.ones(2, 7),
            num_frames=1,
            height=6,
            width=6,
            rope_interpolation_scale=(0.5, 16, 16),
        ).sample
        use_one_token(model)
        one = predict(model, noisy, sigma, codes, (1, 6, 6))
    assert torch.allclose(many, one, atol=1e-4)


def test_some_codes_are_cleared():
    torch.manual_seed(0)
    slots = forget(torch.ones(4000, 4))
    assert 0.07 < (slots.sum(1) == 0).float().mean() < 0.13
    assert 0.7 < slots.mean() < 0.95
