"""Frozen rows that the catalogue returns, and the text format of records in its columns."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from manifests.brief import Brief
from manifests.clip import UNKNOWN, Clip
from manifests.credentials.attestation import Attestation
from manifests.placement import Placement
from manifests.score import Score
from manifests.variant import Variant
from manifests.verdict import Reason


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A registered campaign.

    Attributes:
        created_at: seconds since 1970.
        draft_seconds: device time of drafts that is not included in any clip.
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
    draft_seconds: float = 0.0
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

    @property
    def campaign_id(self) -> str:
        """The campaign that publishes it: the first part of its key. Other campaigns may share the clip."""
        return self.key.partition("/")[0]

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys of the clip in the order of upload: the clip itself comes last."""
        return tuple(key for key in (self.sidecar_key, self.poster_key, self.record_key, self.key) if key)


@dataclass(frozen=True, slots=True)
class VariantRow:
    """A variant with its state and results.

    Attributes:
        attempt: number of leases so far; prevents a worker that lost its lease from writing.
        tries: leases since the last progress; limited by the attempts cap.
        lease_expires: seconds since 1970 by the database's clock.
        error: why generation failed or the variant was quarantined.
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


@dataclass(frozen=True, slots=True)
class PendingVariant:
    """A variant that waits for a step; ``machine`` holds its clip, None if it has no clip."""

    variant_id: str
    card: str
    lease_owner: str | None
    machine: str | None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a variant until it expires; ``row`` is the variant when it was leased."""

    variant_id: str
    owner: str
    attempt: int
    row: VariantRow

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
    """Parse a stored brief."""
    body: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(text).items()
    }
    body["placements"] = tuple(Placement(*placement) for placement in body["placements"])
    body["metadata"] = {name: tuple(values) for name, values in body["metadata"].items()}
    return Brief(**body)


def variant_text(variant: Variant) -> str:
    """Return the variant's fields by name, so that old rows stay readable when a field is added."""
    return to_text(variant._asdict())


def variant_from(text: str) -> Variant:
    """Parse a stored variant; its id must be the same as before."""
    variant = Variant(**json.loads(text))
    return variant._replace(loras=tuple(variant.loras))


def variant_row(row: Any) -> VariantRow:
    """Return the record of a row of ``tables.variants``."""
    return VariantRow(
        row.variant_id,
        variant_from(row.body),
        row.state,
        row.attempt,
        row.tries,
        row.lease_owner,
        row.lease_expires,
        row.parent_id,
        _clip_from(row.clip, row.variant_id),
        Score(**json.loads(row.score)) if row.score else None,
        tuple(Reason(*reason) for reason in json.loads(row.reasons or "[]")),
        signed_from(row.signed),
        row.url,
        row.error,
    )


def _clip_from(text: str | None, variant_id: str) -> Clip | None:
    """Parse a stored clip, without its paths: a file is found by its variant, never by a path in the database."""
    if text is None:
        return None
    return Clip(**{**json.loads(text), "variant_id": variant_id, "path": UNKNOWN, "poster": UNKNOWN})


def signed_from(text: str | None) -> SignedFacts | None:
    """Parse stored facts about a signed clip."""
    if text is None:
        return None
    body = json.loads(text)
    attestation = body.get("attestation")
    return SignedFacts(
        **{
            **body,
            "path": Path(body["path"]) if body["path"] else None,
            "attestation": Attestation(**attestation) if attestation else None,
        }
    )
