"""AWS Lambda that notifies Prefect's server when S3 reports a new sheet. It needs only Python's standard library.

Call it from the bucket's `s3:ObjectCreated:*` notification for the watched prefix and the suffixes `.csv`, `.tsv` and
`.xlsx`, directly or through SNS. It must be able to reach the server, so run it in the server's network. It reads
PREFECT_API_URL from its environment, and PREFECT_API_AUTH_STRING if the server has a password.
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
    """Post one event for each bucket in a notification, and return the number of events.

    Raises:
        URLError: the server is unreachable or rejects the events. Lambda retries the call, and the next scheduled check
            finds the sheet anyway.
    """
    buckets = sorted({record["s3"]["bucket"]["name"] for record in records_of(notification)})
    events = [
        {
            "id": str(uuid.uuid4()),
            "occurred": datetime.now(UTC).isoformat(),
            "event": "reelmill.sheet.arrived",
            "resource": {"prefect.resource.id": f"reelmill.inbox.{bucket}"},
        }
        for bucket in buckets
    ]
    if events:
        call("/events", json.dumps(events).encode(), csrf_headers())
    return len(events)


def records_of(notification: dict[str, Any]) -> list[dict[str, Any]]:
    """Return S3's records, unpacked if they arrived through SNS. S3's test message contains none."""
    found = []
    for record in notification.get("Records", ()):
        inner = json.loads(record["Sns"]["Message"]).get("Records", ()) if "Sns" in record else [record]
        found += [each for each in inner if "s3" in each]
    return found


def csrf_headers() -> dict[str, str]:
    """Return the headers for a server with CSRF protection, or none if it is disabled."""
    client = str(uuid.uuid4())
    try:
        token = json.loads(call(f"/csrf-token?client={client}"))["token"]
    except urllib.error.HTTPError as error:
        if error.code == 422:  # CSRF protection is disabled
            return {}
        raise
    return {"Prefect-Csrf-Client": client, "Prefect-Csrf-Token": token}


def call(path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
    """Call the server's API, with its password if one is set, and return the body of the response."""
    sent = {"Content-Type": "application/json", **(headers or {})}
    if secret := os.environ.get("PREFECT_API_AUTH_STRING"):
        sent["Authorization"] = f"Basic {base64.b64encode(secret.encode()).decode()}"
    request = urllib.request.Request(os.environ["PREFECT_API_URL"].rstrip("/") + path, body, sent)  # noqa: S310
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
        return bytes(answer.read())
