"""Memory rungs, fastest first."""

from enum import StrEnum

TEXT_ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3")
DENOISERS = ("transformer", "transformer_2", "unet")
"""Components that run in every step."""
RESIDENT = ("audio_vae", "sound_tokenizer")
"""Small components that stay on the device below model offload: they use weights before a layer is called, or outside
all layers, so that hooks of the layers would copy them too late."""


class Rung(StrEnum):
    """How much of a pipeline is on the device at a time. Each rung needs less memory than the one before it.

    Only QUANTISED changes pixels beyond rounding, so a profile has to allow it.
    """

    WHOLE = "whole"
    """All components stay on the device."""
    TEXT_ENCODER_FREED = "text_encoder_freed"
    """Text encoders are on the device only while texts are embedded, the other components always."""
    MODEL_OFFLOAD = "model_offload"
    """One component at a time."""
    GROUP_OFFLOAD = "group_offload"
    """Two blocks of the denoiser at a time: the next one is copied while one computes."""
    QUANTISED = "quantised"
    """As GROUP_OFFLOAD, with the denoiser's weights in 8 bits, on the device and in main memory."""
    SEQUENTIAL = "sequential"
    """One layer at a time."""


RUNGS = tuple(Rung)
