"""A provider on loopback: it serves a contract's bodies, fails as planned, and counts what it would bill.

    with VendorServer("kling", scripted(submit=[Fault("close")])) as vendor:
        card = card.model_copy(update={"base_url": vendor.base_url})
        ...
        assert vendor.billed == {"a red ball": 1}

``kling`` is the name of a contract or of its protocol. A job is taken when its POST has been read (``Fault.takes``),
and is billed from then on, also if the answer is lost; refused submissions are not taken. A job is done with its
``polls_until_done``-th poll, or ``job_s`` seconds after it was taken. The file of a job is a real MP4.
"""

import json
import random
import re
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit

from vendor_clip import clip_bytes
from vendor_contract import VendorContract, filled, load_contract, put

How = Literal["answer", "close_before", "close", "close_midway", "hang", "half_body", "oversized"]
BLOCK = b"\0" * 65536


class Fault(NamedTuple):
    """How one request is answered; the default is the contract's own answer.

    Attributes:
        how: ``close_before`` closes the connection without reading, ``close`` after reading, ``close_midway`` in the
            middle of the answer, ``hang`` answers only when the server ends, ``half_body`` sends a complete answer with
            half of the JSON, ``oversized`` sends ``oversize_mb`` of zeros without a length.
        takes: whether a submission becomes a job. A status above 299 without ``takes=True`` takes nothing.
        status, headers, body: replace those of the answer; a body is sent as it is.
        word: status word of a poll's answer.
        refusal: class of the contract's error row that is answered, such as ``money``.
    """

    how: How = "answer"
    takes: bool | None = None
    status: int | None = None
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    word: str = ""
    refusal: str = ""

    @property
    def takes_job(self) -> bool:
        """Whether a submission becomes a job."""
        if self.takes is not None:
            return self.takes
        return self.how != "close_before" and not self.refusal and (self.status or 200) < 300


def unavailable(takes: bool = False) -> Fault:
    """Return a 503, with or without a job that was taken before."""
    return Fault(status=503, body=b"overloaded", takes=takes)


def too_fast(seconds: str = "1") -> Fault:
    """Return a 429 with Retry-After."""
    return Fault(refusal="rate", headers={"Retry-After": seconds})


def redirect(location: str = "http://169.254.169.254/latest/meta-data/") -> Fault:
    """Return a redirect, by default to a private address."""
    return Fault(status=302, headers={"Location": location}, body=b"")


def expired() -> Fault:
    """Return the answer of an address that is no longer valid."""
    return Fault(status=403, body=b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")


def retired() -> Fault:
    """Return the answer for a model that the provider has withdrawn."""
    return Fault(status=404, body=b'{"error": "model not found", "message": "model not found"}')


class Seen(NamedTuple):
    """A request that was read."""

    operation: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class VendorJob:
    """A job that the provider has taken.

    Attributes:
        reference: our reference, where the protocol has a place for one.
        polls: polls that were answered.
        taken_at: monotonic seconds.
        folder: where the provider was asked to store the file, if the protocol has a place for it.
    """

    number: int
    ref: str
    prompt: str
    reference: str
    model: str
    taken_at: float
    polls: int = 0
    ended: str = ""
    folder: str = ""

    @property
    def file_name(self) -> str:
        """Name of the file in addresses."""
        return f"job{self.number}"


Behaviour = Callable[[str, VendorJob | None], Fault]
"""The fault of a request: its operation (submit, poll, result, file, list, cancel), and the job if it is known."""


def scripted(**plans: Sequence[Fault]) -> Behaviour:
    """Return a behaviour that uses up a list of faults per operation, and then answers normally."""
    queues = {operation: list(faults) for operation, faults in plans.items()}
    lock = threading.Lock()

    def plan(operation: str, job: VendorJob | None) -> Fault:
        with lock:
            waiting = queues.get(operation)
            return waiting.pop(0) if waiting else Fault()

    return plan


def always(**faults: Fault) -> Behaviour:
    """Return a behaviour with the same fault for every request of an operation."""
    return lambda operation, job: faults.get(operation, Fault())


def at_random(seed: int, share: float, **faults: Sequence[Fault]) -> Behaviour:
    """Return a behaviour that fails a share of the requests, each with one of its operation's faults."""
    chance, lock = random.Random(seed), threading.Lock()

    def plan(operation: str, job: VendorJob | None) -> Fault:
        with lock:
            fails = bool(faults.get(operation)) and chance.random() < share
            return chance.choice(faults[operation]) if fails else Fault()

    return plan


class VendorServer:
    """One provider.

    Args:
        contract: name of a contract or of its protocol.
        behaviour: how requests fail.
        polls_until_done: the poll of a job that says that it is done.
        job_s: seconds until a job is done; takes precedence if it is above 0.
        slots: jobs at a time, of which more are refused; None for no limit.
        ends: how jobs end: ``done``, or another class of status words, or the name of an example body.
        clip: the file of every job; None for a small one.
        key: requests without it are refused with 401; empty for no check. Files are served without a key.

    Attributes:
        requests: every request that was read.
        jobs: every job that was taken, by the provider's reference.
    """

    def __init__(
        self,
        contract: str,
        behaviour: Behaviour | None = None,
        *,
        polls_until_done: int = 1,
        job_s: float = 0.0,
        slots: int | None = None,
        ends: str = "done",
        clip: bytes | None = None,
        key: str = "",
        oversize_mb: int = 64,
    ) -> None:
        self.contract: VendorContract = load_contract(contract)
        self.behaviour: Behaviour = behaviour or scripted()
        self.polls_until_done, self.job_s, self.slots, self.ends = polls_until_done, job_s, slots, ends
        self.clip, self.key, self.oversize_mb = clip, key, oversize_mb
        self.requests: list[Seen] = []
        self.jobs: dict[str, VendorJob] = {}
        self._by_name: dict[str, VendorJob] = {}
        self._counts: Counter[str] = Counter()
        self.ended = threading.Event()
        self.lock = threading.RLock()
        self._came = threading.Condition(self.lock)
        self._server = _Server(("127.0.0.1", 0), type("Bound", (_Handler,), {"vendor": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        """Start."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; requests that hang are closed."""
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def billed(self) -> Counter[str]:
        """How many jobs were taken, by prompt; prompts are unique in a billing audit."""
        with self.lock:
            return Counter(job.prompt for job in self.jobs.values())

    @property
    def billed_references(self) -> Counter[str]:
        """How many jobs were taken, by our reference; empty where the protocol has no place for it."""
        with self.lock:
            return Counter(job.reference for job in self.jobs.values() if job.reference)

    def count(self, operation: str) -> int:
        """Return how many requests of an operation were read."""
        with self.lock:
            return self._counts[operation]

    def await_requests(self, operation: str, number: int, seconds: float = 20.0) -> bool:
        """Wait until ``number`` requests of an operation have been read; return whether they have."""
        with self._came:
            return self._came.wait_for(lambda: self.count(operation) >= number, seconds)

    def record(self, seen: Seen) -> None:
        """Record a request."""
        with self._came:
            self.requests.append(seen)
            self._counts[seen.operation] += 1
            self._came.notify_all()

    def take(self, seen: Seen) -> VendorJob:
        """Return the job of a submission that is taken."""
        with self.lock:
            number = len(self.jobs) + 1
            example = _example_ref(self.contract)
            ref = example[:-1] + str(number) if example[-1:] == "1" else f"{example}{number}"
            fields = _fields(seen)
            reference = _reference_in(fields)
            is_unique = self.contract.name == "kling"  # no other provider is known to refuse a reference that it has
            if is_unique and reference in self._by_name:
                raise DuplicateError(reference)
            model = str(_first(fields, ("model",)) or seen.path.rsplit("/", 1)[-1])
            prompt = str(_first(fields, ("promptText", "prompt", "text", "input")) or "")
            folder = str(_first(fields, ("storageUri", "gcs_uri")) or "gs://b/j1").rstrip("/")
            job = VendorJob(number, ref, prompt, reference, model, time.monotonic(), folder=folder)
            self.jobs[ref] = job
            self._by_name |= {job.file_name: job, _token(job): job, **({reference: job} if reference else {})}
            return job

    @property
    def is_full(self) -> bool:
        """Whether all places for jobs are taken."""
        with self.lock:
            return self.slots is not None and sum(not self.word_of(job)[1] for job in self.jobs.values()) >= self.slots

    def word_of(self, job: VendorJob) -> tuple[str, bool]:
        """Return the status word of a job, and whether it has ended."""
        if job.ended:
            return job.ended, True
        is_done = time.monotonic() - job.taken_at >= self.job_s if self.job_s else job.polls >= self.polls_until_done
        if is_done:
            return next(iter(self.contract.words_of(self.ends)), self.ends), True
        running = self.contract.words_of("running")
        waiting = self.contract.words_of("waiting")
        return (running[0] if running and (job.polls or not waiting) else waiting[0]), False

    def job_of(self, operation: str, key: str, seen: Seen) -> VendorJob | None:
        """Return the job that a request is about."""
        query = parse_qs(urlsplit(seen.path).query)
        with self.lock:
            if operation == "file" or key.startswith("job"):
                return self._by_name.get(key) or self.jobs.get(key)
            ours = query.get("external_task_ids", [""])[0]
            name = query.get("task_ids", [""])[0] or str(_fields(seen).get("operationName", "")) or unquote(key)
            return self._by_name.get(ours) if ours else self.jobs.get(name) or self._by_name.get(name)

    def submit_body(self, job: VendorJob) -> Any:
        """Return the answer to a submission."""
        return self._filled(self.contract.examples["submit"], job)

    def poll_body(self, job: VendorJob, word: str) -> Any:
        """Return the answer to a poll with a status word, also one that the contract does not have."""
        examples = self.contract.poll_bodies
        body = self._filled(examples.get(word, next(iter(examples.values()))), job)
        if word not in examples:
            poll = self.contract.facts["poll"]
            put(body, ".".join(filter(None, (poll.get("item_at", ""), poll["state_at"]))), word)
        return body

    def result_body(self, job: VendorJob) -> Any:
        """Return the answer with the file's address, for protocols with a request of its own for it."""
        example = self.contract.examples.get("result") or {"name": f"files/{job.file_name}", "state": "ACTIVE"}
        return self._filled(example, job)

    def list_body(self, seen: Seen) -> Any:
        """Return the newest jobs, in the form of Ark and of DashScope, or the files of Vertex AI."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(seen.path).query).items()}
        with self.lock:
            jobs = list(self.jobs.values())
        if self.contract.name == "vertex_veo":
            return self._stored(jobs, query.get("prefix", ""))
        newest = jobs[::-1][: int(query.get("page_size", len(jobs)))]
        if self.contract.name == "ark_seedance":
            return {"total": len(jobs), "items": [self._listed(job) for job in newest]}
        rows = [{"task_id": job.ref, "model_name": job.model, "id": job.ref} for job in newest]
        return {"total": len(jobs), "data": rows, "page_no": 1}

    def _listed(self, job: VendorJob) -> Any:
        created_at = int(time.time() - (time.monotonic() - job.taken_at))
        return {"created_at": created_at, **self.poll_body(job, self.word_of(job)[0])}

    def _stored(self, jobs: Sequence[VendorJob], prefix: str) -> Any:
        """Return the files of jobs that are done, in the form of Google Cloud Storage."""
        names = [_object_of(job) for job in jobs if self.word_of(job)[1] and _object_of(job).startswith(prefix)]
        return {"items": [{"bucket": "bucket", "name": name} for name in names]} if names else {}

    def _filled(self, body: Any, job: VendorJob) -> Any:
        example = _example_ref(self.contract)
        texts = {example: job.ref, "j1": job.reference, "gs://b/j1/sample_0.mp4": f"{job.folder}/sample_0.mp4"}
        links = {
            link: re.sub(r"/(r1|1)(?=/|$)", f"/{_token(job)}", link).replace("BASE", self.base_url)
            for link in self.contract.examples["submit"].values()
            if isinstance(link, str) and link.startswith("BASE")
        }
        url = f"{self.base_url}/files/{job.file_name}.mp4?sig={job.polls}"
        if self.contract.name == "google_omni":
            url = f"{self.base_url}/v1beta/files/{job.file_name}"
        return filled(body, texts | links, url)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report errors, but not that a client has closed its connection or was killed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class DuplicateError(Exception):
    """Our reference was used before."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    vendor: VendorServer

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def handle_any(self) -> None:
        """Answer one request."""
        operation, key = self.vendor.contract.route(self.command, urlsplit(self.path).path)
        early = self.vendor.behaviour(operation, None) if operation == "submit" else None
        if early is not None and early.how == "close_before":
            self._close()
            return
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # the client was killed while it sent the request, which no server takes for complete
            self._close()
            return
        seen = Seen(operation, self.command, self.path, dict(self.headers), body)
        if early is not None:
            self._submit(seen, early)
        else:
            job = self.vendor.job_of(operation, key, seen)
            fault = self.vendor.behaviour(operation, job)
            if fault.how == "close_before":
                self._close()
                return
            self.vendor.record(seen)
            self._answer(seen, job, fault)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any

    def _submit(self, seen: Seen, fault: Fault) -> None:
        vendor, job = self.vendor, None
        if not self._has_key(seen):
            fault = Fault(status=401, body=b'{"error": "no key"}')
        elif fault.takes_job and vendor.is_full:
            fault = Fault(refusal="concurrency", headers={"Retry-After": "1"})
        if fault.takes_job:
            try:
                job = vendor.take(seen)
            except DuplicateError:
                fault = Fault(status=400, body=b'{"code": 1201, "message": "external_task_id was used before"}')
        vendor.record(seen)
        self._send(fault, vendor.submit_body(job) if job else {}, status=vendor.contract.facts["submit"]["ok"][0])

    def _answer(self, seen: Seen, job: VendorJob | None, fault: Fault) -> None:
        """Answer a request other than a submission."""
        if seen.operation == "file":
            self._send_file(job, fault)
        elif not self._has_key(seen):
            self._send(Fault(status=401, body=b'{"error": "no key"}'), {})
        elif seen.operation == "list":
            self._send(fault, self.vendor.list_body(seen))
        elif seen.operation == "unknown":
            self._send(Fault(status=fault.status or 200), {"data": [], "code": 0})
        elif job is None:
            self._send_absent(fault)
        else:
            self._of_job(seen, job, fault)

    def _of_job(self, seen: Seen, job: VendorJob, fault: Fault) -> None:
        if seen.operation == "stored":
            self._send(fault, {"bucket": "bucket", "name": _object_of(job)})
        elif seen.operation == "cancel":
            with self.vendor.lock:
                cancelled = self.vendor.contract.words_of("cancelled")
                job.ended = job.ended or (cancelled[0] if cancelled else "")
            self._send(fault, {})
        elif seen.operation == "result":
            self._send(fault, self.vendor.result_body(job))
        else:
            self._poll(job, fault)

    def _poll(self, job: VendorJob, fault: Fault) -> None:
        with self.vendor.lock:
            job.polls += 1
            word = fault.word or self.vendor.word_of(job)[0]
            body = self.vendor.poll_body(job, word)
        self._send(fault, body)

    def _send_absent(self, fault: Fault) -> None:
        if self.vendor.contract.name == "kling":
            self._send(fault, {"code": 0, "message": "SUCCEED", "data": []})
        elif self.vendor.contract.name == "dashscope_wan":
            self._send(fault, self.vendor.contract.examples["poll"]["UNKNOWN"])
        else:
            self._send(fault._replace(status=fault.status or 404), {"error": {"code": "404", "message": "no such job"}})

    def _has_key(self, seen: Seen) -> bool:
        return not self.vendor.key or any(self.vendor.key in value for value in seen.headers.values())

    def _send_file(self, job: VendorJob | None, fault: Fault) -> None:
        if job is None and fault.status is None:
            fault = Fault(status=404, body=b"no such file")
        self._send(fault, self.vendor.clip or clip_bytes(), media_type="video/mp4")

    def _send(self, fault: Fault, body: Any, status: int = 200, media_type: str = "application/json") -> None:
        if fault.how == "hang":
            self.vendor.ended.wait(60)
        if fault.how in ("hang", "close"):
            self._close()
            return
        if fault.how == "oversized":
            self._send_oversized()
            return
        if fault.refusal:
            row = self._row(fault.refusal)
            status, body = row["http"], self.vendor.contract.error_body(row)
        content = (
            fault.body if fault.body is not None else body if isinstance(body, bytes) else json.dumps(body).encode()
        )
        self._write(fault, fault.status or status, content, media_type)

    def _write(self, fault: Fault, status: int, content: bytes, media_type: str) -> None:
        if fault.how == "half_body":
            content = content[: len(content) // 2]
        self.send_response(status)
        for name, value in {"Content-Type": media_type, **fault.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if fault.how == "close_midway":
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            self._close()
            return
        self.wfile.write(content)

    def _row(self, kind: str) -> dict[str, Any]:
        try:
            return self.vendor.contract.row_of(kind)
        except StopIteration:  # most providers have only one of these two
            return self.vendor.contract.row_of({"rate": "concurrency", "concurrency": "rate"}[kind])

    def _send_oversized(self) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for _ in range(self.vendor.oversize_mb * 16):
                self.wfile.write(BLOCK)
        except OSError:  # the client has read enough
            return

    def _close(self) -> None:
        """Close the connection with what was written."""
        self.close_connection = True
        with suppress(OSError):  # the client may have closed it before
            self.connection.shutdown(socket.SHUT_RDWR)


def _example_ref(contract: VendorContract) -> str:
    value = contract.examples["submit"]
    for step in contract.facts["submit"]["ref_at"].split("."):
        value = value[step]
    return str(value)


def _object_of(job: VendorJob) -> str:
    """Return the name of a job's file in its bucket."""
    return f"{job.folder.removeprefix('gs://').partition('/')[2]}/sample_0.mp4"


def _token(job: VendorJob) -> str:
    """Return the part of a reference that the provider's addresses contain."""
    return job.ref.rsplit(":", 1)[-1]


def _fields(seen: Seen) -> dict[str, Any]:
    """Return the members of a JSON body, or the fields of a form."""
    if "multipart" not in str(seen.headers.get("Content-Type") or seen.headers.get("content-type")):
        try:
            found = json.loads(seen.body or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}
    pattern = rb'name="([^"]+)"\r\n(?:[^\r\n]+\r\n)*\r\n(.*?)\r\n--'
    return {
        name.decode(): value.decode("utf-8", "replace") for name, value in re.findall(pattern, seen.body, re.DOTALL)
    }


def _first(value: Any, names: tuple[str, ...]) -> Any:
    """Return the first text under one of these names, at any depth."""
    if isinstance(value, list):
        return next((found for each in value if (found := _first(each, names))), None)
    if not isinstance(value, dict):
        return None
    own = next((value[name] for name in names if isinstance(value.get(name), str)), None)
    return own or next((found for each in value.values() if (found := _first(each, names))), None)


def _reference_in(fields: dict[str, Any]) -> str:
    """Return our reference: 32 hex digits in a field that is meant for it."""
    names = ("external_task_id", "user_id", "safety_identifier", "storageUri", "gcs_uri", "labels", "user_metadata")
    found = re.search(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", json.dumps(_values(fields, names)))
    return found[0] if found else ""


def _values(value: Any, names: tuple[str, ...]) -> list[Any]:
    if isinstance(value, list):
        return [found for each in value for found in _values(each, names)]
    if not isinstance(value, dict):
        return []
    own = [each for name, each in value.items() if name in names]
    return own + [found for name, each in value.items() if name not in names for found in _values(each, names)]
