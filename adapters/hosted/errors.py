"""Errors of requests to providers.

ProviderError
├── NotSentError           the request certainly did not reach the provider
├── UnclearError           the provider may have received the request
├── TokenError             no access token can be obtained with the key
└── DownloadError          the result file cannot be fetched
    └── ExpiredAddressError    its address has expired

No message contains a key, or the address of a result file, which may be signed.
"""

from manifests.errors import ProviderError


class NotSentError(ProviderError):
    """The request certainly did not reach the provider. It may be sent again."""

    transient = True


class UnclearError(ProviderError):
    """The provider may have received the request, but its answer is missing or incomplete."""


class TokenError(ProviderError):
    """No access token can be obtained with the key.

    Attributes:
        is_refused: the provider refused the key; otherwise, the same key may work later.
    """

    def __init__(self, message: str, *, is_refused: bool) -> None:
        super().__init__(message)
        self.is_refused = is_refused


class DownloadError(ProviderError):
    """The result file cannot be fetched.

    Attributes:
        is_transient: the same download may succeed later.
    """

    def __init__(self, message: str, *, is_transient: bool = False) -> None:
        super().__init__(message)
        self.is_transient = is_transient


class ExpiredAddressError(DownloadError):
    """The address of the result file has expired, or the provider has deleted the file."""
