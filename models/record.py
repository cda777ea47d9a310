"""Base class of all records of a card: frozen, with unknown fields forbidden."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A part of a card."""

    model_config = ConfigDict(frozen=True, extra="forbid")
