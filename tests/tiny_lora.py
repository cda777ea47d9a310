"""A random LoRA of a tiny Wan, as training would save it."""

from functools import cache
from pathlib import Path

from tiny_weights import _folder


@cache
def wan_lora(folder: Path) -> Path:
    """Return the safetensors file of a LoRA for the transformer of a Wan folder."""
    import torch
    from diffusers import WanPipeline, WanTransformer3DModel
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    torch.manual_seed(0)
    transformer = WanTransformer3DModel.from_pretrained(folder / "transformer")
    transformer.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False))
    made = _folder("lora")
    WanPipeline.save_lora_weights(made, transformer_lora_layers=get_peft_model_state_dict(transformer))
    return made / "pytorch_lora_weights.safetensors"
