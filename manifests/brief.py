"""A row of a campaign sheet, checked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod

from manifests.placement import Placement

GENERIC = Placement("generic", "16:9")


@dataclass(frozen=True, slots=True)
class Brief:
    """What one row asks for. Tuples hold the values of a cell; more than one value is an axis.

    Attributes:
        row: row number in the sheet as its program shows it, from 1.
        brief_id: unique within the campaign; from the sheet, or slug and hash of the prompt.
        prompts: templates; ``{name}`` stands for the column of that name, and is spelt exactly as
            ``values`` takes it. ``manifests.sheet.prompt_template.fill`` fills them.
        negative_prompts: templates too; none means the card's own default.
        durations_s: seconds; none means the card's default length.
        models: names of cards; none means the campaign's default card.
        axes: ``cartesian`` (every combination) or ``zip`` (first with first, second with second).
        variants: seeds for each combination, at least 1.
        want: stop after so many passed; None makes all.
        seed: first seed; None derives one from the prompt.
        min_adherence: gate threshold for the cosine, -1..1; None leaves it to the campaign.
        metadata: every other column as it stands, value tuples split at ``|``; none for an empty cell.
        placeholders: the columns that the prompts and negative prompts name.
        first_frames: pictures to start from, as the sheet names them.
        first_frame_hashes: SHA-256 of each of their files, in hex digits, once they were read; none before.
    """

    row: int
    brief_id: str
    prompts: tuple[str, ...]
    negative_prompts: tuple[str, ...] = ()
    placements: tuple[Placement, ...] = (GENERIC,)
    durations_s: tuple[float, ...] = ()
    models: tuple[str, ...] = ()
    axes: str = "cartesian"
    variants: int = 1
    want: int | None = None
    seed: int | None = None
    min_adherence: float | None = None
    locales: tuple[str, ...] = ()
    ctas: tuple[str, ...] = ()
    notes: str = ""
    metadata: dict[str, tuple[str, ...]] = field(default_factory=dict)
    placeholders: tuple[str, ...] = ()
    first_frames: tuple[str, ...] = ()
    first_frame_hashes: tuple[str, ...] = ()

    def values(self, column: str) -> tuple[str, ...]:
        """Return the texts that ``{column}`` may become, one for each value of its axis."""
        reading = _TEXTS.get(column)
        return reading(self) if reading else self.metadata.get(column, ())

    @property
    def axis_lengths(self) -> dict[str, int]:
        """Columns with more than one value that decide what is made, in the order of combination.

        A metadata column counts only where a prompt names it.
        """
        lengths = {
            "prompt": len(self.prompts),
            "negative_prompt": len(self.negative_prompts),
            "placements": len(self.placements),
            "duration_s": len(self.durations_s),
            "model": len(self.models),
            "first_frame": len(self.first_frames),
            "locale": len(self.locales),
            "cta": len(self.ctas),
        }
        lengths |= {name: len(self.values(name)) for name in self.placeholders if name not in lengths}
        return {name: length for name, length in lengths.items() if length > 1}

    @property
    def combinations(self) -> int:
        """Combinations of the axes, before seeds."""
        lengths = self.axis_lengths.values()
        return max(lengths, default=1) if self.axes == "zip" else prod(lengths)


_TEXTS: dict[str, Callable[[Brief], tuple[str, ...]]] = {
    "brief_id": lambda brief: (brief.brief_id,),
    "placements": lambda brief: tuple(placement.label for placement in brief.placements),
    "duration_s": lambda brief: tuple(f"{seconds:g}" for seconds in brief.durations_s),
    "model": lambda brief: brief.models,
    "locale": lambda brief: brief.locales,
    "cta": lambda brief: brief.ctas,
    "notes": lambda brief: (brief.notes,),
}
"""What a prompt may name of our own columns."""
