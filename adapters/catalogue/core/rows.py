"""Frozen rows that the catalogue returns, and the text format of records in its columns."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Any

from manifests.brief import Brief
from manifests.clip import UNKNOWN, Clip
from manifests.credentials.attestation import Attestation
from manifests.errors import CatalogueError
from manifests.placement import Placement
from manifests.scoring.score import Score
from manifests.scoring.verdict import Reason
from manifests.variant import Variant


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A registered campaign.

    Attributes:
        created_at: seconds since 1970.
        thresholds: prompt adherence by model card, for briefs without a threshold; a card that is missing
            keeps its default.
        second_share: share of the decided clips that a second person reviews blind, 0..1.
        priority: -100..100; higher goes first, 0 is the default.
        standing: ``active``, ``paused`` or ``cancelled``.
        stood: ``actor`` and ``reason`` of the last change of standing; empty if it never changed.
    """

    campaign_id: str
    name: str
    sheet_sha256: str
    settings: Mapping[str, Any]
    created_at: float
    thresholds: Mapping[str, float] = field(default_factory=dict)
    second_share: float = 0.0
    priority: int = 0
    standing: str = "active"
    stood: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Membership:
    """A variant's place in a campaign.

    Attributes:
        ordinal: counts from 0 in the order of planning.
        labels: (column, value) of each axis.
        locale: its locale; several are separated by ``|``.
    """

    brief_id: str
    variant_id: str
    placement: str
    ordinal: int
    labels: tuple[tuple[str, str], ...] = ()
    locale: str = ""


@dataclass(frozen=True, slots=True)
class SignedFacts:
    """Facts that are committed before the first byte is uploaded.

    Attributes:
        key: key of the signed clip in the bucket; contains its SHA-256.
        sha256, size: hex digest and bytes of the signed clip.
        sidecar_key, poster_key, record_key: keys of its companions; "" if there is none.
        digests: hex SHA-256 of each companion by its key.
        path: the staged signed file, on the machine that signed it.
        attestation: the attestation under which it may be published; None if none was needed.
        caption_keys: keys of the caption files of a deliverable; clips have none.
    """

    key: str
    sha256: str
    size: int
    sidecar_key: str = ""
    poster_key: str = ""
    record_key: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    path: Path | None = None
    attestation: Attestation | None = None
    caption_keys: tuple[str, ...] = ()

    @property
    def campaign_id(self) -> str:
        """The campaign that publishes it: the first part of its key. Other campaigns may share the clip."""
        return self.key.partition("/")[0]

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys of the clip in the order of upload: the clip itself comes last."""
        companions = (self.sidecar_key, self.poster_key, self.record_key, *self.caption_keys)
        return tuple(key for key in (*companions, self.key) if key)


@dataclass(frozen=True, slots=True)
class VariantRow:
    """A variant with its state and results.

    Attributes:
        attempt: number of leases so far; prevents a worker that lost its lease from writing.
        tries: leases since the last progress; limited by the attempts cap.
        lease_expires: seconds since 1970 by the database's clock.
        error: why generation failed or the variant was quarantined.
        unreadable: columns that cannot be read, because they were changed outside Reelmill; they are empty here.
    """

    variant_id: str
    variant: Variant
    state: str
    attempt: int = 0
    tries: int = 0
    lease_owner: str | None = None
    lease_expires: float | None = None
    parent_id: str | None = None
    clip: Clip | None = None
    score: Score | None = None
    reasons: tuple[Reason, ...] = ()
    signed: SignedFacts | None = None
    url: str | None = None
    error: str | None = None
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PendingVariant:
    """A variant that waits for a step; ``machine`` holds its clip, None if it has no clip."""

    variant_id: str
    card: str
    lease_owner: str | None
    machine: str | None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a variant until it expires.

    Attributes:
        row: the variant when it was leased.
        is_counted: whether the lease counts as one of the variant's tries. It does not if it adopts a provider job.
    """

    variant_id: str
    owner: str
    attempt: int
    row: VariantRow
    is_counted: bool = True

    @property
    def variant(self) -> Variant:
        """The generation inputs."""
        return self.row.variant

    @property
    def state(self) -> str:
        """The state in which it was leased."""
        return self.row.state


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the append-only event log; ``at`` in seconds since 1970."""

    event_id: int
    variant_id: str
    at: float
    actor: str
    from_state: str | None
    to_state: str
    detail: Mapping[str, Any]


def _plain(value: Any) -> Any:
    return asdict(value) if isinstance(value, Attestation) else str(value)


_encode = json.JSONEncoder(separators=(",", ":"), default=_plain).encode


def to_text(value: Any) -> str:
    """Return ASCII JSON: NUL, lone surrogates and NaN survive in the text columns of both databases."""
    return _encode(value)


def clean(text: str) -> str:
    """Return text that a text column accepts: PostgreSQL rejects NUL, and UTF-8 rejects lone surrogates."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def record_text(record: Any) -> str:
    """Return a dataclass record as JSON without the deep copy of ``asdict``, a third of a commit's time."""
    return to_text({name: getattr(record, name) for name in record.__dataclass_fields__})


def brief_from(text: str) -> Brief:
    """Parse a stored brief.

    Raises:
        CatalogueError: it was changed outside Reelmill, and cannot be read.
    """
    with damage_of("brief"):
        body: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(text).items()
        }
        body["placements"] = tuple(Placement(*placement) for placement in body["placements"])
        body["metadata"] = {name: tuple(values) for name, values in body["metadata"].items()}
        if "localised" in body:
            body["localised"] = {
                column: {locale: tuple(texts) for locale, texts in found.items()}
                for column, found in body["localised"].items()
            }
        return Brief(**body)


def variant_text(variant: Variant) -> str:
    """Return the variant's fields by name, so that old rows stay readable when a field is added."""
    return to_text(variant._asdict())


def variant_from(text: str) -> Variant:
    """Parse a stored variant; its id must be the same as before.

    Raises:
        CatalogueError: it was changed outside Reelmill, and cannot be read.
    """
    with damage_of("variant"):
        variant = Variant(**json.loads(text))
        return variant._replace(loras=tuple(variant.loras), reference_sha256s=tuple(variant.reference_sha256s))


def variant_row(row: Any) -> VariantRow:
    """Return the record of a row of ``tables.variants``; ``unreadable`` names the columns that are damaged."""
    bad: list[str] = []
    clip = _read("clip", row.clip, lambda body: _clip_from(body, row.variant_id), None, bad)
    score = _read("score", row.score, _score_from, None, bad)
    reasons: tuple[Reason, ...] = _read("reasons", row.reasons, _reasons_from, (), bad)
    signed = _read("signed", row.signed, _signed_from, None, bad)
    return VariantRow(
        row.variant_id,
        variant_from(row.body),
        row.state,
        row.attempt,
        row.tries,
        row.lease_owner,
        row.lease_expires,
        row.parent_id,
        clip,
        score,
        reasons,
        signed,
        row.url,
        row.error,
        tuple(bad),
    )


DAMAGED = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError)
"""What reading a column raises that was written outside Reelmill: other text, other types, or deep nesting."""
HIGHEST_COSINE = 1.01
"""The greatest prompt adherence, with an allowance for rounding; ``renderer.sql`` has the same."""


@contextmanager
def damage_of(what: str) -> Iterator[None]:
    """Raise a CatalogueError for a row that cannot be read, with what is in it and how to go on."""
    try:
        yield
    except DAMAGED:
        raise CatalogueError(
            f"A {what} in the catalogue cannot be read, because it was changed outside Reelmill. Restore the database "
            "from a backup."
        ) from None


DRAFT_SECONDS = "draft_seconds"
"""Device time of a clip's drafts, in rows of versions that made drafts; now part of its device time."""

END_OF_TIME = 253_402_300_800.0
"""The year 10000, in seconds since 1970; Python has no later times."""


def _read(name: str, text: str | None, parse: Callable[[Any], Any], empty: Any, bad: list[str]) -> Any:
    if not text:
        return empty
    try:
        return parse(json.loads(text))
    except DAMAGED:
        bad.append(name)
        return empty


def object_in(text: str | None) -> dict[str, Any]:
    """Return the JSON object in a column; empty if there is none or it cannot be read."""
    try:
        body = json.loads(text or "{}")
    except DAMAGED:
        return {}
    return body if isinstance(body, dict) else {}


def machine_of(clip: str | None) -> str | None:
    """Return the machine in the stored text of a clip; None without a clip, or if it cannot be read."""
    found = object_in(clip).get("machine", "") if clip and object_in(clip) else None
    return found if isinstance(found, str) else None


def reasons_in(text: str | None) -> tuple[Reason, ...]:
    """Return the reasons in a column; empty if they cannot be read."""
    return tuple(_read("reasons", text, _reasons_from, (), []))


def reason_codes(detail: str) -> list[str]:
    """Return the codes of the reasons in an event's detail."""
    return [reason.code for reason in reasons_in(to_text(object_in(detail).get("reasons", [])))]


def number_in(value: Any) -> float:
    """Return a number that is finite and not negative; 0 for anything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < END_OF_TIME else 0.0


def micros_in(value: Any) -> int:
    """Return an amount of money in micro-units.

    Raises:
        ValueError: it is not a whole number, is negative, or is larger than a column of the database.
    """
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"{value!r:.80} is not an amount of money")
    return value


def _must(value: Any, *kinds: type) -> Any:
    """Return a value of exactly one of the types; other numbers must be finite and not negative."""
    if type(value) not in kinds or (kinds[0] in (int, float) and not 0 <= value < END_OF_TIME):
        raise ValueError(f"{value!r:.80} is not {kinds[0].__name__}")
    return value


CLIP_TEXTS = (
    "machine",
    "profile",
    "rung",
    "sound_sha256",
    "campaign_id",
    "device_kind",
    "provider",
    "job_id",
    "currency",
    "codec",
    "frame_rate",
    "original_sha256",
    "parent_credential",
    "revised_prompt_sha256",
)
"""Optional texts of a clip."""


def _clip_from(body: Any, variant_id: str) -> Clip:
    """Return a stored clip without its paths: a file is found by its variant, never by a path in the database."""
    _must(body["sha256"], str)
    for name in ("height", "width", "num_frames", "fps", "size"):
        _must(body[name], int)
    if not body["fps"]:
        raise ValueError("a clip has frames per second")
    for name in ("device_seconds", DRAFT_SECONDS):
        _must(body.get(name, 0.0), float, int)
    for name in CLIP_TEXTS:
        _must(body.get(name, ""), str)
    for name in ("cost_is_estimate", "has_audio"):
        _must(body.get(name, False), bool)
    if body.get("cost_micros") is not None:
        micros_in(body["cost_micros"])
    if body.get("file_duration_s") is not None:
        _must(body["file_duration_s"], float, int)
    changes = {"variant_id": variant_id, "path": UNKNOWN, "poster": UNKNOWN}
    if DRAFT_SECONDS in body:
        changes["device_seconds"] = body["device_seconds"] + body[DRAFT_SECONDS]
    return Clip(**{name: value for name, value in (body | changes).items() if name != DRAFT_SECONDS})


def _score_from(body: Any) -> Score:
    """Return a stored score. A prompt adherence that is not finite is no score, as for a scorer that computed NaN."""
    score = Score(**body)
    for text in (score.variant_id, score.scorer, *score.checks):
        _must(text, str)
    if not all(type(value) in (int, float) and isfinite(value) for value in score.checks.values()):
        raise ValueError("a check is a finite number")
    _must(score.num_distractors, int)
    if score.prompt_rank is not None:
        _must(score.prompt_rank, int)
    if score.prompt_adherence is None:
        return score
    if type(score.prompt_adherence) not in (int, float):
        raise ValueError("the prompt adherence is a number")
    if not isfinite(score.prompt_adherence):
        return replace(score, prompt_adherence=None)
    if not -HIGHEST_COSINE <= score.prompt_adherence <= HIGHEST_COSINE:
        raise ValueError("the prompt adherence is a cosine")
    return score


def _reasons_from(body: Any) -> tuple[Reason, ...]:
    found = tuple(Reason(*reason) for reason in _must(body, list))
    for text in (text for reason in found for text in reason):
        _must(text, str)
    return found


def signed_from(text: str | None) -> SignedFacts | None:
    """Return stored facts about a signed clip; None if there are none or they cannot be read."""
    facts: SignedFacts | None = _read("signed", text, _signed_from, None, [])
    return facts


def _signed_from(body: Any) -> SignedFacts:
    attestation = body.get("attestation")
    for name in ("key", "sha256"):
        _must(body[name], str)
    return SignedFacts(
        **{
            **body,
            "path": Path(body["path"]) if body["path"] else None,
            "attestation": Attestation(**attestation) if attestation else None,
            "caption_keys": tuple(_must(key, str) for key in body.get("caption_keys", ())),
        }
    )
