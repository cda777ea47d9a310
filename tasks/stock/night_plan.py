"""The plan of a nightly run: the combinations of a stock sheet that the catalogue lacks, and their briefs."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from adapters.catalogue import Catalogue
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.goals.want import good_in
from manifests.nightly.night import Night
from manifests.nightly.night_report import NightReport
from manifests.nightly.stock import Combination, StockSheet
from manifests.states import GOOD, PASSED_OR_LATER, State, unfinished_in
from manifests.variant import Variant
from models.card import GeneratorCard
from models.speed import Profile
from tasks.plan.expand import SEEDS, expand
from tasks.stock.stock_selection import NO_CLIPS, Choice, ExistingClips, choose, free_seed

UNSTARTED = "planned"
"""Not counted: variants that earlier nights did not start. A night that chooses them generates the same clips."""
EXISTING = frozenset({*GOOD, State.LEASED, State.RENDERED, State.WITHDRAWN})
"""Counted as existing. This includes clips in progress, and withdrawn clips, which are not generated again."""
MAX_RUNS = 10_000


class Concept(NamedTuple):
    """The values that clips of the same footage share. Seed, steps, profile and revision may differ."""

    card: str
    prompt: str
    negative_prompt: str
    height: int
    width: int
    num_frames: int
    first_frame_sha256: str

    @classmethod
    def of(cls, variant: Variant) -> "Concept":
        """Return the concept of a variant."""
        return cls(*(getattr(variant, name) for name in cls._fields))


@dataclass(frozen=True, slots=True)
class NightPlan:
    """The work of a night.

    Attributes:
        briefs: the chosen combinations, the most wanted first.
        is_new: False if the catalogue already has the night's campaign.
    """

    campaign: Campaign
    choice: Choice
    briefs: tuple[Brief, ...]
    is_new: bool


def plan_night(
    catalogue: Catalogue,
    sheet: StockSheet,
    night: Night,
    cards: Mapping[str, GeneratorCard],
    default_card: str,
    profile: Profile = "exact",
) -> NightPlan:
    """Return the work of a night: what it has already started, or else what the catalogue lacks most.

    Args:
        profile: see tasks.plan.expand.expand.
    """
    campaign = campaign_of(sheet, night)
    begun = catalogue.campaigns.briefs(campaign.campaign_id)
    named = sheet.named()
    firsts = dict(first_variants(sheet, named, cards, default_card, profile))
    existing = dict(existing_clips(catalogue, firsts))
    choice = choose(sheet, named, existing, 0 if begun else sheet.nightly, {brief.brief_id for brief in begun})
    briefs = begun or tuple(new_briefs(sheet, named, firsts, existing, choice.wanted))
    return NightPlan(replace(campaign, briefs=briefs), choice, briefs, not begun)


def campaign_of(sheet: StockSheet, night: Night) -> Campaign:
    """Return the campaign of a night without its briefs; a sheet has one campaign per night, named by the date."""
    day = night.day.isoformat()
    return Campaign(name_of(sheet.name, day), hashlib.sha256(f"stock {day} {sheet.sha256}".encode()).hexdigest(), ())


def name_of(sheet: str, day: str) -> str:
    """Return the display name of a night's campaign, with the date first because long ids are cut at the end."""
    return f"{day} {sheet}"


def first_variants(
    sheet: StockSheet,
    named: Mapping[str, Combination],
    cards: Mapping[str, GeneratorCard],
    default_card: str,
    profile: Profile,
) -> Iterator[tuple[str, Variant]]:
    """Yield the brief id of each combination with its variant for the derived seed."""
    briefs = (sheet.brief(combination) for combination in named.values())
    for brief_id, planned in zip(named, expand(briefs, cards, default_card, profile), strict=True):
        yield brief_id, planned.variant


def existing_clips(catalogue: Catalogue, firsts: Mapping[str, Variant]) -> Iterator[tuple[str, ExistingClips]]:
    """Yield the existing clips of each combination, from all campaigns; combinations without clips are left out.

    Args:
        firsts: one variant of each combination, by brief id.
    """
    by_concept: defaultdict[Concept, list[str]] = defaultdict(list)
    for brief_id, variant in firsts.items():
        by_concept[Concept.of(variant)].append(brief_id)
    states: defaultdict[Concept, Counter[str]] = defaultdict(Counter)
    seeds: defaultdict[Concept, set[int]] = defaultdict(set)
    for variant, state in catalogue.existing_footage.of_prompts(concept.prompt for concept in by_concept):
        concept = Concept.of(variant)
        if concept in by_concept and state != UNSTARTED:
            states[concept][state] += 1
            seeds[concept].add(variant.seed)
    for concept, counts in states.items():
        good = sum(number for state, number in counts.items() if state in EXISTING)
        clips = ExistingClips(good, counts.total() - good, frozenset(seeds[concept]))
        yield from ((brief_id, clips) for brief_id in by_concept[concept])


def new_briefs(
    sheet: StockSheet,
    named: Mapping[str, Combination],
    firsts: Mapping[str, Variant],
    existing: Mapping[str, ExistingClips],
    wanted: Iterable[str],
) -> Iterator[Brief]:
    """Yield the briefs for the wanted combinations, with seeds that were never tried."""
    for brief_id in wanted:
        clips = existing.get(brief_id, NO_CLIPS)
        yield sheet.brief(
            named[brief_id],
            variants=sheet.tries,
            want=min(sheet.want, sheet.most - clips.good),
            seed=free_seed(firsts[brief_id].seed, sheet.tries, clips.used, SEEDS),
        )


def with_progress(report: NightReport, catalogue: Catalogue, briefs: Collection[Brief]) -> NightReport:
    """Return the report with the progress of the night's campaign so far and the device time of its runs."""
    tallies = catalogue.progress.tally_by_brief(report.campaign_id)
    ends = Counter(_end_of(brief, tallies.get(brief.brief_id, {})) for brief in briefs)
    states = catalogue.progress.tally(report.campaign_id)
    return replace(
        report,
        done=ends["done"],
        always_failed=ends["always failed"],
        unfinished=ends["unfinished"],
        generated=sum(number for state, number in states.items() if state in {*PASSED_OR_LATER, State.FAILED}),
        passed=catalogue.progress.passed(report.campaign_id),
        published=states.get(State.PUBLISHED, 0),
        spent_s=spent_s(catalogue, name_of(report.sheet, report.day)),
    )


def spent_s(catalogue: Catalogue, name: str) -> float:
    """Return the device seconds of a night's runs, including those of earlier versions of the sheet.

    Changing the sheet during the night does not give it a second budget.
    """
    nights = [row.campaign_id for row in catalogue.campaigns.all() if row.name == name]
    return sum(run.spent_s for campaign_id in nights for run in catalogue.runs.all(campaign_id, limit=MAX_RUNS))


def _end_of(brief: Brief, states: Mapping[str, int]) -> str:
    if good_in(states) >= (brief.want or 1):
        return "done"
    return "unfinished" if unfinished_in(states) or not states else "always failed"
