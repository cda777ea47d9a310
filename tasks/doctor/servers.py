"""Check other services: the Prefect server, the Ray cluster and the webhook for alerts."""

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
from adapters.proxies import check_proxy, open_url, proxy_of
from models.card import GeneratorCard, ModelCard
from tasks.doctor.check import FAIL, OK, WARN, Finding

TIMEOUT_S = 10.0
RAY_S = 75.0


def check_prefect(url: str, auth: str = "", key: str = "") -> Finding:
    """Check that the Prefect server responds, accepts our credentials and has our version.

    Args:
        url: PREFECT_API_URL; empty if each command starts its own server.
        auth: PREFECT_API_AUTH_STRING, ``user:password``.
        key: PREFECT_API_KEY.
    """
    ours = version("prefect")
    if not url:
        return Finding(OK, f"PREFECT_API_URL is not set; each command starts its own server (Prefect {ours}).")
    host = urlsplit(url).netloc.rpartition("@")[2]
    check_proxy(url)
    try:
        _ask(f"{url.rstrip('/')}/health", auth, key)
        theirs = str(_ask(f"{url.rstrip('/')}/admin/version", auth, key))
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return Finding(
                FAIL,
                f"The Prefect server {host} refuses the credentials ({error.code}).",
                "Set PREFECT_API_AUTH_STRING or PREFECT_API_KEY to valid credentials.",
            )
        return Finding(
            FAIL,
            f"{host} responds with {error.code} and is not a Prefect API.",
            "Set PREFECT_API_URL to a URL that ends in /api, such as http://prefect:4200/api.",
        )
    except (OSError, ValueError) as error:
        return Finding(
            FAIL,
            f"The Prefect server {host} does not respond{_through(url)} ({_reason(error)}).",
            "Start it (`reelmill up` or `prefect server start`), or correct or unset PREFECT_API_URL."
            + (f" If it needs no proxy, add {urlsplit(url).hostname} to NO_PROXY." if proxy_of(url) else ""),
        )
    if theirs.split(".")[:2] != ours.split(".")[:2]:
        return Finding(
            WARN,
            f"The Prefect server {host} has version {theirs}, but this installation has {ours}.",
            "Install the same version on both: older servers refuse newer clients.",
        )
    return Finding(OK, f"The Prefect server {host} responds ({theirs}).")


def check_ray(address: str, card: GeneratorCard, autoscales: bool = False, limit_s: float = RAY_S) -> Finding:
    """Check the versions and resources of every node of a cluster, in a separate process that can be killed.

    Args:
        address: REELMILL_RAY_ADDRESS; empty if each command starts a cluster on this machine.
        card: model card that must fit on at least one worker.
        autoscales: whether the cluster adds workers on demand.
    """
    if not address:
        return Finding(OK, f"Each command starts its own Ray cluster on this machine (Ray {version('ray')}).")
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
        return _no_ray(address, f"no response within {limit_s:.0f} s")
    if asked.returncode:
        return _no_ray(address, _last_line(asked.stderr))
    return _judge(address, json.loads(asked.stdout.splitlines()[-1]), card, autoscales)


def check_webhook(url: str) -> Finding:
    """Check the webhook URL. Nothing is posted to it, and its path is not shown because it is a secret."""
    if not url:
        return Finding(OK, "No webhook is set; alerts are only stored in the outbox and sent to Prefect as events.")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return Finding(
            FAIL,
            "The webhook for alerts is not an HTTP URL.",
            "Set REELMILL_ALERT_WEBHOOK to the URL from the receiving service.",
        )
    if parts.scheme == "http":
        return Finding(
            WARN,
            f"Alerts are sent to {parts.hostname} without encryption.",
            "Use the receiver's https URL, because the URL itself is a secret.",
        )
    return Finding(OK, f"Alerts are sent to {parts.hostname}.")


def _ask(url: str, auth: str, key: str) -> Any:
    headers = {"Accept": "application/json"}
    if auth:
        headers["Authorization"] = f"Basic {base64.b64encode(auth.encode()).decode()}"
    elif key:
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the operator's own server
    with open_url(request, TIMEOUT_S) as answer:
        return json.load(answer)


def _judge(address: str, nodes: Mapping[str, Mapping[str, Any]], card: GeneratorCard, autoscales: bool) -> Finding:
    ours = {name: version(name) for name in ("ray", "torch", "prefect", "reelmill")}
    mismatches = [
        f"{place} has {name} {node['versions'].get(name, '(not installed)')}, but this machine has {mine}"
        for place, node in nodes.items()
        for name, mine in ours.items()
        if node["versions"].get(name) != mine
    ]
    if mismatches:
        return Finding(FAIL, "; ".join(mismatches) + ".", "Use one image or the same constraints.txt on all hosts.")
    if not isinstance(card, ModelCard):  # the driver submits its jobs
        return Finding(
            OK, f"{address}: {len(nodes)} nodes with Ray {ours['ray']}; the hosted model {card.name} does not use them."
        )
    need = {"GPU": card.worker.num_gpus, "CPU": card.worker.num_cpus}
    fit = [
        place
        for place, node in nodes.items()
        if all(node["resources"].get(kind, 0) >= number for kind, number in need.items())
    ]
    if not fit:
        message = (
            f"None of the {len(nodes)} nodes of {address} has the {need['GPU']:g} GPUs and {need['CPU']:g} CPUs "
            f"that {card.name} needs."
        )
        return Finding(
            WARN if autoscales else FAIL, message, "Add a worker that has them, or change `worker` in the card."
        )
    return Finding(OK, f"{address}: {len(nodes)} nodes with Ray {ours['ray']}, {len(fit)} with room for {card.name}.")


def _no_ray(address: str, reason: str) -> Finding:
    return Finding(
        FAIL,
        f"The Ray cluster {address} does not respond ({reason}).",
        "Start it with `ray start`, with the same versions of Python and Ray, or correct REELMILL_RAY_ADDRESS.",
    )


def _through(url: str) -> str:
    return f" through the proxy {proxy}" if (proxy := proxy_of(url)) else ""


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", error)).splitlines()[0][:200]


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else "no error output"
