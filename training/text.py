"""Trains the text encoder: `python -m training.text --minutes 10`.

It learns from captions alone to put the code of the scene (see `codes`) on every position, padding
included, and without a mask, because that is how the stock LTX pipeline calls it.
"""

import argparse

import numpy as np
import torch
from torch.nn import functional as F
from transformers import T5Config, T5EncoderModel

from training import tokenizer as words
from training.captions import caption, open_some
from training.codes import LEVEL, SLOTS, WIDTH, code, decode, indices
from training.muon import split
from training.run import RUNS, Plan, Run, autocast, device, launch
from training.scene import sample_scene

LENGTHS = (32, 32, 32, 32, 48, 64, 128)
"""Padded lengths: mostly the one that the card asks for, sometimes a caller's own, up to LTX's default."""
MATRIX_RATE = 0.01
PLAIN = ("shared", "relative_attention_bias")
SHARPNESS = 2.0


def build() -> T5EncoderModel:
    config = T5Config(
        vocab_size=words.ROOM,
        d_model=WIDTH,
        d_kv=32,
        d_ff=384,
        num_layers=4,
        num_decoder_layers=0,
        num_heads=4,
        dropout_rate=0.0,
        feed_forward_proj="gated-gelu",
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
        tie_word_embeddings=True,
    )
    return T5EncoderModel(config)


def sample(rng: np.random.Generator, count: int) -> tuple[list[str], list[list[int]]]:
    """Captions of random scenes and the slot numbers of what they say; every second one has swapped colours."""
    texts, slots = [], []
    while len(texts) < count:
        scene = open_some(sample_scene(rng), rng)
        swapped = type(scene)(scene.motif, scene.background, scene.foreground, scene.motion)
        for one in (scene, swapped):
            texts.append(caption(one, rng))
            slots.append(indices(one))
    return texts, slots


def losses(states: torch.Tensor, slots: torch.Tensor) -> dict[str, torch.Tensor]:
    """Squared error to the code, and cross-entropy of its four blocks, over states (n, length, 128)."""
    target = code(slots)[:, None].expand_as(states)
    blocks = (states[..., : sum(SLOTS)] * SHARPNESS / LEVEL * 4).split(SLOTS, dim=-1)
    wide = slots[:, None].expand(*states.shape[:2], len(SLOTS)).long()
    entropy = sum(F.cross_entropy(block.transpose(1, 2), wide[..., i]) for i, block in enumerate(blocks))
    return {"mse": F.mse_loss(states, target), "entropy": entropy}


def train(plan: Plan, rank: int) -> None:
    torch.manual_seed(plan.seed)
    model, tokenizer = build().to(device()), words.build()
    run = Run(plan, model, split(model, plan.rate, MATRIX_RATE, PLAIN), rank)
    rng = np.random.default_rng((plan.seed, rank, run.step))
    while run.running():
        texts, slots = sample(rng, plan.batch)
        slots = torch.tensor(slots, device=device())
        numbers = words.numbers(tokenizer, texts, int(rng.choice(LENGTHS))).to(device())
        with autocast():
            states = model(numbers)[0].float()
        parts = losses(states, slots)
        right = (decode(states.detach()) == slots[:, None]).all(-1).float().mean()
        model.zero_grad()
        (parts["mse"] + 0.1 * parts["entropy"]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in run.optimizers:
            optimizer.step()
        run.stepped(mse=parts["mse"].item(), entropy=parts["entropy"].item(), right=right.item())
    run.save()


def load() -> T5EncoderModel:
    """The averaged weights so far."""
    state = torch.load(RUNS / "text" / "checkpoint-0.pt", map_location="cpu", weights_only=True)
    model = build()
    model.load_state_dict(state["average"])
    return model.eval().requires_grad_(False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    launch(Plan(part="text", rate=2e-3, **vars(parser.parse_args())), train)


if __name__ == "__main__":
    main()
