"""What every record of a card is: frozen, and closed to fields that nobody knows."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A part of a card."""

    model_config = ConfigDict(frozen=True, extra="forbid")
