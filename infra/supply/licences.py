"""The licences of run-time packages, judged by infra/supply/licences.toml."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from license_expression import AND, OR, Licensing, get_spdx_licensing
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from infra.supply.pins import ROOT, SupplyError

RULES = ROOT / "infra" / "supply" / "licences.toml"
NONE = "NOASSERTION"
"""SPDX's word for a licence that is not known."""


@dataclass(frozen=True)
class Accepted:
    """Packages that a person has judged."""

    packages: tuple[str, ...]
    declared: tuple[str, ...]
    licence: str
    reason: str

    def covers(self, name: str, declared: str) -> bool:
        """Return whether this judgement is about a package, and about the licence that it declares now."""
        return any(fnmatch(name, pattern) for pattern in self.packages) and declared in self.declared


@dataclass(frozen=True)
class Rules:
    """The content of licences.toml."""

    allowed: frozenset[str]
    spdx: Mapping[str, str]
    accepted: tuple[Accepted, ...]

    def licence_of(self, name: str, declared: str) -> str:
        """Return the SPDX expression of a package, or `NONE` if what it declares is not understood."""
        for item in self.accepted:
            if item.covers(name, declared):
                return item.licence
        known = self.spdx.get(declared, declared)
        parts = " AND ".join(self.spdx.get(part, part) for part in declared.split(" AND "))
        return _canonical(known) or _canonical(parts) or NONE

    def fault(self, name: str, declared: str) -> str:
        """Return why a package must not be distributed with Reelmill, or an empty string."""
        if any(item.covers(name, declared) for item in self.accepted):
            return ""
        licence = self.licence_of(name, declared)
        if licence == NONE:
            return f"{name} declares {declared!r}, which is not an SPDX expression"
        return "" if self._allows(_licensing().parse(licence)) else f"{name} is under {licence}"

    def _allows(self, expression: Any) -> bool:
        if isinstance(expression, OR | AND):
            parts = map(self._allows, expression.args)
            return any(parts) if isinstance(expression, OR) else all(parts)
        return str(expression) in self.allowed


def read_rules(path: Path = RULES) -> Rules:
    """Return the rules of a file."""
    found = tomllib.loads(path.read_text())
    accepted = tuple(
        Accepted(tuple(item["packages"]), tuple(item["declared"]), item["licence"], item["reason"])
        for item in found["accepted"]
    )
    return Rules(frozenset(found["allowed"]), found["spdx"], accepted)


def declared_licence(name: str) -> str:
    """Return what an installed package declares: its expression, else its classifiers, else its short text."""
    fields = metadata.metadata(name).get_all
    classifiers = [line for line in fields("Classifier") or [] if line.startswith("License :: ")]
    expression, text = (" ".join(fields(field) or []).strip() for field in ("License-Expression", "License"))
    return expression or " AND ".join(sorted(classifiers)) or ("" if "\n" in text else text)


def check_licences(names: Iterable[str], rules: Rules) -> None:
    """Check installed packages; skip those that this system does not need.

    Raises:
        SupplyError: a licence is unknown or not allowed.
    """
    installed = sorted(name for name in names if _is_installed(name))
    faults = [fault for name in installed if (fault := rules.fault(name, declared_licence(name)))]
    if faults:
        lines = "\n".join(f"  {fault}" for fault in faults)
        raise SupplyError(f"Licences to judge:\n{lines}\nRemove the package, or add it to {RULES.relative_to(ROOT)}.")


def _is_installed(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


def _canonical(text: str) -> str:
    """Return an SPDX expression in its usual spelling, or an empty string for other text."""
    try:
        return canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return ""


@cache
def _licensing() -> Licensing:
    return get_spdx_licensing()
