"""Deliverables of published clips: one for each placement, language and call to action."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from manifests.brief import Brief
from manifests.errors import FinishError
from manifests.finish.brand import BrandKit
from manifests.finish.choices import music_of, size_of, texts_of, voice_of
from manifests.finish.crop_by_hand import crop_points, parse_places
from manifests.finish.kit import FinishKit
from manifests.finish.spec import CaptionSpec, DeliverableSpec, Fit, Shot, SoundSpec
from manifests.finish.texts.wording import Wording, captions_of, wordings
from manifests.finish.texts.words import without_empty_cards
from manifests.placement import Placement, parse_placement

SAME_LENGTH_S = 0.25
"""Models generate certain numbers of frames only, so that a clip of 6 s may have 5.9 s."""
SAME_RATIO = 0.03
"""Sizes that are multiples of 16, such as 832 × 480 for 16:9, are up to 2.5 % off."""


class PublishedClip(NamedTuple):
    """A published clip of a brief, from the catalogue.

    Attributes:
        variant_id, brief_id: of the clip; a clip of several briefs is given once for each.
        placements: labels of the placements that it belongs to in this brief, in the order of planning.
        labels: (column, value) pairs of its axes, as in the membership.
        sha256: SHA-256 of its signed file.
        width, height: in pixels.
        seconds: its length; 0 if it is not known.
    """

    variant_id: str
    brief_id: str
    placements: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    sha256: str
    width: int
    height: int
    seconds: float = 0.0


def specs_of(
    campaign_id: str, briefs: Sequence[Brief], clips: Iterable[PublishedClip], kit: FinishKit
) -> list[DeliverableSpec]:
    """Return the deliverables of the published clips of a campaign, each once; the same inputs give the same specs.

    Args:
        briefs: in the sheet's order. All rows of a sequence must be given.
        clips: in the order of publishing: a sequence uses the first published clip of each row, so that a later one
            does not give another deliverable.

    Raises:
        FinishError: the kit is not the one of these briefs.
    """
    by_brief: dict[str, list[PublishedClip]] = {}
    for clip in clips:
        by_brief.setdefault(clip.brief_id, []).append(clip)
    found: dict[str, DeliverableSpec] = {}
    for brief in briefs:
        if brief.is_finished:
            for spec in _specs(campaign_id, brief, briefs, by_brief, kit):
                found.setdefault(spec.deliverable_id, spec)
    return list(found.values())


def _specs(
    campaign_id: str,
    brief: Brief,
    briefs: Sequence[Brief],
    clips: Mapping[str, Sequence[PublishedClip]],
    kit: FinishKit,
) -> Iterator[DeliverableSpec]:
    if not brief.sequence:
        for clip in clips.get(brief.brief_id, ()):
            for label in clip.placements:
                yield from _worded(campaign_id, brief, label, [clip], kit)
        return
    rows = rows_of_sequence(brief, briefs)
    if rows[0].brief_id != brief.brief_id:
        return  # the first row of a sequence stands for all
    for label in dict.fromkeys(placement.label for placement in brief.placements):
        shots = [_shot_for(label, row, clips.get(row.brief_id, ())) for row in rows]
        if all(shots):
            yield from _worded(campaign_id, brief, label, [shot for shot in shots if shot], kit)


def rows_of_sequence(brief: Brief, briefs: Iterable[Brief]) -> list[Brief]:
    """Return the briefs of a brief's sequence, in the sheet's order."""
    return [other for other in briefs if other.is_finished and other.sequence == brief.sequence]


def _shot_for(label: str, row: Brief, clips: Iterable[PublishedClip]) -> PublishedClip | None:
    """Return the first published clip of a row of a sequence for a placement; None if it is not published yet.

    A row without the placement gives a clip of its first placement with the same ratio, otherwise of its first one.
    Which one that is must not depend on what is published so far, or a later clip would give another deliverable.
    """
    labels = [placement.label for placement in row.placements]
    ratio = parse_placement(label).aspect_ratio
    same = (placement.label for placement in row.placements if placement.aspect_ratio == ratio)
    wanted = label if label in labels else next(same, labels[0])
    return next((clip for clip in clips if wanted in clip.placements), None)


def _worded(
    campaign_id: str, brief: Brief, label: str, clips: Sequence[PublishedClip], kit: FinishKit
) -> Iterator[DeliverableSpec]:
    seconds = clips[0].seconds if len(clips) == 1 else None
    for placement in placements_of(brief, label, seconds):
        for wording in wordings(brief, dict(clips[0].labels)):
            yield _spec(campaign_id, brief, placement, wording, clips, kit)


def placements_of(brief: Brief, label: str, seconds: float | None = None) -> list[Placement]:
    """Return the placements of a brief with a label; several if they differ in length, as in ``tiktok 6s|tiktok 15s``.

    Args:
        seconds: length of a clip. If it was generated for one of the lengths, only that one is returned.
    """
    found = [each for each in brief.placements if each.label == label]
    same = [each for each in found if each.duration_s and seconds and abs(each.duration_s - seconds) < SAME_LENGTH_S]
    return same or found or [parse_placement(label)]


def _spec(
    campaign_id: str,
    brief: Brief,
    placement: Placement,
    wording: Wording,
    clips: Sequence[PublishedClip],
    kit: FinishKit,
) -> DeliverableSpec:
    if brief.finish not in kit.templates or placement.label not in kit.presets:
        raise FinishError(
            f"The campaign has no finish template {brief.finish!r} for {placement.label}. Submit its sheet again."
        )
    template, preset = kit.templates[brief.finish], kit.presets[placement.label]
    size = size_of(preset, placement.aspect_ratio, clips[0].width, clips[0].height)
    labels = dict(clips[0].labels)
    texts = texts_of(brief, template, wording, labels, kit.brand)
    captions = captions_of(brief, wording.locale, kit.captions)
    return DeliverableSpec(
        campaign_id=campaign_id,
        brief_id=brief.brief_id,
        placement=placement.label,
        aspect_ratio=placement.aspect_ratio,
        preset=preset,
        locale=wording.locale,
        shots=tuple(_shot(brief, placement, clip) for clip in clips),
        transition_s=brief.transition_s if len(clips) > 1 else 0.0,
        fit=fit_of(brief, placement, clips[0]),
        width=size.width,
        height=size.height,
        duration_s=placement.duration_s,
        template=without_empty_cards(template, kit.brand, dict(texts), wording.locale),
        brand=drawn_brand(kit.brand),
        texts=texts,
        sound=_sound(brief, wording, kit),
        captions=CaptionSpec(text=captions) if captions else None,
    )


def drawn_brand(brand: BrandKit) -> BrandKit:
    """Return the parts of a brand kit that are drawn. Its legal lines, voices and music are in texts and sound.

    A change of one market's legal line then leaves the deliverables of the other markets as they are.
    """
    return brand.model_copy(update={"legal": {}, "voices": {}, "music": {}, "made_music": {}})


def _shot(brief: Brief, placement: Placement, clip: PublishedClip) -> Shot:
    """Return a clip with the crop that the row sets by hand, if it does."""
    by_hand = brief.crop_of(placement)
    places = parse_places(by_hand) if by_hand and fit_of(brief, placement, clip) is Fit.CROP else ()
    is_wide = clip.width / clip.height > _ratio_of(placement)
    return Shot(variant_id=clip.variant_id, sha256=clip.sha256, crop_path=crop_points(places, wide=is_wide))


def _ratio_of(placement: Placement) -> float:
    width, _, height = placement.aspect_ratio.partition(":")
    return int(width) / int(height)


def fit_of(brief: Brief, placement: Placement, clip: PublishedClip) -> Fit:
    """Return how a clip is fitted to a placement; one that has its ratio is only scaled.

    A clip with another ratio in a row that is generated natively is one of a sequence, whose row lacks the placement:
    it is cropped.
    """
    if abs(clip.width / clip.height / _ratio_of(placement) - 1) <= SAME_RATIO:
        return Fit.NATIVE
    fit = Fit(brief.fit_of(placement))
    return Fit.CROP if fit == Fit.NATIVE else fit


def _sound(brief: Brief, wording: Wording, kit: FinishKit) -> SoundSpec:
    return SoundSpec(
        voice=voice_of(brief, wording.locale, kit), music=music_of(brief, kit), native=brief.sound != "mute"
    )
