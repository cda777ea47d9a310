"""Whether the texts of a finished row can be drawn: each character has a font, and each text fits its box."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from adapters.media.drawing.fonts import FontSet, fonts_for, missing_glyphs, missing_message
from adapters.media.drawing.layers import drawn_layers
from manifests.brief import Brief
from manifests.errors import FinishError
from manifests.finish.choices import size_of, texts_of
from manifests.finish.design.frame import Frame
from manifests.finish.texts.wording import Wording, caption_column, captions_of, header_for, text_of, wordings
from manifests.sheet import CellIssue
from tasks.intake.finishing.checks import preset_of
from tasks.intake.finishing.sources import FinishSources

DRY_FITS = 200
"""Layouts that are tried when a sheet is read; the rest are tried when the deliverables are made."""
_FPS, _FOOTAGE_S, _CARD_S = 24, 4.0, 2.0
_MASTER = (832, 480)


@dataclass
class Drawing:
    """Checks texts, each once.

    Attributes:
        sources: templates, brand kit and presets.
        fonts: of the brand kit.
        tried: layouts that were tried, with their problem; None if they fit.
    """

    sources: FinishSources
    fonts: FontSet
    glyphs: dict[tuple[str, str], str] = field(default_factory=dict)
    tried: dict[object, "Misfit | None"] = field(default_factory=dict)

    @classmethod
    def of(cls, sources: FinishSources) -> "Drawing":
        """Open the fonts of the brand kit.

        Raises:
            FinishError: one of them is not a font.
        """
        return cls(sources, fonts_for(sources.brand, sources.store.path))

    def issues(self, brief: Brief) -> Iterator[CellIssue]:
        """Yield characters without a font, and texts that do not fit."""
        template, bad = self.sources.templates[brief.finish], False
        for wording in wordings(brief):
            for name in template.placeholders:
                text = text_of(brief, name, wording, {})
                if problem := self._missing(text, wording.locale):
                    bad = True
                    yield CellIssue(header_for(brief, name, wording.locale), text, f"cannot be drawn. {problem}")
            captions = captions_of(brief, wording.locale, self.sources.captions)
            if problem := self._missing(captions, wording.locale):
                bad = True
                yield CellIssue(caption_column(brief, wording.locale), captions, f"cannot be drawn. {problem}")
        if not bad:
            yield from self._misfits(brief)

    def _missing(self, text: str, locale: str) -> str:
        key = (text, locale)
        if key not in self.glyphs:
            missing = missing_glyphs(text.replace("\n", " "), self.fonts, language=locale) if text else ()
            self.glyphs[key] = missing_message(missing) if missing else ""
        return self.glyphs[key]

    def _misfits(self, brief: Brief) -> Iterator[CellIssue]:
        for wording in wordings(brief):
            for placement in brief.placements:
                preset = preset_of(placement, self.sources.presets)
                if misfit := self._misfit(brief, wording, placement.aspect_ratio, preset.name):
                    yield _misfit_issue(brief, wording, placement.label, misfit)

    def _misfit(self, brief: Brief, wording: Wording, ratio: str, preset_name: str) -> "Misfit | None":
        """Return why the texts of a wording do not fit into the boxes of the template; None if they do."""
        template, preset = self.sources.templates[brief.finish], self.sources.presets[preset_name]
        texts = texts_of(brief, template, wording, {}, self.sources.brand)
        key = (template.name, texts, ratio, preset_name, wording.locale)
        if key in self.tried:
            return self.tried[key]
        if len(self.tried) >= DRY_FITS:
            return None
        size = size_of(preset, ratio, *_MASTER)
        end_card_s = _CARD_S if template.end_card else 0.0
        intro_s = _CARD_S if template.intro else 0.0
        frame = Frame(size.width, size.height, ratio, _FPS, intro_s, _FOOTAGE_S, end_card_s, preset.safe_zone(ratio))

        def problem_with(texts: Mapping[str, str]) -> str:
            try:
                drawn_layers(template, self.sources.brand, dict(texts), frame, wording.locale, self.sources.store.path)
            except FinishError as error:
                return str(error)
            return ""

        problem = problem_with(dict(texts))
        self.tried[key] = _culprit(dict(texts), problem, problem_with) if problem else None
        return self.tried[key]


class Misfit(NamedTuple):
    """Texts that do not fit.

    Attributes:
        name: placeholder of the text that is too long; empty if none of them alone decides it.
        num_chars: about how many of its characters fit.
    """

    problem: str
    name: str = ""
    num_chars: int = 0


def _culprit(texts: Mapping[str, str], problem: str, problem_with: Callable[[Mapping[str, str]], str]) -> Misfit:
    """Find the text without which the others fit, the longest first, and how much of it fits."""
    for name in sorted(texts, key=lambda each: -len(texts[each])):
        if not problem_with({**texts, name: ""}):
            lengths = range(1, len(texts[name]))
            num_chars = bisect_left(lengths, True, key=lambda n: bool(problem_with({**texts, name: texts[name][:n]})))
            return Misfit(problem, name, num_chars)
    return Misfit(problem)


def _misfit_issue(brief: Brief, wording: Wording, placement: str, misfit: Misfit) -> CellIssue:
    """Report a misfit in the cell of the text, or of the template if the text is not in the sheet."""
    where = f"{placement} in {wording.locale}" if wording.locale else placement
    if not misfit.name or not (text := text_of(brief, misfit.name, wording, {})):
        return CellIssue("finish", brief.finish, f"does not fit for {where}: {misfit.problem}")
    fits = f"About {misfit.num_chars} of its {len(text)} characters fit." if misfit.num_chars else ""
    column = header_for(brief, misfit.name, wording.locale)
    return CellIssue(column, text, f"does not fit for {where}: {misfit.problem} {fits}".rstrip())
