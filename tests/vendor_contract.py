"""The wire contracts in tests/provider_contracts/: their bodies, and where a request belongs."""

import copy
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent / "provider_contracts"
CONTRACT_OF = {"fal": "fal_pika", "ark": "ark_seedance", "dashscope": "dashscope_wan"}
"""Contract of each protocol whose name differs."""
_ID = r"(?P<id>[^/?]+)"
_REFERENCE = "(?P<id>[0-9a-f]{32})"
_VERTEX = r"/v1beta1/projects/[^/]+/locations/[^/]+/publishers/google/models/[^/:]+"
ROUTES: dict[str, list[tuple[str, str, str]]] = {
    "adobe_firefly": [
        ("submit", "POST", "/v3/videos/generate.*"),
        ("poll", "GET", f"/v3/status/{_ID}"),
        ("cancel", "PUT", f"/v3/cancel/{_ID}"),
    ],
    "ark_seedance": [
        ("submit", "POST", "/contents/generations/tasks"),
        ("poll", "GET", f"/contents/generations/tasks/{_ID}"),
        ("cancel", "DELETE", f"/contents/generations/tasks/{_ID}"),
        ("list", "GET", "/contents/generations/tasks"),
    ],
    "dashscope_wan": [
        ("submit", "POST", "/api/v1/services/aigc/video-generation/video-synthesis"),
        ("poll", "GET", f"/api/v1/tasks/{_ID}"),
        ("cancel", "POST", f"/api/v1/tasks/{_ID}/cancel"),
        ("list", "GET", "/api/v1/tasks"),
    ],
    "fal_pika": [
        ("poll", "GET", f"/.+/requests/{_ID}/status"),
        ("result", "GET", f"/.+/requests/{_ID}"),
        ("cancel", "PUT", f"/.+/requests/{_ID}/cancel"),
        ("submit", "POST", "/.+"),
    ],
    "google_omni": [
        ("submit", "POST", "/v1(beta)?/interactions"),
        ("poll", "GET", f"/v1(beta)?/interactions/{_ID}"),
        ("cancel", "POST", f"/v1(beta)?/interactions/{_ID}/cancel"),
        ("file", "GET", "/v1beta/files/(?P<id>[^/?:]+):download"),
        ("result", "GET", "/v1beta/files/(?P<id>[^/?:]+)"),
    ],
    "kling": [
        ("submit", "POST", "/(text-to-video|image-to-video|omni-video)/.+"),
        ("poll", "GET", "/tasks"),
    ],
    "luma": [("submit", "POST", "/generations"), ("poll", "GET", f"/generations/{_ID}")],
    "openai_videos": [
        ("submit", "POST", "/v1/videos"),
        ("file", "GET", f"/v1/videos/{_ID}/content"),
        ("poll", "GET", f"/v1/videos/{_ID}"),
        ("cancel", "DELETE", f"/v1/videos/{_ID}"),
        ("list", "GET", "/v1/videos"),
    ],
    "runway": [
        ("submit", "POST", "/v1/(text_to_video|image_to_video)"),
        ("poll", "GET", f"/v1/tasks/{_ID}"),
        ("cancel", "DELETE", f"/v1/tasks/{_ID}"),
    ],
    "vertex_veo": [
        ("submit", "POST", _VERTEX + ":predictLongRunning"),
        ("poll", "POST", _VERTEX + ":fetchPredictOperation"),
        ("list", "GET", "/storage/v1/b/[^/]+/o"),
        ("stored", "GET", f"/storage/v1/b/[^/]+/o/{_REFERENCE}(/|%2F)sample_0.mp4"),
        ("file", "GET", f"/bucket/{_REFERENCE}/sample_0.mp4"),
    ],
}
FILE = ("file", "GET", r"/.*?(?P<id>job\d+)[^/]*(/.*)?\.mp4")


class VendorContract(NamedTuple):
    """One contract as JSON."""

    name: str
    facts: dict[str, Any]

    @property
    def examples(self) -> dict[str, Any]:
        """The example bodies."""
        return self.facts["examples"]

    @property
    def poll_bodies(self) -> dict[str, Any]:
        """The example bodies of polls by their names, with those of special cases."""
        return self.examples["poll"] | self.examples.get("poll_extra", {})

    @property
    def states(self) -> dict[str, str]:
        """The class of each status word; the first one where a condition decides."""
        return {word: re.split(r"[, ]", kind)[0] for word, kind in self.facts["poll"]["states"].items()}

    def word_of(self, kind: str) -> str:
        """Return the first status word of a class."""
        return next(word for word, each in self.states.items() if each == kind)

    def words_of(self, kind: str) -> list[str]:
        """Return all status words of a class."""
        return [word for word, each in self.states.items() if each == kind]

    @property
    def error_rows(self) -> list[dict[str, Any]]:
        """The rows of the table of errors."""
        return self.facts["errors"]["table"]

    def route(self, method: str, path: str) -> tuple[str, str]:
        """Return the operation and the job's id of a request; ``unknown`` if it is none of the contract's."""
        for operation, wanted, pattern in (*ROUTES[self.name], FILE):
            found = re.fullmatch(pattern, path)
            if found and wanted == method:
                return operation, found.groupdict().get("id") or ""
        return "unknown", ""

    def error_body(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a body with the code of an error row, in the contract's shape."""
        shape: dict[str, str] = self.facts["errors"]["shape"]
        body: dict[str, Any] = {}
        at_job = row.get("at") in ("job", "state")
        code_at = shape.get("job_code_at" if at_job else "code_at")
        message_at = shape.get("job_message_at" if at_job else "message_at") or "message"
        if code_at and row.get("code"):
            put(body, code_at, code_of(row["code"]))
        if not code_at or not code_at.startswith(message_at):
            put(body, message_at, f"refused: {row['class']}")
        return body

    def row_of(self, kind: str) -> dict[str, Any]:
        """Return the first row of a class that answers a submission."""
        rows = [row for row in self.error_rows if row["class"] == kind and "http" in row]
        return next(iter(rows))


def load_contract(name: str) -> VendorContract:
    """Return a contract by its name, or by the name of its protocol."""
    name = CONTRACT_OF.get(name, name)
    return VendorContract(name, json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def contract_names() -> list[str]:
    """Return the names of all contracts."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def code_of(pattern: str) -> str:
    """Return a code that matches the pattern of an error row."""
    return pattern.partition("..")[0].replace("*", "X") if ".." in pattern else pattern.replace("*", "X")


def put(body: Any, path: str, value: Any) -> None:
    """Set the value at a dotted path, creating what is missing."""
    *steps, last = path.split(".")
    for step, following in pairwise([*steps, last]):
        empty: Any = [] if following.lstrip("-").isdigit() else {}
        body = _step(body, step, empty)
    if isinstance(body, list):
        _step(body, last, None)
        body[int(last)] = value
    else:
        body[last] = value


def _step(body: Any, step: str, empty: Any) -> Any:
    if isinstance(body, list):
        while len(body) <= int(step):
            body.append(copy.deepcopy(empty))
        return body[int(step)]
    return body.setdefault(step, empty)


def filled(body: Any, texts: dict[str, str], file_url: str) -> Any:
    """Return an example body with exact texts replaced, and the address of a job's file for every example address."""
    if isinstance(body, dict):
        return {name: filled(value, texts, file_url) for name, value in body.items()}
    if isinstance(body, list):
        return [filled(value, texts, file_url) for value in body]
    if not isinstance(body, str):
        return body
    if re.match(r"https://[^/]*(example|host|fal\.media)", body) and "/errors/" not in body:
        return file_url
    return texts.get(body, body)
