"""One validated row of a campaign sheet."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod

from manifests.pairwise import is_too_large, pairwise
from manifests.placement import Placement

GENERIC = Placement("generic", "16:9")
NO_FINISH, NATIVE, CROP = "none", "native", "crop"


@dataclass(frozen=True, slots=True)
class Brief:
    """The request of one row. Tuples hold the values of a cell; a tuple with more than one value is an axis.

    Attributes:
        row: row number as the spreadsheet program shows it, from 1.
        brief_id: unique within the campaign; from the sheet, or a slug and hash of the prompt.
        prompts: templates in which ``{name}`` stands for a column, spelled exactly as ``values`` expects it.
            ``manifests.sheet.prompt_template.fill`` fills them.
        negative_prompts: templates as well; empty for the card's default.
        durations_s: in seconds; empty for the card's default length.
        models: names of cards; empty for the campaign's default card.
        fallbacks: names of cards that are used in this order if the model generates no clip; not an axis.
        axes: ``cartesian`` (every combination), ``pairwise`` (every pair of values of two axes) or ``zip`` (first with
            first, second with second).
        variants: number of seeds per combination, at least 1.
        want: stop after this many passed clips; None generates all.
        last_frames: pictures to end with, as named in the sheet.
        last_frame_hashes: as first_frame_hashes.
        references: pictures of what the clip shows, as named in the sheet; several of one clip with ``+`` between them.
        reference_hashes: the hashes of each of these lists, with ``+`` between them.
        continued: clips that the brief's clips continue, as named in the sheet.
        continued_hashes: the hash of each file, ``+``, and the hash of its last frame as PNG.
        want_scope: what ``want`` counts: the clips of the ``brief`` (also in briefs that were stored before there was
            another scope), or of each ``combination``.
        seed: first seed; None derives it from the prompt.
        seeds: all seeds, if the sheet lists several; ``variants`` is then their number.
        min_adherence: gate threshold for the cosine, -1..1; None for the campaign's threshold.
        metadata: all other columns as typed, with their values split at ``|``; an empty tuple for an empty cell.
        placeholders: columns that the prompts and negative prompts use.
        first_frames: pictures to start from, as named in the sheet.
        first_frame_hashes: SHA-256 of each picture file, in hex digits; empty until the files have been read.
        finish: name of the finish template; ``none`` publishes the clips as they are.
        script: text that is spoken.
        captions: text, SRT or WebVTT; empty or ``script`` for the script; ``none`` for no captions.
        voiceover: ``auto`` (also empty), ``none``, ``engine``, ``engine:voice``, or the name of a sound file.
        music: ``none``, ``auto``, a mood, ``library:NAME``, ``procedural:MOOD``, a name of the brand kit or a file;
            empty for the brand kit's default.
        sound: ``keep`` or ``mute``: whether the sound of the clip is kept.
        reframe: how clips are fitted to placements: ``native``, ``crop``, ``blur`` or ``colour`` by the placement's
            label or aspect ratio; the key is empty for all others. Empty for native everywhere. A crop that is set by
            hand has its places after the word, ``crop 30%``; see ``manifests.finish.crop_by_hand``.
        sequence: rows with the same text are joined in order; empty for none.
        transition_s: crossfade to the next row of the sequence in seconds; 0 cuts.
        localised: texts of the columns per language: values by language tag, by our name of the column (``cta``,
            ``script``, ``captions``) or the placeholder.
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
    want_scope: str = "brief"
    seeds: tuple[int, ...] = ()
    last_frames: tuple[str, ...] = ()
    last_frame_hashes: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    reference_hashes: tuple[str, ...] = ()
    continued: tuple[str, ...] = ()
    continued_hashes: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()
    finish: str = NO_FINISH
    script: str = ""
    captions: str = ""
    voiceover: str = ""
    music: str = ""
    sound: str = "keep"
    reframe: dict[str, str] = field(default_factory=dict)
    sequence: str = ""
    transition_s: float = 0.0
    localised: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)

    @property
    def is_finished(self) -> bool:
        """Whether deliverables are made of the brief's clips."""
        return self.finish != NO_FINISH

    def fit_of(self, placement: Placement) -> str:
        """Return how clips are fitted to a placement: ``native``, ``crop``, ``blur`` or ``colour``."""
        return self._reframe_of(placement).partition(" ")[0]

    def crop_of(self, placement: Placement) -> str:
        """Return the places of a crop that is set by hand, such as ``30%``; empty to follow the subject."""
        return self._reframe_of(placement).partition(" ")[2]

    def _reframe_of(self, placement: Placement) -> str:
        if not self.is_finished:
            return NATIVE
        keys = (placement.label, placement.channel, placement.aspect_ratio, "")
        return next((self.reframe[key] for key in keys if key in self.reframe), NATIVE)

    def master_of(self, placement: Placement) -> Placement:
        """Return the placement for which the clip of a placement is generated.

        It is the placement itself, unless its clips are reframed: then it is the row's first placement that is
        generated in its own ratio, or the row's first placement.
        """
        if self.fit_of(placement) == NATIVE:
            return placement
        native = (other for other in self.placements if self.fit_of(other) == NATIVE)
        return next(native, self.placements[0])

    @property
    def pictures(self) -> dict[str, tuple[str, ...]]:
        """The names in each column of pictures, each once and in order."""
        named = {
            "first_frame": self.first_frames,
            "last_frame": self.last_frames,
            "reference_pictures": tuple(name for text in self.references for name in picture_list(text)),
        }
        return {column: tuple(dict.fromkeys(names)) for column, names in named.items()}

    @property
    def picture_hashes(self) -> dict[str, str]:
        """The hash of each picture by its name; empty until the files have been read."""
        names = (*self.first_frames, *self.last_frames, *(n for text in self.references for n in picture_list(text)))
        joined = (*self.first_frame_hashes, *self.last_frame_hashes, *self.reference_hashes)
        return dict(zip(names, (each for text in joined for each in picture_list(text)), strict=False))

    def values(self, column: str) -> tuple[str, ...]:
        """Return the texts that can replace ``{column}``, one for each value of its axis."""
        reading = _TEXTS.get(column)
        return reading(self) if reading else self.metadata.get(column, ())

    @property
    def axis_lengths(self) -> dict[str, int]:
        """Number of values of each column that multiplies the variants, in the order of combination.

        Columns with one value are left out. Columns that decide the pixels only if a prompt uses them count only then;
        in a ``zip``, ``locale`` and ``cta`` always count, because their values belong to those of the other columns.
        """
        lengths = {
            "prompt": len(self.prompts),
            "negative_prompt": len(self.negative_prompts),
            "placements": len(self.placements),
            "duration_s": len(self.durations_s),
            "model": len(self.models),
            "first_frame": len(self.first_frames),
            "last_frame": len(self.last_frames),
            "reference_pictures": len(self.references),
            "continue_from": len(self.continued),
        }
        carried = [name for name in CARRIED if self.axes == "zip" or name in self.placeholders]
        lengths |= {name: len(self.values(name)) for name in (*carried, *self.placeholders) if name not in lengths}
        return {name: length for name, length in lengths.items() if length > 1}

    @property
    def carried(self) -> dict[str, tuple[str, ...]]:
        """Values of ``locale`` and ``cta`` that do not multiply the variants: each clip carries them all."""
        axes = self.axis_lengths
        return {name: self.values(name) for name in CARRIED if name not in axes and len(self.values(name)) > 1}

    @property
    def combinations(self) -> int:
        """Number of combinations of the axes, before seeds."""
        lengths = tuple(self.axis_lengths.values())
        if self.axes == "pairwise" and len(lengths) > 2 and not is_too_large(lengths):
            return len(pairwise(lengths))
        return max(lengths, default=1) if self.axes == "zip" else prod(lengths)

    @property
    def wanted(self) -> int | None:
        """Total number of wanted clips; None for all."""
        return self.want and self.want * (self.combinations if self.want_scope == "combination" else 1)


def picture_list(text: str) -> tuple[str, ...]:
    """Return the names in a cell, or in one of its values, that lists pictures of one clip with ``+`` between them."""
    return tuple(name for part in text.split("+") if (name := part.strip()))


CARRIED = ("locale", "cta")
"""Columns for the records, which decide the pixels only if a prompt uses them."""
_TEXTS: dict[str, Callable[[Brief], tuple[str, ...]]] = {
    "brief_id": lambda brief: (brief.brief_id,),
    "placements": lambda brief: tuple(placement.label for placement in brief.placements),
    "duration_s": lambda brief: tuple(f"{seconds:g}" for seconds in brief.durations_s),
    "model": lambda brief: brief.models,
    "locale": lambda brief: brief.locales,
    "cta": lambda brief: brief.ctas,
    "notes": lambda brief: (brief.notes,),
}
"""Our own columns that a prompt can use, with a function that returns their texts."""
