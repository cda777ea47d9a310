"""Check the file of a LoRA: diffusers passes its metadata to the constructor of peft's LoraConfig."""

from pathlib import Path
from typing import Any

from models.weights.config.config_keys import check_keys
from models.weights.json_file import parse_json
from models.weights.refusal import RefusedFileError, shown
from models.weights.safetensors_header import read_header

METADATA = "lora_adapter_metadata"
PLAIN = {
    "r", "lora_alpha", "lora_dropout", "rank_pattern", "alpha_pattern", "target_modules", "bias", "use_rslora",
    "use_dora", "init_lora_weights", "fan_in_fan_out", "peft_type", "task_type", "inference_mode", "lora_bias",
    "peft_version", "exclude_modules", "qalora_group_size", "megatron_core", "layers_pattern", "layers_to_transform",
    "revision",
}  # fmt: skip
"""Fields that are only numbers and names. All others must have the value that switches them off."""
MAX_RANK = 4096


def check_lora(path: Path, name: str) -> None:
    """Check the header and the metadata of a LoRA's file.

    Raises:
        RefusedFileError: names the file and the field.
    """
    header = read_header(path, name)
    if METADATA not in header.metadata:
        return
    config = parse_json(header.metadata[METADATA], f"the metadata of {name}")
    check_keys({key.rpartition(".")[2]: value for key, value in config.items()}, f"the metadata of {name}")
    for key, value in config.items():
        _check_field(key.rpartition(".")[2], value, name)


def _check_field(field: str, value: Any, name: str) -> None:
    if field not in PLAIN and value not in (None, False, [], {}, ""):
        raise RefusedFileError(
            f"its metadata set {shown(field)}, which Reelmill does not accept; save {shown(name)} without it"
        )
    if field == "megatron_core" and value not in (None, "megatron.core"):
        raise RefusedFileError(
            f"its metadata name the module {shown(value)}, which is never imported; save {shown(name)} without it"
        )
    if field in ("r", "lora_alpha") and not (isinstance(value, (int, float)) and 0 < value <= MAX_RANK):
        raise RefusedFileError(f"its metadata set {field} to {shown(value)}, but at most {MAX_RANK} is allowed")
    if field in ("target_modules", "exclude_modules") and isinstance(value, str):
        raise RefusedFileError(
            f"its metadata set {field} to a pattern instead of a list; save {shown(name)} with a list"
        )
