"""The seal of receipts: others can write to a watched place, but cannot write a receipt that we trust."""

import json
from collections.abc import Mapping

from adapters.catalogue.core.seals import AuditKey

_KIND = "receipt"
_FIELD = "seal"
_TRUSTED = frozenset({"seen", "left"})
"""Fields that only a sealed receipt may have: they keep a sheet from being read, or allow overwriting a file."""


class ReceiptSeal:
    """Seals receipts with the audit key, which all machines of a catalogue share (HMAC-SHA256).

    Raises:
        SettingsError: the key is too short.
    """

    def __init__(self, audit_key: bytes) -> None:
        self._key = AuditKey(audit_key)

    def sealed(self, body: Mapping[str, object]) -> dict[str, object]:
        """Return the content of a receipt with its seal."""
        return {**body, _FIELD: self._key.seal(_KIND, _canonical(body))}

    def opened(self, body: Mapping[str, object], *, is_own_file: bool) -> dict[str, object] | None:
        """Return the content of a receipt without its seal; None if we did not write it.

        Args:
            is_own_file: for receipts of older versions, which have no seal: whether only we can have written the file.
                On some mounts and in a bucket, every file seems to be ours, so its stamps and its list of annotated
                copies are left out. The sheet is read once more, and the catalogue knows what was submitted.
        """
        if _FIELD not in body:
            return {key: value for key, value in body.items() if key not in _TRUSTED} if is_own_file else None
        without = {key: value for key, value in body.items() if key != _FIELD}
        seal = body[_FIELD]
        is_ours = isinstance(seal, str) and self._key.matches(seal, _KIND, _canonical(without))
        return without if is_ours else None


def _canonical(body: Mapping[str, object]) -> str:
    return json.dumps(body, sort_keys=True)
