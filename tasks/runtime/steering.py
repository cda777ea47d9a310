"""A person's word on a campaign, as command line and dashboard pass it on: what it may change, and what it may not."""

from adapters.catalogue import Catalogue
from adapters.catalogue.work.leases import ACTIVE
from adapters.catalogue.work.steering import CANCELLED, PAUSED, CampaignStandingError
from manifests.errors import ReelmillError


class CampaignCancelledError(ReelmillError):
    """The campaign is cancelled; reopen it first."""


def pause_campaign(catalogue: Catalogue, campaign_id: str, actor: str, reason: str = "") -> bool:
    """Hand out no more leases of a campaign; False where it was paused before.

    Raises:
        CampaignCancelledError: a pause would open it again.
    """
    standing = catalogue.steering.standing(campaign_id)
    try:
        catalogue.steering.steer(campaign_id, PAUSED, actor, reason, unless=CANCELLED)
    except CampaignStandingError:
        raise CampaignCancelledError(
            f"{campaign_id} is cancelled, so that nothing of it is begun anyway; `reelmill resume "
            f"{campaign_id} --reopen` goes on with it."
        ) from None
    return standing != PAUSED


def cancel_campaign(catalogue: Catalogue, campaign_id: str, actor: str, reason: str = "") -> tuple[bool, int]:
    """End the leases of what is being made, and hand out no more.

    Returns:
        False where it was cancelled before; and how many leases were ended.
    """
    standing = catalogue.steering.standing(campaign_id)
    return standing != CANCELLED, catalogue.steering.steer(campaign_id, CANCELLED, actor, reason)


def let_campaign_go_on(catalogue: Catalogue, campaign_id: str, actor: str, reopen: bool = False) -> bool:
    """Make a paused campaign active, and with ``reopen`` a cancelled one; False where it was active before.

    Raises:
        CampaignCancelledError: it is, and was not to be reopened.
    """
    standing = catalogue.steering.standing(campaign_id)
    try:
        catalogue.steering.steer(campaign_id, ACTIVE, actor, unless="" if reopen else CANCELLED)
    except CampaignStandingError:
        raise CampaignCancelledError(
            f"{campaign_id} is cancelled; reopen it first, on its page or by `reelmill resume {campaign_id} --reopen`."
        ) from None
    return standing != ACTIVE
