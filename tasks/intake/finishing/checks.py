"""The checks of a finished row. Each yields the issues of one concern."""

from collections.abc import Iterator
from difflib import get_close_matches

from adapters.media.reframe.library import library_problem
from manifests.brief import CROP, Brief
from manifests.errors import FinishError
from manifests.finish.brand import BrandKit
from manifests.finish.design.contrast import contrast_warnings
from manifests.finish.design.template import FinishTemplate
from manifests.finish.texts.languages import canonical, primary
from manifests.finish.texts.wording import (
    CTA,
    Wording,
    are_paired,
    column_of,
    localised,
    text_of,
    wordings,
)
from manifests.placement import Placement
from manifests.placements.preset import PlacementPreset
from manifests.pluralize import any_of
from manifests.sheet import CellIssue
from tasks.intake.finishing.sources import FinishSources

BRAND_TEXTS = ("brand", "legal")
"""Placeholders that the brand kit fills in."""


def template_issues(brief: Brief, sources: FinishSources) -> Iterator[CellIssue]:
    """Yield an unknown template, or what is missing on this machine to draw it."""
    if brief.finish not in sources.templates:
        yield CellIssue("finish", brief.finish, f"is not a finish template. {_near(brief.finish, sources.templates)}")
    elif problem := _missing_extra():
        yield CellIssue("finish", brief.finish, f"cannot be used. {problem}")


def _near(name: str, templates: dict[str, FinishTemplate]) -> str:
    near = get_close_matches(name.casefold(), templates, 1, 0.6)
    if near:
        return f"Did you mean {near[0]}? `reelmill templates` lists all templates."
    return f"Use {any_of(templates)}, which `reelmill templates` shows, or none."


def _missing_extra() -> str:
    from adapters.media.drawing.skia_library import load_skia

    try:
        load_skia()
    except FinishError as error:
        return str(error)
    return ""


def locale_issues(brief: Brief) -> Iterator[CellIssue]:
    """Yield the locales that are no language tags, and those whose texts are missing."""
    for locale in brief.locales:
        try:
            canonical(locale)
        except ValueError as error:
            yield CellIssue("locale", locale, str(error))


def text_issues(brief: Brief, template: FinishTemplate) -> Iterator[CellIssue]:
    """Yield the texts that a template draws and the row lacks, in all of its languages or in one of them.

    The first row of a sequence has the texts of all, so rows of sequences may lack them.
    """
    if brief.sequence:
        return
    given = [name for name in template.placeholders if any(text_of(brief, name, each, {}) for each in wordings(brief))]
    for name in template.placeholders:
        is_known = name == CTA or column_of(brief, name) in brief.metadata
        if name not in given and is_known and name not in BRAND_TEXTS:
            message = (
                f"is empty, so the template {template.name} leaves out its layer. Enter a text, or use a template "
                "without it."
            )
            yield CellIssue(column_of(brief, name), "", message, warning=True, summary=_summary(name, template))
    for name in (*given, *(name for name in ("script", "captions") if getattr(brief, name))):
        yield from _untranslated(brief, name)


def contrast_issues(brief: Brief, template: FinishTemplate, brand: BrandKit) -> Iterator[CellIssue]:
    """Yield the texts that are hard to read in the colours of the brand, and colours that the brand kit lacks."""
    try:
        for warning in contrast_warnings(template, brand):
            summary = f"use the template {template.name}, in which {warning}"
            yield CellIssue("finish", brief.finish, f"is a template in which {warning}", warning=True, summary=summary)
    except FinishError as error:
        yield CellIssue("finish", brief.finish, f"is a template that cannot be drawn: {error}")


def _summary(name: str, template: FinishTemplate) -> str:
    return (
        f"have no text for {{{{{name}}}}}, which the template {template.name} draws; its layer is left out. Enter the "
        "texts, or use a template without it."
    )


def _untranslated(brief: Brief, name: str) -> Iterator[CellIssue]:
    """Yield the languages for which the text of the row's first language is used."""
    first = primary(brief.locales[0]) if brief.locales else ""
    for wording in {each.locale: each for each in wordings(brief)}.values():
        if primary(wording.locale) != first and _uses_base(brief, name, wording):
            column = column_of(brief, name)
            message = (
                f"is used for {wording.locale} as well, because there is no text for it. Add a column "
                f"'{name}_{wording.locale}', or remove {wording.locale} from the locales."
            )
            text = _base_text(brief, name)
            yield CellIssue(column, text, message, warning=True, summary=_untranslated_summary(name, wording.locale))


def _untranslated_summary(name: str, locale: str) -> str:
    return (
        f"have no text of '{name}' for {locale}, so that of the first locale is used, for example {{examples}}. Add a "
        f"column '{name}_{locale}'."
    )


def _base_text(brief: Brief, name: str) -> str:
    if name in ("script", "captions"):
        return str(getattr(brief, name))
    return next(iter(brief.values(column_of(brief, name))), "")


def _uses_base(brief: Brief, name: str, wording: Wording) -> bool:
    if localised(brief, name, wording.locale) or not _base_text(brief, name):
        return False
    if name == "captions" and brief.captions.casefold() in ("none", "script"):
        return False
    if name == CTA and are_paired(brief):
        return False
    return name in ("script", "captions") or len(brief.values(column_of(brief, name))) != len(brief.locales)


def placement_issues(brief: Brief, sources: FinishSources) -> Iterator[CellIssue]:
    """Yield ratios that a platform does not accept, and choices for placements that the row does not have."""
    for placement in brief.placements:
        preset = preset_of(placement, sources.presets)
        if placement.channel != "generic" and placement.aspect_ratio not in preset.sizes:
            yield CellIssue(
                "placements",
                placement.label,
                f"is not a ratio of {preset.title}. Use {any_of(preset.sizes)}.",
                warning=True,
            )
        if placement.duration_s and not _is_allowed(placement.duration_s, preset):
            yield CellIssue("placements", placement.label, _length(placement, preset), warning=True)
    keys = {key for each in brief.placements for key in (each.label, each.channel, each.aspect_ratio)}
    for key, fit in brief.reframe.items():
        if key and key not in keys:
            labels = any_of(each.label for each in brief.placements)
            yield CellIssue(
                "reframe",
                f"{key}={fit}",
                f"has no effect, because the row has no placement {key}. Use {labels}, or remove it.",
                warning=True,
                follows="placements",
            )


def crop_issues(brief: Brief) -> Iterator[CellIssue]:
    """Yield a crop that follows the subject, if this machine cannot do that: not only after generating the clips."""
    for placement in brief.placements:
        is_cropped = brief.master_of(placement).aspect_ratio != placement.aspect_ratio
        if brief.fit_of(placement) == CROP and is_cropped and not brief.crop_of(placement):
            if problem := library_problem():
                yield CellIssue("reframe", CROP, f"cannot be used. {problem}")
            return


def _is_allowed(seconds: float, preset: PlacementPreset) -> bool:
    return (preset.min_s or 0) <= seconds <= (preset.max_s or seconds)


def _length(placement: Placement, preset: PlacementPreset) -> str:
    least, most = preset.min_s, preset.max_s
    allowed = f"{least or 0.1:g} to {most:g} s" if most else f"at least {least:g} s"
    return (
        f"has a length of {placement.duration_s:g} s, which {preset.title} does not accept. Use {allowed}, or leave "
        "out the length."
    )


def preset_of(placement: Placement, presets: dict[str, PlacementPreset]) -> PlacementPreset:
    """Return the preset of a placement: the one of its channel, or the generic one."""
    own = presets.get(placement.channel)
    by_channel = (preset for preset in presets.values() if placement.channel in preset.channels)
    return own or next(by_channel, None) or presets["generic"]
