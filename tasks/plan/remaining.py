"""Remaining work of a campaign: select unfinished variants from the catalogue and form shards."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from adapters.catalogue import SYSTEM, Catalogue, VariantRow
from manifests.goals.goal import goal_of
from manifests.goals.want import is_not_needed, satisfied_goals
from manifests.scoring.gate import Gate
from manifests.scoring.verdict import Verdict
from manifests.states import GOOD, IN_PROGRESS, UNDELIVERED, UNFINISHED, State
from tasks.alerts import alerts
from tasks.plan.licence import unattested_cards
from tasks.plan.shard import Job, Shard, make_shards
from tasks.plan.thresholds import lowest_threshold
from tasks.runtime.cancellation import stopping
from tasks.runtime.lease_owner import is_dead
from tasks.runtime.resources import Resources, card_of, catalogue_of

POLL_S = 0.5


def release_dead_leases(catalogue: Catalogue) -> int:
    """Release the leases of dead processes on this host, record an alert for each, and return the number of leases."""
    ended = 0
    for owner in filter(is_dead, catalogue.leases.owners()):
        alerts.worker_lost(catalogue, owner, catalogue.leases.of_owner(owner))
        ended += catalogue.leases.release_owner(owner)
    return ended


class Remaining:
    """A campaign's unfinished variants, with the thresholds of its briefs."""

    def __init__(self, resources: Resources, campaign_id: str, max_rank_share: float) -> None:
        self._resources = resources
        self._catalogue = catalogue = catalogue_of(resources)
        self._campaign_id = campaign_id
        self._max_rank_share = max_rank_share
        self._thresholds = catalogue.campaigns.get(campaign_id).thresholds
        self._briefs = {brief.brief_id: brief for brief in catalogue.campaigns.briefs(campaign_id)}
        self._brief_ids: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._goals: defaultdict[str, dict[str, int | None]] = defaultdict(dict)
        for member in catalogue.campaigns.memberships(campaign_id):
            brief = self._briefs[member.brief_id]
            self._brief_ids[member.variant_id][member.brief_id] = None
            self._goals[member.variant_id][goal_of(brief, member.labels)] = brief.want

    def shards(self, size: int, run_id: str = "") -> list[Shard]:
        """Return shards of at most ``size`` jobs, each of one shape group."""
        rows = self._catalogue.variants.of_campaign(self._campaign_id)
        jobs = (self._job(row) for row in rows if row.state in UNFINISHED)
        return [
            Shard(self._campaign_id, group, self._wants(group), (), self._max_rank_share, run_id)
            for group in make_shards(jobs, size)
        ]

    def _wants(self, jobs: Iterable[Job]) -> dict[str, int]:
        wants = {goal: want for job in jobs for goal, want in self._goals[job.variant_id].items() if want}
        return dict(sorted(wants.items()))

    def await_leases(self, seconds: float) -> None:
        """Wait until no unfinished variant is leased: the leases of a crashed worker on another host have to expire."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not stopping.is_set():
            release_dead_leases(self._catalogue)
            if not any(row.lease_owner for row in self._catalogue.variants.waiting(self._campaign_id, IN_PROGRESS)):
                return
            time.sleep(POLL_S)

    def is_done(self, review: str) -> bool:
        """Return whether a run would do nothing: nothing to generate or deliver, and no verdict to change.

        Clips that need an attestation count as delivered: they wait for the operator, not for a run.
        """
        rows = self._catalogue.variants.of_campaign(self._campaign_id)
        if self._some_to_send(rows, review) or any(self._new_verdicts(rows)):
            return False
        good = Counter(goal for row in rows if row.state in GOOD for goal in self._goals[row.variant_id])
        satisfied = satisfied_goals(self._briefs.values(), good)
        return all(
            row.state not in UNFINISHED or is_not_needed(row.state, self._goals[row.variant_id], satisfied)
            for row in rows
        )

    def _some_to_send(self, rows: Iterable[VariantRow], review: str) -> bool:
        held = self._catalogue.variants.held_for_review(self._campaign_id)
        unattested = unattested_cards(self._resources)
        if review == "auto" and any(row.state == State.PASSED and row.variant_id not in held for row in rows):
            return True
        return any(row.state in UNDELIVERED and row.variant.card not in unattested for row in rows)

    def regate(self, actor: str = SYSTEM) -> int:
        """Apply the current thresholds to existing scores; return how many verdicts changed."""
        rows = self._catalogue.variants.of_campaign(self._campaign_id, [State.PASSED, State.FAILED])
        return self._catalogue.decisions.regate(self._new_verdicts(rows), actor)

    def _new_verdicts(self, rows: Iterable[VariantRow]) -> Iterator[Verdict]:
        """Yield verdicts that change under the current thresholds; clips shared with another campaign stay passed."""
        changes = [verdict for row in rows if (verdict := self._verdict_changes(row))]
        sharing = self._catalogue.variants.campaigns_of([change.variant_id for change in changes])
        return (change for change in changes if change.passed or len(sharing[change.variant_id]) < 2)

    def _verdict_changes(self, row: VariantRow) -> Verdict | None:
        """Return the verdict under the current thresholds if it differs."""
        if row.score is None or row.state not in (State.PASSED, State.FAILED):
            return None
        verdict = Gate(self._threshold(row), self._max_rank_share).judge(row.score)
        return verdict if verdict.passed != (row.state == State.PASSED) else None

    def _job(self, row: VariantRow) -> Job:
        goals, brief_ids = tuple(self._goals[row.variant_id]), tuple(self._brief_ids[row.variant_id])
        is_finished = any(self._briefs[name].is_finished for name in brief_ids)
        return Job(row.variant, row.variant_id, brief_ids, self._threshold(row), goals, is_finished)

    def _threshold(self, row: VariantRow) -> float:
        briefs = [self._briefs[name] for name in self._brief_ids[row.variant_id]]
        name = row.variant.card
        return lowest_threshold(briefs, self._thresholds.get(name, card_of(self._resources, name).inputs.min_adherence))
