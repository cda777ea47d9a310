"""The operator's word that the conditions of a model's licence are met."""

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid", str_strip_whitespace=True, str_min_length=1))
class Attestation:
    """Stands for one card, and for its conditions as they were when it was given.

    Attributes:
        terms: digest of those conditions, as `reelmill models show` prints it.
        statement: who attests what, in words of their own; it lies in the catalogue and beside every clip.
    """

    terms: str
    statement: str
