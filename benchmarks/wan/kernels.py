"""What each lossless kernel of the profiles gains on a CUDA GPU, and how much it changes the frames."""

import statistics
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.harness.result import Result
from benchmarks.wan.gpu import ENCODER, EXACT, measured
from benchmarks.wan.rig import Rig, Setting, rig
from models.card import ModelCard
from models.protocols import Generated
from models.registry import open_generator

CLIPS = 2
KERNELS: dict[str, dict[str, Any]] = {
    "attention": {"attention": "_native_cudnn"},
    "channels_last": {"channels_last_vae": True},
    "compile": {"compile": True},
}
"""Settings of a profile by name; ``all`` of them together are compared with none."""


def run() -> Result:
    """Measure clips with each kernel."""
    return measured("gpu-kernels", measure, EXACT)


def measure(setting: Setting, kernels: Mapping[str, dict[str, Any]] = KERNELS) -> Result:
    """Compare time and frames of a clip with each kernel and with all of them, against profile ``exact``."""
    together = {name: value for settings in kernels.values() for name, value in settings.items()}
    with rig(setting) as one:
        exact_s, exact = _clip(one, None)
        made = {name: _clip(one, settings) for name, settings in {**kernels, "all": together}.items()}
    figures = {f"s_{name}": seconds for name, (seconds, _) in made.items()}
    figures |= {f"gain_{name}": exact_s / seconds for name, (seconds, _) in made.items()}
    figures |= {f"difference_{name}": float(np.abs(frames - exact).mean()) for name, (_, frames) in made.items()}
    return Result(
        name="gpu-kernels",
        unit="s per clip",
        ours=made["all"][0],
        baseline=exact_s,
        what=f"One clip of Wan 2.1 1.3B with random weights, {setting.shown}: cuDNN attention, VAE with the channels "
        "last, compiled blocks, each alone and all together, against profile exact.",
        figures=figures,
        held_back_by="The forward passes of the transformer.",
        notes=(
            f"Median of {CLIPS} clips after one that compiles. difference is the mean of the frames' differences, in "
            "levels of 0..255. A profile should use a kernel only on devices on which its gain exceeds 1.",
            ENCODER,
        ),
    )


def _clip(one: Rig, settings: dict[str, Any] | None) -> tuple[float, np.ndarray]:
    """Return the median seconds of a clip with these settings, and its frames."""
    profile = "exact" if settings is None else "fast"
    changes = {"profiles": {} if settings is None else {profile: settings}}
    card = ModelCard.model_validate(one.card.model_dump(mode="json") | changes)
    generator = open_generator(card, device=one.setting.device)
    variant = one.variant(one.setting.prompts[0], 1, profile=profile, recipe="")
    made = list(generator.generate([variant] * (1 + CLIPS)))
    generator.close()
    clips = [item for item in made if isinstance(item, Generated)]
    if len(clips) != len(made):
        raise next(item for item in made if isinstance(item, Exception))
    return statistics.median(clip.device_seconds for clip in clips[1:]), clips[-1].frames.astype(np.int16)
