"""Device use: the seconds that devices spent on a campaign, by kind of work."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Self


class UseKind(StrEnum):
    """What a device did. Of two things at the same time, only the first in this list is booked."""

    GENERATE = "generate"
    LOAD = "load"
    """Load a model."""
    OTHER = "other"
    """What the clips of a shard share, such as embedding their texts."""
    SCORE = "score"
    """Score clips on this device while it does nothing else."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What a device works for.

    Attributes:
        run_id: empty for a shard without a run.
        card: name of the model card.
    """

    campaign_id: str
    run_id: str
    card: str


@dataclass(frozen=True, slots=True)
class DeviceUse:
    """Seconds of one kind that a process spent on a device, for one cause. They only grow.

    Attributes:
        use_id: 32 hex digits. Booking the same id again replaces its seconds, so nothing is counted twice.
        owner: the process, named like a lease owner.
        device: ``cpu`` or ``cuda:N``.
        device_kind: name of the GPU, such as ``NVIDIA H200``, or ``cpu``.
    """

    use_id: str
    cause: Cause
    kind: UseKind
    owner: str
    device: str
    device_kind: str
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """Read what ``as_json`` returned.

        Raises:
            KeyError, TypeError, ValueError: something is missing or has another form.
        """
        texts = [body[name] for name in ("use_id", "owner", "device", "device_kind")]
        cause = Cause(**body["cause"])
        if not all(isinstance(text, str) for text in (*texts, cause.campaign_id, cause.run_id, cause.card)):
            raise ValueError("a device use has texts")
        use_id, owner, device, device_kind = texts
        return cls(use_id, cause, UseKind(body["kind"]), owner, device, device_kind, float(body["seconds"]))


class UseTotal(NamedTuple):
    """Seconds of one kind on one kind of device with one model, summed over processes."""

    kind: str
    device_kind: str
    card: str
    seconds: float
