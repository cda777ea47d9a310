"""A validated stock sheet: lists of values, every combination of which is to be generated."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

from manifests.brief import GENERIC, Brief
from manifests.identity import content_id, slug
from manifests.placement import Placement
from manifests.sheet.prompt_template import placeholders

MAX_COMBINATIONS = 100_000
ID_DIGITS = 12
NAME_LENGTH = 60
BRIEF_COLUMNS = ("locale", "cta")
"""Columns of the sheet's own that a brief keeps in fields instead of its metadata."""


class Combination(NamedTuple):
    """One combination of a sheet's values.

    Attributes:
        row: row number of its value in the first column.
        values: (column, text) pairs of the sheet's own columns.
        model: name of a card; empty for the default card.
        duration_s: in seconds; None for the length of the placement or the card.
    """

    row: int
    values: tuple[tuple[str, str], ...]
    placement: Placement = GENERIC
    model: str = ""
    duration_s: float | None = None

    @property
    def brief_id(self) -> str:
        """A readable id, the same every night: ``on-blue-drifting-left-red-circle-16-9-1f2e3d4c5b6a``."""
        digest = content_id([self.values, self.placement.label, self.placement.duration_s, self.model, self.duration_s])
        words = " ".join((*(text for _, text in self.values), self.placement.label))
        return f"{slug(words, NAME_LENGTH)}-{digest[:ID_DIGITS]}"

    @property
    def list_values(self) -> tuple[tuple[str, str], ...]:
        """The (list, value) pairs over which coverage is counted: own values, placement, model and duration."""
        length = "" if self.duration_s is None else f"{self.duration_s:g}"
        return (*self.values, ("placements", self.placement.label), ("model", self.model), ("duration_s", length))


@dataclass(frozen=True, slots=True)
class StockSheet:
    """The lists of a stock sheet, and the number of clips to generate.

    Attributes:
        name: the sheet's file name without its extension.
        sha256: hex digest of the file's bytes.
        axes: the sheet's own columns with their values as (row, text), in the sheet's order.
        prompt: template in which ``{name}`` stands for a column.
        tries: number of seeds per combination and night.
        want: number of good clips after which a combination is finished for the night.
        most: total number of good clips after which a combination is complete.
        nightly: maximum number of combinations started per night.
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
        """Number of values in each list; lists with one value are left out."""
        lengths = {name: len(values) for name, values in self.axes.items()}
        lengths |= {"placements": len(self.placements), "model": len(self.models), "duration_s": len(self.durations_s)}
        return {name: length for name, length in lengths.items() if length > 1}

    @property
    def size(self) -> int:
        """Number of combinations."""
        return prod(self.lengths.values())

    def combinations(self) -> Iterator[Combination]:
        """Yield every combination; the last column changes fastest."""
        names = tuple(self.axes)
        shapes = tuple(itertools.product(self.placements, self.models or ("",), self.durations_s or (None,)))
        for cells in itertools.product(*self.axes.values()):
            values = tuple(zip(names, (text for _, text in cells), strict=True))
            for placement, model, duration_s in shapes:
                yield Combination(cells[0][0], values, placement, model, duration_s)

    def named(self) -> dict[str, Combination]:
        """Return all combinations by brief id."""
        return {combination.brief_id: combination for combination in self.combinations()}

    def brief(
        self, combination: Combination, *, seed: int | None = None, want: int | None = None, variants: int = 1
    ) -> Brief:
        """Return the brief of a combination; its values become metadata and fill in the prompt."""
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
