"""Model folders that attack the program that loads them. Each is an honest tiny folder with one change."""

import json
import os
import pickle
import shutil
import socket
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import tiny_families
import tiny_weights
from tiny_lora import wan_lora

from models.card import Card

TB = 10**12
PINNED_BYTES = 20_000_000
CONFIG, TOKENIZER = "open_clip_config.json", "tokenizer_config.json"
CLIP_WEIGHTS = "open_clip_model.safetensors"
WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"


class Attack(NamedTuple):
    """A change of an honest folder.

    Attributes:
        base: ``scorer``, ``pipeline``, ``part`` or ``lora``.
        change: changes the folder. The file ``canary`` next to it must never exist.
        sentence: part of the message that refuses it.
    """

    name: str
    base: str
    change: Callable[[Path], object]
    sentence: str


class Loaded:
    """Creates the canary when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple:
        return (open, (str(self.canary), "w"))


def canary_of(folder: Path) -> Path:
    """Return the file that exists if code of the folder ran."""
    return folder.parent / "canary"


def module(folder: Path) -> str:
    """Return Python code that creates the canary, and defines what a loader looks for."""
    return (
        f"open({str(canary_of(folder))!r}, 'w').close()\n"
        "from transformers import PreTrainedTokenizerFast\n"
        "class Evil(PreTrainedTokenizerFast): pass\n"
    )


def build(attack: Attack, folder: Path) -> Card:
    """Make the folder of an attack, and return its card. The card has the hash of the changed folder, if possible."""
    source = {
        "scorer": tiny_weights.openclip_folder,
        "pipeline": tiny_weights.ltx_folder,
        "part": tiny_families.motion_adapter_folder,
        "lora": lambda: wan_lora(tiny_weights.wan_folder()).parent,
    }[attack.base]()
    shutil.copytree(source, folder)
    attack.change(folder)
    return card_of(attack.base, folder)


def card_of(base: str, folder: Path) -> Card:
    """Return a card that names the folder."""
    if base == "scorer":
        return tiny_weights.scorer_card(weights=pinned(folder))
    if base == "pipeline":
        return tiny_weights.ltx_card(weights=pinned(folder))
    if base == "part":
        return tiny_weights.ltx_card(parts={"vae": pinned(folder)})
    file = folder / "pytorch_lora_weights.safetensors"
    lora = {"name": "style", "weights": pinned(file), "file": file.name}
    return tiny_weights.wan_card(loras=[lora])


def pinned(path: Path) -> dict:
    """Return what a card says about a folder or file, with a made-up hash if it would take long to compute."""
    sizes = [each.lstat().st_size for each in (path, *path.rglob("*"))]
    if max(sizes) > PINNED_BYTES:
        return {"folder": str(path), "revision": "0" * 12, "sha256": "0" * 64, "size_mb": 1}
    return tiny_weights.pinned(path)


def edit(path: str, **changes: object) -> Callable[[Path], None]:
    """Return a change of keys of a JSON file; ``a__b`` is the key b in the object a."""

    def change(folder: Path) -> None:
        content = json.loads((folder / path).read_text())
        for key, value in changes.items():
            *parents, last = key.split("___")
            place = content
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = value
        (folder / path).write_text(json.dumps(content))

    return change


def text(path: str, content: str) -> Callable[[Path], None]:
    """Return a change that writes a file."""

    def change(folder: Path) -> None:
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(content)

    return change


def code(path: str) -> Callable[[Path], None]:
    """Return a change that writes a module which creates the canary."""
    return lambda folder: text(path, module(folder))(folder)


def both(*changes: Callable[[Path], object]) -> Callable[[Path], None]:
    """Return the changes one after the other."""

    def change(folder: Path) -> None:
        for each in changes:
            each(folder)

    return change


def pickled(path: str, remove: str = "") -> Callable[[Path], None]:
    """Return a change that writes a pickle which creates the canary."""

    def change(folder: Path) -> None:
        if remove:
            (folder / remove).unlink()
        (folder / path).write_bytes(pickle.dumps(Loaded(canary_of(folder))))

    return change


def torch_zip(path: str) -> Callable[[Path], None]:
    """Return a change that writes a pickle in the layout of torch.save."""

    def change(folder: Path) -> None:
        with zipfile.ZipFile(folder / path, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(Loaded(canary_of(folder))))
            archive.writestr("archive/version", "3")

    return change


def numpy_objects(path: str) -> Callable[[Path], None]:
    """Return a change that writes a .npy file with a pickled object."""

    def change(folder: Path) -> None:
        header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"
        start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
        (folder / path).write_bytes(start + pickle.dumps([Loaded(canary_of(folder))]))

    return change


def link(path: str, target: str) -> Callable[[Path], None]:
    """Return a change that replaces a file or folder by a link."""

    def change(folder: Path) -> None:
        place = folder / path
        if place.is_dir():
            shutil.rmtree(place)
        place.unlink(missing_ok=True)
        place.symlink_to(target)

    return change


def outside(path: str) -> Callable[[Path], None]:
    """Return a change that moves a file or folder out, and leaves a link to it."""

    def change(folder: Path) -> None:
        moved = folder.parent / "elsewhere"
        (folder / path).rename(moved)
        (folder / path).symlink_to(moved)

    return change


def pipe(path: str) -> Callable[[Path], None]:
    """Return a change that replaces a file by a named pipe, which nobody writes to."""

    def change(folder: Path) -> None:
        (folder / path).unlink(missing_ok=True)
        os.mkfifo(folder / path)

    return change


def listening(path: str) -> Callable[[Path], None]:
    """Return a change that makes a socket in the folder."""

    def change(folder: Path) -> None:
        here = os.open(folder, os.O_RDONLY)
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"/proc/self/fd/{here}/{path}")  # paths of sockets have at most 107 characters
        os.close(here)

    return change


def device(path: str) -> Callable[[Path], None]:
    """Return a change that replaces a file by a device without end; a pipe if this user cannot make devices."""

    def change(folder: Path) -> None:
        (folder / path).unlink(missing_ok=True)
        try:
            os.mknod(folder / path, 0o20644, os.makedev(1, 5))
        except PermissionError:
            os.mkfifo(folder / path)

    return change


def sparse(path: str, size: int) -> Callable[[Path], None]:
    """Return a change that makes a file larger without using space."""

    def change(folder: Path) -> None:
        with (folder / path).open("ab") as file:
            file.truncate(size)

    return change


def header(path: str, tensors: object, data: int = 0, length: int | None = None) -> Callable[[Path], None]:
    """Return a change that replaces a safetensors file: header, then so many bytes, which use no space."""
    raw = tensors.encode() if isinstance(tensors, str) else json.dumps(tensors).encode()

    def change(folder: Path) -> None:
        with (folder / path).open("wb") as file:
            file.write(struct.pack("<Q", len(raw) if length is None else length) + raw)
            file.truncate(8 + len(raw) + data)

    return change


def tensor(start: int, stop: int, shape: list, dtype: str = "F32") -> dict:
    """Return the entry of a tensor."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def lora_metadata(**fields: object) -> Callable[[Path], None]:
    """Return a change of the metadata that diffusers passes to LoraConfig."""

    def change(folder: Path) -> None:
        path = folder / "pytorch_lora_weights.safetensors"
        raw = path.read_bytes()
        length = int.from_bytes(raw[:8], "little")
        content = json.loads(raw[8 : 8 + length])
        config = {"transformer.r": 2, "transformer.target_modules": ["to_q"]}
        config |= {f"transformer.{field}": value for field, value in fields.items()}
        content["__metadata__"] = {"lora_adapter_metadata": json.dumps(config)}
        made = json.dumps(content).encode()
        path.write_bytes(struct.pack("<Q", len(made)) + made + raw[8 + length :])

    return change


def many_files(folder: Path) -> None:
    (folder / "more").mkdir()
    for number in range(2001):
        (folder / "more" / f"{number}.md").touch()


def many_folders(folder: Path) -> None:
    for number in range(2001):
        (folder / str(number)).mkdir()


def not_text(folder: Path) -> None:
    (folder / os.fsdecode(b"\xff.json")).write_text("{}")


def deep_folders(folder: Path) -> None:
    (folder / "/".join("d" * 12)).mkdir(parents=True)
    (folder / "/".join("d" * 12) / "a.md").touch()


def component(name: str, entry: object) -> Callable[[Path], None]:
    """Return a change of one component of a pipeline."""
    return edit("model_index.json", **{name: entry})


def template(path: str, source: str) -> Callable[[Path], None]:
    """Return a change of a chat template."""
    return edit(path, chat_template=source)


DEEP = "[" * 200_000 + "]" * 200_000
HUB_MAP = {"AutoTokenizer": ["evil/repo--evil.Evil", None]}
OWN_MAP = {"AutoTokenizer": ["evil.Evil", None]}
CFG = "model_cfg___"
VISION, TEXT = f"{CFG}vision_cfg___", f"{CFG}text_cfg___"
INDEX = f"{WEIGHTS}.index.json"

ATTACKS = [
    # Code and hub names in configurations
    Attack(
        "the scorer of issue 18",
        "scorer",
        both(
            edit(CONFIG, **{f"{TEXT}tokenizer_kwargs": {"trust_remote_code": True}}),
            edit(TOKENIZER, auto_map=HUB_MAP),
        ),
        "open_clip_config.json sets trust_remote_code, which makes libraries run or import code; remove the key",
    ),
    Attack(
        "auto_map of a hub module", "scorer", edit(TOKENIZER, auto_map=HUB_MAP), "tokenizer_config.json sets auto_map"
    ),
    Attack(
        "auto_map and its module",
        "scorer",
        both(
            edit(CONFIG, **{f"{TEXT}tokenizer_kwargs": {"trust_remote_code": True}}),
            edit(TOKENIZER, auto_map=OWN_MAP),
            code("evil.py"),
        ),
        "it contains code (evil.py), which is never run; remove the file",
    ),
    Attack(
        "a tokenizer option",
        "scorer",
        edit(CONFIG, **{f"{TEXT}tokenizer_kwargs": {"subfolder": ".."}}),
        "sets model_cfg.text_cfg.tokenizer_kwargs.subfolder, which Reelmill does not accept",
    ),
    Attack(
        "a text tower from the hub",
        "scorer",
        edit(CONFIG, **{f"{TEXT}hf_model_name": "evil/roberta"}),
        "sets hf_model_name, which makes libraries load a model by its hub name",
    ),
    Attack(
        "a timm model from the hub",
        "scorer",
        edit(CONFIG, **{f"{VISION}timm_model_name": "hf-hub:evil/vit"}),
        "sets timm_model_name, which makes libraries load a model by its hub name (hf-hub:evil/vit)",
    ),
    Attack(
        "a timm model by path",
        "scorer",
        edit(CONFIG, **{f"{VISION}timm_model_name": "../vit"}),
        "sets model_cfg.vision_cfg.timm_model_name, which is not valid",
    ),
    Attack(
        "pretrained timm weights",
        "scorer",
        edit(CONFIG, **{f"{VISION}timm_model_pretrained": True}),
        "sets timm_model_pretrained, which makes libraries load a model by its hub name",
    ),
    Attack(
        "a misspelt tokenizer name without a tokenizer",
        "scorer",
        lambda folder: (folder / "tokenizer.json").unlink(),
        "tokenizer.json is missing, and tokenizers are not loaded from the hub",
    ),
    Attack("an unknown key", "scorer", edit(CONFIG, **{f"{VISION}loader": "evil"}), "sets model_cfg.vision_cfg.loader"),
    Attack("an unknown section", "scorer", edit(CONFIG, hooks=["evil"]), "sets hooks, which Reelmill does not accept"),
    Attack("the wrong type", "scorer", edit(CONFIG, **{f"{VISION}layers": "12"}), "sets model_cfg.vision_cfg.layers"),
    Attack(
        "auto_map of a text encoder",
        "pipeline",
        edit("text_encoder/config.json", auto_map={"AutoModel": "a--b.C"}),
        "text_encoder/config.json sets auto_map",
    ),
    Attack(
        "auto_map of a transformer",
        "pipeline",
        edit("transformer/config.json", auto_map={"AutoModel": "b.C"}),
        "transformer/config.json sets auto_map",
    ),
    Attack(
        "auto_map of a tokenizer",
        "pipeline",
        edit(f"tokenizer/{TOKENIZER}", auto_map=HUB_MAP),
        "tokenizer/tokenizer_config.json sets auto_map",
    ),
    Attack(
        "auto_map of a scheduler",
        "pipeline",
        edit("scheduler/scheduler_config.json", auto_map={"A": "b.C"}),
        "scheduler/scheduler_config.json sets auto_map",
    ),
    Attack(
        "auto_map in a nested configuration",
        "pipeline",
        edit("text_encoder/config.json", text_config={"vision_config": {"auto_map": {"AutoModel": "b.C"}}}),
        "text_encoder/config.json sets auto_map",
    ),
    Attack(
        "auto_map of a processor",
        "pipeline",
        text("tokenizer/processor_config.json", '{"auto_map": {"A": "b.C"}}'),
        "tokenizer/processor_config.json sets auto_map",
    ),
    Attack(
        "auto_map of a preprocessor",
        "pipeline",
        text("text_encoder/preprocessor_config.json", '{"auto_map": {"AutoProcessor": "a/b--c.D"}}'),
        "text_encoder/preprocessor_config.json sets auto_map",
    ),
    Attack(
        "auto_map of a part", "part", edit("config.json", auto_map={"AutoModel": "b.C"}), "config.json sets auto_map"
    ),
    Attack(
        "a generation config with code",
        "pipeline",
        text("text_encoder/generation_config.json", '{"custom_generate": "evil/repo"}'),
        "sets custom_generate",
    ),
    Attack(
        "an audio tokenizer from the hub",
        "pipeline",
        text("tokenizer/processor_config.json", '{"audio_tokenizer": {"audio_tokenizer_name_or_path": "evil/x"}}'),
        "sets audio_tokenizer, which makes libraries load a model by its hub name",
    ),
    Attack(
        "a compiled kernel from the hub",
        "pipeline",
        edit("text_encoder/config.json", attn_implementation="evil/attn"),
        "sets attn_implementation, which makes libraries run or import code (evil/attn)",
    ),
    Attack(
        "a quantizer",
        "pipeline",
        edit("transformer/config.json", quantization_config={"quant_method": "torchao"}),
        "transformer/config.json sets quantization_config",
    ),
    Attack(
        "another weights file",
        "pipeline",
        edit("text_encoder/config.json", transformers_weights="../x.safetensors"),
        "sets transformers_weights, which makes libraries read other files",
    ),
    Attack(
        "other configuration files",
        "pipeline",
        edit("text_encoder/config.json", configuration_files=["../c.4.0.json"]),
        "sets configuration_files",
    ),
    Attack(
        "an adapter of another model",
        "pipeline",
        text("text_encoder/adapter_config.json", '{"base_model_name_or_path": "evil/base"}'),
        "text_encoder/adapter_config.json makes transformers load another model",
    ),
    Attack(
        "a class with a path",
        "pipeline",
        edit("text_encoder/config.json", architectures=["evil.module.Model"]),
        "text_encoder/config.json sets architectures, which is not the name of a class",
    ),
    Attack(
        "a tokenizer class of the hub",
        "scorer",
        edit(TOKENIZER, tokenizer_class="evil/repo--evil.Evil"),
        "tokenizer_config.json sets tokenizer_class",
    ),
    Attack(
        "a tokenizer class that loads a model",
        "scorer",
        edit(TOKENIZER, tokenizer_class="AutoModel"),
        "tokenizer_config.json sets tokenizer_class, which is not the name of a tokenizer class: AutoModel",
    ),
    # Pipelines
    Attack(
        "a custom pipeline",
        "pipeline",
        both(edit("model_index.json", _class_name=["evil", "Evil"]), code("evil.py")),
        "it contains code (evil.py)",
    ),
    Attack(
        "a custom pipeline without its file",
        "pipeline",
        edit("model_index.json", _class_name=["evil", "Evil"]),
        "but the card requires LTXPipeline; custom pipelines are never run",
    ),
    Attack(
        "a custom pipeline of the hub",
        "pipeline",
        edit("model_index.json", custom_pipeline="evil/pipe"),
        "model_index.json sets custom_pipeline",
    ),
    Attack(
        "a component from a module", "pipeline", component("vae", ["os", "system"]), "its component vae comes from os"
    ),
    Attack(
        "a component from its own folder",
        "pipeline",
        both(component("vae", ["evil", "Evil"]), code("vae/evil.py")),
        "it contains code (vae/evil.py)",
    ),
    Attack(
        "a component that loads another model",
        "pipeline",
        component("vae", ["diffusers", "AutoModel"]),
        "its component vae is of the class AutoModel, which is not a model class",
    ),
    Attack(
        "a component that is a pipeline",
        "pipeline",
        component("vae", ["diffusers", "DiffusionPipeline"]),
        "of the class DiffusionPipeline",
    ),
    Attack(
        "a pipeline in a component",
        "pipeline",
        text("vae/model_index.json", '{"_class_name": "LTXPipeline"}'),
        "its component vae contains another pipeline",
    ),
    Attack(
        "a component outside",
        "pipeline",
        component("../vae", ["diffusers", "AutoencoderKLLTXVideo"]),
        "names a component ../vae, which is not a folder's name",
    ),
    Attack(
        "a component of three parts",
        "pipeline",
        component("vae", ["diffusers", "AutoencoderKLLTXVideo", "evil"]),
        "describes vae in an unknown way",
    ),
    # Chat templates
    Attack(
        "a template that leaves the sandbox",
        "pipeline",
        template(f"tokenizer/{TOKENIZER}", "{{ ''.__class__.__mro__ }}"),
        "has a chat template with the attribute",
    ),
    Attack(
        "a template that leaves it by a filter",
        "pipeline",
        template(f"tokenizer/{TOKENIZER}", "{{ '' | attr('__class__') }}"),
        "with the name __class__",
    ),
    Attack(
        "a template that reads a file",
        "pipeline",
        text("tokenizer/chat_template.jinja", "{% include '/etc/passwd' %}"),
        "tokenizer/chat_template.jinja has a chat template with include",
    ),
    Attack(
        "a template that fills the memory",
        "pipeline",
        template(f"tokenizer/{TOKENIZER}", "{{ 'a' * 10000000000 }}"),
        "with a large multiplication",
    ),
    Attack("a template with a power", "pipeline", template(f"tokenizer/{TOKENIZER}", "{{ 9 ** 9 ** 9 }}"), "with pow"),
    Attack(
        "a template that does not end",
        "pipeline",
        template(
            f"tokenizer/{TOKENIZER}",
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        ),
        "with the function range",
    ),
    Attack(
        "a template that is not Jinja", "pipeline", text("tokenizer/chat_template.jinja", "{% if %}"), "not valid Jinja"
    ),
    Attack(
        "a list of templates",
        "pipeline",
        edit(
            f"tokenizer/{TOKENIZER}",
            chat_template=[
                {"name": "default", "template": "{{ 'a' }}"},
                {"name": "b", "template": "{% import 'x' as y %}"},
            ],
        ),
        "with import",
    ),
    # Pickles
    Attack("a pickle as safetensors", "scorer", pickled(CLIP_WEIGHTS), "is not a safetensors file"),
    Attack("a zip of torch.save as safetensors", "scorer", torch_zip(CLIP_WEIGHTS), "is not a safetensors file"),
    Attack(
        "only a pickle",
        "scorer",
        pickled("open_clip_pytorch_model.bin", CLIP_WEIGHTS),
        "contains only pickled weights (open_clip_pytorch_model.bin), which can run code; convert them to safetensors",
    ),
    Attack(
        "a pickle that open_clip prefers",
        "scorer",
        both(
            lambda folder: (folder / CLIP_WEIGHTS).rename(folder / "weights.safetensors"),
            pickled("open_clip_pytorch_model.bin"),
        ),
        "open_clip would load the pickle open_clip_pytorch_model.bin instead of weights.safetensors",
    ),
    Attack(
        "a zip of torch.save",
        "pipeline",
        both(lambda folder: (folder / WEIGHTS).unlink(), torch_zip("transformer/diffusion_pytorch_model.pt")),
        "transformer contains only pickled weights (diffusion_pytorch_model.pt)",
    ),
    Attack(
        "a pickle next to a tokenizer", "pipeline", pickled("tokenizer/vocab.bin"), "tokenizer contains only pickled"
    ),
    Attack("a pickle by name", "scorer", pickled("vocab.pkl"), "vocab.pkl has a type that no model needs"),
    Attack(
        "a numpy file with objects", "scorer", numpy_objects("model.npy"), "model.npy has a type that no model needs"
    ),
    Attack(
        "metadata of a distributed checkpoint",
        "pipeline",
        pickled("transformer/.metadata"),
        "transformer/.metadata has a type",
    ),
    Attack("a pickle as a part", "part", pickled("diffusion_pytorch_model.safetensors"), "is not a safetensors file"),
    Attack("a pickle as a LoRA", "lora", pickled("pytorch_lora_weights.safetensors"), "is not a safetensors file"),
    Attack("a pickle as a vocabulary", "scorer", pickled("vocab.json"), "vocab.json is missing or damaged"),
    Attack("a shared library", "scorer", text("libtok.so", "ELF"), "it contains code (libtok.so)"),
    Attack(
        "compiled Python", "scorer", text("__pycache__/evil.cpython-311.pyc", ""), "it contains code (__pycache__/evil"
    ),
    Attack("a module with a capital suffix", "scorer", code("evil.PY"), "it contains code (evil.PY)"),
    Attack(
        "a module with a hostile name", "scorer", code("evil\n\x1b[31m.py"), r"it contains code (evil\n\x1b[31m.py)"
    ),
    # Links and special files
    Attack(
        "a link to a secret",
        "scorer",
        link("merges.txt", "/etc/passwd"),
        "merges.txt is a link to /etc/passwd, outside",
    ),
    Attack("a link to other weights", "scorer", outside(CLIP_WEIGHTS), f"{CLIP_WEIGHTS} is a link to"),
    Attack("a link to another folder", "pipeline", outside("vae"), "vae is a link to"),
    Attack("a link to the whole disk", "pipeline", link("assets", "/"), "assets is a link to /, outside"),
    Attack("a link to itself", "scorer", link(CONFIG, CONFIG), f"{CONFIG} is a broken link"),
    Attack("a link to its own folder", "pipeline", link("loop", "."), "loop is a link to"),
    Attack("a link to nothing", "scorer", link("tokenizer.json", "nowhere.json"), "tokenizer.json is a broken link"),
    Attack(
        "a link of a LoRA", "lora", outside("pytorch_lora_weights.safetensors"), "the file is a link out of its folder"
    ),
    Attack("a pipe as configuration", "scorer", pipe(CONFIG), f"{CONFIG} is not a regular file but a pipe"),
    Attack("a pipe as weights", "pipeline", pipe(WEIGHTS), f"{WEIGHTS} is not a regular file but a pipe"),
    Attack("a pipe that nothing reads", "pipeline", pipe("assets.md"), "assets.md is not a regular file but a pipe"),
    Attack(
        "a socket", "scorer", listening("vocab.json"), "vocab.json is not a regular file but a pipe, socket or device"
    ),
    Attack(
        "a device",
        "scorer",
        device("tokenizer.json"),
        "tokenizer.json is not a regular file but a pipe, socket or device",
    ),
    Attack("too many files", "pipeline", many_files, "it contains more than 2,000 files"),
    Attack("too many folders", "pipeline", many_folders, "it contains more than 2,000 files"),
    Attack("a name that is not text", "scorer", not_text, r"the name of \udcff.json is not plain text"),
    Attack("nested folders", "pipeline", deep_folders, "nested more than 8 folders deep"),
    # Headers of safetensors files
    Attack(
        "tensors that overlap",
        "scorer",
        header(CLIP_WEIGHTS, {"a": tensor(0, 8, [2]), "b": tensor(4, 12, [2])}, 12),
        "has tensors that overlap or leave gaps",
    ),
    Attack(
        "a gap between tensors",
        "scorer",
        header(CLIP_WEIGHTS, {"a": tensor(0, 8, [2]), "b": tensor(12, 20, [2])}, 20),
        "has tensors that overlap or leave gaps",
    ),
    Attack(
        "a negative offset", "scorer", header(CLIP_WEIGHTS, {"a": tensor(-8, 0, [2])}, 8), "describes the tensor a with"
    ),
    Attack(
        "an offset beyond the file",
        "scorer",
        header(CLIP_WEIGHTS, {"a": tensor(0, 4 * 10**9, [10**9])}, 8),
        "is truncated or has extra data",
    ),
    Attack(
        "an offset of 2**80",
        "scorer",
        header(CLIP_WEIGHTS, {"a": tensor(0, 2**80, [2**78])}, 8),
        "describes the tensor a",
    ),
    Attack(
        "an offset that is a fraction", "scorer", header(CLIP_WEIGHTS, {"a": tensor(0, 8.0, [2])}, 8), "the tensor a"
    ),
    Attack(
        "a type of the wrong size", "scorer", header(CLIP_WEIGHTS, {"a": tensor(0, 8, [2], "F64")}, 8), "the tensor a"
    ),
    Attack("an unknown type", "scorer", header(CLIP_WEIGHTS, {"a": tensor(0, 8, [2], "OBJECT")}, 8), "the tensor a"),
    Attack("a shape of 2**62", "scorer", header(CLIP_WEIGHTS, {"a": tensor(0, 0, [0, 2**62])}), "the tensor a"),
    Attack("a tensor that is a list", "scorer", header(CLIP_WEIGHTS, {"a": [1, 2]}), "describes the tensor a"),
    Attack(
        "the same tensor twice",
        "scorer",
        header(
            CLIP_WEIGHTS, '{"a": ' + json.dumps(tensor(0, 8, [2])) + ', "a": ' + json.dumps(tensor(0, 8, [2])) + "}", 8
        ),
        "lists a twice",
    ),
    Attack("a deep header", "scorer", header(CLIP_WEIGHTS, '{"a": ' + DEEP + "}"), "is not a safetensors file"),
    Attack(
        "a header longer than the file", "scorer", header(CLIP_WEIGHTS, {}, length=2**63), "is not a safetensors file"
    ),
    Attack(
        "a header of a gigabyte",
        "scorer",
        header(CLIP_WEIGHTS, {}, 2 * 10**9, length=10**9),
        "has a header of 1,000,000,000",
    ),
    Attack(
        "metadata that are objects",
        "scorer",
        header(CLIP_WEIGHTS, {"__metadata__": {"a": {"b": 1}}}),
        "metadata that are not",
    ),
    Attack("an empty file", "scorer", header(CLIP_WEIGHTS, "", length=0), "is not a safetensors file"),
    # Numbers and sizes
    Attack(
        "a vocabulary of 10**12",
        "scorer",
        edit(CONFIG, **{f"{TEXT}vocab_size": 10**12}),
        "sets model_cfg.text_cfg.vocab_size",
    ),
    Attack(
        "10**9 layers of a scorer",
        "scorer",
        edit(CONFIG, **{f"{VISION}layers": 10**9}),
        "sets model_cfg.vision_cfg.layers",
    ),
    Attack(
        "a model larger than its file",
        "scorer",
        edit(CONFIG, **{f"{TEXT}vocab_size": 2_000_000, f"{TEXT}width": 8192}),
        "describes a model of about",
    ),
    Attack(
        "a picture of 10**6 pixels a side",
        "scorer",
        edit(CONFIG, **{f"{VISION}image_size": 10**6}),
        "vision_cfg.image_size",
    ),
    Attack(
        "10**9 layers",
        "pipeline",
        edit("transformer/config.json", num_layers=10**9),
        "transformer/config.json sets num_layers to 1000000000, but at most 1,024 is allowed",
    ),
    Attack(
        "10**12 time steps",
        "pipeline",
        edit("scheduler/scheduler_config.json", num_train_timesteps=10**12),
        "scheduler/scheduler_config.json sets num_train_timesteps",
    ),
    Attack(
        "a number of 10,000 digits", "pipeline", text("vae/config.json", '{"a": 1' + "0" * 4000 + "}"), "over 30 digits"
    ),
    Attack("a deep configuration", "pipeline", text("vae/config.json", DEEP), "vae/config.json is missing or damaged"),
    Attack("a configuration of a terabyte", "scorer", sparse(CONFIG, TB), f"{CONFIG} has 1,000,000 MB"),
    Attack("a vocabulary of a terabyte", "scorer", sparse("tokenizer.json", TB), "tokenizer.json has 1,000,000 MB"),
    Attack(
        "a SentencePiece model of a terabyte",
        "pipeline",
        sparse("tokenizer/spiece.model", TB),
        "spiece.model has 1,000,000 MB",
    ),
    Attack(
        "weights of a terabyte",
        "scorer",
        header(CLIP_WEIGHTS, {"a": tensor(0, TB, [TB // 4])}, TB),
        "the files have 1,000,000 MB, but the card's size_mb is",
    ),
    Attack(
        "five million lists",
        "scorer",
        text("vocab.json", '{"a": [' + "[]," * 5_000_000 + "1]}"),
        "more than 4,000,000 lists",
    ),
    # Indexes of sharded checkpoints
    Attack(
        "a shard outside",
        "pipeline",
        text(INDEX, '{"weight_map": {"a": "../vae/diffusion_pytorch_model.safetensors"}}'),
        "which is not a safetensors file next to it",
    ),
    Attack(
        "a shard by its absolute path",
        "pipeline",
        text(INDEX, '{"weight_map": {"a": "/etc/x.safetensors"}}'),
        "names /etc/x.safetensors, which is not",
    ),
    Attack(
        "a shard that is a pickle",
        "pipeline",
        both(pickled("transformer/a.bin"), text(INDEX, '{"weight_map": {"a": "a.bin"}}')),
        "names a.bin, which is not a safetensors file",
    ),
    Attack("an index without a map", "pipeline", text(INDEX, '{"weight_map": ["a"]}'), "has no weight_map"),
    # LoRAs
    Attack(
        "a LoRA that imports a module",
        "lora",
        lora_metadata(megatron_config={"a": 1}, megatron_core="evil.module"),
        "sets megatron_config, which makes libraries run or import code",
    ),
    Attack(
        "a LoRA that names a module", "lora", lora_metadata(megatron_core="evil.module"), "its metadata name the module"
    ),
    Attack(
        "a LoRA of the hub", "lora", lora_metadata(base_model_name_or_path="evil/base"), "sets base_model_name_or_path"
    ),
    Attack(
        "a LoRA that repeats layers",
        "lora",
        lora_metadata(layer_replication=[[0, 10**6]]),
        "its metadata set layer_replication",
    ),
    Attack("a LoRA of rank 10**9", "lora", lora_metadata(r=10**9), "its metadata set r to 1000000000"),
    Attack("a LoRA with a pattern", "lora", lora_metadata(target_modules="(a+)+$"), "a pattern instead of a list"),
]
"""Sorted by kind."""
