"""Encoders of texts and pictures that several models share."""

from typing import Any

import transformers


def t5() -> Any:
    return transformers.T5EncoderModel(
        transformers.T5Config(
            vocab_size=32128, d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64,
            feed_forward_proj="gated-gelu",
        )
    )  # fmt: skip


def umt5() -> Any:
    return transformers.UMT5EncoderModel(
        transformers.UMT5Config(
            vocab_size=256384, d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64,
            feed_forward_proj="gated-gelu",
        )
    )  # fmt: skip


def gemma3() -> Any:
    """Gemma 3 12B with its vision tower."""
    text = {
        "vocab_size": 262208, "hidden_size": 3840, "intermediate_size": 15360, "num_hidden_layers": 48,
        "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256,
    }  # fmt: skip
    vision = {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16,
              "image_size": 896, "patch_size": 14}  # fmt: skip
    return transformers.Gemma3ForConditionalGeneration(
        transformers.Gemma3Config(text_config=text, vision_config=vision)
    )


def gemma4() -> Any:
    """Gemma 4 12B, whose vision and sound embedders have no towers."""
    text = {
        "vocab_size": 262144, "hidden_size": 3840, "intermediate_size": 15360, "num_hidden_layers": 48,
        "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256, "global_head_dim": 512,
        "num_global_key_value_heads": 1, "attention_k_eq_v": True,
    }  # fmt: skip
    return transformers.Gemma4UnifiedForConditionalGeneration(transformers.Gemma4UnifiedConfig(text_config=text))


def qwen25_vl() -> Any:
    """Qwen 2.5 VL 7B with its vision tower."""
    text = {
        "vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
        "num_attention_heads": 28, "num_key_value_heads": 4,
    }  # fmt: skip
    vision = {"hidden_size": 1280, "intermediate_size": 3420, "depth": 32, "num_heads": 16, "out_hidden_size": 3584}
    return transformers.Qwen2_5_VLForConditionalGeneration(
        transformers.Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=False)
    )


def clip_text() -> Any:
    """The text encoder of CLIP ViT-L/14."""
    return transformers.CLIPTextModel(
        transformers.CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_attention_heads=12, projection_dim=768)
    )


def clip_vision(kind: Any) -> Any:
    """The vision tower of OpenCLIP ViT-H/14."""
    return kind(
        transformers.CLIPVisionConfig(
            hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=16, patch_size=14,
            projection_dim=1024,
        )
    )  # fmt: skip
