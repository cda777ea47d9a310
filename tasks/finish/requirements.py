"""Compare a finished file with the requirements of its placement."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from adapters.media.file_facts import measure
from manifests.finish.deliverable import Violation
from manifests.finish.spec import DeliverableSpec
from manifests.finish.template import LogoLayer, TextLayer
from manifests.placements.facts import DrawnBox
from manifests.placements.linter import lint
from tasks.finish.encode import Encoded
from tasks.finish.layers import Layers, all_layers

VISIBLE = 64
"""Alpha from which a pixel counts as content: soft shadows may reach into the margins."""


def violations_of(
    spec: DeliverableSpec, video: Path, layers: Layers, encoded: Encoded, sidecars: dict[str, str]
) -> tuple[Violation, ...]:
    """Return the requirements that a finished file does not meet.

    Raises:
        EncodingError: the file cannot be read.
    """
    facts = measure(
        video,
        caption_files=tuple(sidecars),
        burnt_captions=layers.captions > 0,
        boxes=tuple(_boxes(spec, layers)),
        with_loudness=False,
    )
    if encoded.loudness:
        loudness = encoded.loudness
        facts = facts._replace(loudness_lufs=loudness.lufs, true_peak_dbtp=loudness.true_peak_dbtp)
    return lint(facts, spec.preset)


def _boxes(spec: DeliverableSpec, layers: Layers) -> Iterator[DrawnBox]:
    """Yield the rectangles of logos, texts and captions that are in the frame."""
    important = {layer.name for layer in all_layers(spec) if isinstance(layer, LogoLayer | TextLayer)}
    captions = layers.drawn[len(layers.drawn) - layers.captions :]
    for layer in layers.drawn:
        if layer.name in important or any(layer is caption for caption in captions):
            rows, columns = np.nonzero(layer.pixels[..., 3] >= VISIBLE)
            if len(rows):
                left, top = int(columns.min()), int(rows.min())
                width, height = int(columns.max()) + 1 - left, int(rows.max()) + 1 - top
                yield DrawnBox(layer.name, layer.x + left, layer.y + top, width, height)
