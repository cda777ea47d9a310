"""Preview a finish template on a clip: pictures in several aspect ratios, and a video."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from adapters.files.durable import write_shared
from adapters.media.picture import covering, png_of
from adapters.media.video_facts import probe
from adapters.media.video_frames import frames_at
from manifests.errors import FinishError
from manifests.finish.asset import Asset
from manifests.finish.brand import BrandKit
from manifests.finish.design.frame import Frame
from manifests.finish.design.template import FinishTemplate
from manifests.finish.spec import DeliverableSpec, Fit, Shot
from manifests.finish.texts.words import without_empty_cards
from manifests.placements.preset import FrameSize, PlacementPreset
from tasks.runtime.files.staging import sha256_of

SIZES = {
    "16:9": FrameSize(width=1920, height=1080),
    "1:1": FrameSize(width=1080, height=1080),
    "4:5": FrameSize(width=1080, height=1350),
    "9:16": FrameSize(width=1080, height=1920),
}
NO_PLACEMENT = PlacementPreset(name="preview", title="preview", sizes=SIZES)
"""For previews that are not for a placement: without a safe zone or limits."""


class Preview(NamedTuple):
    """What is previewed.

    Attributes:
        clip: the video that the template is shown on.
        texts: values of the placeholders.
        locale: language tag; empty for none.
        preset: gives the sizes and the safe zones.
    """

    template: FinishTemplate
    clip: Path
    brand: BrandKit = BrandKit()
    texts: Mapping[str, str] = {}
    locale: str = ""
    preset: PlacementPreset = NO_PLACEMENT

    @property
    def shown(self) -> FinishTemplate:
        """The template without cards that would be empty."""
        return without_empty_cards(self.template, self.brand, self.texts, self.locale)


def write_stills(preview: Preview, ratios: list[str], find_asset: Callable[[Asset], Path], stem: Path) -> list[Path]:
    """Write one PNG per aspect ratio and card, such as ``STEM-9x16.png`` and ``STEM-9x16-end-card.png``.

    Raises:
        FinishError: the placement has no such ratio, or a layer cannot be drawn.
        EncodingError: the clip cannot be read.
        OSError: a file cannot be written.
    """
    facts = probe(preview.clip)
    [picture] = frames_at(preview.clip, [facts.num_frames // 2])
    paths = []
    for ratio in ratios:
        frame = _frame(preview, ratio, facts.num_frames / float(facts.fps))
        for part, pixels in _stills(preview, frame, picture, find_asset):
            path = stem.with_name(f"{stem.name}-{ratio.replace(':', 'x')}{part}.png")
            write_shared(path, png_of(pixels))
            paths.append(path)
    return paths


def spec_of(preview: Preview, ratio: str) -> DeliverableSpec:
    """Return the description of the preview as a deliverable, which ``make`` turns into a video."""
    size = _size(preview, ratio)
    return DeliverableSpec(
        campaign_id="preview",
        brief_id="preview",
        placement=f"preview {ratio}",
        aspect_ratio=ratio,
        preset=preview.preset,
        locale=preview.locale,
        shots=(Shot(variant_id="0" * 32, sha256=sha256_of(preview.clip)),),
        fit=Fit.CROP,
        width=size.width,
        height=size.height,
        template=preview.shown,
        brand=preview.brand,
        texts=tuple(sorted(preview.texts.items())),
    )


def _size(preview: Preview, ratio: str) -> FrameSize:
    sizes = preview.preset.sizes
    if ratio not in sizes:
        raise FinishError(f"The placement {preview.preset.name} has no ratio {ratio}. Use {', '.join(sizes)}.")
    return sizes[ratio]


def _frame(preview: Preview, ratio: str, seconds: float) -> Frame:
    size, template = _size(preview, ratio), preview.shown
    return Frame(
        width=size.width,
        height=size.height,
        aspect_ratio=ratio,
        fps=24.0,
        intro_s=template.intro.seconds if template.intro else 0.0,
        footage_s=seconds,
        end_card_s=template.end_card.seconds if template.end_card else 0.0,
        safe_zone=preview.preset.safe_zone(ratio),
    )


def _stills(
    preview: Preview, frame: Frame, picture: np.ndarray, find_asset: Callable[[Asset], Path]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the pixels of each still: in the middle of the footage, and of the cards."""
    from adapters.media.drawing.layers import drawn_layers
    from adapters.media.drawing.still import still

    layers = drawn_layers(preview.shown, preview.brand, preview.texts, frame, preview.locale, find_asset)
    below = covering(picture, frame.width, frame.height)
    yield "", still(below, layers, frame.intro_s + frame.footage_s / 2)
    if frame.intro_s:
        yield "-intro", still(below, layers, frame.intro_s / 2)
    if frame.end_card_s:
        yield "-end-card", still(below, layers, frame.seconds - frame.end_card_s / 4)
