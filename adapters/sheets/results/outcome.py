"""The columns of the results: those of a row, and those of the list of clips."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from adapters.sheets.escaping import cell_value, escape_formula
from adapters.sheets.results.link import MAX_LINKS, target_of
from manifests.costs.sums import Sums, sums_text
from manifests.states import NOT_NEEDED, REPLACED

MAX_CELL = 32_000
"""Maximum length of a text that we write; Excel's limit is 32,767 characters, and escaping needs some of them."""
RESULTS = {
    "Reelmill status": 12,
    "Reelmill passed": 8,
    "Reelmill published": 8,
    "Reelmill best score": 10,
    "Reelmill URL": 40,
    "Reelmill all URLs": 40,
    "Reelmill credential SHA-256": 24,
    "Reelmill device seconds": 10,
    "Reelmill cost": 8,
    "Reelmill currency": 8,
    "Reelmill cost basis": 12,
    "Reelmill models": 20,
    "Reelmill why": 60,
    "Reelmill notice": 60,
}
"""Headers of our columns with their widths. ``columns.is_result`` recognises them, so they are ignored as input."""
CLIPS = {
    "Row": 6,
    "Brief": 18,
    "Variant": 34,
    "Labels": 36,
    "Filled-in prompt": 60,
    "State": 12,
    "Score": 8,
    "Seed": 12,
    "URL": 50,
    "Credential SHA-256": 24,
    "Device seconds": 10,
    "Cost": 8,
    "Currency": 8,
    "Cost basis": 12,
    "Provider": 12,
    "Model": 16,
    "Why": 60,
    "Note": 40,
}
"""Headers of the list of clips with their widths. None of them is that of a prompt, so it is never read as a sheet."""
_WITHOUT_MODEL = tuple(name for name in CLIPS if name not in ("Model", "Note"))
_WITHOUT_MONEY = tuple(name for name in _WITHOUT_MODEL if name not in ("Currency", "Cost basis", "Provider"))
EARLIER_CLIPS = (
    _WITHOUT_MODEL,
    _WITHOUT_MONEY,
    tuple(name for name in _WITHOUT_MONEY if name != "Filled-in prompt"),
)
"""Headers of the list of clips in copies that earlier versions have written."""

_BETWEEN = " | "
_COLOURS = {"published": "green", "failed": "red", "rejected": "red", NOT_NEEDED: "", REPLACED: ""}
"""Fills of the states; others are yellow."""

Value = str | int | float | Decimal | None


class Result(NamedTuple):
    """A value for a cell.

    Attributes:
        colour: a fill of ``package.styles.FILLS``, or empty.
        link: target of the cell's hyperlink in a workbook, or empty.
    """

    value: Value
    colour: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a row.

    Attributes:
        status: short text, such as published, failed or not run.
        passed, published: numbers of clips.
        best_score: highest prompt_adherence, -1..1; None if nothing was scored.
        url: URL of the best published clip; empty if there is none.
        credential_sha256: hex digest of that clip's Content Credential; empty if there is none.
        models: the models of the row's clips.
        why: reasons why clips failed, or the errors of the row; also which clips are from a fallback model.
        notice: notice that a licence requires wherever the clips are shown; empty if none is required.
        urls: URLs of all published clips, the best one first.
        device_seconds: device time of the row's clips; None if none was generated.
        cost: of the row's clips, one amount for each currency; empty if it is not known.
        cost_basis: ``device time``, ``billed`` or ``estimated``.
    """

    status: str
    passed: int = 0
    published: int = 0
    best_score: float | None = None
    url: str = ""
    credential_sha256: str = ""
    why: str = ""
    notice: str = ""
    urls: tuple[str, ...] = ()
    device_seconds: float | None = None
    cost: Sums = ()
    cost_basis: str = ""
    models: tuple[str, ...] = ()

    @property
    def results(self) -> tuple[Result, ...]:
        """The values of the columns RESULTS."""
        colour = "green" if self.published else "red" if self.status == "failed" else "yellow"
        return (
            Result(self.status, colour),
            Result(self.passed),
            Result(self.published),
            Result(_rounded(self.best_score, 4)),
            Result(self.url, link=target_of(self.url)),
            Result(_listed(self.urls)),
            Result(self.credential_sha256),
            Result(_rounded(self.device_seconds, 2)),
            *_money(self.cost),
            Result(self.cost_basis),
            Result(", ".join(self.models)),
            Result(self.why),
            Result(self.notice),
        )


@dataclass(frozen=True, slots=True)
class ClipResult:
    """The result of one clip.

    Attributes:
        rows, brief_ids: the rows that request it; usually one.
        labels: its placement and the values of the row's axes, such as ``placement: 16:9; colour: red``.
        state: state of the variant, such as published, ``not needed`` if no run generates it, or ``replaced by a
            fallback``.
        score: prompt_adherence, -1..1; None if it was not scored.
        device_seconds: device time; None if it was not generated.
        cost: one amount for each currency; empty if it is not known.
        cost_basis: ``device time``, ``billed`` or ``estimated``.
        provider: the account that was billed; empty for device time.
        why: why it failed; empty if it passed.
        prompt: the prompt with the values of its columns.
        model: name of the model's card.
        note: which model and variant a fallback replaces and why, or which fallback replaces this variant.
    """

    rows: tuple[int, ...]
    brief_ids: tuple[str, ...]
    variant_id: str
    labels: str
    state: str
    seed: int
    score: float | None = None
    url: str = ""
    credential_sha256: str = ""
    device_seconds: float | None = None
    cost: Sums = ()
    cost_basis: str = ""
    provider: str = ""
    why: str = ""
    prompt: str = ""
    model: str = ""
    note: str = ""

    @property
    def results(self) -> tuple[Result, ...]:
        """The values of the columns CLIPS."""
        colour = _COLOURS.get(self.state, "yellow")
        return (
            Result(self.rows[0] if len(self.rows) == 1 else "|".join(map(str, self.rows))),
            Result("|".join(self.brief_ids)),
            Result(self.variant_id),
            Result(self.labels),
            Result(self.prompt),
            Result(self.state, colour),
            Result(_rounded(self.score, 4)),
            Result(self.seed),
            Result(self.url, link=target_of(self.url)),
            Result(self.credential_sha256),
            Result(_rounded(self.device_seconds, 2)),
            *_money(self.cost),
            Result(self.cost_basis),
            Result(self.provider),
            Result(self.model),
            Result(self.why),
            Result(self.note),
        )


def within_limit(lines: Iterable[Sequence[Result]], taken: int = 0) -> Iterator[tuple[Result, ...]]:
    """Yield the lines of a tab; results beyond the maximum number of hyperlinks become plain text.

    Args:
        taken: number of hyperlinks that the tab has already.
    """
    room = MAX_LINKS - taken
    for line in lines:
        kept = []
        for result in line:
            room -= bool(result.link)
            kept.append(result if room >= 0 else result._replace(link=""))
        yield tuple(kept)


def in_workbook(value: Value) -> Value:
    """Return a value for a workbook: formulas and illegal characters are escaped. Only numbers become numbers."""
    if not isinstance(value, str):
        return value
    escaped = cell_value(shortened(value)) if value else None
    return escaped if escaped is None or isinstance(escaped, str) else value


def in_text(value: Value) -> str:
    """Return a value for a text file, with formulas escaped."""
    return "" if value is None else escape_formula(shortened(value)) if isinstance(value, str) else str(value)


def shortened(text: str) -> str:
    """Return a text that fits in a cell."""
    return text if len(text) <= MAX_CELL else text[: MAX_CELL - 1] + "…"


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _money(sums: Sums) -> tuple[Result, Result]:
    """Return the cells of an amount and its currency; amounts of several currencies are a text."""
    paid = [amount for amount in sums if amount.micros] or list(sums[:1])
    currencies = ", ".join(amount.currency for amount in paid)
    if len(paid) > 1:
        return Result(sums_text(paid)), Result(currencies)
    return Result(paid[0].amount if paid else None), Result(currencies)


def _listed(urls: tuple[str, ...]) -> str:
    """Return URLs, separated by bars; those that do not fit in a cell are counted."""
    text = _BETWEEN.join(urls)
    if len(text) <= MAX_CELL:
        return text
    kept = text[: MAX_CELL - 100].rpartition(_BETWEEN)[0]
    left = len(urls) - kept.count(_BETWEEN) - 1
    return f"{kept}{_BETWEEN}{left:,} more in the list of clips"
