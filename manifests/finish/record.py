"""The base of records that are written as YAML or stored as JSON."""

import hashlib
from typing import Self

from pydantic import BaseModel, ConfigDict

from manifests.identity import canonical_json


class FinishRecord(BaseModel):
    """A frozen record. Unknown fields are errors, so that a typo in a file is found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of all fields that are not at their defaults, as hex digits.

        Fields that are added later do not change the digests of earlier records.
        """
        return hashlib.sha256(canonical_json(self.model_dump(mode="json", exclude_defaults=True))).hexdigest()

    def to_json(self) -> str:
        """Return the record as canonical JSON."""
        return canonical_json(self.model_dump(mode="json", exclude_defaults=True)).decode()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a record that ``to_json`` has written.

        Raises:
            pydantic.ValidationError: it is not such a record.
        """
        return cls.model_validate_json(text)
