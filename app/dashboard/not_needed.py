"""Planned clips on a page that no run will generate, because enough clips of their briefs have passed."""

from collections.abc import Iterable
from typing import Protocol

from app.dashboard.deps import Deps
from manifests.states import UNFINISHED


class _Row(Protocol):
    @property
    def variant_id(self) -> str: ...

    @property
    def state(self) -> str: ...


def not_needed_of(deps: Deps, rows: Iterable[_Row]) -> frozenset[str]:
    """Return the ids of the clips that none of their campaigns needs; counted again after a short time."""
    waiting = [row.variant_id for row in rows if row.state in UNFINISHED]
    if not waiting:
        return frozenset()
    served = deps.catalogue.variants.campaigns_of(waiting)
    spare = {name: not_needed_in(deps, name) for name in set().union(*served.values())}
    return frozenset(key for key, names in served.items() if all(key in spare[name] for name in names))


def not_needed_in(deps: Deps, campaign_id: str) -> frozenset[str]:
    """Return the ids of the clips that a campaign does not need, as counted a short time ago."""
    return deps.stats_cache.get(("not needed", campaign_id), lambda: deps.catalogue.progress.not_needed(campaign_id))
