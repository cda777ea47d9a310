"""The list of a campaign's deliverables in the results sheet."""

from dataclasses import dataclass

from adapters.sheets.results.link import target_of
from adapters.sheets.results.outcome import Result

DELIVERABLES = {
    "Row": 6,
    "Brief": 18,
    "Placement": 18,
    "Locale": 8,
    "Call to action": 24,
    "State": 12,
    "URL": 50,
    "Captions": 50,
    "Seconds": 8,
    "Size": 12,
    "Loudness (LUFS)": 10,
    "Variant": 34,
    "Deliverable": 34,
    "Why": 60,
    "Note": 60,
}
"""Headers of the list of deliverables with their widths. None of them is that of a prompt."""
_COLOURS = {"published": "green", "failed": "red", "withdrawn": "red"}
"""Fills of the states; others are yellow."""


@dataclass(frozen=True, slots=True)
class DeliverableResult:
    """The result of one deliverable.

    Attributes:
        row: row of its brief in the sheet; None if the sheet no longer has it.
        cta: its call to action; empty for none.
        captions: URL of the SRT file; empty for none.
        size: ``1080x1920``; empty before it is finished.
        why: why it failed; empty if it did not.
        note: requirements that are not met, and what else people should know.
    """

    row: int | None
    brief_id: str
    placement: str
    locale: str
    cta: str
    state: str
    url: str
    captions: str
    seconds: float | None
    size: str
    loudness: float | None
    variant_id: str
    deliverable_id: str
    why: str = ""
    note: str = ""

    @property
    def results(self) -> tuple[Result, ...]:
        """The values of the columns DELIVERABLES."""
        return (
            Result(self.row),
            Result(self.brief_id),
            Result(self.placement),
            Result(self.locale),
            Result(self.cta),
            Result(self.state, _COLOURS.get(self.state, "yellow")),
            Result(self.url, link=target_of(self.url)),
            Result(self.captions, link=target_of(self.captions)),
            Result(self.seconds),
            Result(self.size),
            Result(self.loudness),
            Result(self.variant_id),
            Result(self.deliverable_id),
            Result(self.why),
            Result(self.note),
        )
