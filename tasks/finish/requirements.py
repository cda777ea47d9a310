"""Compare a finished file with the requirements of its placement."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from adapters.media.compose.layer import DrawnLayer
from adapters.media.file_facts import measure
from manifests.finish.design.template import LogoLayer, TextLayer
from manifests.placements.facts import DrawnBox, FileFacts
from tasks.finish.encode import Encoded
from tasks.finish.layers import all_layers
from tasks.finish.parts import Parts

VISIBLE = 64
"""Alpha from which a pixel counts as content: soft shadows may reach into the margins."""


def facts_of(parts: Parts, video: Path, encoded: Encoded, sidecars: dict[str, str]) -> FileFacts:
    """Measure a finished file.

    Raises:
        EncodingError: the file cannot be read.
    """
    facts = measure(
        video,
        caption_files=tuple(sidecars),
        burnt_captions=parts.layers.captions > 0,
        boxes=tuple(_boxes(parts)),
        with_loudness=False,
        is_own=True,
    )
    if encoded.loudness is None:
        return facts._replace(is_silent=facts.has_audio)  # the silent track of placements that need one
    loudness = encoded.loudness
    return facts._replace(
        loudness_lufs=loudness.lufs, true_peak_dbtp=loudness.true_peak_dbtp, is_silent=loudness.is_silent
    )


def _boxes(parts: Parts) -> Iterator[DrawnBox]:
    """Yield the rectangles of logos, texts and captions that are in the frame, with those that cards consist of."""
    important = {layer.name for layer in all_layers(parts.spec) if isinstance(layer, LogoLayer | TextLayer)}
    first_caption = len(parts.layers.drawn) - parts.layers.captions
    for number, drawn in enumerate(parts.layers.drawn):
        for layer in (drawn, *drawn.painted):
            if layer.name in important or number >= first_caption:
                yield from _box(layer)


def _box(layer: DrawnLayer) -> Iterator[DrawnBox]:
    """Yield the rectangle of a layer's letters and backgrounds, if it has any."""
    rows, columns = np.nonzero(layer.pixels[..., 3] >= VISIBLE)
    if len(rows):
        left, top = int(columns.min()), int(rows.min())
        width, height = int(columns.max()) + 1 - left, int(rows.max()) + 1 - top
        yield DrawnBox(layer.name, layer.x + left, layer.y + top, width, height)
