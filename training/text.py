"""Train the text encoder: `python -m training.text --minutes 10`.

It is trained on captions only and learns to output the code of the scene (see `codes`) at every position, including
padding and without a mask, because the stock LTX pipeline calls it that way. A head on a middle layer must also
predict the role of each colour word. Without this head, 100 % of motifs and motions but only 62 % of the colours
were right after 250 steps of 256 captions.
"""

import argparse
from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from transformers import T5Config, T5EncoderModel

from training.harness.muon import split
from training.harness.run import RUNS, Plan, Run, autocast, device, launch
from training.scenes import tokenizer as words
from training.scenes.captions import marked_caption, open_some, roles, unmarked
from training.scenes.codes import LEVEL, SLOTS, WIDTH, code, decode, indices
from training.scenes.scene import sample_scene

LENGTHS = (32, 32, 32, 32, 48, 64, 128)
"""Padded lengths: mostly that of the card, sometimes others, up to the default of LTX."""
MATRIX_RATE = 0.004
HALF_WAY = 2
FIRST_LOOKS = (1, 17, 2, 18, 3, 19)
"""Buckets of T5's relative positions with an initial bias for the first six heads: one, two and three words back
and ahead. Without this bias, the table changes too slowly to find the neighbours of a colour word."""
FIRST_BIAS = 4.0
PLAIN = ("shared", "relative_attention_bias", "role")
SHARPNESS = 2.0


def build() -> T5EncoderModel:
    """Build four layers of width 128. Two of the eight heads have no initial bias."""
    config = T5Config(
        vocab_size=words.ROOM,
        d_model=WIDTH,
        d_kv=16,
        d_ff=384,
        num_layers=4,
        num_decoder_layers=0,
        num_heads=8,
        dropout_rate=0.0,
        feed_forward_proj="gated-gelu",
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
        tie_word_embeddings=True,
    )
    encoder = T5EncoderModel(config)
    table = encoder.encoder.block[0].layer[0].SelfAttention.relative_attention_bias.weight
    with torch.no_grad():
        for head, bucket in enumerate(FIRST_LOOKS):
            table[bucket, head] = FIRST_BIAS
    return encoder


class Trainee(nn.Module):
    """The encoder, with a head that predicts each word's role from a middle layer. The head is not shipped."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = build()
        self.role = nn.Linear(WIDTH, 3)

    def forward(self, numbers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return states (n, length, 128) and the log-odds of the roles (n, length, 3) for token numbers."""
        output = self.encoder(numbers, output_hidden_states=True)
        half_way = output.hidden_states[HALF_WAY].float()
        return output.last_hidden_state.float(), self.role(F.rms_norm(half_way, (WIDTH,)))


def sample(rng: np.random.Generator, count: int) -> tuple[list[str], list[list[int]]]:
    """Return marked captions of random scenes and their slot numbers, each scene also with swapped colours."""
    texts, slots = [], []
    while len(texts) < count:
        scene = open_some(sample_scene(rng), rng)
        swapped = replace(scene, foreground=scene.background, background=scene.foreground)
        for one in (scene, swapped):
            texts.append(marked_caption(one, rng))
            slots.append(indices(one))
    return texts, slots


def role_table(texts: list[str], length: int) -> torch.Tensor:
    """Return the roles in marked captions, (n, length). The end token and padding have role 0."""
    rows = [(roles(text) + [0] * length)[:length] for text in texts]
    return torch.tensor(rows, device=device())


def losses(states: torch.Tensor, slots: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the squared error to the code and the cross-entropy of its four blocks, over states (n, length, 128)."""
    target = code(slots)[:, None].expand_as(states)
    blocks = (states[..., : sum(SLOTS)] * SHARPNESS / LEVEL * 4).split(SLOTS, dim=-1)
    wide = slots[:, None].expand(*states.shape[:2], len(SLOTS)).long()
    entropy = sum(F.cross_entropy(block.transpose(1, 2), wide[..., i]) for i, block in enumerate(blocks))
    return {"mse": F.mse_loss(states, target), "entropy": entropy}


def role_loss(odds: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of the roles, with twenty times the weight for colour words."""
    weight = torch.tensor([0.05, 1.0, 1.0], device=odds.device)
    return F.cross_entropy(odds.transpose(1, 2), table, weight=weight)


def train(plan: Plan, rank: int) -> None:
    torch.manual_seed(plan.seed)
    model, tokenizer = Trainee().to(device()), words.build()
    run = Run(plan, model, split(model, plan.rate, MATRIX_RATE, PLAIN), rank)
    rng = np.random.default_rng((plan.seed, rank, run.step))
    while run.running():
        texts, slots = sample(rng, plan.batch)
        slots, length = torch.tensor(slots, device=device()), int(rng.choice(LENGTHS))
        numbers = words.numbers(tokenizer, [unmarked(text) for text in texts], length).to(device())
        with autocast():
            states, odds = model(numbers)
        parts = losses(states, slots) | {"role": role_loss(odds.float(), role_table(texts, length))}
        right = (decode(states.detach()) == slots[:, None]).all(-1).float().mean()
        model.zero_grad()
        (parts["mse"] + 0.1 * parts["entropy"] + 0.5 * parts["role"]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in run.optimizers:
            optimizer.step()
        run.stepped(right=right.item(), **{name: value.item() for name, value in parts.items()})
    run.save()


def load() -> T5EncoderModel:
    """Load the averaged weights of the latest checkpoint."""
    state = torch.load(RUNS / "text" / "checkpoint-0.pt", map_location="cpu", weights_only=True)
    model = Trainee()
    model.load_state_dict(state["average"])
    return model.encoder.eval().requires_grad_(False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    launch(Plan(part="text", rate=2e-3, **vars(parser.parse_args())), train)


if __name__ == "__main__":
    main()
