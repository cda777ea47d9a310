"""An operator's statement that the conditions of a model's licence are met."""

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid", str_strip_whitespace=True, str_min_length=1))
class Attestation:
    """An attestation for one card, valid for its conditions at that time.

    Attributes:
        terms: digest of the conditions, as printed by `reelmill models show`.
        statement: who attests what, in free text; stored in the catalogue and in the record of every clip.
    """

    terms: str
    statement: str
