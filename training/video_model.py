"""The network of the video model, and its trained weights."""

import torch
from diffusers import LTXVideoTransformer3DModel

from training.harness.run import RUNS
from training.scenes.codes import WIDTH
from training.vae import LATENT_CHANNELS


def build(layers: int = 6, heads: int = 4, head_width: int = 48) -> LTXVideoTransformer3DModel:
    """Build a model that initially predicts zero and has no modulation of its blocks."""
    model = LTXVideoTransformer3DModel(
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        num_attention_heads=heads,
        attention_head_dim=head_width,
        cross_attention_dim=heads * head_width,
        num_layers=layers,
        caption_channels=WIDTH,
    )
    with torch.no_grad():
        for weight in (*model.proj_out.parameters(), *model.time_embed.linear.parameters(), model.scale_shift_table):
            weight.zero_()
        for block in model.transformer_blocks:
            block.scale_shift_table.zero_()
            block.scale_shift_table[[2, 5]] = 0.5
    return model


def load(checkpoint: str = "video") -> LTXVideoTransformer3DModel:
    """Load the averaged weights of the latest checkpoint, with normal cross-attention."""
    state = torch.load(RUNS / checkpoint / "checkpoint-0.pt", map_location="cpu", weights_only=True)
    model = build()
    model.load_state_dict({name: value for name, value in state["average"].items() if "position" not in name})
    return model.eval().requires_grad_(False)
