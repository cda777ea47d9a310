"""How many deliverables a campaign gives, before anything is generated."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from manifests.brief import NATIVE, Brief
from manifests.finish.design.template import FinishTemplate
from manifests.finish.texts.wording import CTA, are_paired, wordings
from manifests.pluralize import count_of
from manifests.variant import PlannedVariant
from models.card import GeneratorCard
from tasks.intake.intake import Intake
from tasks.plan.deliverables import placements_of, rows_of_sequence
from tasks.plan.expand import expand


class DeliverableCount(NamedTuple):
    """Deliverables of one placement and language.

    Attributes:
        placement: label, such as ``tiktok 9:16``.
        locale: language tag; empty for none.
        number: how many, if as many clips are published as the rows want.
        made_from: how many are made in each way: ``native``, ``crop``, ``blur`` or ``colour``.
    """

    placement: str
    locale: str
    number: int
    made_from: Mapping[str, int]


FITS = {NATIVE: "native", "crop": "cropped", "blur": "on a blurred copy", "colour": "on the background colour"}
"""Words for how clips are fitted."""


def deliverable_counts(
    briefs: Sequence[Brief], planned: Iterable[PlannedVariant], templates: Mapping[str, FinishTemplate]
) -> tuple[DeliverableCount, ...]:
    """Count the deliverables by placement and locale, in the order of the sheet.

    Args:
        planned: the variants of the campaign; those of briefs without finishing are skipped.
        templates: by name. If a template does not draw the call to action, several of them give one deliverable.
    """
    by_id = {brief.brief_id: brief for brief in briefs if brief.is_finished}
    if not by_id:
        return ()
    fits: dict[tuple[str, str], Counter[str]] = {}
    for brief, label, labels in _sources(by_id, planned):
        for placement in placements_of(brief, label):
            same = brief.master_of(placement).aspect_ratio == placement.aspect_ratio
            fit = NATIVE if same else brief.fit_of(placement)
            for locale in _locales(brief, labels, templates):
                fits.setdefault((label, locale), Counter())[fit] += 1
    return tuple(DeliverableCount(*key, found.total(), dict(found)) for key, found in fits.items())


def deliverables_in(
    intake: Intake, cards: Mapping[str, GeneratorCard], model: str, planned: Iterable[PlannedVariant] | None = None
) -> tuple[DeliverableCount, ...]:
    """Count the deliverables of a sheet by placement and locale; none without finishing.

    Args:
        model: the card of rows without a model.
        planned: the variants to count, such as those of a sample; None for all.
    """
    briefs = [brief for brief in intake.checked.briefs if brief.is_finished]
    if intake.kit is None:
        return ()
    return deliverable_counts(
        briefs, expand(briefs, cards, model) if planned is None else planned, intake.kit.templates
    )


def _sources(
    by_id: Mapping[str, Brief], planned: Iterable[PlannedVariant]
) -> Iterator[tuple[Brief, str, Mapping[str, str]]]:
    """Yield (brief, placement, labels) for each wanted clip, and once for each placement of a sequence."""
    clips: dict[tuple[str, str, tuple[tuple[str, str], ...]], set[str]] = {}
    for item in planned:
        brief = by_id.get(item.brief_id)
        if brief is None or brief.sequence:
            continue
        known = clips.setdefault((item.brief_id, item.placement.label, item.labels), set())
        if item.variant_id not in known and len(known) < _wanted(brief):
            known.add(item.variant_id)
            yield brief, item.placement.label, dict(item.labels)
    for brief in by_id.values():
        if brief.sequence and rows_of_sequence(brief, by_id.values())[0].brief_id == brief.brief_id:
            for label in dict.fromkeys(placement.label for placement in brief.placements):
                yield brief, label, {}


def _wanted(brief: Brief) -> int:
    """Return how many clips of a combination are published at most; a row of several may share ``want`` unequally."""
    counts_each = brief.want_scope == "combination" or brief.combinations == 1
    return brief.want if brief.want and counts_each else brief.variants


def _locales(brief: Brief, labels: Mapping[str, str], templates: Mapping[str, FinishTemplate]) -> list[str]:
    """Return the locale of each deliverable of a clip; one for each call to action, if the template draws it."""
    template = templates.get(brief.finish)
    draws_cta = template is None or CTA in template.placeholders
    found = {(wording.locale, wording.cta if draws_cta else ""): None for wording in wordings(brief, labels)}
    return [locale for locale, _ in found]


def deliverable_lines(counts: Sequence[DeliverableCount], briefs: Iterable[Brief]) -> list[str]:
    """Return what people should know about the deliverables: their number, one line each, and how rows are read."""
    if not counts:
        return []
    briefs = [brief for brief in briefs if brief.is_finished]
    total = sum(count.number for count in counts)
    wanted = ", if as many clips pass as the rows want" if any(brief.want for brief in briefs) else ""
    lines = [f"Deliverables: {total:,}{wanted}"]
    lines += [f"  {_place(count)}: {count.number:,}{_made(count)}" for count in counts]
    return [*lines, *_notes(briefs)]


def _place(count: DeliverableCount) -> str:
    return f"{count.placement}, {count.locale}" if count.locale else count.placement


def _made(count: DeliverableCount) -> str:
    """Return how the clips are fitted, with numbers if there are several ways; nothing if all are native."""
    made = {words: count.made_from[fit] for fit, words in FITS.items() if fit in count.made_from}
    if list(made) == [FITS[NATIVE]]:
        return ""
    parts = [f"{number:,} {words}" if len(made) > 1 else words for words, number in made.items()]
    return f" ({', '.join(parts)})"


def _notes(briefs: Sequence[Brief]) -> Iterator[str]:
    """Yield sentences about how rows are read, each once."""
    reframed = [brief for brief in briefs if any(brief.fit_of(each) != NATIVE for each in brief.placements)]
    for label in dict.fromkeys(_master(brief) for brief in reframed):
        number = sum(_master(brief) == label for brief in reframed)
        yield f"{count_of(number, 'row')}: the clips are generated for {label} and fitted to the other placements."
    if paired := [brief for brief in briefs if are_paired(brief)]:
        first = paired[0]
        example = ", ".join(f"{locale} with {cta!r}" for locale, cta in zip(first.locales, first.ctas, strict=True))
        yield f"{count_of(len(paired), 'row')}: locales and calls to action are paired, such as {example}."


def _master(brief: Brief) -> str:
    reframed = next(each for each in brief.placements if brief.fit_of(each) != NATIVE)
    return brief.master_of(reframed).label
