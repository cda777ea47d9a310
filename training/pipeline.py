"""The stock pipeline with the weights of the latest checkpoints."""

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTXPipeline

from training import text, vae, video_model
from training.latents import read_statistics
from training.scenes import tokenizer

SHIFT = 2.0


def build_pipeline() -> LTXPipeline:
    """Build the stock pipeline with the averaged weights of the latest checkpoints, in fp32."""
    autoencoder = vae.load().cpu().to(memory_format=torch.contiguous_format)
    mean, deviation = read_statistics()
    autoencoder.latents_mean.copy_(mean)
    autoencoder.latents_std.copy_(deviation)
    return LTXPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=SHIFT),
        vae=autoencoder,
        text_encoder=text.load(),
        tokenizer=tokenizer.build(),
        transformer=video_model.load(),
    )
