"""Allow the hub's client to use the network, which loading models forbids."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import constants

from adapters.proxies import check_proxy


@contextmanager
def online() -> Iterator[None]:
    """Switch the hub's client on in this process while the block runs, whatever HF_HUB_OFFLINE says.

    The client sends no telemetry then: it would ask for a list of programs, and name those that it finds. Its log lines
    go only to the handlers of the program, because its own handler would print each of them a second time.

    Nothing else may load models meanwhile, so only a command that does nothing but download uses this.

    Raises:
        SettingsError: the proxy of the hub's URL cannot be used.
    """
    check_proxy(constants.ENDPOINT)
    before = constants.HF_HUB_OFFLINE, constants.HF_HUB_DISABLE_TELEMETRY
    constants.HF_HUB_OFFLINE, constants.HF_HUB_DISABLE_TELEMETRY = False, True
    log = logging.getLogger("huggingface_hub")
    handlers, log.handlers = log.handlers, []
    try:
        yield
    finally:
        log.handlers = handlers
        constants.HF_HUB_OFFLINE, constants.HF_HUB_DISABLE_TELEMETRY = before
