"""Forbid the model libraries to use the network."""

import os


def forbid_network() -> None:
    """Switch the hub's client off for this process, and for the processes that it starts.

    Every call that loads weights also passes ``local_files_only``. This covers calls inside the libraries that do not.
    ``reelmill models pull`` allows it again while it downloads; see ``adapters.hub.online``.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    from huggingface_hub import constants

    constants.HF_HUB_OFFLINE = True  # the variable is only read when the library is imported
