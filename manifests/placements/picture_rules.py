"""Rules for the picture: aspect ratio, size, codec and frame rate."""

from collections.abc import Iterator

from manifests.finish.deliverable import Violation
from manifests.placements.facts import FileFacts
from manifests.placements.preset import FrameSize, PlacementPreset
from manifests.placements.ratios import ratio_of
from manifests.placements.wording import format_name, format_names
from manifests.pluralize import any_of


def ratio_problems(facts: FileFacts, preset: PlacementPreset) -> Iterator[Violation]:
    """Yield a violation if the picture as displayed has none of the placement's aspect ratios."""
    if ratio_of(facts.display_ratio, preset.sizes):
        return
    yield Violation(
        rule="ratio",
        message=f"The picture is {_size_text(facts)}, an aspect ratio of {facts.display_ratio:.3g}:1; {preset.name} "
        f"needs {any_of(preset.sizes)}. Pad it, crop it, or generate it in one of these ratios.",
        fix="pad",
    )


def size_problems(facts: FileFacts, preset: PlacementPreset) -> Iterator[Violation]:
    """Yield violations of the smallest and largest frame size, and of square pixels."""
    ratio = ratio_of(facts.display_ratio, preset.sizes)
    if ratio and _too_small(facts, preset.sizes[ratio]):
        least = f"{preset.sizes[ratio].min_width}x{preset.sizes[ratio].min_height}"
        yield _size(facts, f"{preset.name} needs at least {least} in {ratio}")
    if ratio and _too_large(facts, preset.sizes[ratio]):
        most = f"{preset.sizes[ratio].max_width}x{preset.sizes[ratio].max_height}"
        yield _size(facts, f"{preset.name} accepts at most {most} in {ratio}")
    if preset.square_pixels and facts.sample_aspect != 1:
        yield _size(facts, f"{preset.name} needs square pixels")


def codec_problems(facts: FileFacts, preset: PlacementPreset) -> Iterator[Violation]:
    """Yield violations of the video codecs and pixel formats."""
    if facts.codec not in preset.codecs:
        yield Violation(
            rule="codec",
            message=f"The video codec is {format_name(facts.codec) if facts.codec else 'not known'}; {preset.name} "
            f"needs {format_names(preset.codecs)}. Encode it again.",
            fix="encode",
        )
    elif preset.pixel_formats and facts.pixel_format not in preset.pixel_formats:
        yield Violation(
            rule="codec",
            message=f"The pixel format is {facts.pixel_format or 'not known'}; {preset.name} needs "
            f"{any_of(preset.pixel_formats)}. Encode it again.",
            fix="encode",
        )


def frame_rate_problems(facts: FileFacts, preset: PlacementPreset) -> Iterator[Violation]:
    """Yield violations of the frame rate."""
    fps = float(facts.fps)
    if preset.min_fps is not None and fps < preset.min_fps:
        yield _frame_rate(f"{fps:.5g} frames per second; {preset.name} needs at least {preset.min_fps:g}")
    if preset.max_fps is not None and fps > preset.max_fps:
        yield _frame_rate(f"{fps:.5g} frames per second; {preset.name} accepts at most {preset.max_fps:g}")
    if preset.constant_fps and not facts.constant_fps:
        yield _frame_rate(f"variable, {fps:.5g} frames per second on average; {preset.name} needs a constant one")


def _too_small(facts: FileFacts, size: FrameSize) -> bool:
    return facts.width < size.min_width or facts.height < size.min_height


def _too_large(facts: FileFacts, size: FrameSize) -> bool:
    too_wide = size.max_width and facts.width > size.max_width
    too_high = size.max_height and facts.height > size.max_height
    return bool(too_wide or too_high)


def _size(facts: FileFacts, requirement: str) -> Violation:
    message = f"The picture is {_size_text(facts)}; {requirement}. Scale it, or generate it in another size."
    return Violation(rule="size", message=message, fix="scale")


def _frame_rate(text: str) -> Violation:
    return Violation(rule="frame rate", message=f"The frame rate is {text}. Encode it again.", fix="encode")


def _size_text(facts: FileFacts) -> str:
    aspect = facts.sample_aspect
    pixels = "" if aspect == 1 else f", with pixels of {aspect.numerator}:{aspect.denominator}"
    return f"{facts.width}x{facts.height} pixels{pixels}"
