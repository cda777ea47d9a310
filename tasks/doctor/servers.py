"""Services beside us: Prefect's server, the Ray cluster, the receiver of alerts."""

import base64
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from adapters.child_python import PYTHON, isolated_environment
from models.card import ModelCard
from tasks.doctor.check import FAIL, OK, WARN, Finding

TIMEOUT_S = 10.0
RAY_S = 75.0


def check_prefect(url: str, auth: str = "", key: str = "") -> Finding:
    """Look whether Prefect's server answers, lets us in, and is of our version.

    Args:
        url: PREFECT_API_URL; empty where each command starts a server of its own.
        auth: PREFECT_API_AUTH_STRING, ``user:password``.
        key: PREFECT_API_KEY.
    """
    ours = version("prefect")
    if not url:
        return Finding(OK, f"PREFECT_API_URL names no server; each command starts its own (Prefect {ours}).")
    place = urlsplit(url).netloc.rpartition("@")[2]
    try:
        _ask(f"{url.rstrip('/')}/health", auth, key)
        theirs = str(_ask(f"{url.rstrip('/')}/admin/version", auth, key))
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return Finding(
                FAIL,
                f"Prefect's server {place} does not let us in ({error.code}).",
                "Set PREFECT_API_AUTH_STRING, or PREFECT_API_KEY, to what it asks for.",
            )
        return Finding(
            FAIL,
            f"{place} answers {error.code}, as no Prefect server does.",
            "Let PREFECT_API_URL end in /api, such as http://prefect:4200/api.",
        )
    except (OSError, ValueError) as error:
        return Finding(
            FAIL,
            f"Prefect's server {place} does not answer ({_reason(error)}).",
            "Start it (`reelmill up`, or `prefect server start`), or mend or unset PREFECT_API_URL.",
        )
    if theirs.split(".")[:2] != ours.split(".")[:2]:
        return Finding(
            WARN,
            f"Prefect's server {place} is {theirs}, and this is {ours}.",
            "Let both have one version: older servers refuse newer clients.",
        )
    return Finding(OK, f"Prefect's server {place} answers ({theirs}).")


def check_ray(address: str, card: ModelCard, autoscales: bool = False, limit_s: float = RAY_S) -> Finding:
    """Ask every node of a cluster for its versions, in a process of its own that can be ended.

    Args:
        address: as REELMILL_RAY_ADDRESS has it; empty for a cluster that each command starts here.
        card: that at least one worker must have room for.
        autoscales: the cluster adds workers by itself.
    """
    if not address:
        return Finding(OK, f"Each command starts a Ray cluster of its own on this machine (Ray {version('ray')}).")
    try:
        asked = subprocess.run(  # noqa: S603
            [*PYTHON, "-m", "tasks.doctor.ray_probe", address],
            env=isolated_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _no_ray(address, f"no answer within {limit_s:.0f} s")
    if asked.returncode:
        return _no_ray(address, _last_line(asked.stderr))
    return _judge(address, json.loads(asked.stdout.splitlines()[-1]), card, autoscales)


def check_webhook(url: str) -> Finding:
    """Look whether alerts have a receiver; nothing is posted to it, and its path, which is a secret, is not told."""
    if not url:
        return Finding(OK, "No webhook is set; alerts are kept in the outbox, and shown by Prefect.")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return Finding(
            FAIL,
            "The webhook for alerts is no http address.",
            "Set REELMILL_ALERT_WEBHOOK to the URL that the receiver gave you.",
        )
    if parts.scheme == "http":
        return Finding(
            WARN,
            f"Alerts go to {parts.hostname} without encryption.",
            "Use the receiver's https address: the URL itself is a secret.",
        )
    return Finding(OK, f"Alerts go to {parts.hostname}.")


def _ask(url: str, auth: str, key: str) -> Any:
    headers = {"Accept": "application/json"}
    if auth:
        headers["Authorization"] = f"Basic {base64.b64encode(auth.encode()).decode()}"
    elif key:
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the operator's own server
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
        return json.load(answer)


def _judge(address: str, nodes: Mapping[str, Mapping[str, Any]], card: ModelCard, autoscales: bool) -> Finding:
    ours = {name: version(name) for name in ("ray", "torch", "prefect", "reelmill")}
    odd = [
        f"{place} has {name} {node['versions'].get(name, 'not at all')}, and this machine {mine}"
        for place, node in nodes.items()
        for name, mine in ours.items()
        if node["versions"].get(name) != mine
    ]
    if odd:
        return Finding(FAIL, "; ".join(odd) + ".", "Give all hosts one image, or the same constraints.txt.")
    need = {"GPU": card.worker.num_gpus, "CPU": card.worker.num_cpus}
    fit = [
        place
        for place, node in nodes.items()
        if all(node["resources"].get(kind, 0) >= number for kind, number in need.items())
    ]
    if not fit:
        told = (
            f"None of the {len(nodes)} nodes of {address} has the {need['GPU']:g} GPUs and {need['CPU']:g} CPUs "
            f"that {card.name} asks for"
        )
        return Finding(WARN if autoscales else FAIL, f"{told}.", "Add such a worker, or change `worker` in the card.")
    return Finding(OK, f"{address}: {len(nodes)} nodes of Ray {ours['ray']}, {len(fit)} with room for {card.name}.")


def _no_ray(address: str, reason: str) -> Finding:
    return Finding(
        FAIL,
        f"The Ray cluster {address} does not answer ({reason}).",
        "Start it by `ray start`, with the same Python and Ray, or mend REELMILL_RAY_ADDRESS.",
    )


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", error)).splitlines()[0][:200]


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else "it says nothing"
