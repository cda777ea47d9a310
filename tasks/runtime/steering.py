"""Pause, cancel and resume campaigns, for the command line and the dashboard."""

from adapters.catalogue import Catalogue
from adapters.catalogue.work.leases import ACTIVE
from adapters.catalogue.work.steering import CANCELLED, PAUSED, CampaignStandingError
from manifests.errors import ReelmillError


class CampaignCancelledError(ReelmillError):
    """The campaign is cancelled. Reopen it first."""


def pause_campaign(catalogue: Catalogue, campaign_id: str, actor: str, reason: str = "") -> bool:
    """Pause a campaign: no new leases are given out.

    Returns:
        False if it was already paused.

    Raises:
        CampaignCancelledError: the campaign is cancelled.
    """
    standing = catalogue.steering.standing(campaign_id)
    try:
        catalogue.steering.steer(campaign_id, PAUSED, actor, reason, unless=CANCELLED)
    except CampaignStandingError:
        raise CampaignCancelledError(
            f"The campaign {campaign_id} is cancelled and cannot be paused. Use `reelmill resume {campaign_id} "
            "--reopen` to reopen it."
        ) from None
    return standing != PAUSED


def cancel_campaign(catalogue: Catalogue, campaign_id: str, actor: str, reason: str = "") -> tuple[bool, int]:
    """Cancel a campaign: its leases are ended, and no new ones are given out.

    Returns:
        False if it was already cancelled, and the number of leases that were ended.
    """
    standing = catalogue.steering.standing(campaign_id)
    return standing != CANCELLED, catalogue.steering.steer(campaign_id, CANCELLED, actor, reason)


def resume_campaign(catalogue: Catalogue, campaign_id: str, actor: str, reopen: bool = False) -> bool:
    """Activate a paused campaign or, with ``reopen``, a cancelled one.

    Returns:
        False if it was already active.

    Raises:
        CampaignCancelledError: the campaign is cancelled and ``reopen`` is false.
    """
    standing = catalogue.steering.standing(campaign_id)
    try:
        catalogue.steering.steer(campaign_id, ACTIVE, actor, unless="" if reopen else CANCELLED)
    except CampaignStandingError:
        raise CampaignCancelledError(
            f"The campaign {campaign_id} is cancelled. Reopen it on its page or with `reelmill resume {campaign_id} "
            "--reopen`."
        ) from None
    return standing != ACTIVE
