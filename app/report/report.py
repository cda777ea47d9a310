"""What became of a campaign, from the catalogue alone."""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType

from adapters.catalogue import Catalogue, VariantRow
from adapters.sheets import Outcome
from manifests.brief import Brief
from manifests.sheet import CellProblem
from tasks.plan.licence import Clearance, waiting_sentences
from tasks.plan.shard import GOOD_STATES

PASSED = frozenset({"passed", "approved", "rejected", "signing", "published", "withdrawn"})
GOOD = frozenset(GOOD_STATES)
MAKING = ("planned", "leased", "rendered")
SENDING = ("approved", "signing")


@dataclass(frozen=True, slots=True)
class BriefReport:
    """One brief's clips, counted.

    Attributes:
        best_score: highest prompt adherence (cosine) among the scored clips.
        not_needed: left planned since the brief has as many good clips as it wants.
        waiting: approved, and held back until somebody attests what the model's licence asks.
        open: not finished: still to be made, or approved and not published.
        reasons: how often each reason code spoke against a clip.
        url, credential_sha256: of the best published clip.
        unattested: the number that waits, by card.
        notices: what licences want to be said wherever its published clips are shown.
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

    @property
    def status(self) -> str:
        """One word for the row of the sheet."""
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
        """``3 adherence, 1 flicker``; of what waits for an attestation, also whose and how to give it."""
        counted = [f"{number} {code}" for code, number in self.reasons.items()]
        quarantined = [f"{self.quarantined} quarantined"] if self.quarantined else []
        waiting = [
            f"{number} of {card} not yet attested (`reelmill models show {card}` says how)"
            for card, number in self.unattested.items()
        ]
        return ", ".join([*counted, *quarantined, *waiting])


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """A campaign's briefs and sums.

    Attributes:
        waiting: why clips are held back that are made and approved, a sentence for each card.
        notices: what licences want to be said wherever the campaign's published clips are shown.
    """

    campaign_id: str
    name: str
    briefs: tuple[BriefReport, ...]
    states: Mapping[str, int]
    device_seconds: float
    waiting: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def published(self) -> int:
        """Clips in the bucket."""
        return self.states.get("published", 0)

    @property
    def seconds_a_passing_clip(self) -> float | None:
        """Device time by clips that passed; what failed and what was only drafted is paid by them. None without any."""
        passing = sum(self.states.get(state, 0) for state in GOOD_STATES)
        return self.device_seconds / passing if passing else None

    @property
    def states_text(self) -> str:
        """``2 not needed, 14 published``."""
        counts = Counter(self.states)
        counts["not needed"] = sum(brief.not_needed for brief in self.briefs)
        counts["planned"] -= counts["not needed"]
        return ", ".join(f"{number} {state}" for state, number in sorted(counts.items()) if number > 0)

    @property
    def unfinished(self) -> int:
        """Variants that still have to be made or published."""
        return sum(brief.open for brief in self.briefs)

    def as_json(self) -> dict[str, object]:
        """Return plain values."""
        briefs = [{**asdict(brief), "status": brief.status} for brief in self.briefs]
        return {**asdict(self), "seconds_a_passing_clip": self.seconds_a_passing_clip, "briefs": briefs}

    def outcomes(self, problems: Iterable[CellProblem] = ()) -> dict[int, Outcome]:
        """Return what goes back into the sheet, by row number; rows with problems were not run."""
        wrong: defaultdict[int, list[str]] = defaultdict(list)
        for problem in problems:
            wrong[problem.row].append(problem.sentence)
        rejected = {row: Outcome("not run", why=" ".join(sentences)) for row, sentences in wrong.items()}
        return rejected | {
            brief.row: Outcome(
                status=brief.status,
                passed=brief.passed,
                published=brief.published,
                best_score=brief.best_score,
                url=brief.url,
                credential_sha256=brief.credential_sha256,
                why=brief.why,
                notice=" ".join(brief.notices),
            )
            for brief in self.briefs
        }


def report_of(
    catalogue: Catalogue, campaign_id: str, clearances: Mapping[str, Clearance] = MappingProxyType({})
) -> CampaignReport:
    """Count a campaign by brief.

    Args:
        clearances: by card, whether its clips may be published; without one they may.

    Raises:
        CatalogueError: there is no such campaign.
    """
    head = catalogue.campaigns.get(campaign_id)
    rows = {row.variant_id: row for row in catalogue.variants.of_campaign(head.campaign_id)}
    members: defaultdict[str, dict[str, VariantRow]] = defaultdict(dict)
    for member in catalogue.campaigns.memberships(head.campaign_id):
        members[member.brief_id][member.variant_id] = rows[member.variant_id]
    waiting = {*MAKING, *SENDING, *(("passed",) if head.settings.get("review") == "auto" else ())}
    held = catalogue.variants.held_for_review(head.campaign_id)
    barred = {name for name, clearance in clearances.items() if not clearance.is_given}
    unlicensed = {key for key, row in rows.items() if row.state in SENDING and row.variant.card in barred}
    unfinished = {key for key, row in rows.items() if row.state in waiting and key not in held} - unlicensed
    return CampaignReport(
        campaign_id=head.campaign_id,
        name=head.name,
        briefs=tuple(
            _brief(brief, members[brief.brief_id].values(), unfinished, unlicensed, clearances)
            for brief in catalogue.campaigns.briefs(head.campaign_id)
        ),
        states=dict(Counter(row.state for row in rows.values())),
        device_seconds=head.draft_seconds + sum(row.clip.all_device_seconds for row in rows.values() if row.clip),
        waiting=tuple(waiting_sentences(Counter(rows[key].variant.card for key in unlicensed), clearances)),
        notices=_notices(rows.values(), clearances),
    )


def _brief(
    brief: Brief,
    members: Iterable[VariantRow],
    unfinished: Container[str],
    unlicensed: Container[str],
    clearances: Mapping[str, Clearance],
) -> BriefReport:
    rows = list(members)
    states = Counter(row.state for row in rows)
    # A person may have rejected what failed anyway: it did not pass by that.
    passed = sum(row.state in PASSED and not (row.state == "rejected" and row.reasons) for row in rows)
    scored = [row for row in rows if row.score and row.score.prompt_adherence is not None]
    published = [row for row in scored if row.state == "published"]
    best = max(published, key=_adherence, default=None)
    satisfied = brief.want is not None and sum(states[state] for state in GOOD) >= brief.want
    left = sum(row.variant_id in unfinished for row in rows)
    unattested = Counter(row.variant.card for row in rows if row.variant_id in unlicensed)
    return BriefReport(
        brief_id=brief.brief_id,
        row=brief.row,
        variants=len(rows),
        passed=passed,
        published=states["published"],
        failed=states["failed"],
        quarantined=states["quarantined"],
        not_needed=states["planned"] if satisfied else 0,
        waiting=unattested.total(),
        open=left - (states["planned"] if satisfied else 0),
        best_score=max(map(_adherence, scored), default=None),
        reasons=dict(Counter(reason.code for row in rows if row.state == "failed" for reason in row.reasons)),
        url=best.url or "" if best else "",
        credential_sha256=best.signed.digests.get(best.signed.sidecar_key, "") if best and best.signed else "",
        unattested=dict(sorted(unattested.items())),
        notices=_notices(rows, clearances),
    )


def _notices(rows: Iterable[VariantRow], clearances: Mapping[str, Clearance]) -> tuple[str, ...]:
    """Return what has to be said beside the published ones, each once."""
    cards = dict.fromkeys(row.variant.card for row in rows if row.state == "published")
    return tuple(dict.fromkeys(notice for card in cards if card in clearances for notice in clearances[card].notices))


def _adherence(row: VariantRow) -> float:
    assert row.score is not None
    assert row.score.prompt_adherence is not None
    return row.score.prompt_adherence
