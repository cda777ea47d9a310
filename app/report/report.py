"""Report of a campaign, from the catalogue alone."""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType

from adapters.catalogue import Catalogue, VariantRow
from adapters.sheets import Outcome
from app.report.cost import NO_COST, ClipCost, cost_of, seconds_of
from app.report.deliverable_results import failures_of
from app.report.fallbacks import Fallbacks, fallbacks_of
from app.report.spending import NOTHING, Spending, spending_of
from manifests.brief import Brief
from manifests.costs.device_use import UseTotal
from manifests.costs.prices import NO_PRICES, Prices
from manifests.costs.sums import sums_json
from manifests.finish.deliverable import UNDELIVERED as DELIVERABLES_LEFT
from manifests.finish.deliverable import DeliverableState
from manifests.goals.goal import Labels, goal_of
from manifests.goals.want import is_not_needed, satisfied_goals
from manifests.pluralize import count_of
from manifests.scoring.gate import reason_label
from manifests.states import GOOD, UNDELIVERED, UNFINISHED, State, has_passed
from tasks.plan.licence import Clearance, waiting_sentences


@dataclass(frozen=True, slots=True)
class BriefReport:
    """Counts of one brief's clips.

    Attributes:
        best_score: highest prompt adherence (cosine) among the scored clips.
        not_needed: not generated, since their brief or combination has as many good clips as it wants.
        waiting: approved, but blocked until the model's licence conditions are attested.
        failed: generation failed, or the gate; without the variants that a fallback replaces.
        replaced: failed, and a fallback model generates the clip instead.
        models: the models of its clips, in alphabetical order.
        fallbacks: number of clips of fallback models, by a text with both models and the reason.
        open: unfinished: not generated yet, or approved and not published.
        reasons: number of clips that failed, by reason code.
        quarantine_reasons: number of quarantined clips by reason.
        url, credential_sha256: of the best published clip.
        urls: of all published clips, the best one first.
        device_seconds: device time of its clips; None if none was generated. Clips of other campaigns count 0.
        cost: of its clips; without amounts if it is not known. Clips of other campaigns cost 0.
        unattested: number of blocked clips, by model card.
        notices: texts that licences require wherever its published clips are shown.
    """

    brief_id: str
    row: int
    variants: int
    passed: int
    published: int
    failed: int
    quarantined: int
    not_needed: int
    waiting: int
    open: int
    best_score: float | None
    reasons: Mapping[str, int]
    url: str
    credential_sha256: str
    unattested: Mapping[str, int]
    notices: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    device_seconds: float | None = None
    cost: ClipCost = NO_COST
    quarantine_reasons: Mapping[str, int] = field(default_factory=dict)
    replaced: int = 0
    models: tuple[str, ...] = ()
    fallbacks: Mapping[str, int] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """Status for the results sheet."""
        if not self.variants:
            return "not run"
        if self.open:
            return "unfinished"
        if self.published:
            return "published"
        if self.waiting:
            return "waiting"
        return "passed" if self.passed else "failed"

    @property
    def why(self) -> str:
        """``no movement: 3, black picture: 1``; for blocked clips, how to attest; for quarantined ones, why."""
        counted = [f"{reason_label(code)}: {number}" for code, number in self.reasons.items()]
        quarantined = [quarantine_text(self.quarantined, self.quarantine_reasons)] if self.quarantined else []
        waiting = [
            f"{number} of {card} not attested (see `reelmill models show {card}`)"
            for card, number in self.unattested.items()
        ]
        return ", ".join([*counted, *waiting, *quarantined])

    @property
    def fallback_texts(self) -> list[str]:
        """``2 from starter, fallback for runway-gen4.5: REASON``, one for each pair of models and reason."""
        return [f"{number:,} from {text}" for text, number in self.fallbacks.items()]


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """Counts of a campaign, by brief and in total.

    Attributes:
        device_seconds: all device time that the campaign has caused, also by failed, killed and discarded work.
        waiting: why approved clips cannot be published, one sentence for each model card.
        notices: texts that licences require wherever the campaign's published clips are shown.
        device_use: that time by kind of work, device and model card.
        cost: price of that time; None if it is not known.
        currency: of that price; empty if it is not set.
        spending: all money that the campaign has caused, provider jobs included.
        deliverables: number of deliverables by state; empty if no clips are finished.
        deliverable_failures: why deliverables failed, one sentence each.
    """

    campaign_id: str
    name: str
    briefs: tuple[BriefReport, ...]
    states: Mapping[str, int]
    device_seconds: float
    waiting: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    device_use: tuple[UseTotal, ...] = ()
    cost: float | None = None
    currency: str = ""
    spending: Spending = NOTHING
    deliverables: Mapping[str, int] = field(default_factory=dict)
    deliverable_failures: tuple[str, ...] = ()

    @property
    def published(self) -> int:
        """Number of published clips."""
        return self.states.get(State.PUBLISHED, 0)

    @property
    def passing(self) -> int:
        """Number of clips that passed and were not rejected."""
        return sum(self.states.get(state, 0) for state in GOOD)

    @property
    def seconds_a_passing_clip(self) -> float | None:
        """Device time per passed clip, including all other device time; None if no clip passed."""
        return self.device_seconds / self.passing if self.passing else None

    @property
    def cost_of_a_passing_clip(self) -> float | None:
        """Cost per passed clip; None if no clip passed, or the cost is not known."""
        return self.cost / self.passing if self.passing and self.cost is not None else None

    @property
    def states_text(self) -> str:
        """``2 not needed, 14 published``."""
        return ", ".join(f"{number} {state}" for state, number in sorted(self.states.items()))

    @property
    def unfinished(self) -> int:
        """Variants that are not generated or published yet."""
        return sum(brief.open for brief in self.briefs)

    @property
    def deliverables_text(self) -> str:
        """``1 failed, 17 published``; empty without deliverables."""
        return ", ".join(f"{number:,} {state}" for state, number in sorted(self.deliverables.items()))

    @property
    def deliverables_left(self) -> int:
        """Deliverables that are not published yet."""
        return sum(self.deliverables.get(state, 0) for state in DELIVERABLES_LEFT)

    def as_json(self) -> dict[str, object]:
        """Return the report for programs."""
        briefs = [
            {
                **asdict(brief),
                "status": brief.status,
                "cost": sums_json(brief.cost.sums),
                "cost_basis": brief.cost.basis,
                "providers": brief.cost.providers,
            }
            for brief in self.briefs
        ]
        plain = asdict(self)
        del plain["spending"]
        return {
            **plain,
            **self.spending.as_json(self.published),
            "seconds_a_passing_clip": self.seconds_a_passing_clip,
            "cost_of_a_passing_clip": self.cost_of_a_passing_clip,
            "device_use": [use._asdict() for use in self.device_use],
            "briefs": briefs,
        }

    def outcomes(self) -> dict[int, Outcome]:
        """Return the outcomes of the briefs for the results sheet, by row number."""
        return {
            brief.row: Outcome(
                status=brief.status,
                passed=brief.passed,
                published=brief.published,
                best_score=brief.best_score,
                url=brief.url,
                credential_sha256=brief.credential_sha256,
                why=", ".join(filter(None, [brief.why, *brief.fallback_texts])),
                notice=" ".join(brief.notices),
                urls=brief.urls,
                device_seconds=brief.device_seconds,
                cost=brief.cost.sums,
                cost_basis=brief.cost.basis,
                models=brief.models,
            )
            for brief in self.briefs
        }


def quarantine_text(number: int, reasons: Mapping[str, int]) -> str:
    """Return ``2 quarantined: REASON``; with several reasons, the most frequent one."""
    if not reasons:
        return f"{number} quarantined"
    first = max(reasons, key=lambda reason: reasons[reason])
    more = f" (and {count_of(len(reasons) - 1, 'other reason')})" if len(reasons) > 1 else ""
    return f"{number} quarantined: {first.rstrip('.')}{more}"


def report_of(
    catalogue: Catalogue,
    campaign_id: str,
    clearances: Mapping[str, Clearance] = MappingProxyType({}),
    prices: Prices = NO_PRICES,
) -> CampaignReport:
    """Count a campaign's clips by brief.

    Args:
        clearances: by model card, whether its clips may be published; without an entry, they may.
        prices: prices of device hours.

    Raises:
        CatalogueError: the campaign does not exist.
    """
    head = catalogue.campaigns.get(campaign_id)
    rows = {row.variant_id: row for row in catalogue.variants.of_campaign(head.campaign_id)}
    members: defaultdict[str, dict[str, VariantRow]] = defaultdict(dict)
    labels: defaultdict[str, list[tuple[str, Labels]]] = defaultdict(list)
    for member in catalogue.campaigns.memberships(head.campaign_id):
        members[member.brief_id][member.variant_id] = rows[member.variant_id]
        labels[member.brief_id].append((member.variant_id, member.labels))
    waiting = {*UNFINISHED, *UNDELIVERED, *((State.PASSED,) if head.settings.get("review") == "auto" else ())}
    held = catalogue.variants.held_for_review(head.campaign_id)
    barred = {name for name, clearance in clearances.items() if not clearance.is_given}
    unlicensed = {key for key, row in rows.items() if row.state in UNDELIVERED and row.variant.card in barred}
    unfinished = {key for key, row in rows.items() if row.state in waiting and key not in held} - unlicensed
    used = catalogue.device_use.of_campaign(head.campaign_id)
    fallbacks = fallbacks_of(catalogue, list(rows.values()))
    made = catalogue.deliverables.counts(head.campaign_id)
    failed = catalogue.deliverables.of_campaign(head.campaign_id, [DeliverableState.FAILED]) if made else []
    return CampaignReport(
        campaign_id=head.campaign_id,
        name=head.name,
        briefs=tuple(
            _brief(
                brief,
                head.campaign_id,
                members[brief.brief_id],
                labels[brief.brief_id],
                unfinished,
                unlicensed,
                clearances,
                prices,
                fallbacks,
            )
            for brief in catalogue.campaigns.briefs(head.campaign_id)
        ),
        states=catalogue.progress.tally(head.campaign_id),
        device_seconds=sum(use.seconds for use in used),
        device_use=tuple(used),
        cost=prices.total(used),
        currency=prices.currency,
        spending=spending_of(used, prices, catalogue.provider_jobs.money(head.campaign_id)),
        waiting=tuple(waiting_sentences(Counter(rows[key].variant.card for key in unlicensed), clearances)),
        notices=_notices(rows.values(), clearances),
        deliverables=made,
        deliverable_failures=tuple(failures_of(failed)),
    )


def _brief(
    brief: Brief,
    campaign_id: str,
    members: Mapping[str, VariantRow],
    labels: Iterable[tuple[str, Labels]],
    unfinished: Container[str],
    unlicensed: Container[str],
    clearances: Mapping[str, Clearance],
    prices: Prices,
    fallbacks: Fallbacks,
) -> BriefReport:
    rows = list(members.values())
    failed = [row for row in rows if row.state == State.FAILED and row.variant_id not in fallbacks.models]
    states = Counter(row.state for row in rows)
    passed = sum(has_passed(row.state, bool(row.reasons)) for row in rows)
    scored = [row for row in rows if _is_scored(row)]
    published = sorted((row for row in scored if row.state == State.PUBLISHED), key=_adherence, reverse=True)
    best = next(iter(published), None)
    unscored = [row for row in rows if row.state == State.PUBLISHED and not _is_scored(row)]
    spare = _not_needed(brief, members, labels)
    unattested = Counter(row.variant.card for row in rows if row.variant_id in unlicensed)
    return BriefReport(
        brief_id=brief.brief_id,
        row=brief.row,
        variants=len(rows),
        passed=passed,
        published=states[State.PUBLISHED],
        failed=len(failed),
        replaced=states[State.FAILED] - len(failed),
        models=tuple(sorted({row.variant.card for row in rows if row.clip})),
        fallbacks=dict(
            Counter(f"{row.variant.card}, {fallbacks.note(row.variant_id)}" for row in rows if _is_used(row, fallbacks))
        ),
        quarantined=states[State.QUARANTINED],
        quarantine_reasons=dict(Counter(row.error for row in rows if row.state == State.QUARANTINED and row.error)),
        not_needed=len(spare),
        waiting=unattested.total(),
        open=sum(row.variant_id in unfinished and row.variant_id not in spare for row in rows),
        best_score=max(map(_adherence, scored), default=None),
        reasons=dict(Counter(reason.code for row in failed for reason in row.reasons)),
        url=best.url or "" if best else "",
        credential_sha256=best.signed.digests.get(best.signed.sidecar_key, "") if best and best.signed else "",
        unattested=dict(sorted(unattested.items())),
        notices=_notices(rows, clearances),
        urls=tuple(row.url for row in (*published, *unscored) if row.url),
        device_seconds=seconds_of(rows, campaign_id),
        cost=cost_of(rows, campaign_id, prices),
    )


def _not_needed(
    brief: Brief, members: Mapping[str, VariantRow], labels: Iterable[tuple[str, Labels]]
) -> frozenset[str]:
    """Return the variants that only belong to goals of the brief that have as many good clips as they want."""
    if brief.want is None:
        return frozenset()
    goals: defaultdict[str, set[str]] = defaultdict(set)
    for variant_id, own in labels:
        goals[variant_id].add(goal_of(brief, own))
    good = Counter(goal for key, row in members.items() if row.state in GOOD for goal in goals[key])
    satisfied = satisfied_goals([brief], good)
    return frozenset(key for key, row in members.items() if is_not_needed(row.state, goals[key], satisfied))


def _notices(rows: Iterable[VariantRow], clearances: Mapping[str, Clearance]) -> tuple[str, ...]:
    """Return the notices that the licences of the published clips require, each once."""
    cards = dict.fromkeys(row.variant.card for row in rows if row.state == State.PUBLISHED)
    return tuple(dict.fromkeys(notice for card in cards if card in clearances for notice in clearances[card].notices))


def _is_used(row: VariantRow, fallbacks: Fallbacks) -> bool:
    """Return whether a variant is of a fallback model and has a clip."""
    return row.clip is not None and row.variant_id in fallbacks.used


def _is_scored(row: VariantRow) -> bool:
    return row.score is not None and row.score.prompt_adherence is not None


def _adherence(row: VariantRow) -> float:
    assert row.score is not None
    assert row.score.prompt_adherence is not None
    return row.score.prompt_adherence
