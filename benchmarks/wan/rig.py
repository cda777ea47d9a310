"""Wan 2.1 T2V 1.3B with random weights and cards in a temporary folder. Speed does not depend on training."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel
from diffusers.utils import logging
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel
from transformers.utils import logging as transformers_logging

from benchmarks.render.random_openclip import card as scorer_card
from benchmarks.render.random_openclip import save_openclip
from manifests.variant import Variant
from models.card import ModelCard
from models.registry import get_local_card
from models.weights import weights_of

BASE, FEW_STEPS = "wan2.1-t2v-1.3b", "wan2.2-t2v-a14b-4step"
"""The shipped cards with the measured settings. Only the scheduler of the second one is used, for few steps."""
NAME, SCORER = "random-wan", "random-openclip"
PROMPTS = ("a red kite over a beach", "a blue boat on a lake", "a green field in the wind", "a town in the snow")
TEXT_LAYERS = 2
"""Layers of UMT5-XXL instead of its 24, at full width, because 11 GB of random weights take minutes to create. This
understates what the loop loses by encoding the prompt for each clip."""
TRANSFORMERS: dict[str, dict[str, Any]] = {
    "real": {"num_attention_heads": 12, "attention_head_dim": 128, "ffn_dim": 8960, "num_layers": 30},
    "tiny": {
        "num_attention_heads": 2,
        "attention_head_dim": 12,
        "ffn_dim": 32,
        "num_layers": 2,
        "text_dim": 32,
        "freq_dim": 16,
        "rope_max_seq_len": 32,
    },
}
"""Arguments of WanTransformer3DModel. ``real`` is Wan-AI/Wan2.1-T2V-1.3B-Diffusers."""
AUTOENCODERS: dict[str, dict[str, Any]] = {
    "real": {},
    "tiny": {"base_dim": 4, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1},
}
CONTRAST = {"real": 0.25, "tiny": 1.0}
"""Factor on random frames. At full contrast they flicker almost more than the gate allows (12 of 255)."""
TEXTS: dict[str, dict[str, Any]] = {
    "real": {"d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_heads": 64, "num_layers": TEXT_LAYERS},
    "tiny": {"d_model": 32, "d_kv": 8, "d_ff": 32, "num_heads": 4, "num_layers": 1},
}
TEXT_TOKENS = {"real": 512, "tiny": 16}
TINY_OPENCLIP = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@dataclass(frozen=True)
class Setting:
    """Size of the networks, clips and device of a measurement.

    Attributes:
        size: Size of the networks: ``real``, or ``tiny`` for tests.
        height, width: Pixels of the generated frames and of the clip. Nothing is cropped.
        few_steps: Use the scheduler of few-step weights.
        clips_a_prompt: Number of seeds for each prompt.
        plain_clips: Clips of the plain loop. A few are enough, because its time is proportional to their number.
        want: Passing clips that the brief of each prompt wants.
        known: Variants of each prompt that are generated in advance, to choose its gate.
    """

    size: Literal["real", "tiny"]
    device: str
    height: int
    width: int
    num_frames: int
    steps: int
    guidance: float
    few_steps: bool = False
    prompts: tuple[str, ...] = PROMPTS
    clips_a_prompt: int = 1
    plain_clips: int = 1
    want: int | None = None
    known: int = 0

    @property
    def shown(self) -> str:
        """Description, for example ``832x480, 81 frames, 10 steps with guidance``."""
        guided = "with" if self.guidance > 1 else "without"
        return f"{self.width}x{self.height}, {self.num_frames} frames, {self.steps} steps {guided} guidance"


class Rig(NamedTuple):
    """Weights and cards in a folder. ``cards`` contains the files of both cards, like an operator's model folder."""

    setting: Setting
    folder: Path
    card: ModelCard

    @property
    def cards(self) -> Path:
        return self.folder / "cards"

    def variant(self, prompt: str, seed: int, **changes: Any) -> Variant:
        """Return a variant of the setting, in profile ``exact``."""
        one, card = self.setting, self.card
        negative = card.defaults.negative_prompt if card.supports_negative_prompt else ""
        return Variant(
            card.name,
            card.weights.revision,
            prompt,
            negative,
            seed,
            one.height,
            one.width,
            one.num_frames,
            card.rules.fps,
            one.steps,
            one.guidance,
            recipe=card.recipe("exact"),
        )._replace(**changes)

    def variants(self, first_seed: int, number: int, prompts: Sequence[str] = ()) -> list[Variant]:
        """Return ``number`` variants of each prompt, grouped by prompt as in a shard."""
        seeds = range(first_seed, first_seed + number)
        return [self.variant(prompt, seed) for prompt in prompts or self.setting.prompts for seed in seeds]


TINY = Setting("tiny", "cpu", 64, 96, 9, steps=4, guidance=5.0, prompts=PROMPTS[:2])
"""For tests: everything runs in a second or two on a CPU."""


@contextmanager
def rig(setting: Setting) -> Iterator[Rig]:
    """Yield a rig. Its folder (4 GB for ``real``) is deleted at the end."""
    for own in (logging, transformers_logging):
        own.disable_progress_bar()
        own.set_verbosity_error()
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        torch.manual_seed(1)
        pipeline(setting.size).save_pretrained(folder / "wan")
        save_openclip(folder / "openclip", TINY_OPENCLIP if setting.size == "tiny" else None)
        card = _card(folder / "wan", setting)
        _save_card(folder, NAME, card.model_dump(mode="json"))
        _save_card(folder, SCORER, scorer_card(folder / "openclip", SCORER).model_dump(mode="json"))
        yield Rig(setting, folder, card)


def pipeline(size: str) -> WanPipeline:
    """Return the pipeline with random weights: the autoencoder in float32, the rest of ``real`` in bfloat16."""
    dtype = torch.bfloat16 if size == "real" else torch.float32
    text_encoder: Any = UMT5EncoderModel(UMT5Config(vocab_size=256, **TEXTS[size]))
    autoencoder = AutoencoderKLWan(**AUTOENCODERS[size])
    with torch.no_grad():
        autoencoder.decoder.conv_out.weight *= CONTRAST[size]
    return WanPipeline(
        scheduler=UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
        vae=autoencoder,
        tokenizer=_tokenizer(size),
        text_encoder=text_encoder.to(dtype),
        transformer=WanTransformer3DModel(**TRANSFORMERS[size]).to(dtype),
    )


def _card(folder: Path, setting: Setting) -> ModelCard:
    """Return the shipped card for other weights."""
    base = get_local_card(BASE)
    side = {
        "height": setting.height,
        "width": setting.width,
        "render_height": setting.height,
        "render_width": setting.width,
    }
    changes: dict[str, Any] = {
        "name": NAME,
        "scorer": SCORER,
        "weights": weights_of(folder).model_dump(mode="json"),
        "sizes": {"16:9": side},
        "call": {"max_sequence_length": TEXT_TOKENS[setting.size]},
        "rules": base.rules.model_dump() | {"min_frames": min(setting.num_frames, base.rules.min_frames)},
        "defaults": base.defaults.model_dump()
        | {"num_inference_steps": setting.steps, "guidance_scale": setting.guidance, "num_frames": setting.num_frames},
    }
    if setting.few_steps:
        scheduler = get_local_card(FEW_STEPS).scheduler
        assert scheduler is not None
        changes |= {"scheduler": scheduler.model_dump(mode="json"), "supports_negative_prompt": False}
    return ModelCard.model_validate(base.model_dump(mode="json") | changes)


def _save_card(folder: Path, name: str, content: Mapping[str, Any]) -> None:
    (folder / "cards").mkdir(exist_ok=True)
    (folder / "cards" / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def _tokenizer(size: str) -> PreTrainedTokenizerFast:
    words = dict.fromkeys(("<pad>", "</s>", "<unk>", *" ".join(PROMPTS).split()))
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>"))  # noqa: S106 - no password
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=TEXT_TOKENS[size], **special)
