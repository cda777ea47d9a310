"""Approved clips that this machine cannot publish, because their files are staged in the home of another one."""

import socket
from typing import NamedTuple

from adapters.catalogue import Catalogue, PendingVariant
from manifests.pluralize import counted, one_or_more
from manifests.states import UNDELIVERED, State
from tasks.plan.licence import unattested_cards
from tasks.runtime.files.shared_staging import SHARED
from tasks.runtime.resources import Resources, catalogue_of


class StagedElsewhere(NamedTuple):
    """Clips that wait in the home of another machine.

    Attributes:
        number: number of clips.
        why: why they are not published, and what to do, without a full stop at the end.
    """

    number: int
    why: str


def staged_elsewhere(resources: Resources, campaign_id: str) -> StagedElsewhere | None:
    """Return the clips of a campaign that only another machine can publish; None if there are none.

    Clips that are leased, because they are being published, and clips that need an attestation do not count.
    """
    catalogue, unattested = catalogue_of(resources), unattested_cards(resources)
    rows = {
        row.variant_id: row
        for row in catalogue.variants.waiting(campaign_id, UNDELIVERED)
        if row.machine not in (None, resources.machine, SHARED)
        and row.lease_owner is None
        and row.card not in unattested
    }
    if not rows:
        return None
    one_of_each = {row.machine: row for row in rows.values()}.values()
    hosts = sorted({host for row in one_of_each if (host := _host(catalogue, row))})
    return StagedElsewhere(len(rows), _why(len(rows), hosts, campaign_id))


def _why(number: int, hosts: list[str], campaign_id: str) -> str:
    where = f", on {' and '.join(hosts)}" if hosts else ""
    return (
        f"{counted(number, 'approved clip{s} {are}')} not published by {socket.gethostname()}, because "
        f"{one_or_more(number, 'its files are', 'their files are')} in another REELMILL_HOME{where}. Run "
        f"`reelmill resume {campaign_id}` there. To publish later clips from any machine, set REELMILL_STAGING=bucket "
        "on all of them"
    )


def _host(catalogue: Catalogue, row: PendingVariant) -> str:
    """Return the host that generated a clip, which is part of the lease owner: ``host:boot:pid:started``."""
    events = catalogue.variants.events(variant_id=row.variant_id)
    actors = [event.actor for event in events if event.to_state == State.RENDERED]
    return actors[-1].rsplit(":", 3)[0] if actors else ""
