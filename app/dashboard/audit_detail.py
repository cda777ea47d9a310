"""The details of an entry of the audit log as text for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from manifests.signing_time import moment_text

HASH = "sha256"
"""Names of hashes end like this. They are long, and `reelmill audit verify` compares them."""
FIRST_MOMENT = 1e9
"""Smallest number with decimals that is a time, in seconds since 1970; no other one in the log is as large."""


def detail_text(detail: Mapping[str, Any]) -> str:
    """Return ``role: admin; password_hash: new``; names without a value are left out."""
    return "; ".join(
        f"{name}: {_yes_or_no(name, value)}"
        for name, value in detail.items()
        if value not in (None, "", [], {}) and not name.endswith(HASH)
    )


def _yes_or_no(name: str, value: Any) -> str:
    """Return a value; SQLite has 0 and 1 for no and yes."""
    return ("yes" if value else "no") if name == "disabled" or isinstance(value, bool) else _text(value)


def _text(value: Any) -> str:
    """Return ``ann: role admin, ben: role viewer disabled yes`` for accounts by name."""
    if not isinstance(value, Mapping):
        return _part(value)
    return ", ".join(
        f"{name}: {part}" if isinstance(value[name], Mapping) else f"{name} {part}" for name, part in _parts(value)
    )


def _part(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name} {part}" for name, part in _parts(value))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_part, value))
    return moment_text(value) if isinstance(value, float) and value > FIRST_MOMENT else str(value)


def _parts(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the inner values that say something."""
    for name, value in values.items():
        if value and not name.endswith(HASH):
            yield name, _yes_or_no(name, value) if not isinstance(value, Mapping) else _part(value)
