"""Vulnerabilities that a person has accepted for a while: infra/supply/accepted-vulnerabilities.toml."""

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from infra.supply.pins import ROOT, SupplyError

ACCEPTED = ROOT / "infra" / "supply" / "accepted-vulnerabilities.toml"
LONGEST = timedelta(days=180)


@dataclass(frozen=True)
class Acceptance:
    """One entry of the file."""

    id: str
    package: str
    reason: str
    expires: date

    def covers(self, package: str, ids: Collection[str], today: date) -> bool:
        """Return whether a vulnerability with these identifiers is accepted today."""
        return self.package == package and self.id in ids and today <= self.expires


def read_accepted(path: Path, today: date) -> list[Acceptance]:
    """Return the entries of a file.

    Raises:
        SupplyError: an entry has no reason, or is accepted for too long.
    """
    return [_acceptance(item, path.name, today) for item in tomllib.loads(path.read_text()).get("accepted", [])]


def _acceptance(item: dict[str, Any], file: str, today: date) -> Acceptance:
    title = item.get("id") or "an entry without id"
    if missing := [key for key in ("id", "package", "reason", "expires") if not item.get(key)]:
        raise SupplyError(f"{file}: {title} has no {missing[0]}. Add it.")
    if type(item["expires"]) is not date:
        raise SupplyError(f'{file}: {title}: "expires" is not a date. Write it without quotes, as 2027-01-31.')
    if item["expires"] > today + LONGEST:
        raise SupplyError(f"{file}: {title} is accepted for more than {LONGEST.days} days. Choose an earlier date.")
    return Acceptance(item["id"], canonicalize_name(item["package"]), item["reason"], item["expires"])
