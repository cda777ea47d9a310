"""The checks of finishing for a whole sheet, and the kit that its campaign keeps."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from manifests.brief import NO_FINISH, Brief
from manifests.finish.kit import FinishKit
from manifests.finish.texts.languages import is_language
from manifests.sheet import CellIssue, CellProblem, Table
from manifests.sheet.layout import Layout
from models.card import GeneratorCard
from tasks.intake.finishing.captions import caption_issues
from tasks.intake.finishing.checks import (
    contrast_issues,
    crop_issues,
    locale_issues,
    placement_issues,
    preset_of,
    template_issues,
    text_issues,
)
from tasks.intake.finishing.sounds import Voices, is_spoken, music_issues, silence_issues, voice_issues, voices_of
from tasks.intake.finishing.sources import FinishSources

if TYPE_CHECKING:
    from tasks.intake.finishing.drawing import Drawing

Check = Callable[[Brief], Iterator[CellIssue]]


class Finishing:
    """Checks the finished rows of one sheet. Nothing is read or imported for a sheet without any."""

    def __init__(self, sources: FinishSources) -> None:
        self._sources = sources

    @property
    def default(self) -> str:
        """The template of rows without one."""
        return self._sources.finish

    def texts(self, table: Table) -> frozenset[str]:
        """Return the names that can have columns per language: the placeholders of all templates.

        Raises:
            FinishError: a template is invalid.
        """
        if self.default == NO_FINISH and "finish" not in Layout.of(table).known:
            return frozenset()
        return frozenset(name for each in self._sources.templates.values() for name in each.placeholders)

    def check(self, cards: Mapping[str, GeneratorCard], default_card: str) -> Check:
        """Return the check of a brief."""

        def used_by(brief: Brief) -> list[GeneratorCard]:
            return [cards[name] for name in brief.models or (default_card,) if name in cards]

        def seconds(brief: Brief) -> float | None:
            used = used_by(brief)
            lengths = [card.inputs.num_frames / card.frame_rules.fps for card in used]
            is_longer = bool(brief.sequence) or is_spoken(brief)  # by other clips, or until the voice ends
            return self._shortest(brief, None if is_longer else min(brief.durations_s or lengths, default=None))

        def check(brief: Brief) -> Iterator[CellIssue]:
            if brief.is_finished:
                yield from self._issues(brief, seconds, used_by(brief))

        return check

    def _shortest(self, brief: Brief, generated_s: float | None) -> float | None:
        """Return the length of the shortest deliverable of a row, which is extended to its placement's minimum."""
        presets = [(each, preset_of(each, self._sources.presets)) for each in brief.placements]
        lengths = [each.duration_s or (generated_s and max(generated_s, preset.min_s or 0)) for each, preset in presets]
        known = [length for length in lengths if length]
        return min(known) if known and len(known) == len(lengths) else None

    def _issues(
        self, brief: Brief, seconds: Callable[[Brief], float | None], cards: Sequence[GeneratorCard]
    ) -> Iterator[CellIssue]:
        sources, found = self._sources, False
        for issue in (*template_issues(brief, sources), *locale_issues(brief)):
            found = True
            yield issue
        yield from placement_issues(brief, sources)
        yield from crop_issues(brief)
        yield from music_issues(brief, sources)
        known = tuple(locale for locale in brief.locales if is_language(locale))
        if known or not brief.locales:  # nothing follows from a locale with an error
            readable = replace(brief, locales=known)
            yield from voice_issues(readable, sources, self._voices)
            yield from caption_issues(readable, sources, seconds, self._voices)
            yield from silence_issues(readable, sources, self._voices, cards)
        if not found:
            yield from text_issues(brief, sources.templates[brief.finish])
            yield from contrast_issues(brief, sources.templates[brief.finish], sources.brand)
            yield from self._drawing.issues(brief)

    @cached_property
    def _voices(self) -> Voices:
        return Voices(self._sources.brand, self._sources.tools)

    @cached_property
    def _drawing(self) -> "Drawing":
        from tasks.intake.finishing.drawing import Drawing  # Skia, which only finished rows need

        return Drawing.of(self._sources)

    def warnings(self, table: Table, briefs: Sequence[Brief]) -> Iterator[CellProblem]:
        """Yield the findings about the sheet as a whole."""
        layout = Layout.of(table)
        if not any(brief.is_finished for brief in briefs):
            if any(brief.ctas for brief in briefs) and not any("cta" in brief.placeholders for brief in briefs):
                yield layout.problem(table.header_row, "cta", "", _NOT_DRAWN)
            return
        if problem := self._sources.no_brand:
            yield CellProblem(0, "", "", "", problem)
        yield from _sequence_warnings(layout, [brief for brief in briefs if brief.is_finished])

    def kit(self, briefs: Sequence[Brief]) -> FinishKit | None:
        """Return what the deliverables of valid briefs need; None if none of them is finished."""
        finished = [brief for brief in briefs if brief.is_finished]
        if not finished:
            return None
        sources = self._sources
        placements = {each.label: each for brief in finished for each in brief.placements}
        named = {text for brief in finished for text in (brief.voiceover.strip(), brief.music.strip())}
        captions = {text for brief in finished for text in _caption_texts(brief)}
        return FinishKit(
            templates={name: sources.templates[name] for name in sorted({brief.finish for brief in finished})},
            brand=sources.brand,
            presets={label: preset_of(each, sources.presets) for label, each in sorted(placements.items())},
            voices=dict(voices_of(finished, self._voices)),
            assets={name: asset for name, asset in sorted(sources.files.items()) if name in named},
            captions={name: text for name, text in sorted(sources.captions.items()) if name in captions},
        )


_NOT_DRAWN = (
    "is not drawn on the clips. To draw it, enter a finish template in a column 'finish', or add --finish NAME; "
    "`reelmill templates` lists them."
)


def _caption_texts(brief: Brief) -> Iterator[str]:
    yield brief.captions
    for texts in brief.localised.get("captions", {}).values():
        yield from texts


def _sequence_warnings(layout: Layout, briefs: Sequence[Brief]) -> Iterator[CellProblem]:
    """Yield sequences of one row, and rows that differ from the first one, whose choices are used."""
    for name in dict.fromkeys(brief.sequence for brief in briefs if brief.sequence):
        first, *others = [brief for brief in briefs if brief.sequence == name]
        if not others:
            yield layout.problem(
                first.row,
                "sequence",
                name,
                "has only this row, so nothing is joined. Enter the same text in the rows that belong together, or "
                "clear the cell.",
            )
        for other in others:
            if differs(other, first):
                yield layout.problem(
                    other.row,
                    "sequence",
                    name,
                    f"has other placements, locales or texts than row {first.row}, which decides them for the whole "
                    "sequence. Enter the same in both rows, or leave the texts of this row empty.",
                )


def differs(brief: Brief, first: Brief) -> bool:
    """Return whether a row of a sequence has choices of its own that are not used: those of the first row are."""
    texts = (
        (brief.locales, first.locales),
        (brief.ctas, first.ctas),
        (brief.script, first.script),
        (brief.captions, first.captions),
        (brief.localised, first.localised),
    )
    labels = [[placement.label for placement in each.placements] for each in (brief, first)]
    own = any(mine and mine != theirs for mine, theirs in texts)
    return own or brief.finish != first.finish or labels[0] != labels[1]
