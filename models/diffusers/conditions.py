"""Pictures and frames that a clip is generated from, and how the pipelines take them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from diffusers.utils.torch_utils import randn_tensor
from PIL.Image import Image


class Conditions(NamedTuple):
    """What one clip is generated from besides its text.

    Attributes:
        first, last: the pictures that the clip starts and ends with, in the render size.
        references: pictures of what the clip shows, in any size: the pipeline scales them without cropping.
        earlier: the last frames of the clip that this one continues, in the render size.
    """

    first: Image | None = None
    last: Image | None = None
    references: Sequence[Image] = ()
    earlier: Sequence[Image] = ()


def of_images(pipeline: Any, conditions: Conditions, generator: torch.Generator) -> dict[str, Any]:
    """Return the arguments of pipelines that take pictures as ``image``, ``last_image`` and ``reference_images``."""
    named = {
        "image": conditions.first,
        "last_image": conditions.last,
        "reference_images": list(conditions.references) or None,
    }
    return {name: value for name, value in named.items() if value is not None}


def of_ltx2(pipeline: Any, conditions: Conditions, generator: torch.Generator) -> dict[str, Any]:
    """Return the pictures with their places in the clip.

    They are compressed as in training before they are used. The pipeline would read how strongly from the text
    encoder, which is no longer loaded.
    """
    from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition

    crf = LTX25_CRF if getattr(pipeline, "duration_head", None) is not None else LTX2_CRF
    places = ((conditions.first, 0), (conditions.last, -1))
    made = [
        LTX2VideoCondition(frames=picture, index=index, crf=crf) for picture, index in places if picture is not None
    ]
    return {"conditions": made or None}


def of_helios(pipeline: Any, conditions: Conditions, generator: torch.Generator) -> dict[str, Any]:
    """Return the earlier frames as noisy latents.

    Helios draws this noise on the device of the model, with a generator that lives on the CPU, which torch refuses. It
    is therefore drawn here, in the same order; on a CPU the result is that of the argument ``video``.
    """
    if not conditions.earlier:
        return {}
    device, config, height = pipeline._execution_device, pipeline.vae.config, conditions.earlier[0].height
    mean, std = (
        torch.tensor(values).view(1, config.z_dim, 1, 1, 1).to(device, pipeline.vae.dtype)
        for values in (config.latents_mean, config.latents_std)
    )
    frames = pipeline.video_processor.preprocess_video(
        list(conditions.earlier), height=height, width=conditions.earlier[0].width
    )
    first, latents = pipeline.prepare_video_latents(
        frames,
        latents_mean=mean,
        latents_std=1.0 / std,
        num_latent_frames_per_chunk=HELIOS_CHUNK,
        dtype=torch.float32,
        device=device,
        generator=generator,
    )
    noisy = [_noisy(first, torch.rand(1, generator=generator), generator)]
    for chunk in latents.split(HELIOS_CHUNK, dim=2):
        noisy.append(_noisy(chunk, torch.rand(chunk.shape[2], generator=generator).view(1, 1, -1, 1, 1), generator))
    return {
        "image_latents": noisy[0],
        "video_latents": torch.cat(noisy[1:], dim=2),
        "add_noise_to_image_latents": False,
        "add_noise_to_video_latents": False,
    }


LTX2_CRF, LTX25_CRF = 33, 18
HELIOS_CHUNK = 9
"""Latents that Helios generates at a time: 33 frames."""
HELIOS_NOISE = (0.111, 0.135)
"""Range of the share of noise in latents of earlier frames, the default of the pipeline's arguments."""


def _noisy(latents: torch.Tensor, share: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    low, high = HELIOS_NOISE
    sigma = (share * (high - low) + low).to(latents.device)
    noise: torch.Tensor = randn_tensor(latents.shape, generator=generator, device=latents.device)
    return sigma * noise + (1 - sigma) * latents
