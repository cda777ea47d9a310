"""Check the folder of an OpenCLIP model. Its configuration is an allow-list: open_clip passes unknown keys on."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.weights.config.config_keys import check_keys
from models.weights.folder_check import check_contents
from models.weights.folder_tree import PICKLES, FolderFile
from models.weights.json_file import read_json
from models.weights.refusal import RefusedFileError, shown

CONFIG = "open_clip_config.json"
PREFERRED = (
    "open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth", "model.safetensors", "pytorch_model.bin", "pytorch_model.pth", "model.pth",
)  # fmt: skip
"""The order in which open_clip looks for weights."""
TOKENIZERS = ("tokenizer.json", "tokenizer_config.json")
SLACK = 4
"""How many times more numbers than its file contains a configuration may describe, by a rough estimate."""
LEAST = 10_000_000

Layers = Annotated[int, Field(ge=1, le=128)]
Width = Annotated[int, Field(ge=1, le=8192)]
Heads = Annotated[int, Field(ge=1, le=256)]
Side = Annotated[int, Field(ge=1, le=2048)]
Context = Annotated[int, Field(ge=1, le=8192)]
Vocabulary = Annotated[int, Field(ge=1, le=2_000_000)]
Ratio = Annotated[float, Field(gt=0, le=32)]
Share = Annotated[float, Field(ge=0, le=1)]
Pair = Annotated[list[Side], Field(min_length=2, max_length=2)]
Channels = Annotated[list[float], Field(min_length=1, max_length=4)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Activation(_Part):
    approximate: Literal["none", "tanh"] = "none"


class _Norm(_Part):
    eps: Annotated[float, Field(gt=0, le=1)] = 1e-5
    elementwise_affine: bool = True


class _Block(_Part):
    """Settings that both towers have."""

    width: Width | None = None
    mlp_ratio: Ratio = 4.0
    ls_init_value: float | None = None
    final_ln_after_pool: bool = False
    output_tokens: bool = False
    act_kwargs: _Activation | None = None
    norm_kwargs: _Norm | None = None
    block_type: Literal["default", "custom"] | None = None
    qk_norm: bool = False
    scaled_cosine_attn: bool = False
    scale_heads: bool = False
    scale_attn_inner: bool = False
    scale_attn: bool = False
    scale_fc: bool = False


class _Vision(_Block):
    layers: Layers | Annotated[list[Layers], Field(min_length=4, max_length=4)] = 12
    head_width: Annotated[int, Field(ge=1, le=1024)] = 64
    patch_size: Annotated[int, Field(ge=1, le=128)] | None = 16
    image_size: Side | Pair = 224
    patch_dropout: Share = 0.0
    attentional_pool: bool | Literal["parallel", "cascade"] = False
    attn_pooler_queries: Context = 256
    attn_pooler_heads: Heads = 8
    no_ln_pre: bool = False
    pos_embed_type: Literal["learnable", "sin_cos_2d"] = "learnable"
    pool_type: Literal["tok", "avg", "none"] = "tok"
    timm_model_name: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,100}(\.[a-z0-9_]{1,100})?$")] | None = None
    timm_model_pretrained: Literal[False] = False
    timm_pool: Literal["", "avg", "map", "token", "abs_attn", "rot_attn"] = "avg"
    timm_proj: Literal["", "linear", "mlp", "none"] | None = "linear"
    timm_proj_bias: bool = False
    timm_drop: Share = 0.0
    timm_drop_path: Share | None = None


class _TokenizerOptions(_Part):
    clean: Literal["canonicalize", "lower", "whitespace"] = "whitespace"
    strip_sep_token: bool = False


class _Text(_Block):
    context_length: Context = 77
    vocab_size: Vocabulary = 49_408
    hf_tokenizer_name: Annotated[str, Field(max_length=200)] | None = None
    tokenizer_mode: Literal["clips", ""] | None = None
    tokenizer_kwargs: _TokenizerOptions | None = None
    heads: Heads = 8
    layers: Layers = 12
    embed_cls: bool = False
    pad_id: Annotated[int, Field(ge=0, le=2_000_000)] = 0
    eos_id: Annotated[int, Field(ge=0, le=2_000_000)] = 2
    no_causal_mask: bool = False
    pool_type: Literal["argmax", "first", "last", "eos", "none"] = "argmax"
    proj_bias: bool = False
    proj_type: Literal["linear", "none"] = "linear"


class _Multimodal(_Text):
    """The text decoder of CoCa."""

    dim_head: Annotated[int, Field(ge=1, le=1024)] = 64
    n_queries: Context = 256
    attn_pooler_heads: Heads = 8


class _Model(_Part):
    embed_dim: Width
    vision_cfg: _Vision
    text_cfg: _Text
    multimodal_cfg: _Multimodal | None = None
    quick_gelu: bool = False
    custom_text: bool = False
    init_logit_scale: float | None = None
    init_logit_bias: float | None = None
    nonscalar_logit_scale: bool = False


class _Preprocess(_Part):
    size: Side | Pair | None = None
    mode: Literal["RGB"] = "RGB"
    mean: Channels | None = None
    std: Channels | None = None
    interpolation: Literal["bicubic", "bilinear", "nearest"] = "bicubic"
    resize_mode: Literal["shortest", "longest", "squash"] = "shortest"
    fill_color: Annotated[int, Field(ge=0, le=255)] = 0


class OpenClipConfig(_Part):
    """All keys of ``open_clip_config.json`` that Reelmill accepts."""

    model_cfg: _Model
    preprocess_cfg: _Preprocess = Field(default_factory=_Preprocess)


def check_open_clip(folder: Path, files: list[FolderFile]) -> list[FolderFile]:
    """Check a scorer's folder, and return the files that open_clip and its tokenizer may read.

    Raises:
        RefusedFileError: the first problem.
    """
    content = read_json(folder / CONFIG, CONFIG)
    check_keys(content, CONFIG)
    config = _validated(content)
    loaded = [file for file in files if file.is_loaded]
    check_contents(loaded)
    _check_size(config, folder / chosen_weights(file.name for file in files if file.where == "."))
    if config.model_cfg.text_cfg.hf_tokenizer_name:
        for name in TOKENIZERS:
            if not (folder / name).is_file():
                raise RefusedFileError(f"{name} is missing, and tokenizers are not loaded from the hub; download it")
    return loaded


def _validated(content: dict[str, Any]) -> OpenClipConfig:
    try:
        return OpenClipConfig.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        why = (
            "which Reelmill does not accept"
            if first["type"] == "extra_forbidden"
            else f"which is not valid: {first['msg']}"
        )
        raise RefusedFileError(f"{CONFIG} sets {shown(key)}, {shown(why)}; remove or correct it") from error


def chosen_weights(names: Iterable[str]) -> str:
    """Return the name of the file that open_clip will load, of the files in the model's folder.

    Raises:
        RefusedFileError: there is no safetensors file, or open_clip would load a pickle.
    """
    names = sorted(name for name in names if Path(name).suffix in (".safetensors", *PICKLES))
    preferred = sorted((name for name in names if name in PREFERRED), key=PREFERRED.index)
    safe = [name for name in names if name.endswith(".safetensors")]
    if not safe:
        raise RefusedFileError("it contains no safetensors file; download it")
    chosen = (preferred or safe)[0]
    if not chosen.endswith(".safetensors"):
        raise RefusedFileError(
            f"open_clip would load the pickle {chosen} instead of {shown(safe[0])}; rename the latter to {PREFERRED[0]}"
        )
    return chosen


def _check_size(config: OpenClipConfig, weights: Path) -> None:
    """Refuse a configuration that describes a far larger model than the file contains."""
    described, stored = _numbers(config.model_cfg), weights.stat().st_size
    if described > SLACK * stored + LEAST:
        raise RefusedFileError(
            f"{CONFIG} describes a model of about {described:,} numbers, but {weights.name} has {stored:,} bytes; "
            "download both again"
        )


def _numbers(model: _Model) -> int:
    """Return roughly how many numbers the towers contain; towers of timm and ResNets are not counted."""
    text, vision = model.text_cfg, model.vision_cfg
    width = text.width or 512
    found = text.vocab_size * width + text.context_length**2 + text.layers * int((4 + 2 * text.mlp_ratio) * width**2)
    if isinstance(vision.layers, int) and not vision.timm_model_name:
        width = vision.width or 768
        found += vision.layers * int((4 + 2 * vision.mlp_ratio) * width**2)
    if (decoder := model.multimodal_cfg) is not None:
        width = decoder.width or 512
        found += decoder.vocab_size * width + 2 * decoder.layers * int((4 + 2 * decoder.mlp_ratio) * width**2)
    return found
