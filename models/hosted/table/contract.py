"""A provider's wire contract as data: paths in its answers, and the meaning of its status words and errors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from manifests.hosted.job import Cause, Progress
from manifests.hosted.wire import KeyRule

Resubmit = Literal["never", "wait", "uncertain"]
"""Whether the same request may be sent again: no; yes, the provider did not accept it; or the job is uncertain."""
Place = Literal["any", "submit", "poll", "job"]


@dataclass(frozen=True)
class ErrorRow:
    """What one error means.

    Attributes:
        http: status of the answer; None for any.
        code: the provider's code: a pattern with ``*``, a range such as ``1000..1004``, ``""`` for an answer without a
            code, or None for any.
        at: ``submit`` and ``poll`` are answers with an error status (``any`` for both), ``job`` is a job that failed.
    """

    cause: Cause
    resubmit: Resubmit = "never"
    http: int | None = None
    code: str | None = None
    at: Place = "any"


@dataclass(frozen=True)
class Contract:
    """One protocol's table. Paths are dotted, as ``table.body.at`` reads them; an empty path reads nothing.

    Attributes:
        headers: of all requests, besides the key.
        ref_at: the provider's reference in the answer to a submission.
        links_at: addresses in that answer, by name; only those on the provider's hosts are kept.
        ok_code: code of a success, if answers with status 200 may be refusals.
        code_decides: the code alone decides which row applies, whatever the status.
        poll_path, cancel_path: after the base address, with ``{ref}`` for the reference.
        free_to_cancel: progress of jobs that are not billed if they are cancelled then; empty if this is not known.
        key_path: a free request that needs the key; empty if there is none.
        item_at: the job inside a poll's answer; the paths below start there.
        state_at: the status word; if nothing is there, the word is ``absent``.
        share_at: progress, from 0 to ``share_most``.
        url_at: address of the finished file.
        ttl_s: how long that address is valid; None if it is not known.
        facts_at: facts about the clip, by the names of ``JobStatus.facts``.
    """

    states: Mapping[str, Progress]
    errors: tuple[ErrorRow, ...]
    key_rule: KeyRule = field(default_factory=KeyRule)
    headers: Mapping[str, str] = field(default_factory=dict)
    ref_at: str = "id"
    links_at: Mapping[str, str] = field(default_factory=dict)
    ok_code: str = ""
    code_decides: bool = False
    poll_path: str = ""
    cancel_path: str = ""
    cancel_method: Literal["POST", "PUT", "DELETE"] = "DELETE"
    free_to_cancel: frozenset[Progress] = frozenset()
    key_path: str = ""
    item_at: str = ""
    state_at: str = "status"
    share_at: str = ""
    share_most: int = 100
    url_at: str = ""
    ttl_s: float | None = None
    fetch_needs_key: bool = False
    code_at: str = "error.code"
    message_at: str = "error.message"
    job_code_at: str = "error.code"
    job_message_at: str = "error.message"
    facts_at: Mapping[str, str] = field(default_factory=dict)
