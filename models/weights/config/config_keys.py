"""Keys and values of configuration files that make a library run code, import modules or use the network.

Derived from transformers 5.23, diffusers 0.42, peft 0.21 and open_clip 3.3. The same rules apply to every JSON file of
a folder, at any depth, since the libraries read nested configurations too.
"""

import re
from collections.abc import Iterator
from typing import Any

from models.weights.refusal import RefusedFileError, shown

CODE = "which makes libraries run or import code"
HUB = "which makes libraries load a model by its hub name"
PATH = "which makes libraries read other files"
REFUSED = {
    **dict.fromkeys(
        (
            "auto_map", "auto_mapping", "trust_remote_code", "custom_pipeline", "custom_pipelines", "custom_revision",
            "custom_generate", "custom_object_scope", "code_revision", "megatron_config", "quantization_config",
            "use_kernels", "kernel_config", "runtime_config", "distributed_config", "fusion_config",
        ),
        CODE,
    ),
    **dict.fromkeys(
        (
            "base_model_name_or_path", "hf_model_name", "audio_tokenizer", "use_pretrained_backbone",
            "timm_model_pretrained", "pretrained_backbone",
        ),
        HUB,
    ),
    **dict.fromkeys(
        (
            "configuration_files", "fast_tokenizer_files", "transformers_weights", "gguf_file", "adapter_name_or_path",
            "dduf_file", "init_inputs",
        ),
        PATH,
    ),
}  # fmt: skip
"""By key: why it is refused. A value that is empty or false is accepted, since libraries save their defaults."""
KERNELS = ("attn_implementation", "_attn_implementation", "experts_implementation", "_experts_implementation")
STOCK_KERNELS = (None, "eager", "sdpa", "flex_attention", "flash_attention_2", "flash_attention_3")
"""Names with a slash are repositories with compiled code."""
CLASSES = re.compile(
    r"_class_name|architectures|feature_extractor_type|(image_|video_)?processor_type"
    r"|((slow_|fast_)?tokenizer|(image_|video_)?processor|feature_extractor|model|config)_class"
)
TOKENIZER = re.compile(r"(?!Auto)[A-Z]\w{0,100}(Tokenizer|TokenizerFast|Backend)")
"""Values of ``tokenizer_class``, of which transformers calls ``from_pretrained`` with the folder."""
IDENTIFIER = re.compile(r"[A-Za-z_]\w{0,127}")
SOURCES = ("hf-hub:", "local-dir:")
"""Prefixes with which open_clip and timm load other models."""


def check_keys(content: dict[str, Any], name: str) -> None:
    """Refuse a configuration with a key or value that is not data.

    Raises:
        RefusedFileError: names the key.
    """
    for key, value in _pairs(content):
        if key in REFUSED and value:
            raise _refused(name, key, REFUSED[key])
        if key in KERNELS and _is_foreign_kernel(value):
            raise _refused(name, key, f"{CODE} ({shown(value)})")
        if key == "tokenizer_class" and value and not TOKENIZER.fullmatch(str(value)):
            raise _refused(name, key, f"which is not the name of a tokenizer class: {shown(value)}")
        if CLASSES.fullmatch(key) and not _is_class(value):
            raise _refused(name, key, f"which is not the name of a class of the library: {shown(value)}")
        if isinstance(value, str) and value.startswith(SOURCES):
            raise _refused(name, key, f"{HUB} ({shown(value)})")


def _refused(name: str, key: str, why: str) -> RefusedFileError:
    return RefusedFileError(f"{shown(name)} sets {shown(key)}, {why}; remove the key")


def _is_foreign_kernel(value: Any) -> bool:
    named = value.values() if isinstance(value, dict) else [value]
    return any(each not in STOCK_KERNELS for each in named)


def _is_class(value: Any) -> bool:
    named = value if isinstance(value, list) else [value]
    return all(each is None or (isinstance(each, str) and IDENTIFIER.fullmatch(each)) for each in named)


def _pairs(content: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield all keys and values at any depth, without recursion. Values of lists are given their list's key."""
    waiting: list[tuple[str, Any]] = list(content.items())
    while waiting:
        key, value = waiting.pop()
        yield key, value
        if isinstance(value, dict):
            waiting.extend(value.items())
        elif isinstance(value, list):
            waiting.extend((key, each) for each in value if isinstance(each, (dict, list, str)))
