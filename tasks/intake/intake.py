"""Validate campaign sheets against the model cards."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adapters.media.picture import Picture
from adapters.sheets import read_table
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.errors import CardRuleError, RejectedSheetError
from manifests.pluralize import count_of, one_or_more
from manifests.sheet import Checked, Complaint, Table, campaign_of, check_table
from models.card import ModelCard
from tasks.intake.pictures import KeptPictures, Pictures

SHOWN_PROBLEMS = 3


@dataclass(frozen=True, slots=True)
class Intake:
    """A sheet with the result of its validation; ``pictures`` are those of its valid rows."""

    table: Table
    checked: Checked
    campaign: Campaign
    pictures: tuple[Picture, ...] = ()


def validate_sheet(
    path: Path,
    cards: Mapping[str, ModelCard],
    default_card: str,
    kept: KeptPictures | None = None,
    *,
    confined: bool = False,
) -> Intake:
    """Read and validate a sheet with its pictures; errors and warnings are in ``checked``.

    Args:
        kept: copies that replace pictures that no longer exist.
        confined: see Pictures.

    Raises:
        UnreadableSheetError: the file is not a sheet.
    """
    table = read_table(path)
    pictures = Pictures(path.parent, kept, confined=confined)
    checked = check_table(table, [card_check(cards, default_card), pictures.check(cards, default_card)])
    checked = replace(checked, briefs=tuple(map(pictures.hashed, checked.briefs)))
    return Intake(table, checked, campaign_of(table, checked), pictures.used_in(checked.briefs))


class SheetProblemsError(RejectedSheetError):
    """A sheet was rejected because of its errors.

    Attributes:
        intake: the sheet with its errors.
    """

    def __init__(self, message: str, intake: Intake) -> None:
        super().__init__(message)
        self.intake = intake


def raise_for_errors(intake: Intake, accept_good_rows: bool) -> None:
    """Reject a sheet with errors, unless ``accept_good_rows`` is set and there are valid rows.

    Raises:
        SheetProblemsError: the sheet is rejected; the message contains the first errors and how to continue.
    """
    checked = intake.checked
    if checked.briefs and (accept_good_rows or not checked.problems):
        return
    if not checked.problems:
        raise SheetProblemsError(f"The sheet {intake.table.name} has no rows. Add a row with a prompt.", intake)
    sentences = [problem.sentence for problem in checked.problems[:SHOWN_PROBLEMS]]
    more = len(checked.problems) - len(sentences)
    rest = f" And {more} more." if more > 0 else ""
    fix = (
        "Fix them, or skip the rows with errors by adding --accept-good-rows."
        if checked.briefs
        else "Fix them; no row is valid."
    )
    raise SheetProblemsError(
        f"The sheet {intake.table.name} has {count_of(len(checked.problems), 'error')}. "
        f"{' '.join(sentences)}{rest} {fix}",
        intake,
    )


def card_check(cards: Mapping[str, ModelCard], default_card: str) -> Callable[[Brief], Iterator[Complaint]]:
    """Return the check of a brief against the cards that it uses: shapes, durations, words."""

    def check(brief: Brief) -> Iterator[Complaint]:
        for name in brief.models or (default_card,):
            if name in cards:
                yield from _complaints(brief, cards[name])
            else:
                yield Complaint("model", name, f"is not a known model. Use one of {', '.join(sorted(cards))}.")

    return check


def _complaints(brief: Brief, card: ModelCard) -> Iterator[Complaint]:
    for placement in brief.placements:
        if problem := _broken(card.size_for, placement.aspect_ratio):
            yield Complaint("placements", placement.label, f"is not supported: {problem}.")
        if placement.duration_s and (problem := _broken(card.frames_for, placement.duration_s)):
            yield Complaint("placements", placement.label, f"is not supported: {problem}.")
    for seconds in brief.durations_s:
        if problem := _broken(card.frames_for, seconds):
            yield Complaint("duration_s", f"{seconds:g}", f"is not supported: {problem}.")
    yield from _unknown_words(brief, card)


def _broken(rule: Callable[[Any], object], value: Any) -> str:
    try:
        rule(value)
    except CardRuleError as error:
        return str(error).rstrip(".")
    return ""


def _unknown_words(brief: Brief, card: ModelCard) -> Iterator[Complaint]:
    texts = [*brief.prompts, *(value for name in brief.placeholders for value in brief.values(name))]
    unknown = dict.fromkeys(word for text in texts for word in card.outside_vocabulary(_without_placeholders(text)))
    if unknown:
        words = ", ".join(list(unknown)[:8])
        yield Complaint(
            "prompt",
            words,
            f"{one_or_more(len(unknown), 'is', 'are')} not in the vocabulary of {card.name}, which ignores unknown "
            f"words. `reelmill models show {card.name}` lists the words it knows.",
            warning=True,
            summary=f"use words that {card.name} does not know, for example {{examples}}. The model ignores them; "
            f"`reelmill models show {card.name}` lists the words it knows.",
        )


def _without_placeholders(template: str) -> str:
    return "".join(part.partition("}")[2] if index else part for index, part in enumerate(template.split("{")))
