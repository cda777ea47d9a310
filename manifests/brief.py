"""A row of a campaign sheet, checked."""

from dataclasses import dataclass, field

from manifests.placement import Placement

GENERIC = Placement("generic", "16:9")


@dataclass(frozen=True, slots=True)
class Brief:
    """What one row asks for. Tuples hold the values of a cell; more than one value is an axis.

    Attributes:
        row: row number in the sheet as its program shows it, from 1.
        brief_id: unique within the campaign; from the sheet, or slug and hash of the prompt.
        prompts: templates; ``{name}`` stands for the column of that name.
        negative_prompts: none means the card's own default.
        durations_s: seconds; none means the card's default length.
        models: names of cards; none means the campaign's default card.
        axes: ``cartesian`` (every combination) or ``zip`` (first with first, second with second).
        variants: seeds for each combination, at least 1.
        want: stop after so many passed; None makes all.
        seed: first seed; None derives one from the prompt.
        min_adherence: gate threshold for the cosine, -1..1; None leaves it to the campaign.
        metadata: every other column as it stands, value tuples split at ``|``.
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
