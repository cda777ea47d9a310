"""Memory that is computed without weights."""

import pytest
import torch

from models.registry import load_cards
from training.card_memory import memory_of, peak_gb

KB = 1000 * 4  # bytes of a thousand numbers


class Chain(torch.nn.Module):
    """Two layers; at most an input, a result and the weights, which are not counted, are alive."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(1000, 1000, bias=False, device="meta") for _ in range(4)])

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            rows = layer(rows)
        return rows


def test_the_peak_counts_what_is_alive_at_one_time_without_weights():
    chain = Chain()
    rows = torch.empty(10, 1000, device="meta")
    # The caller's rows are not counted until an operation returns them: two results of ten rows are alive at a time.
    assert peak_gb(chain, lambda: chain(rows)) * 1e9 == 2 * 10 * KB


def test_attention_takes_no_matrix_of_all_pairs():
    module = torch.nn.Identity()
    heads = torch.empty(1, 8, 1000, 125, device="meta")
    attend = torch.nn.functional.scaled_dot_product_attention
    peak = peak_gb(module, lambda: torch.nn.functional.scaled_dot_product_attention(heads, heads, heads)) * 1e9
    assert peak == heads.numel() * 4
    assert torch.nn.functional.scaled_dot_product_attention is attend


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ltx-video", "mochi-1", "helios-distilled", "ltx-2.5-8step-i2v"])
def test_the_cards_figures_are_those_of_the_configurations(name):
    card = load_cards()[name]
    stated = card.memory.model_dump(
        mode="json", include={"components", "working", "computed_from"}, exclude_defaults=True
    )
    assert memory_of(card) == stated
