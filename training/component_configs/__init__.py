"""The components of large models on torch's meta device, and the tensors of one step and one decoding.

Sizes come from the configurations of the published repositories. Most of them are the defaults of their class; the
number of parameters of each class was compared with the published one.
"""

from collections.abc import Callable

import torch

from models.card import ModelCard
from models.placement.needs import default_shape
from training.component_configs.model import Model
from training.component_configs.silent import animatediff, cogvideox, hunyuan, ltx, mochi, svd
from training.component_configs.wan import helios, vace, wan
from training.component_configs.with_sound import cosmos3, kandinsky6, ltx2, ltx25

__all__ = ["MODELS", "Model", "model_of"]


def model_of(card: ModelCard) -> Model:
    """Return the model of a card, with all components on the meta device."""
    with torch.device("meta"):
        return MODELS[card.pipeline](card, *default_shape(card))


def _ltx2(card: ModelCard, frames: int, height: int, width: int) -> Model:
    return (ltx25 if "2.5" in card.name else ltx2)(card, frames, height, width)


MODELS: dict[str, Callable[[ModelCard, int, int, int], Model]] = {
    "AnimateDiffPipeline": animatediff,
    "CogVideoXImageToVideoPipeline": cogvideox,
    "CogVideoXPipeline": cogvideox,
    "Cosmos3OmniPipeline": cosmos3,
    "HeliosPyramidPipeline": helios,
    "HunyuanVideo15ImageToVideoPipeline": hunyuan,
    "HunyuanVideo15Pipeline": hunyuan,
    "Kandinsky6TI2VAPipeline": kandinsky6,
    "LTX2ConditionPipeline": ltx25,
    "LTX2ImageToVideoPipeline": ltx2,
    "LTX2Pipeline": _ltx2,
    "LTXImageToVideoPipeline": ltx,
    "LTXPipeline": ltx,
    "MochiPipeline": mochi,
    "StableVideoDiffusionPipeline": svd,
    "WanImageToVideoPipeline": wan,
    "WanPipeline": wan,
    "WanVACEPipeline": vace,
}
