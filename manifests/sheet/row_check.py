"""One row, read against the layout: its values, and everything that is wrong with it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TypeVar

from manifests.brief import GENERIC, Brief
from manifests.placement import parse_placement
from manifests.sheet import cells
from manifests.sheet import prompt_template as wording
from manifests.sheet.columns import normalise
from manifests.sheet.layout import Layout
from manifests.sheet.problem import BriefCheck, CellProblem
from manifests.sheet.table import Row

T = TypeVar("T")

VARIANTS = cells.whole(1, 10_000)
WANT = cells.whole(1)
SEED = cells.whole(0, 2**32 - 1)
_SEPARATORS = re.compile(r"[,;\n]")


@dataclass(slots=True)
class Reading:
    """Reads one row into a brief and collects what is wrong with its cells on the way."""

    layout: Layout
    row: Row
    names: Mapping[str, str]
    problems: list[CellProblem] = field(default_factory=list)
    warnings: list[CellProblem] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    def brief(self, checks: Iterable[BriefCheck]) -> Brief:
        """Return the row's brief, its brief_id still as typed; bad if there are problems.

        Cells that are bad stand at their defaults, so that one reading finds all that is wrong.
        """
        if self._overflows():
            return Brief(self.row.number, "", ("",))
        self.texts = {name: self._text(name, index) for name, index in self.layout.known.items()}
        templates = {name: self._many(name, cells.prompt) for name in ("prompt", "negative_prompt")}
        names = {typed: spelt for name in templates for typed, spelt in self._named(name, templates[name])}
        brief = self._build(templates, names)
        self._combinations(brief)
        self._fillings(brief)
        self._checked(brief, checks)
        return brief

    def reject(self, name: str, value: str, message: str) -> str:
        """Note that a cell is bad; the empty text stands for it."""
        self.problems.append(self.layout.problem(self.row.number, name, value, message))
        return ""

    def warn(self, name: str, value: str, message: str) -> None:
        """Note that a cell is odd."""
        self.warnings.append(self.layout.problem(self.row.number, name, value, message))

    def _build(self, templates: Mapping[str, Sequence[str]], names: Mapping[str, str]) -> Brief:
        axes = self._one("axes", cells.axes, "cartesian")
        unlike = (lambda values: tuple(dict.fromkeys(values))) if axes == "cartesian" else tuple
        return Brief(
            row=self.row.number,
            brief_id=self._one("brief_id", cells.brief_id, ""),
            prompts=unlike(_spelt(template, names) for template in templates["prompt"]) or ("",),
            negative_prompts=unlike(_spelt(template, names) for template in templates["negative_prompt"]),
            placements=unlike(self._many("placements", parse_placement)) or (GENERIC,),
            durations_s=unlike(self._many("duration_s", cells.seconds)),
            models=unlike(self._many("model", cells.name)),
            axes=axes,
            variants=self._one("variants", VARIANTS, 1),
            want=self._one("want", WANT, None),
            seed=self._one("seed", SEED, None),
            min_adherence=self._one("min_adherence", cells.adherence, None),
            locales=unlike(self._many("locale", cells.text_of)),
            ctas=unlike(self._many("cta", cells.text_of)),
            notes=self._one("notes", cells.text_of, ""),
            metadata={
                key: unlike(self._carried(key, index, key in names.values()))
                for key, index in self.layout.metadata.items()
            },
            placeholders=tuple(dict.fromkeys(names.values())),
            first_frames=unlike(self._many("first_frame", cells.text_of)),
        )

    def _overflows(self) -> bool:
        """True, with a problem, where a text file's row is longer than its header: its cells have shifted."""
        width, delimiter = len(self.layout.table.columns), self.layout.table.delimiter
        if not delimiter or len(self.row.cells) <= width:
            return False
        message = (
            f"the row has {len(self.row.cells)} cells, the header {width}. "
            f"Put a text that contains {_spoken(delimiter)} into double quotes."
        )
        self.problems.append(CellProblem(self.row.number, "", "", "", message))
        return True

    def _text(self, name: str, index: int) -> str:
        """Return a cell's text; empty, with a problem, where it cannot be used."""
        text = self.row.cell(index)
        if not text or text.isspace():
            return self.reject(name, "", "is empty. Write what the clip shows.") if name == "prompt" else ""
        if (self.row.number, index) in self.layout.table.formulas:
            return self.reject(
                name,
                text,
                "is a formula without a result. Open the sheet in its program and save it again, or paste the value.",
            )
        complaint = cells.complaint(text)
        if complaint:
            return self.reject(name, text, complaint)
        if not text.isascii() and cells.INVISIBLE.search(text):
            self.warn(name, text, "held invisible characters; they were taken out.")
        return text

    def _one(self, name: str, parse: Callable[[str], T], default: T) -> T:
        text = cells.clean(self.texts.get(name, ""))
        try:
            return parse(text) if text else default
        except ValueError as error:
            self.reject(name, text, f"{error}{' Several values cannot stand here.' if '|' in text else ''}")
            return default

    def _many(self, name: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        text = self.texts.get(name, "")
        value = text
        try:
            values = []
            for value in cells.split(text) if text else ():
                values.append(parse(value))
            return tuple(values)
        except ValueError as error:
            parted = _parted(text, parse)
            self.reject(name, text if parted else value, parted or str(error))
            return ()

    def _carried(self, key: str, index: int, used: bool) -> tuple[str, ...]:
        """Return the values of a metadata cell; only one that a prompt names can be bad."""
        if used:
            self.texts[key] = self._text(key, index)
            return self._many(key, cells.text_of)
        text = self.row.cell(index)
        if not text or text.isspace():
            return ()
        if cells.HARMFUL.search(text):
            self.warn(key, text, "held invisible control characters; they were taken out.")
        values = (cells.clean(part) for part in cells.parts(cells.HARMFUL.sub("", text)))
        return tuple(value for value in values if value)

    def _named(self, column: str, templates: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yield each name in braces with our spelling of it; complain of those that are no column."""
        for template in templates:
            try:
                for typed in wording.placeholders(template):
                    name = self.names.get(normalise(typed))
                    if name:
                        yield typed, name
                    else:
                        self.reject(column, "{" + typed + "}", self._unknown(typed))
            except ValueError as error:
                self.reject(column, template, str(error))

    def _unknown(self, typed: str) -> str:
        headers = self.layout.nameable
        near = get_close_matches(normalise(typed), self.names, 1, 0.7)
        meant = next((header for header, name in headers.items() if near and name == self.names[near[0]]), "")
        hint = f"Did you mean {{{meant}}}? " if meant else ""
        listed = ", ".join("{" + header + "}" for header in list(headers)[:12])
        return f"names no column. {hint}{f'The sheet has {listed}.' if listed else 'The sheet has no other.'}"

    def _combinations(self, brief: Brief) -> None:
        lengths = brief.axis_lengths
        if brief.axes == "zip" and len(set(lengths.values())) > 1:
            listed = ", ".join(f"{self.layout.header(name)} has {length} values" for name, length in lengths.items())
            self.reject(
                "axes", "zip", f"pairs cells of one length, but {listed}. Give them equally many, or use cartesian."
            )
            return
        total = brief.combinations * brief.variants
        if brief.want and brief.want > total:
            self.reject("want", self.texts["want"], f"is more than the row makes. Use 1 to {total}, or raise variants.")
        if brief.seed is not None and brief.seed + brief.variants > 2**32:
            self.reject(
                "seed",
                self.texts["seed"],
                f"leaves no room for {brief.variants} variants. Use at most {2**32 - brief.variants}.",
            )

    def _fillings(self, brief: Brief) -> None:
        """Complain of empty cells that a prompt names, and of prompts that grow too long."""
        empty = [name for name in brief.placeholders if not self._filled(brief, name)]
        for name in empty:
            self.reject(
                name,
                "",
                f"is empty, but the prompt names {{{name}}}. Fill it in, or take {{{name}}} out of the prompt.",
            )
        if brief.placeholders and not empty:
            longest = {name: max(brief.values(name), key=len, default="") for name in brief.placeholders}
            length = max(len(wording.fill(template, longest)) for template in brief.prompts)
            if length > cells.PROMPT_LENGTH:
                self.reject(
                    "prompt",
                    self.texts["prompt"],
                    f"grows to {length:,} characters once it is filled in. Shorten it to {cells.PROMPT_LENGTH:,}.",
                )

    def _filled(self, brief: Brief, name: str) -> bool:
        """True where a column has something to fill in, or has been complained of already."""
        place = self.layout.place(name)
        return any(brief.values(name)) or bool(place is not None and self.row.cell(place).strip())

    def _checked(self, brief: Brief, checks: Iterable[BriefCheck]) -> None:
        """Run the checks of the upper rooms; what they say of a cell that is bad already is dropped."""
        bad = {problem.column for problem in self.problems}
        for check in checks:
            for column, value, message, warning, summary in check(brief):
                problem = self.layout.problem(self.row.number, column, value, message, summary)
                if problem.column not in bad and (column != "prompt" or brief.prompts != ("",)):
                    (self.warnings if warning else self.problems).append(problem)


def _spelt(template: str, names: Mapping[str, str]) -> str:
    """Return the template in our spelling; one that is bad becomes plain text."""
    try:
        return wording.rename(template, names)
    except (KeyError, ValueError):
        return template.replace("{", "{{").replace("}", "}}")


def _parted(text: str, parse: Callable[[str], object]) -> str | None:
    """Return the advice for several values that stand apart by other signs than ``|``."""
    parts = [part.strip() for part in _SEPARATORS.split(text) if part.strip()]
    if "|" in text or len(parts) < 2:
        return None
    try:
        [parse(part) for part in parts]
    except ValueError:
        return None
    return f"needs a | between its values. Write {'|'.join(parts)}."


def _spoken(delimiter: str) -> str:
    return {"\t": "a tab", ",": "a comma", ";": "a semicolon", "|": "a bar"}[delimiter]
