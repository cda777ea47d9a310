"""Deliverables of published clips: one for each placement, language and call to action."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from manifests.brief import Brief
from manifests.finish.brand import BrandKit
from manifests.finish.kit import FinishKit
from manifests.finish.languages import nearest, primary, region
from manifests.finish.spec import (
    CaptionSpec,
    DeliverableSpec,
    Fit,
    MusicSpec,
    Shot,
    SoundSpec,
    VoiceSpec,
)
from manifests.finish.template import FinishTemplate
from manifests.finish.wording import (
    LEGAL,
    NOTHING,
    Wording,
    captions_of,
    script_of,
    text_of,
    wordings,
)
from manifests.identity import content_id
from manifests.placement import Placement, parse_placement
from manifests.placements.preset import FrameSize, PlacementPreset

LEAST_SIDE = 720
"""Shorter side of deliverables without a platform, in pixels, unless the clip is larger."""
DEFAULT = "default"


class PublishedClip(NamedTuple):
    """A published clip of a brief, from the catalogue.

    Attributes:
        variant_id, brief_id: of the clip; a clip of several briefs is given once for each.
        placements: labels of the placements that it belongs to in this brief, in the order of planning.
        labels: (column, value) pairs of its axes, as in the membership.
        sha256: SHA-256 of its signed file.
        width, height: in pixels.
    """

    variant_id: str
    brief_id: str
    placements: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    sha256: str
    width: int
    height: int


def specs_of(
    campaign_id: str, briefs: Sequence[Brief], clips: Iterable[PublishedClip], kit: FinishKit
) -> list[DeliverableSpec]:
    """Return the deliverables of the published clips of a campaign, each once; the same inputs give the same specs.

    Args:
        briefs: in the sheet's order. All rows of a sequence must be given.
        clips: in the order of publishing: a sequence uses the first published clip of each row, so that a later one
            does not give another deliverable.
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
    for placement in brief.placements:
        shots = [_shot_for(placement.label, clips.get(row.brief_id, ())) for row in rows]
        if all(shots):
            yield from _worded(campaign_id, brief, placement.label, [shot for shot in shots if shot], kit)


def rows_of_sequence(brief: Brief, briefs: Iterable[Brief]) -> list[Brief]:
    """Return the briefs of a brief's sequence, in the sheet's order."""
    return [other for other in briefs if other.is_finished and other.sequence == brief.sequence]


def _shot_for(label: str, clips: Sequence[PublishedClip]) -> PublishedClip | None:
    """Return the first clip of a row for a placement; a row without that placement gives its first clip."""
    own = next((clip for clip in clips if label in clip.placements), None)
    ratio = parse_placement(label).aspect_ratio
    same = (clip for clip in clips if any(parse_placement(each).aspect_ratio == ratio for each in clip.placements))
    return own or next(same, None) or next(iter(clips), None)


def _worded(
    campaign_id: str, brief: Brief, label: str, clips: Sequence[PublishedClip], kit: FinishKit
) -> Iterator[DeliverableSpec]:
    labels = dict(clips[0].labels)
    placement = placement_of(brief, label)
    for wording in wordings(brief, labels):
        yield _spec(campaign_id, brief, placement, wording, clips, kit)


def placement_of(brief: Brief, label: str) -> Placement:
    """Return the placement of a brief with a label, with its length."""
    return next((each for each in brief.placements if each.label == label), None) or parse_placement(label)


def _spec(
    campaign_id: str,
    brief: Brief,
    placement: Placement,
    wording: Wording,
    clips: Sequence[PublishedClip],
    kit: FinishKit,
) -> DeliverableSpec:
    template, preset = kit.templates[brief.finish], kit.presets[placement.label]
    size = size_of(preset, placement.aspect_ratio, clips[0].width, clips[0].height)
    labels = dict(clips[0].labels)
    captions = captions_of(brief, wording.locale)
    return DeliverableSpec(
        campaign_id=campaign_id,
        brief_id=brief.brief_id,
        placement=placement.label,
        aspect_ratio=placement.aspect_ratio,
        preset=preset,
        locale=wording.locale,
        shots=tuple(Shot(variant_id=clip.variant_id, sha256=clip.sha256) for clip in clips),
        transition_s=brief.transition_s if len(clips) > 1 else 0.0,
        fit=fit_of(brief, placement, clips[0]),
        width=size.width,
        height=size.height,
        duration_s=placement.duration_s,
        template=template,
        brand=kit.brand,
        texts=texts_of(brief, template, wording, labels, kit.brand),
        sound=_sound(brief, wording, kit),
        captions=CaptionSpec(text=captions) if captions else None,
    )


def fit_of(brief: Brief, placement: Placement, clip: PublishedClip) -> Fit:
    """Return how a clip is fitted to a placement; one that has its ratio is only scaled."""
    width, _, height = placement.aspect_ratio.partition(":")
    fit = Fit(brief.fit_of(placement))
    if fit == Fit.NATIVE and len(brief.placements) and abs(_ratio(clip) / (int(width) / int(height)) - 1) > 0.04:
        return Fit.CROP  # a row of a sequence without this placement
    return Fit.NATIVE if abs(_ratio(clip) / (int(width) / int(height)) - 1) <= 0.03 else fit


def _ratio(clip: PublishedClip) -> float:
    return clip.width / clip.height


def size_of(preset: PlacementPreset, aspect_ratio: str, width: int, height: int) -> FrameSize:
    """Return the size of a deliverable: the preset's, or one that is at least LEAST_SIDE and as large as the clip."""
    if preset.status != "general" and aspect_ratio in preset.sizes:
        return preset.sizes[aspect_ratio]
    side = max(LEAST_SIDE, min(width, height))
    across, _, up = aspect_ratio.partition(":")
    scale = side / min(int(across), int(up))
    return FrameSize(width=_even(int(across) * scale), height=_even(int(up) * scale))


def _even(pixels: float) -> int:
    return 2 * round(pixels / 2)


def texts_of(
    brief: Brief, template: FinishTemplate, wording: Wording, labels: Mapping[str, str], brand: BrandKit
) -> tuple[tuple[str, str], ...]:
    """Return the values of a template's placeholders in one language, without those that are empty."""
    texts = {name: text_of(brief, name, wording, labels) for name in template.placeholders}
    if LEGAL in texts and not texts[LEGAL]:
        texts[LEGAL] = legal_of(brand, wording.locale)
    if "brand" in texts and not texts["brand"]:
        texts["brand"] = brand.name
    return tuple((name, text) for name, text in sorted(texts.items()) if text)


def legal_of(brand: BrandKit, locale: str) -> str:
    """Return the brand's legal line for a market: that of the region, the tag, the language, or the default."""
    for key in (region(locale), locale, primary(locale), DEFAULT):
        if key and key in brand.legal:
            return brand.legal[key]
    return ""


def _sound(brief: Brief, wording: Wording, kit: FinishKit) -> SoundSpec:
    return SoundSpec(
        voice=voice_of(brief, wording.locale, kit), music=music_of(brief, kit), native=brief.sound != "mute"
    )


def voice_of(brief: Brief, locale: str, kit: FinishKit) -> VoiceSpec | None:
    """Return the voice of a locale; None without a script, or if no voice speaks its language."""
    wanted = brief.voiceover.strip()
    if wanted in kit.assets:
        return VoiceSpec(recording=kit.assets[wanted])
    script = script_of(brief, locale)
    if not script or wanted.casefold() in NOTHING:
        return None
    chosen = auto_voice(locale, kit) if wanted.casefold() in ("", "auto") else wanted
    engine, _, voice = chosen.partition(":")
    return VoiceSpec(text=script, engine=engine, voice=voice) if engine else None


def auto_voice(locale: str, kit: FinishKit) -> str:
    """Return ``engine`` or ``engine:voice`` for a locale; empty if no engine speaks its language."""
    key = nearest(locale or "en", {tag: tag for tag in kit.voices})
    return kit.voices.get(key, "")


def music_of(brief: Brief, kit: FinishKit) -> MusicSpec | None:
    """Return the music of a brief; None for none."""
    wanted = brief.music.strip()
    if wanted.casefold() in NOTHING:
        return None
    if wanted in kit.assets:
        return MusicSpec(source="file", asset=kit.assets[wanted])
    if (asset := kit.brand.music.get(wanted or DEFAULT)) or (
        wanted.casefold() == "auto" and (asset := kit.brand.music.get(DEFAULT))
    ):
        return MusicSpec(source="file", asset=asset)
    return _made_music(wanted, brief.brief_id) if wanted else None


def _made_music(wanted: str, brief_id: str) -> MusicSpec:
    """Return music that is chosen or made by mood; the seed depends on the brief alone."""
    seed = int(content_id(["music", brief_id])[:7], 16)
    source, separator, rest = wanted.partition(":")
    if separator and source == "library":
        return MusicSpec(source="library", track=rest)
    if separator:
        return MusicSpec(source=source, mood=rest, seed=seed)
    return MusicSpec(source="library", mood="" if wanted.casefold() == "auto" else wanted, seed=seed)
