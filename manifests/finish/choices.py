"""What a row chooses for its deliverables: size, texts, voice and music."""

from collections.abc import Mapping

from manifests.brief import Brief
from manifests.finish.brand import BrandKit
from manifests.finish.design.template import FinishTemplate
from manifests.finish.kit import FinishKit
from manifests.finish.spec import MusicSpec, VoiceSpec
from manifests.finish.texts.languages import nearest
from manifests.finish.texts.wording import NOTHING, Wording, script_of, text_of
from manifests.finish.texts.words import with_brand_texts
from manifests.identity import content_id
from manifests.placements.preset import FrameSize, PlacementPreset

LEAST_SIDE = 720
"""Shorter side of deliverables without a platform, in pixels, unless the clip is larger."""
DEFAULT = "default"


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
    own = {name: text_of(brief, name, wording, labels) for name in template.placeholders}
    texts = with_brand_texts(own, brand, wording.locale)
    return tuple((name, text) for name, text in sorted(texts.items()) if name in own)


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
    name = brand_name(wanted, kit.brand)
    if asset := kit.brand.music.get(name):
        return MusicSpec(source="file", asset=asset)
    made = kit.brand.made_music.get(name, wanted)
    return _made_music(made, brief.brief_id) if made else None


def brand_name(wanted: str, brand: BrandKit) -> str:
    """Return the name of the music in the brand kit that a cell means; the kit may have none of this name."""
    if wanted in brand.music or wanted in brand.made_music:
        return wanted
    return DEFAULT if wanted.casefold() in ("", "auto") else wanted


def _made_music(wanted: str, brief_id: str) -> MusicSpec:
    """Return music that is chosen or made by mood; the seed depends on the brief alone."""
    seed = int(content_id(["music", brief_id])[:7], 16)
    source, separator, rest = wanted.partition(":")
    if separator and source == "library":
        return MusicSpec(source="library", track=rest)
    if separator:
        return MusicSpec(source=source, mood=rest, seed=seed)
    return MusicSpec(source="library", mood="" if wanted.casefold() == "auto" else wanted, seed=seed)
