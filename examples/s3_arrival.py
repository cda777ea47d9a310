"""AWS Lambda that tells Prefect's server when S3 tells of a new sheet; it needs nothing but Python.

Let the bucket's `s3:ObjectCreated:*` notification for the watched prefix, suffixes `.csv`, `.tsv` and `.xlsx`, call it:
directly or through SNS. It must reach the server (a Lambda in its network), and takes PREFECT_API_URL and, where the
server has one, PREFECT_API_AUTH_STRING from its environment.
"""

import base64
import json
import os
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime
from typing import Any

TIMEOUT_S = 20


def handler(notification: dict[str, Any], _context: object = None) -> int:
    """Post one event for each bucket in a notification, and return how many.

    Raises:
        URLError: the server does not take it; Lambda tries again. The next scheduled look finds the sheet anyway.
    """
    buckets = sorted({record["s3"]["bucket"]["name"] for record in records_of(notification)})
    events = [{"id": str(uuid.uuid4()), "occurred": datetime.now(UTC).isoformat(), "event": "reelmill.sheet.arrived",
               "resource": {"prefect.resource.id": f"reelmill.inbox.{bucket}"}} for bucket in buckets]
    if events:
        call("/events", json.dumps(events).encode(), csrf_headers())
    return len(events)


def records_of(notification: dict[str, Any]) -> list[dict[str, Any]]:
    """Return S3's records, unpacked from SNS where they came by it; S3's own test message has none."""
    found = []
    for record in notification.get("Records", ()):
        inner = json.loads(record["Sns"]["Message"]).get("Records", ()) if "Sns" in record else [record]
        found += [each for each in inner if "s3" in each]
    return found


def csrf_headers() -> dict[str, str]:
    """Return what a server with CSRF protection asks for; nothing where it has none."""
    client = str(uuid.uuid4())
    try:
        token = json.loads(call(f"/csrf-token?client={client}"))["token"]
    except urllib.error.HTTPError as error:
        if error.code == 422:  # it is off
            return {}
        raise
    return {"Prefect-Csrf-Client": client, "Prefect-Csrf-Token": token}


def call(path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
    """Ask the server, with its password where it has one."""
    sent = {"Content-Type": "application/json", **(headers or {})}
    if secret := os.environ.get("PREFECT_API_AUTH_STRING"):
        sent["Authorization"] = f"Basic {base64.b64encode(secret.encode()).decode()}"
    request = urllib.request.Request(os.environ["PREFECT_API_URL"].rstrip("/") + path, body, sent)  # noqa: S310
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
        return bytes(answer.read())
