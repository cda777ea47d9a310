"""What the gate said of a clip."""

from dataclasses import dataclass
from typing import NamedTuple


class Reason(NamedTuple):
    """Why a clip failed: a code to count by, a sentence to read."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Passed, or every reason why not."""

    variant_id: str
    reasons: tuple[Reason, ...] = ()

    @property
    def passed(self) -> bool:
        """True where no reason speaks against the clip."""
        return not self.reasons
