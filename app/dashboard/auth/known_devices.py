"""Cookies of devices that have signed in before (OWASP: slow down online guessing attacks with device cookies)."""

import secrets

from itsdangerous import BadSignature, URLSafeTimedSerializer

DEVICE_S = 90 * 86_400
COOKIE = "reelmill_device"


class KnownDevices:
    """Issue and check device cookies.

    Args:
        key: secret of the installation, so that devices are known after a restart; if empty, they are forgotten.
    """

    def __init__(self, key: bytes = b"") -> None:
        self._signer = URLSafeTimedSerializer(key or secrets.token_bytes(), salt="reelmill device cookie")

    def issue(self, name: str) -> str:
        """Return the cookie of a new device that has signed in to an account."""
        return self._signer.dumps([secrets.token_hex(8), _plain(name)])

    def device_of(self, cookie: str, name: str) -> str:
        """Return the id of a device that is known for the account; empty if it is not."""
        try:
            device, account = self._signer.loads(cookie, max_age=DEVICE_S)
        except (BadSignature, ValueError, TypeError):
            return ""
        return str(device) if account == _plain(name) else ""


def _plain(name: str) -> str:
    return " ".join(name.split())
