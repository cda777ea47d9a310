"""A night's work: what the catalogue has of a stock sheet, and the briefs of what it lacks."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from adapters.catalogue import Catalogue
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.nightly.night import Night
from manifests.nightly.night_report import NightReport
from manifests.nightly.stock import Combination, StockSheet
from manifests.states import GOOD, PASSED_OR_LATER, UNFINISHED, State
from manifests.variant import Variant
from models.card import ModelCard
from models.speed import Profile
from tasks.plan.expand import SEEDS, expand
from tasks.stock.stock_selection import NOTHING, Choice, Standing, choose, free_seed

UNBEGUN = "planned"
"""Counts for nothing: it is what nights before did not come to, and a night that takes it up makes the same clip."""
THERE = frozenset({*GOOD, State.LEASED, State.RENDERED, State.WITHDRAWN})
"""Counts as made. What is being made will be; what a person took back from viewers is not made again unasked."""
MOST_RUNS = 10_000


class Concept(NamedTuple):
    """What clips share that are the same footage but for their seed; steps, profile and revision don't count."""

    card: str
    prompt: str
    negative_prompt: str
    height: int
    width: int
    num_frames: int
    first_frame_sha256: str

    @classmethod
    def of(cls, variant: Variant) -> "Concept":
        """Return a variant's."""
        return cls(*(getattr(variant, name) for name in cls._fields))


@dataclass(frozen=True, slots=True)
class Work:
    """What a night takes up.

    Attributes:
        briefs: the chosen combinations, the most wanted first.
        is_new: False where the catalogue has the night's campaign already.
    """

    campaign: Campaign
    choice: Choice
    briefs: tuple[Brief, ...]
    is_new: bool


def work_of(
    catalogue: Catalogue,
    sheet: StockSheet,
    night: Night,
    cards: Mapping[str, ModelCard],
    default_card: str,
    profile: Profile = "exact",
) -> Work:
    """Return what a night takes up: what it has begun already, or else what the catalogue lacks most.

    Args:
        profile: see tasks.plan.expand.expand.
    """
    campaign = campaign_of(sheet, night)
    begun = catalogue.campaigns.briefs(campaign.campaign_id)
    named = sheet.named()
    firsts = dict(firsts_of(sheet, named, cards, default_card, profile))
    standings = dict(standings_of(catalogue, firsts))
    choice = choose(sheet, named, standings, 0 if begun else sheet.nightly, {brief.brief_id for brief in begun})
    briefs = begun or tuple(briefs_of(sheet, named, firsts, standings, choice.wanted))
    return Work(replace(campaign, briefs=briefs), choice, briefs, not begun)


def campaign_of(sheet: StockSheet, night: Night) -> Campaign:
    """Return the campaign of a night, without its briefs: the same sheet has one a night, called by the date."""
    day = night.day.isoformat()
    return Campaign(name_of(sheet.name, day), hashlib.sha256(f"stock {day} {sheet.sha256}".encode()).hexdigest(), ())


def name_of(sheet: str, day: str) -> str:
    """Return what a night's campaign is called by people: the date first, since ids are cut off behind."""
    return f"{day} {sheet}"


def firsts_of(
    sheet: StockSheet,
    named: Mapping[str, Combination],
    cards: Mapping[str, ModelCard],
    default_card: str,
    profile: Profile,
) -> Iterator[tuple[str, Variant]]:
    """Yield each combination's brief id with the variant of its derived seed."""
    briefs = (sheet.brief(combination) for combination in named.values())
    for brief_id, planned in zip(named, expand(briefs, cards, default_card, profile), strict=True):
        yield brief_id, planned.variant


def standings_of(catalogue: Catalogue, firsts: Mapping[str, Variant]) -> Iterator[tuple[str, Standing]]:
    """Yield what the catalogue has of each combination, whatever campaign asked for it; those without any are left out.

    Args:
        firsts: a variant of each, by brief id.
    """
    by_concept: defaultdict[Concept, list[str]] = defaultdict(list)
    for brief_id, variant in firsts.items():
        by_concept[Concept.of(variant)].append(brief_id)
    states: defaultdict[Concept, Counter[str]] = defaultdict(Counter)
    seeds: defaultdict[Concept, set[int]] = defaultdict(set)
    for variant, state in catalogue.existing_footage.of_prompts(concept.prompt for concept in by_concept):
        concept = Concept.of(variant)
        if concept in by_concept and state != UNBEGUN:
            states[concept][state] += 1
            seeds[concept].add(variant.seed)
    for concept, counts in states.items():
        good = sum(number for state, number in counts.items() if state in THERE)
        standing = Standing(good, counts.total() - good, frozenset(seeds[concept]))
        yield from ((brief_id, standing) for brief_id in by_concept[concept])


def briefs_of(
    sheet: StockSheet,
    named: Mapping[str, Combination],
    firsts: Mapping[str, Variant],
    standings: Mapping[str, Standing],
    wanted: Iterable[str],
) -> Iterator[Brief]:
    """Yield the briefs that make combinations, with seeds that were never tried."""
    for brief_id in wanted:
        standing = standings.get(brief_id, NOTHING)
        yield sheet.brief(
            named[brief_id],
            variants=sheet.tries,
            want=min(sheet.want, sheet.most - standing.good),
            seed=free_seed(firsts[brief_id].seed, sheet.tries, standing.used, SEEDS),
        )


def counted(report: NightReport, catalogue: Catalogue, briefs: Collection[Brief]) -> NightReport:
    """Return the report with what became of the night's campaign until now, and what its runs have spent."""
    tallies = catalogue.progress.tally_by_brief(report.campaign_id)
    ends = Counter(_end_of(brief, tallies.get(brief.brief_id, {})) for brief in briefs)
    states = catalogue.progress.tally(report.campaign_id)
    return replace(
        report,
        done=ends["done"],
        vain=ends["vain"],
        left=ends["left"],
        made=sum(number for state, number in states.items() if state in {*PASSED_OR_LATER, State.FAILED}),
        passed=sum(number for state, number in states.items() if state in PASSED_OR_LATER),
        published=states.get(State.PUBLISHED, 0),
        spent_s=spent_s(catalogue, name_of(report.sheet, report.day)),
    )


def spent_s(catalogue: Catalogue, name: str) -> float:
    """Return the device seconds of a night's runs: a sheet that is changed in the night has no second budget."""
    nights = [row.campaign_id for row in catalogue.campaigns.all() if row.name == name]
    return sum(run.spent_s for campaign_id in nights for run in catalogue.runs.all(campaign_id, limit=MOST_RUNS))


def _end_of(brief: Brief, states: Mapping[str, int]) -> str:
    if sum(states.get(state, 0) for state in GOOD) >= (brief.want or 1):
        return "done"
    return "left" if any(states.get(state, 0) for state in UNFINISHED) or not states else "vain"
