"""Send one request to a provider outside a run: to test a key, or to cancel a job."""

from adapters.hosted.tokens import AccountKey
from adapters.hosted.transport import Timeouts, Transport
from manifests.hosted.wire import Answer, Wire
from models.hosted import format_of
from models.hosted_card import HostedCard
from tasks.runtime.providers.provider_accounts import ProviderAccount

TIMEOUTS = Timeouts(connect=5.0, read=10.0, write=10.0, pool=5.0, total=20.0)
"""A person waits for the answer."""


def send_once(account: ProviderAccount, card: HostedCard, wire: Wire) -> Answer:
    """Send a request with the account's key and return the answer, whatever its status.

    Raises:
        ProviderError: there is no complete answer, or no token can be obtained with the key.
        SettingsError: the address or its proxy must not be used.
    """
    headers = AccountKey(format_of(card).key_rule, account.key, account.values).headers()
    with Transport(account.base_url(card), plain_http=card.plain_http, timeouts=TIMEOUTS) as transport:
        return transport.send(wire, headers)
