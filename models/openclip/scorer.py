"""Embed frames and prompts with an OpenCLIP model, using the open_clip library."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import open_clip
import torch
import transformers
from torchvision import transforms
from torchvision.transforms.v2 import functional as F

from manifests.errors import IncompleteWeightsError
from models.card import ScorerCard
from models.cpu_matmul import multiply_by_onednn
from models.memory import is_out_of_memory
from models.weights import forbid_network, weights_path, weights_problem
from models.weights.config.open_clip_config import CONFIG
from models.weights.json_file import read_json
from models.weights.tokenizer.panics import panics_refused

log = logging.getLogger(__name__)

BATCH = 32
CACHED_PROMPTS = 4096
CPU = torch.device("cpu")


class Placed(NamedTuple):
    """A loaded model with its device, and the CUDA stream in which it works while the device generates."""

    model: Any
    device: torch.device
    stream: Any = None

    def at_work(self) -> AbstractContextManager[Any]:
        """Return a context in which the model works in its own stream, so that it does not wait for generation."""
        return nullcontext() if self.stream is None else torch.cuda.stream(self.stream)


class OpenClipScorer:
    """An OpenCLIP model on a device, with a cache of recent prompt embeddings. Thread-safe.

    If the memory of a GPU runs out, the model moves to the CPU for good: generation needs the memory more.
    """

    def __init__(self, card: ScorerCard, weights_root: Path | None = None, device: str = "cpu") -> None:
        if problem := weights_problem(card, weights_root):
            raise IncompleteWeightsError(problem)
        multiply_by_onednn()
        self.card = card
        self._folder = weights_path(card, weights_root)
        model, self.preprocess, self.tokenize = _load(card, self._folder, torch.device(device))
        self._placed = _placed(model, torch.device(device))
        if problem := weights_problem(card, weights_root):  # the files were changed while they were loaded
            raise IncompleteWeightsError(problem)
        self._prompts: OrderedDict[str, np.ndarray] = OrderedDict()
        self._looking_up = threading.Lock()
        self._moving = threading.Lock()

    @property
    def model(self) -> Any:
        """The loaded open_clip model."""
        return self._placed.model

    @property
    def device(self) -> torch.device:
        """The device that the model is on."""
        return self._placed.device

    @property
    def name(self) -> str:
        """Name and revision of the weights."""
        return f"{self.card.name}@{self.card.weights.revision}"

    def embed_frames(self, frames: np.ndarray) -> np.ndarray:
        """Embed uint8 (n, height, width, 3) as float32 (n, d), rows of length one."""
        return self._on_its_device(partial(self._embed_frames, frames))

    def _embed_frames(self, frames: np.ndarray, placed: Placed) -> np.ndarray:
        pictures = torch.from_numpy(np.ascontiguousarray(frames)).to(placed.device).permute(0, 3, 1, 2)
        batches = [
            placed.model.encode_image(prepare(part, self.preprocess), normalize=True) for part in pictures.split(BATCH)
        ]
        return torch.cat(batches).float().cpu().numpy()

    def _on_its_device(self, work: Callable[[Placed], np.ndarray]) -> np.ndarray:
        placed = self._placed
        try:
            with torch.inference_mode(), placed.at_work():
                return work(placed)
        except Exception as error:
            if placed.device.type == "cpu" or not is_out_of_memory(error):
                raise
        self._move_to_cpu(placed)
        return self._on_its_device(work)

    def _move_to_cpu(self, placed: Placed) -> None:
        """Load the model once more, because other threads may be using the one on the GPU."""
        with self._moving:
            if self._placed is not placed:
                return
            log.warning("The memory of %s ran out while scoring; the CPU scores from now on.", placed.device)
            model, _, _ = _load(self.card, self._folder, CPU)
            self._placed = _placed(model, CPU)

    def embed_prompts(self, prompts: Sequence[str]) -> np.ndarray:
        """Embed n prompts as float32 (n, d), rows of length one; recent prompts come from the cache."""
        with self._looking_up:  # so that threads do not embed the same prompt twice
            rows = {prompt: self._prompts[prompt] for prompt in prompts if prompt in self._prompts}
            rows |= self._embed([prompt for prompt in dict.fromkeys(prompts) if prompt not in rows])
            self._remember(rows)
        return np.stack([rows[prompt] for prompt in prompts])

    def _embed(self, prompts: list[str]) -> dict[str, np.ndarray]:
        rows: dict[str, np.ndarray] = {}
        for start in range(0, len(prompts), BATCH):
            part = prompts[start : start + BATCH]
            with panics_refused(f"The weights of {self.card.name}"):
                tokens = self.tokenize(part)
            rows |= zip(part, self._on_its_device(partial(_embed_text, tokens)), strict=True)
        return rows

    def _remember(self, rows: dict[str, np.ndarray]) -> None:
        for prompt, row in rows.items():
            self._prompts[prompt] = row
            self._prompts.move_to_end(prompt)
        while len(self._prompts) > CACHED_PROMPTS:
            self._prompts.popitem(last=False)


def _placed(model: Any, device: torch.device) -> Placed:
    if device.type != "cuda":
        return Placed(model, device)
    torch.cuda.synchronize(device)  # the weights were copied in another stream
    # The higher priority: a score is a few milliseconds of work between kernels that take seconds together.
    return Placed(model, device, torch.cuda.Stream(device, priority=-1))


def _embed_text(tokens: torch.Tensor, placed: Placed) -> np.ndarray:
    vectors: np.ndarray = placed.model.encode_text(tokens.to(placed.device), normalize=True).float().cpu().numpy()
    return vectors


def prepare(pictures: torch.Tensor, preprocess: transforms.Compose) -> torch.Tensor:
    """Apply open_clip's transform to a batch: uint8 (n, 3, height, width) -> float (n, 3, h, w).

    open_clip's own transform accepts one PIL image; this does the same steps in the same order on tensors.
    """
    for step in preprocess.transforms:
        pictures = _apply(step, pictures)
    return pictures


def _apply(step: Any, pictures: torch.Tensor) -> torch.Tensor:
    result: torch.Tensor
    if isinstance(step, transforms.Resize):
        result = F.resize(pictures, step.size, interpolation=step.interpolation, antialias=True)
        return result
    if isinstance(step, open_clip.transform.ResizeKeepRatio):
        height, width = pictures.shape[-2:]
        ratios = (height / step.size[0], width / step.size[1])
        ratio = max(ratios) * step.longest + min(ratios) * (1 - step.longest)
        size = [round(height / ratio), round(width / ratio)]
        result = F.resize(pictures, size, step.interpolation, antialias=True)
        return result
    if isinstance(step, open_clip.transform.MaybeConvertMode):
        return pictures
    if isinstance(step, transforms.ToTensor):
        return pictures.float() / 255
    result = step(pictures)
    return result


def _load(card: ScorerCard, folder: Path, device: torch.device) -> tuple[Any, Any, Any]:
    """Load only files of the folder, whatever its configuration says: no code, no pickles and nothing from the hub."""
    transformers.utils.logging.set_verbosity_error()
    forbid_network()
    name = f"local-dir:{folder}"
    try:
        with panics_refused(f"The weights of {card.name}"):
            model, _, preprocess = open_clip.create_model_and_transforms(
                name, device=device, weights_only=True, pretrained_image=False, pretrained_text=False
            )
            tokenize = open_clip.get_tokenizer(name, **_tokenizer_options(folder))
    except Exception as error:
        what = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise IncompleteWeightsError(f"The weights of {card.name} in {folder} cannot be loaded: {what}") from error
    return model.eval(), preprocess, tokenize


def _tokenizer_options(folder: Path) -> dict[str, bool]:
    """Return options that override those of the folder; open_clip's own tokenizer does not accept them."""
    named = read_json(folder / CONFIG, CONFIG)["model_cfg"]["text_cfg"].get("hf_tokenizer_name")
    return {"trust_remote_code": False, "local_files_only": True} if named else {}
