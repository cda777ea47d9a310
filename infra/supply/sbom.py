"""Write the software bill of materials: ``python -m infra.supply.sbom [FILE]``.

It is CycloneDX 1.6 in JSON: the installed packages that Reelmill needs at run time, the native libraries in their
wheels, the starter's weights, and the scripts of the dashboard. It names no path and no host of the machine, and two
runs give the same bytes. Packages with a licence that licences.toml does not cover are an error.

The digest of a package is that of its wheel in requirements.lock, because an installation does not record its wheel.
In the image both are the same; `pip install -c constraints.txt` elsewhere may have chosen another wheel of the release.
"""

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from infra.supply.contents import bundled_libraries, static_scripts, weights
from infra.supply.licences import Rules, check_licences, declared_licence, read_rules
from infra.supply.lock import Locked, read_lock
from infra.supply.pins import MACHINES, ROOT, SupplyError, roots, runtime_names

OUTPUT = ROOT / "sbom.cdx.json"
Component = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Write the SBOM; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.supply.sbom", description="Write the SBOM of the image.")
    parser.add_argument("output", nargs="?", type=Path, default=OUTPUT, help="file to write; default: %(default)s")
    output = parser.parse_args(arguments).output
    try:
        bom = build(_environment(), runtime_names(_machine()), read_lock(), read_rules())
    except SupplyError as error:
        print(error, file=sys.stderr)
        return 1
    output.write_text(json.dumps(bom, indent=1, sort_keys=True) + "\n")
    print(f"Wrote {output.name}: {len(bom['components'])} components.")
    return 0


def build(environment: Mapping[str, Any], names: set[str], lock: Mapping[str, Locked], rules: Rules) -> dict[str, Any]:
    """Return the SBOM, given that of the whole environment and the names of the run-time packages.

    Raises:
        SupplyError: a licence is unknown or not allowed, or the result does not match the schema.
    """
    check_licences(names, rules)
    packages = [item for item in environment["components"] if canonicalize_name(item["name"]) in names]
    components = [_package(item, lock, rules) for item in packages] + static_scripts(rules) + weights()
    bom = dict(environment) | {"components": components, "dependencies": _dependencies(environment, components)}
    check_schema(bom)
    return bom


def check_schema(bom: Mapping[str, Any]) -> None:
    """Validate an SBOM.

    Raises:
        SupplyError: it does not match the schema of CycloneDX 1.6.
    """
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bom)):
        raise SupplyError(f"The SBOM does not match the schema of CycloneDX 1.6: {str(error)[:500]}")


def _environment() -> dict[str, Any]:
    """Return what cyclonedx-py reports about all installed packages, tools for tests included."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", str(ROOT / "pyproject.toml")]
    command += ["--output-reproducible", "--no-validate", "--spec-version", "1.6", sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)  # noqa: S603
    if done.returncode:
        raise SupplyError(f"cyclonedx-py failed:\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout))


def _package(item: Mapping[str, Any], lock: Mapping[str, Locked], rules: Rules) -> Component:
    """Return a package with its licence, the digest of its locked wheel and the libraries in the wheel."""
    name = canonicalize_name(item["name"])
    licence = rules.licence_of(name, declared_licence(name))
    package = dict(item) | {"licenses": [{"expression": licence, "acknowledgement": "concluded"}]}
    locked = lock.get(name)
    if locked and locked.version == item["version"] and (digest := locked.digest_for(_machine())):
        package["hashes"] = [{"alg": "SHA-256", "content": digest}]
    if libraries := bundled_libraries(metadata.distribution(name)):
        package["components"] = libraries
    return package


def _dependencies(environment: Mapping[str, Any], components: Iterable[Component]) -> list[dict[str, Any]]:
    """Return the graph of the components that are left. Reelmill needs its requirements, scripts and weights."""
    known = {item["ref"]: set(item.get("dependsOn", ())) for item in environment["dependencies"]}
    names = {item["bom-ref"]: canonicalize_name(item["name"]) for item in components}
    direct = {canonicalize_name(item.name) for item in roots()}
    graph = {ref: known.get(ref, set()) & set(names) for ref in names}
    graph[environment["metadata"]["component"]["bom-ref"]] = {
        ref for ref, name in names.items() if name in direct or ref not in known
    }
    return [{"ref": ref, "dependsOn": sorted(graph[ref])} for ref in sorted(graph)]


def _machine() -> str:
    return platform.machine() if platform.machine() in MACHINES else MACHINES[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
