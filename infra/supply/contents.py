"""Components of the SBOM that are not packages: scripts of the dashboard, the starter's weights, native libraries."""

import hashlib
import json
import re
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from infra.supply.licences import Rules
from infra.supply.pins import ROOT, SupplyError

STATIC = ROOT / "app" / "dashboard" / "static"
CARDS = ROOT / "models" / "cards"
SCRIPT = re.compile(
    r"^(?P<file>(?P<name>\S+?)-(?P<version>\d[\d.]*\d)(?:\.min)?\.\w+): (?P<licence>[^,]+), (?P<url>\S+),"
)
"""A line of LICENSES.md: ``htmx-2.0.11.min.js: Zero-Clause BSD, https://htmx.org, unchanged.``"""
LIBRARY = re.compile(r"\.libs/(?P<file>[^/]+\.so[^/]*)$")


def static_scripts(rules: Rules) -> list[dict[str, Any]]:
    """Return the scripts of others that the dashboard serves, as LICENSES.md lists them.

    Raises:
        SupplyError: a minified file is not listed, or is listed without a known licence.
    """
    lines = (STATIC / "LICENSES.md").read_text().splitlines()
    found = [match for line in lines if (match := SCRIPT.match(line))]
    listed = {match["file"] for match in found}
    if missing := sorted(path.name for path in STATIC.rglob("*.min.*") if path.name not in listed):
        raise SupplyError(f"app/dashboard/static/LICENSES.md lacks {', '.join(missing)}. Add a line like htmx's.")
    return [_script(match, rules) for match in found]


def weights() -> list[dict[str, Any]]:
    """Return the models whose weights ship with Reelmill, one for each card."""
    cards = [json.loads(path.read_text()) for path in sorted(CARDS.glob("*.json"))]
    return [_model(card) for card in cards if card.get("weights", {}).get("folder", "").startswith("starter/")]


def bundled_libraries(distribution: Distribution) -> list[dict[str, Any]]:
    """Return the shared libraries that a wheel brings along in its folder ``NAME.libs``."""
    found = [path for path in distribution.files or [] if LIBRARY.search(path.as_posix())]
    return [_file(path.as_posix(), Path(str(path.locate()))) for path in sorted(found)]


def _script(match: re.Match[str], rules: Rules) -> dict[str, Any]:
    path = STATIC / match["file"]
    if not path.is_file():
        raise SupplyError(f"{path.relative_to(ROOT)} does not exist, but LICENSES.md lists it. Correct the list.")
    if fault := rules.fault(match["name"], match["licence"]):
        raise SupplyError(f"app/dashboard/static/LICENSES.md: {fault}. Correct it, or add it to licences.toml.")
    return {
        "type": "library",
        "bom-ref": f"{match['name']}=={match['version']}",
        "name": match["name"],
        "version": match["version"],
        "purl": f"pkg:generic/{match['name']}@{match['version']}",
        "licenses": [{"expression": rules.licence_of(match["name"], match["licence"])}],
        "externalReferences": [{"type": "website", "url": match["url"]}],
        "hashes": [_digest(path)],
    }


def _model(card: dict[str, Any]) -> dict[str, Any]:
    folders = [ROOT / "models" / weights["folder"] for weights in (card["weights"], *card.get("parts", {}).values())]
    paths = [path for folder in folders for path in sorted(folder.rglob("*.safetensors"))]
    files = [_file(path.relative_to(ROOT).as_posix(), path) for path in paths]
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model-{card['name']}",
        "name": card["name"],
        "version": card["weights"]["revision"],
        "description": card["title"],
        "licenses": [{"expression": card["licence"]["name"]}],
        "components": files,
    }


def _file(name: str, path: Path) -> dict[str, Any]:
    return {"type": "file", "bom-ref": f"file-{name}", "name": name, "hashes": [_digest(path)]}


def _digest(path: Path) -> dict[str, str]:
    with path.open("rb") as source:
        return {"alg": "SHA-256", "content": hashlib.file_digest(source, "sha256").hexdigest()}
