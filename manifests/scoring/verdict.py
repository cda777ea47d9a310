"""The verdict of the gate on a clip."""

from dataclasses import dataclass
from typing import NamedTuple


class Reason(NamedTuple):
    """Why a clip failed: a code for counting and a sentence for people."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Passed, or failed with all reasons."""

    variant_id: str
    reasons: tuple[Reason, ...] = ()

    @property
    def passed(self) -> bool:
        """True if there are no reasons to fail the clip."""
        return not self.reasons
