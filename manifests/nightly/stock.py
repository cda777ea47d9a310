"""A stock sheet, checked: lists of what clips may show, of which every combination is wanted."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

from manifests.brief import GENERIC, Brief
from manifests.identity import content_id, slug
from manifests.placement import Placement
from manifests.sheet.prompt_template import placeholders

MOST_COMBINATIONS = 100_000
ID_DIGITS = 12
NAME_LENGTH = 60
BRIEF_COLUMNS = ("locale", "cta")
"""Columns of a sheet's own that a brief keeps in fields, not in its metadata."""


class Combination(NamedTuple):
    """One combination of a sheet's values.

    Attributes:
        row: row number of its value in the first column.
        values: (column, text) of the sheet's own columns.
        model: a card's name; empty for the default one.
        duration_s: seconds; None leaves it to placement and card.
    """

    row: int
    values: tuple[tuple[str, str], ...]
    placement: Placement = GENERIC
    model: str = ""
    duration_s: float | None = None

    @property
    def brief_id(self) -> str:
        """Readable, and the same in every night: ``on-blue-drifting-left-red-circle-16-9-1f2e3d4c5b6a``."""
        digest = content_id([self.values, self.placement.label, self.placement.duration_s, self.model, self.duration_s])
        words = " ".join((*(text for _, text in self.values), self.placement.label))
        return f"{slug(words, NAME_LENGTH)}-{digest[:ID_DIGITS]}"

    @property
    def faces(self) -> tuple[tuple[str, str], ...]:
        """All that coverage is counted over: the values, and shape, model and length where a sheet names several."""
        length = "" if self.duration_s is None else f"{self.duration_s:g}"
        return (*self.values, ("placements", self.placement.label), ("model", self.model), ("duration_s", length))


@dataclass(frozen=True, slots=True)
class StockSheet:
    """What a sheet lists, and how much of it is wanted.

    Attributes:
        name: the sheet's file name without its ending.
        sha256: hex digest of the file's bytes.
        axes: the sheet's own columns with their values as (row, text), in the sheet's order.
        prompt: the pattern; ``{name}`` stands for a column.
        tries: seeds for each combination in a night.
        want: good clips of a combination that end its work for a night.
        most: good clips in all after which a combination is left alone.
        nightly: combinations begun in a night, at most.
        min_adherence: see Brief.
    """

    name: str
    sha256: str
    axes: Mapping[str, tuple[tuple[int, str], ...]]
    prompt: str
    negative_prompt: str = ""
    placements: tuple[Placement, ...] = (GENERIC,)
    models: tuple[str, ...] = ()
    durations_s: tuple[float, ...] = ()
    tries: int = 3
    want: int = 1
    most: int = 1
    nightly: int = 100
    min_adherence: float | None = None
    header_row: int = field(default=1, compare=False)

    @property
    def lengths(self) -> dict[str, int]:
        """How many values each list has; lists of one are left out."""
        lengths = {name: len(values) for name, values in self.axes.items()}
        lengths |= {"placements": len(self.placements), "model": len(self.models), "duration_s": len(self.durations_s)}
        return {name: length for name, length in lengths.items() if length > 1}

    @property
    def size(self) -> int:
        """How many combinations there are."""
        return prod(self.lengths.values())

    def combinations(self) -> Iterator[Combination]:
        """Yield every combination, the last column changing fastest."""
        names = tuple(self.axes)
        shapes = tuple(itertools.product(self.placements, self.models or ("",), self.durations_s or (None,)))
        for cells in itertools.product(*self.axes.values()):
            values = tuple(zip(names, (text for _, text in cells), strict=True))
            for placement, model, duration_s in shapes:
                yield Combination(cells[0][0], values, placement, model, duration_s)

    def named(self) -> dict[str, Combination]:
        """Return every combination by its brief id."""
        return {combination.brief_id: combination for combination in self.combinations()}

    def brief(
        self, combination: Combination, *, seed: int | None = None, want: int | None = None, variants: int = 1
    ) -> Brief:
        """Return what makes a combination: its values are the brief's metadata, and fill the prompt."""
        own = dict(combination.values)
        known = {name: (own.pop(name),) if name in own else () for name in BRIEF_COLUMNS}
        return Brief(
            row=combination.row,
            brief_id=combination.brief_id,
            prompts=(self.prompt,),
            negative_prompts=(self.negative_prompt,) if self.negative_prompt else (),
            placements=(combination.placement,),
            durations_s=() if combination.duration_s is None else (combination.duration_s,),
            models=(combination.model,) if combination.model else (),
            variants=variants,
            want=want,
            seed=seed,
            min_adherence=self.min_adherence,
            locales=known["locale"],
            ctas=known["cta"],
            metadata={name: (text,) for name, text in own.items()},
            placeholders=tuple(dict.fromkeys((*placeholders(self.prompt), *placeholders(self.negative_prompt)))),
        )
