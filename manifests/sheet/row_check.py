"""Validation of one row: its values and all its problems."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeVar

from manifests.brief import CARRIED, GENERIC, NO_FINISH, Brief
from manifests.pairwise import MAX_PAIRS, is_too_large
from manifests.placement import parse_placement, reading_of
from manifests.pluralize import count_of
from manifests.sheet import cells, finish_cells, foreign_syntax, prompt_template, second_meaning
from manifests.sheet.columns import BY_NAME, FINISHING, name_of, normalise
from manifests.sheet.doubts.foreign_options import foreign_options
from manifests.sheet.layout import PLACEHOLDERS, Layout
from manifests.sheet.problem import BriefCheck, CellProblem
from manifests.sheet.table import Row

T = TypeVar("T")
Wildcards = Callable[[str], tuple[str, ...]]
"""Returns the values of a wildcard by its name; raises ValueError with a message that continues after the wildcard."""

VARIANTS_ALLOWED = 10_000
VARIANTS = cells.whole_parser(1, VARIANTS_ALLOWED)
WANT = cells.whole_parser(1)
SEED = cells.whole_parser(0, 2**32 - 1)
_THOUSANDS = re.compile(r"[1-9]\d{0,2}([.,]\d{3})+")
_RANGE = re.compile(r"(\d{1,10})\s*(?:-|–|—|\.{2,3}|…|to|bis)\s*(\d{1,10})", re.IGNORECASE)
LISTED_SEEDS = 20
"""Longest range of seeds that a message writes out."""
_COMMA = re.compile(r"[,;\s]+")
FORMULA_WITHOUT_RESULT = (
    "is a formula without a stored result. Open the sheet in a spreadsheet program and save it again, or enter the "
    "value."
)
TEMPLATES = ("prompt", "negative_prompt")
PICTURES = ("first_frame", "last_frame", "reference_pictures")
LONG_TEXTS = {"script": finish_cells.parse_script, "captions": finish_cells.parse_captions}
NOT_TEXT = frozenset(BY_NAME) - {
    *(*TEMPLATES, *PICTURES, *LONG_TEXTS),
    *("continue_from", "locale", "cta", "notes", "voiceover", "music", "sequence"),
}
"""Columns with numbers and names, in which direction marks mean nothing."""
_SEPARATORS = re.compile(r"[,;\n]|\s(?:and|or|und|oder|et|&|\+)\s|\s/\s")


@dataclass(slots=True)
class RowReader:
    """Converts one row to a brief and collects the problems of its cells."""

    layout: Layout
    row: Row
    names: Mapping[str, str]
    want_scope: str = "combination"
    finish: str = NO_FINISH
    wildcards: "Wildcards" = field(default_factory=lambda: no_wildcards)
    problems: list[CellProblem] = field(default_factory=list)
    warnings: list[CellProblem] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    options: list[str] = field(default_factory=list)
    template: str = NO_FINISH

    def brief(self, checks: Iterable[BriefCheck]) -> Brief:
        """Return the brief of the row, with brief_id as typed. The brief is invalid if there are problems.

        Invalid cells are replaced by their defaults, so that all problems of a row are found at once.
        """
        if self._overflows():
            return Brief(self.row.number, "", ("",))
        known = self.layout.known
        self.template = self._finish()
        self.texts |= {name: self._text(name, index) for name, index in known.items() if name not in FINISHING}
        self._check_mark()
        templates = {name: self._templates(name) for name in TEMPLATES}
        names = {typed: spelled for name in templates for typed, spelled in self._named(name, templates[name])}
        brief = self._build(templates, names)
        self._combinations(brief)
        self._unused(brief)
        self._fillings(brief)
        self._checked(brief, checks)
        return brief

    def reject(self, name: str, value: str, message: str) -> str:
        """Record an error in a cell and return an empty text in its place."""
        self.problems.append(self.layout.problem(self.row.number, name, value, message + self.layout.hint(name)))
        return ""

    def warn(self, name: str, value: str, message: str, summary: str = "") -> None:
        """Record a warning about a cell; see CellProblem for the summary."""
        self.warnings.append(self.layout.problem(self.row.number, name, value, message, summary))

    def _check_mark(self) -> None:
        """Refuse a mark such as ``x`` in a column ``exclude``: it can mean that the row is to be left out."""
        text, header = self.texts.get("negative_prompt", ""), self.layout.header("negative_prompt")
        mark = second_meaning.mark_of(text) if normalise(header) == "exclude" else ""
        if mark == "set":
            self.reject(
                "negative_prompt",
                text,
                "could mark a row that is to be left out. Delete the row, or clear the cell; for a negative prompt, "
                "rename the column to 'negative_prompt'.",
            )
        elif mark:
            self.warn("negative_prompt", text, "is not used as a negative prompt. Clear the cell.")
        if mark:
            self.texts["negative_prompt"] = ""

    def _build(self, templates: Mapping[str, Sequence[str]], names: Mapping[str, str]) -> Brief:
        axes = self._one("axes", cells.parse_axes, "cartesian")
        unlike = tuple if axes == "zip" else (lambda values: tuple(dict.fromkeys(values)))
        seeds = self._seeds()
        return Brief(
            row=self.row.number,
            brief_id=self._one("brief_id", cells.parse_brief_id, ""),
            prompts=unlike(_spelt(template, names) for template in templates["prompt"]) or ("",),
            negative_prompts=unlike(_spelt(template, names) for template in templates["negative_prompt"]),
            placements=unlike(self._many("placements", parse_placement)) or (GENERIC,),
            durations_s=unlike(self._many("duration_s", cells.parse_seconds)),
            models=unlike(self._many("model", cells.parse_name)),
            fallbacks=tuple(dict.fromkeys(self._many("fallback", cells.parse_name))),
            axes=axes,
            variants=self._variants(seeds),
            want=self._one("want", WANT, None),
            seed=seeds[0] if seeds else None,
            min_adherence=self._one("min_adherence", cells.parse_adherence, None),
            locales=unlike(self._locales()),
            ctas=unlike(self._many("cta", cells.parse_text)),
            notes=self._one("notes", cells.parse_text, ""),
            metadata={
                key: unlike(self._carried(key, index, key in names.values()))
                for key, index in self.layout.metadata.items()
            }
            | self.lists,
            placeholders=tuple(dict.fromkeys(names.values())),
            first_frames=unlike(self._many("first_frame", cells.parse_text)),
            last_frames=unlike(self._many("last_frame", cells.parse_text)),
            continued=unlike(self._many("continue_from", cells.parse_text)),
            references=unlike(self._many("reference_pictures", cells.parse_text)),
            want_scope=self._one("want_scope", cells.parse_want_scope, self.want_scope),
            seeds=seeds if len(seeds) > 1 else (),
            **self._finishing(),
        )

    def _finish(self) -> str:
        """Return the finish template of the row."""
        known = self.layout.known
        self.texts = {name: self._text(name, known[name]) for name in ("finish",) if name in known}
        return self._one("finish", finish_cells.parse_finish, self.finish)

    def _keeps_hyphens(self, name: str) -> bool:
        """Return whether the soft hyphens of a column stay, because a finish template can draw its texts."""
        base, _ = self.layout.localised.get(name, (name, ""))
        return self.template != NO_FINISH and (base == "cta" or name in self.layout.metadata) and base not in LONG_TEXTS

    def _finishing(self) -> dict[str, Any]:
        """Return the fields of finishing; its columns have no effect in rows without a finish template."""
        if self.template == NO_FINISH:
            return {}
        known = self.layout.known
        self.texts |= {
            name: self._text(name, index) for name, index in known.items() if name in FINISHING and name != "finish"
        }
        return {
            "finish": self.template,
            **{name: self._long(name, self.texts.get(name, "")) for name in LONG_TEXTS},
            "voiceover": self._one("voiceover", cells.parse_text, ""),
            "music": self._one("music", cells.parse_text, ""),
            "sound": self._one("sound", finish_cells.parse_sound, "keep"),
            "reframe": dict(self._many("reframe", finish_cells.parse_reframe)),
            "sequence": self._one("sequence", cells.parse_text, ""),
            "transition_s": self._one("transition", finish_cells.parse_transition, 0.0),
            "localised": self._localised(),
        }

    def _long(self, name: str, text: str, column: str = "") -> str:
        """Return a text of several lines; ``column`` is the header if it is a column per language."""
        try:
            return LONG_TEXTS[name](finish_cells.clean_lines(text))
        except ValueError as error:
            return self.reject(column or name, text, str(error))

    def _localised(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """Return the values of the columns per language, by the column that they translate and by language tag."""
        found: dict[str, dict[str, tuple[str, ...]]] = {}
        for header, (base, locale) in self.layout.localised.items():
            text = self._text(header, self.layout.metadata[header])
            values = (self._long(base, text, header),) if base in LONG_TEXTS else self._values(header, text)
            if any(values):
                found.setdefault(base, {})[locale] = values
        return found

    def _values(self, name: str, text: str) -> tuple[str, ...]:
        try:
            return cells.split(text, hyphens=self._keeps_hyphens(name)) if text else ()
        except ValueError as error:
            self.reject(name, text, str(error))
            return ()

    def _seeds(self) -> tuple[int, ...]:
        """Return the seeds of the row; commas and spaces separate them as well as ``|``."""
        text = cells.clean(self.texts.get("seed", ""))
        if _THOUSANDS.fullmatch(text):
            self.reject("seed", text, _separated(text))
            return ()
        if text.casefold() in cells.ANY:
            self.reject("seed", text, "is not a seed. Clear the cell: the seed is then derived from the prompt.")
            return ()
        if (found := _RANGE.fullmatch(text)) and (advice := _range_advice(int(found[1]), int(found[2]))):
            self.reject("seed", text, f"is a range. {advice}")
            return ()
        try:
            values = cells.split(text) if "|" in text else tuple(filter(None, _COMMA.split(text)))
            return tuple(dict.fromkeys(SEED(value) for value in values))
        except ValueError as error:
            self.reject("seed", text, str(error))
            return ()

    def _variants(self, seeds: Sequence[int]) -> int:
        """Return the number of seeds; several seeds in the column ``seed`` decide it."""
        known = len(self.problems)
        number = self._one("variants", VARIANTS, 1)
        if len(seeds) < 2:
            return number
        text = self.texts.get("variants", "").strip()
        if text and number != len(seeds) and len(self.problems) == known:
            self.reject(
                "variants",
                text,
                f"contradicts the {len(seeds)} seeds of the row. Clear this cell, or enter only the first seed.",
            )
        return len(seeds)

    def _overflows(self) -> bool:
        """Return whether a row of a text file is longer than the header, so that its cells are shifted; record it."""
        width, delimiter = len(self.layout.table.columns), self.layout.table.delimiter
        if not delimiter or len(self.row.cells) <= width:
            return False
        message = (
            f"the row has {len(self.row.cells)} cells, but the header has {width}. "
            f"Put texts that contain {delimiter_name(delimiter)} in double quotes."
        )
        self.problems.append(CellProblem(self.row.number, "", "", "", message))
        return True

    def _text(self, name: str, index: int) -> str:
        """Return a cell's text; if it is invalid, record an error and return an empty text."""
        text = self.row.cell(index)
        if name in NOT_TEXT:
            text = cells.without_direction(text)
        if not text or text.isspace():
            return self.reject(name, "", "is empty. Describe what the clip shows.") if name == "prompt" else ""
        if (self.row.number, index) in self.layout.table.formulas:
            return self.reject(
                name,
                text,
                FORMULA_WITHOUT_RESULT,
            )
        reason = cells.invalid_reason(text)
        if reason:
            return self.reject(name, text, reason)
        if cells.has_invisible(text, hyphens=self._keeps_hyphens(name)):
            self.warn(name, text, "contained invisible characters, which were removed.")
        return text

    def _one(self, name: str, parse: Callable[[str], T], default: T) -> T:
        text = cells.clean(self.texts.get(name, ""))
        try:
            return parse(text) if text else default
        except ValueError as error:
            self.reject(name, text, f"{error}{' This column allows only one value per cell.' if '|' in text else ''}")
            return default

    def _many(self, name: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        text = self.texts.get(name, "")
        value = text
        try:
            values = []
            for value in cells.split(text, hyphens=self._keeps_hyphens(name)) if text else ():
                values.append(parse(value))
                if name == "placements" and (reading := reading_of(value)):
                    self.warn(name, value, reading)
            return tuple(values)
        except ValueError as error:
            advice = None if name in TEMPLATES else _missing_bars(text, parse)
            self.reject(name, text if advice else value, advice or str(error))
            return ()

    def _templates(self, name: str) -> tuple[str, ...]:
        """Return the templates of a cell; one that is JSON is taken as it is, including any ``|``."""
        text = self.texts.get(name, "")
        if prompt_template.is_json(text):
            try:
                values: tuple[str, ...] = (cells.parse_prompt(cells.clean(text)),)
            except ValueError as error:
                self.reject(name, text, str(error))
                return ()
        else:
            values = self._many(name, cells.parse_prompt)
        if len(values) > 1 and not self.texts.get("axes"):
            self.warn(
                name,
                text,
                f"has {len(values)} values separated by |, each of which gives its own clips. If it is one text, write "
                f"\\| instead of |. If it is not, enter cartesian in a column 'axes'.{self._single_words(text)}",
            )
        return tuple(self._template(name, value) for value in values)

    def _single_words(self, text: str) -> str:
        """Return how to write a choice between single words, such as ``a red|blue cup on a table``; often empty."""
        found = foreign_syntax.single_words(text)
        if not found:
            return ""
        name = foreign_syntax.new_column(self.names, self.options)
        self.options.append(name)
        return (
            f" If only the words {found} vary, put {found} into a column '{name}', and write {{{name}}} in the prompt."
        )

    def _template(self, name: str, text: str) -> str:
        """Return the template of one prompt; report the syntax of other tools in it."""
        if prompt_template.is_json(text):
            return prompt_template.json_template(text, lambda typed: normalise(typed) in self.names)
        if foreign_syntax.looks_like_json(text):
            self.reject(
                name,
                text,
                "looks like JSON, but is not valid JSON. Correct it, for example its quotes and commas. For other text "
                "with braces, write {{ and }}.",
            )
            return prompt_template.literal(text)
        text = self._with_lists(name, text)
        found = list(foreign_syntax.findings(text, self.names, self._first, self.options))
        for finding in found:
            (self.reject if finding.is_error else self.warn)(name, finding.text, finding.message)
        if foreign := foreign_options(text, self.layout.header):
            self.warn(name, *foreign)
        return prompt_template.literal(text) if any(finding.is_error for finding in found) else text

    def _with_lists(self, column: str, template: str) -> str:
        """Return the template in which each wildcard is a placeholder; record an error for missing lists."""
        for name in prompt_template.wildcards(template):
            wildcard = f"__{name}__"
            try:
                self.lists[wildcard] = self.wildcards(name)
                template = prompt_template.with_wildcard(template, name)
            except ValueError as error:
                own = self.names.get(normalise(name))
                advice = f"is not a list. To insert the column, write {{{own}}}." if own else str(error)
                self.reject(column, wildcard, advice)
        return template

    def _first(self, name: str) -> str:
        """Return the first value of a column in this row, as typed."""
        place = self.layout.place(name)
        return "" if place is None else cells.clean(cells.parts(self.row.cell(place))[0])

    def _carried(self, key: str, index: int, used: bool) -> tuple[str, ...]:
        """Return the values of a metadata cell; only columns that a prompt uses can have errors."""
        if used:
            self.texts[key] = self._text(key, index)
            self._warn_of_list(key)
            for name in prompt_template.wildcards(self.texts[key]):
                self.warn(
                    key,
                    self.texts[key],
                    f"is used as it is. Write __{name}__ in the prompt to use the values of the list.",
                )
            return self._many(key, cells.parse_text)
        text = self.row.cell(index)
        if not text or text.isspace():
            return ()
        if cells.HARMFUL.search(text):
            self.warn(key, text, "contained invisible control characters, which were removed.")
        hyphens = self._keeps_hyphens(key)
        values = (cells.clean(part, hyphens=hyphens) for part in cells.parts(cells.HARMFUL.sub("", text)))
        return tuple(value for value in values if value)

    def _locales(self) -> tuple[str, ...]:
        text = self.texts.get("locale", "")
        if "|" not in text and (values := foreign_syntax.listed(text)):
            self.warn("locale", text, f"is one value. For several locales, write {'|'.join(values)}.")
        return self._many("locale", cells.parse_text)

    def _warn_of_list(self, key: str) -> None:
        """Warn of a cell that seems to list values without a ``|`` between them, since it counts as one value."""
        text = self.texts.get(key, "")
        if "|" not in text and (values := foreign_syntax.listed(text)):
            self.warn(key, text, f"is one value. For a clip of each value, write {'|'.join(values)}.")

    def _named(self, column: str, templates: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yield each name in braces with our spelling; record an error for names that are not a column."""
        for template in templates:
            try:
                for typed in prompt_template.placeholders(template):
                    name = typed if typed in self.lists else self.layout.own(typed) or self.names.get(normalise(typed))
                    if name:
                        yield typed, name
                    else:
                        self.reject(column, "{" + typed + "}", self._unknown(typed))
            except ValueError as error:
                self.reject(column, template, str(error))

    def _unknown(self, typed: str) -> str:
        if self.layout.is_hidden(typed):
            return "is a hidden column, which is left out. Unhide it, or include hidden columns (--include-hidden)."
        headers = self.layout.nameable
        near = get_close_matches(normalise(typed), self.names, 1, 0.7)
        meant = next((header for header, name in headers.items() if near and name == self.names[near[0]]), "")
        listed = ", ".join("{" + header + "}" for header in list(headers)[:12])
        advice = f"The prompt can use {listed}{', …' * (len(headers) > 12)}." if headers else ""
        advice = f"Did you mean {{{meant}}}?" if meant else advice
        if (name_of(typed) or "notes") not in PLACEHOLDERS:
            return f"cannot be used in a prompt. {advice or 'Remove it from the prompt.'}"
        if ":" in typed or "," in typed:
            return f"is not a column of this sheet. For literal braces, write {{{{{typed}}}}}."
        advice = advice or "Add a column with this name, or remove it from the prompt."
        return f"is not a column of this sheet. {advice}"

    def _combinations(self, brief: Brief) -> None:
        lengths = brief.axis_lengths
        if brief.axes == "zip" and len(set(lengths.values())) > 1:
            *first, last = (f"{self.layout.header(name)} has {length}" for name, length in lengths.items())
            self.reject(
                "axes",
                "zip",
                f"needs the same number of values in every cell, but {', '.join(first)} and {last}. Give them the same "
                "number of values, or use cartesian.",
            )
            return
        if brief.axes == "pairwise" and is_too_large(tuple(lengths.values())):
            self.reject(
                "axes",
                "pairwise",
                f"needs a row in which the two columns with the most values have at most {MAX_PAIRS:,} pairs. Shorten "
                "the columns, or split the row.",
            )
            return
        self._check_want(brief)
        if brief.seed is not None and not brief.seeds and brief.seed + brief.variants > 2**32:
            self.reject(
                "seed",
                self.texts["seed"],
                f"is too high for {brief.variants} variants. Use at most {2**32 - brief.variants}.",
            )

    def _check_want(self, brief: Brief) -> None:
        """Record an error if more clips are wanted than there are."""
        each = brief.want_scope == "combination" and brief.combinations > 1
        total = brief.variants if each else brief.combinations * brief.variants
        if brief.want and brief.want > total:
            what = (
                f"the {count_of(total, 'clip')} of each combination" if each else f"the row's {count_of(total, 'clip')}"
            )
            scope = (
                ", or enter brief in a column 'want_scope'" if each and brief.want <= brief.combinations * total else ""
            )
            advice = (
                f"Lower it to {total}, raise variants{scope}." if scope else f"Lower it to {total}, or raise variants."
            )
            self.reject("want", self.texts["want"], f"is more than {what}. {advice}")

    def _unused(self, brief: Brief) -> None:
        """Warn of columns with several values that no prompt uses, since they give no separate clips."""
        axes = brief.axis_lengths
        for name, values in ((name, brief.values(name)) for name in (*CARRIED, *brief.metadata)):
            paired = brief.axes == "zip" and len(values) == brief.combinations
            if len(values) > 1 and name not in axes and not (paired or self._is_finished(brief, name)):
                header = name if name in brief.metadata else " ".join(self.layout.header(name).split())
                self.warn(
                    name,
                    "|".join(values),
                    f"has {len(values)} values, but the prompt does not use {{{header}}}, so the clips "
                    f"do not differ in them: each clip is recorded with all these values. "
                    f"For a clip of each value, write {{{header}}} in the prompt.",
                    f"have several values in the column '{header}', but their prompts do not use {{{header}}}, for "
                    "example {examples}. Each clip is recorded with all of its row's values; write "
                    f"{{{header}}} in the prompt for a clip of each value.",
                )

    def _is_finished(self, brief: Brief, name: str) -> bool:
        """Return whether the values of a column give deliverables, so that it is no question of the prompt."""
        is_own = name in self.layout.localised or name_of(name) in FINISHING
        return brief.prompts == ("",) or is_own or (brief.is_finished and (name in CARRIED or bool(brief.locales)))

    def _fillings(self, brief: Brief) -> None:
        """Record an error for empty cells that a prompt uses, and for prompts that are too long when filled in."""
        empty = [name for name in brief.placeholders if not self._filled(brief, name)]
        for name in empty:
            self.reject(
                name,
                "",
                f"is empty, but the prompt uses {{{name}}}. Enter a value, or remove {{{name}}} from the prompt.",
            )
        if brief.placeholders and not empty:
            longest = {name: max(brief.values(name), key=len, default="") for name in brief.placeholders}
            length = max(len(prompt_template.fill(template, longest)) for template in brief.prompts)
            if length > cells.PROMPT_LENGTH:
                self.reject(
                    "prompt",
                    self.texts["prompt"],
                    f"has {length:,} characters when its columns are filled in. Shorten it to at most "
                    f"{cells.PROMPT_LENGTH:,}.",
                )

    def _filled(self, brief: Brief, name: str) -> bool:
        """Return whether a column has a value for the prompt, or already has an error."""
        place = self.layout.place(name)
        return any(brief.values(name)) or bool(place is not None and self.row.cell(place).strip())

    def _checked(self, brief: Brief, checks: Iterable[BriefCheck]) -> None:
        """Run the checks of upper layers; their findings for cells that already have an error are dropped."""
        bad = {problem.column for problem in self.problems}
        for check in checks:
            for column, value, message, warning, summary, follows in check(brief):
                if follows and self.layout.header(follows) in bad:
                    continue
                hint = "" if warning else self.layout.hint(column)
                problem = self.layout.problem(self.row.number, column, value, message + hint, summary)
                if problem.column not in bad and (column != "prompt" or brief.prompts != ("",)):
                    (self.warnings if warning else self.problems).append(problem)


def no_wildcards(name: str) -> tuple[str, ...]:
    """Refuse every wildcard: for tables that come without a folder."""
    raise ValueError(
        f"cannot be used, because this sheet has no folder of lists. Put the values into a column '{name}', and write "
        f"{{{name}}} instead."
    )


def _spelt(template: str, names: Mapping[str, str]) -> str:
    """Return the template in our spelling; an invalid template becomes plain text."""
    try:
        return prompt_template.rename(template, names)
    except (KeyError, ValueError):
        return prompt_template.literal(template)


def _separated(text: str) -> str:
    """Return the message for ``1,234`` or ``2,000``; ``000`` can only be a part of a number."""
    parts = re.split("[.,]", text)
    if any(part.startswith("0") for part in parts):
        return f"has a separator for thousands. Write {''.join(parts)}."
    return f"could be one seed or several. Write {''.join(parts)} or {'|'.join(parts)}."


def _range_advice(first: int, last: int) -> str:
    """Return how to write the seeds from the first to the last one, or an empty text if these are no seeds."""
    if not first < last < 2**32 or last - first >= VARIANTS_ALLOWED:
        return ""
    if last - first < LISTED_SEEDS:
        return f"Write {'|'.join(map(str, range(first, last + 1)))}."
    return f"Enter only the first seed, {first}, and {last - first + 1} in a column 'variants'."


def _missing_bars(text: str, parse: Callable[[str], object]) -> str | None:
    """Return the message for several values that are separated by other characters than ``|``, or None."""
    parts = [part.strip() for part in _SEPARATORS.split(text) if part.strip()]
    if "|" in text or len(parts) < 2:
        return None
    try:
        [parse(part) for part in parts]
    except ValueError:
        return None
    return f"has several values without a | between them. Write {'|'.join(parts)}."


def delimiter_name(delimiter: str) -> str:
    """Return the name of a delimiter with its article."""
    return {"\t": "a tab", ",": "a comma", ";": "a semicolon", "|": "a bar"}[delimiter]
