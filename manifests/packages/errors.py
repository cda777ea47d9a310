"""Why a package cannot be made."""

from manifests.errors import ReelmillError


class PackageError(ReelmillError):
    """The package cannot be made."""
