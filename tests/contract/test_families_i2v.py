"""Every family that starts from an image: its stock pipeline, on a tiny folder of its real classes."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import diffusers
import pytest
import tiny_image_families as tiny
import torch
from PIL import Image

TEXT = {"prompt": "a red circle", "negative_prompt": "blue"}
SIZE = {"height": 64, "width": 64}
WORDS = {"max_sequence_length": 16}
WAN = TEXT | SIZE | WORDS | {"num_frames": 9, "guidance_scale": 3.0}
LTX = WAN | {"frame_rate": 8}
HUNYUAN = TEXT | {"num_frames": 9}
SVD = SIZE | {"num_frames": 4, "fps": 7, "max_guidance_scale": 3.0, "decode_chunk_size": 4}

EMBEDDINGS = ("prompt_embeds",)
MASKED = ("prompt_embeds", "prompt_attention_mask")
TWICE = ("prompt_embeds", "prompt_embeds_mask", "prompt_embeds_2", "prompt_embeds_mask_2")


class Family(NamedTuple):
    """A folder, the class that opens it, and what its call is given beside the image.

    Attributes:
        embeddings: what encode_prompt returns first, as the call takes it back; none without text.
        shape: of the frames.
    """

    folder: Callable[[], Path]
    pipeline: str
    inputs: dict[str, Any]
    embeddings: tuple[str, ...] = EMBEDDINGS
    shape: tuple[int, ...] = (9, 3, 64, 64)


FAMILIES = {
    "wan2.1": Family(tiny.wan_i2v_folder, "WanImageToVideoPipeline", WAN),
    "wan2.2-a14b": Family(tiny.wan22_i2v_folder, "WanImageToVideoPipeline", WAN),
    "wan2.2-ti2v": Family(tiny.wan22_ti2v_folder, "WanImageToVideoPipeline", WAN),
    "ltx": Family(tiny.ltx_i2v_folder, "LTXImageToVideoPipeline", LTX, MASKED),
    "ltx2": Family(tiny.ltx2_i2v_folder, "LTX2ImageToVideoPipeline", LTX, MASKED),
    "cogvideox": Family(tiny.cogvideox_i2v_folder, "CogVideoXImageToVideoPipeline", WAN),
    "cogvideox1.5": Family(tiny.cogvideox15_i2v_folder, "CogVideoXImageToVideoPipeline", WAN),
    "hunyuan1.5": Family(tiny.hunyuan15_i2v_folder, "HunyuanVideo15ImageToVideoPipeline", HUNYUAN, TWICE),
    "svd": Family(tiny.svd_folder, "StableVideoDiffusionPipeline", SVD, (), (4, 3, 64, 64)),
}
WORDED = [name for name, family in FAMILIES.items() if family.embeddings]


@cache
def pipeline_of(name: str) -> Any:
    family = FAMILIES[name]
    loaded = getattr(diffusers, family.pipeline).from_pretrained(
        str(family.folder()), local_files_only=True, use_safetensors=True, dtype=torch.float32
    )
    loaded.set_progress_bar_config(disable=True)
    return loaded


def picture(right: str) -> Image.Image:
    """A red picture with another colour in its right half, in a shape that every family keeps."""
    made = Image.new("RGB", (64, 64), "red")
    made.paste(right, (32, 0, 64, 64))
    return made


def output_of(name: str, right: str = "blue", output_type: str = "pt", **inputs) -> torch.Tensor:
    return pipeline_of(name)(
        image=picture(right),
        num_inference_steps=2,
        generator=torch.Generator("cpu").manual_seed(1),
        output_type=output_type,
        **(inputs or FAMILIES[name].inputs),
    ).frames


@pytest.mark.parametrize("name", FAMILIES)
def test_an_image_becomes_finite_frames(name):
    [frames] = output_of(name)
    assert frames.shape == FAMILIES[name].shape
    assert torch.isfinite(frames).all()
    assert frames.min() >= 0
    assert frames.max() <= 1


@pytest.mark.parametrize("name", FAMILIES)
def test_another_image_gives_other_frames_and_the_same_image_the_same(name):
    first, again, other = output_of(name), output_of(name), output_of(name, "green")
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("name", WORDED)
def test_texts_can_be_embedded_before_the_call(name):
    embedded = {
        role + key: value
        for role, text in (("", TEXT["prompt"]), ("negative_", TEXT["negative_prompt"]))
        for key, value in embeddings_of(name, text).items()
    }
    inputs = {key: value for key, value in FAMILIES[name].inputs.items() if key not in TEXT}
    assert torch.equal(output_of(name, **inputs, **embedded), output_of(name))


def embeddings_of(name: str, text: str) -> dict[str, torch.Tensor]:
    options = {} if name == "hunyuan1.5" else WORDS | {"do_classifier_free_guidance": False}
    with torch.no_grad():
        encoded = pipeline_of(name).encode_prompt(text, **options)
    return dict(zip(FAMILIES[name].embeddings, encoded, strict=False))


@pytest.mark.parametrize("name", FAMILIES)
def test_latents_can_be_decoded_after_the_call(name):
    pipeline, latents = pipeline_of(name), output_of(name, output_type="latent")
    decode = DECODERS[type(pipeline).__name__]
    with torch.no_grad():
        video = decode(pipeline, latents)
    assert torch.equal(pipeline.video_processor.postprocess_video(video, output_type="pt"), output_of(name))


def decode_wan(pipeline, latents):
    vae = pipeline.vae
    mean, std = (
        torch.tensor(values).view(1, -1, 1, 1, 1) for values in (vae.config.latents_mean, vae.config.latents_std)
    )
    return vae.decode(latents / (1.0 / std) + mean, return_dict=False)[0]


def decode_ltx(pipeline, latents):
    """LTX's latents come packed: nothing in them tells frames, height and width."""
    vae = pipeline.vae
    latents = pipeline._unpack_latents(latents, 3, 4, 4)
    latents = pipeline._denormalize_latents(latents, vae.latents_mean, vae.latents_std, vae.config.scaling_factor)
    return vae.decode(latents, None, return_dict=False)[0]


def decode_ltx2(pipeline, latents):
    return pipeline.vae.decode(latents, None, return_dict=False)[0]


def decode_cogvideox(pipeline, latents):
    """The frames that ``patch_size_t`` added in front are still in the latents."""
    patch = pipeline.transformer.config.patch_size_t
    wanted = (9 - 1) // pipeline.vae_scale_factor_temporal + 1
    return pipeline.decode_latents(latents[:, -wanted % patch if patch else 0 :])


def decode_hunyuan(pipeline, latents):
    return pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor, return_dict=False)[0]


def decode_svd(pipeline, latents):
    return pipeline.decode_latents(latents, num_frames=4, decode_chunk_size=4)


DECODERS = {
    "WanImageToVideoPipeline": decode_wan,
    "LTXImageToVideoPipeline": decode_ltx,
    "LTX2ImageToVideoPipeline": decode_ltx2,
    "CogVideoXImageToVideoPipeline": decode_cogvideox,
    "HunyuanVideo15ImageToVideoPipeline": decode_hunyuan,
    "StableVideoDiffusionPipeline": decode_svd,
}
