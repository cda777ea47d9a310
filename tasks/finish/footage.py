"""The footage of a deliverable: masters, frame plan, crop paths, and what was done to the pictures."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from adapters.media.compose.fit import Crop, CropPath, Fitter, Pad
from adapters.media.compose.footage import FittedShot
from adapters.media.compose.master import Master
from manifests.finish.deliverable import Edit
from manifests.finish.design.colour import colour_of
from manifests.finish.design.frame import Frame
from manifests.finish.length import FramePlan, Wanted, frame_rate, plan_length
from manifests.finish.spec import DeliverableSpec, Fit

ALGORITHM, PEOPLE = "algorithmicallyEnhanced", "humanEdits"
"""Digital source types of changes by rule and of changes that a person has designed."""
BACKGROUND = "background"
LEAST_FPS = 24.0
"""Frames per second of a deliverable, so that layers move smoothly over footage that has fewer."""
NOTEWORTHY_ZOOM = 1.5
"""Pictures that are scaled up more than this look soft, so the deliverable gets a note."""
SAME = 0.005
"""Difference of aspect ratios that is not a crop."""


class Footage(NamedTuple):
    """The masters, fitted to the frame, with their plan; ``paths`` are the crop paths, empty without a crop."""

    plan: FramePlan
    shots: tuple[FittedShot, ...]
    paths: tuple[CropPath, ...]
    edits: tuple[Edit, ...]
    notes: tuple[str, ...]


def plan_of(spec: DeliverableSpec, masters: Sequence[Master], voice_s: float, keeps_sound: bool) -> FramePlan:
    """Return the time line of a deliverable.

    Args:
        voice_s: when the voice ends, in seconds after the end of the intro; 0 without a voice.
        keeps_sound: whether the sound of the masters is heard.

    Raises:
        FinishError: the footage, the voice or the cards do not fit the placement.
    """
    preset, template = spec.preset, spec.template
    fps = frame_rate([master.facts.fps for master in masters], max(LEAST_FPS, preset.min_fps or 0), preset.max_fps)
    intro_s = template.intro.seconds if template.intro else 0.0
    wanted = Wanted(
        min_s=preset.min_s,
        max_s=preset.max_s,
        duration_s=spec.duration_s,
        voice_s=intro_s + voice_s if voice_s else 0.0,
        intro_s=intro_s,
        end_card_s=template.end_card.seconds if template.end_card else 0.0,
        transition_s=spec.transition_s,
        extension=spec.extension,
        keeps_sound=keeps_sound,
    )
    return plan_length([master.num_frames(fps) for master in masters], fps, wanted)


def frame_of(spec: DeliverableSpec, plan: FramePlan) -> Frame:
    """Return the frame that layers are drawn for."""
    return Frame(
        width=spec.width,
        height=spec.height,
        aspect_ratio=spec.aspect_ratio,
        fps=float(plan.fps),
        intro_s=float(plan.intro / plan.fps),
        footage_s=float(plan.footage / plan.fps),
        end_card_s=float(plan.end_card / plan.fps),
        safe_zone=spec.preset.safe_zone(spec.aspect_ratio),
    )


def footage_of(spec: DeliverableSpec, masters: Sequence[Master], plan: FramePlan) -> Footage:
    """Return the masters with what fits them to the frame.

    Raises:
        FinishError: a crop must follow the subject, and the extra ``finish`` is missing.
    """
    used = sorted({piece.shot for piece in plan.pieces})
    paths = [_path(spec, index, master) if index in used else () for index, master in enumerate(masters)]
    fitters = [_fitter(spec, master, path) for master, path in zip(masters, paths, strict=True)]
    size = spec.width * spec.height * 3 // 2
    shots = tuple(FittedShot(master, fitter, size) for master, fitter in zip(masters, fitters, strict=True))
    shown = [masters[index] for index in used]
    return Footage(
        plan,
        shots,
        tuple(tuple(path) for path in paths) if any(paths) else (),
        (*_fit_edits(spec, shown), *_length_edits(plan, len(masters))),
        (*_zoom_notes(spec, shown), *plan.notes),
    )


def _path(spec: DeliverableSpec, index: int, master: Master) -> CropPath:
    """Return the crop path of a shot; empty if nothing is cropped."""
    if spec.fit is not Fit.CROP or not _is_cropped(spec, master):
        return ()
    from adapters.media.reframe.crop import crop_path  # loads OpenCV

    return crop_path(master.path, (spec.width, spec.height), spec.shots[index].crop_path).points


def _fitter(spec: DeliverableSpec, master: Master, path: CropPath) -> Fitter:
    if spec.fit is Fit.BLUR and _is_cropped(spec, master):
        return Pad(master, spec.width, spec.height)
    if spec.fit is Fit.COLOUR and _is_cropped(spec, master):
        colour = colour_of(BACKGROUND, spec.brand.colours)
        return Pad(master, spec.width, spec.height, (colour.red, colour.green, colour.blue))
    return Crop(master, spec.width, spec.height, path or ((0.0, 0.5, 0.5),))


def _is_cropped(spec: DeliverableSpec, master: Master) -> bool:
    """Return whether a master has another aspect ratio."""
    return abs(master.width / master.height / (spec.width / spec.height) - 1) > SAME


def _zoom(spec: DeliverableSpec, master: Master) -> float:
    sides = (spec.width / master.width, spec.height / master.height)
    return min(sides) if spec.fit in (Fit.BLUR, Fit.COLOUR) else max(sides)


def _zoom_notes(spec: DeliverableSpec, masters: Sequence[Master]) -> Iterator[str]:
    largest = max(_zoom(spec, master) for master in masters)
    if largest > NOTEWORTHY_ZOOM:
        yield f"The clip was scaled up {largest:.1f} times. Generate it in a larger size for a sharper picture."


def _fit_edits(spec: DeliverableSpec, masters: Sequence[Master]) -> Iterator[Edit]:
    target = f"{spec.width}x{spec.height}"
    if any(_is_cropped(spec, master) for master in masters):
        if spec.fit in (Fit.BLUR, Fit.COLOUR):
            behind = "a blurred copy of itself" if spec.fit is Fit.BLUR else "the brand's background colour"
            text = f"The whole clip was placed on {behind}, to fill {target} pixels."
            yield Edit(action="c2pa.edited", source_type=ALGORITHM, description=text)
        else:
            how = _crop_words(spec)
            text = f"The clip was cropped to {spec.aspect_ratio}. {how}"
            yield Edit(action="c2pa.cropped", source_type=ALGORITHM, description=text)
    if any(abs(_zoom(spec, master) - 1) > SAME for master in masters):
        text = f"The clip was scaled to {target} pixels."
        yield Edit(action="c2pa.resized.proportional", source_type=ALGORITHM, description=text)


def _crop_words(spec: DeliverableSpec) -> str:
    if spec.fit is Fit.NATIVE:
        return "The centre was kept."
    if all(shot.crop_path for shot in spec.shots):
        return "The crop was set by hand."
    return "The crop follows the subject."


def _length_edits(plan: FramePlan, shots: int) -> Iterator[Edit]:
    texts = [text for text in _length_texts(plan, shots) if text]
    if texts:
        yield Edit(action="c2pa.edited", source_type=ALGORITHM, description=" ".join(texts))


def _length_texts(plan: FramePlan, shots: int) -> Iterator[str]:
    if shots > 1:
        yield f"{shots} clips were joined."
    if plan.trimmed:
        yield f"The footage was shortened by {_seconds(plan.trimmed, plan.fps)} s."
    if plan.added:
        steps = {piece.step for piece in plan.pieces}
        how = "a still picture" if 0 in steps else "playing it backwards" if -1 in steps else "repeating it"
        yield f"The footage was extended by {_seconds(plan.added, plan.fps)} s by {how}."


def _seconds(frames: int, fps: Fraction) -> str:
    return f"{float(frames / fps):.1f}"


def masters_of(paths: Sequence[Path]) -> list[Master]:
    """Open masters.

    Raises:
        EncodingError: one of them is not a readable video.
    """
    return [Master(path) for path in paths]
