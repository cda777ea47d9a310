"""A sheet comes in: read, checked against the model cards, refused or taken."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adapters.media.picture import Picture
from adapters.sheets import read_table
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.errors import CardRuleError, RejectedSheetError
from manifests.pluralize import count_of
from manifests.sheet import Checked, Complaint, Table, campaign_of, check_table
from models.card import ModelCard
from tasks.intake.pictures import KeptPictures, Pictures

SHOWN_PROBLEMS = 3


@dataclass(frozen=True, slots=True)
class Intake:
    """A sheet with what was found in it; ``pictures`` are those of its good rows."""

    table: Table
    checked: Checked
    campaign: Campaign
    pictures: tuple[Picture, ...] = ()


def take_in(
    path: Path,
    cards: Mapping[str, ModelCard],
    default_card: str,
    kept: KeptPictures | None = None,
    *,
    confined: bool = False,
) -> Intake:
    """Read and check a sheet with its pictures; problems are in ``checked``, nothing is refused yet.

    Args:
        kept: copies that stand in for pictures that are gone.
        confined: see Pictures.

    Raises:
        UnreadableSheetError: the file is no sheet.
    """
    table = read_table(path)
    pictures = Pictures(path.parent, kept, confined=confined)
    checked = check_table(table, [card_check(cards, default_card), pictures.check(cards, default_card)])
    checked = replace(checked, briefs=tuple(map(pictures.hashed, checked.briefs)))
    return Intake(table, checked, campaign_of(table, checked), pictures.used_in(checked.briefs))


class SheetProblemsError(RejectedSheetError):
    """A sheet was rejected because of its errors.

    Attributes:
        intake: the sheet and what was found in it.
    """

    def __init__(self, message: str, intake: Intake) -> None:
        super().__init__(message)
        self.intake = intake


def refuse_problems(intake: Intake, accept_good_rows: bool) -> None:
    """Refuse a sheet that has errors, unless its good rows alone are wanted and there are some.

    Raises:
        SheetProblemsError: names the first errors and how to continue.
    """
    checked = intake.checked
    if checked.briefs and (accept_good_rows or not checked.problems):
        return
    if not checked.problems:
        raise SheetProblemsError(f"The sheet {intake.table.name} has no row with a prompt. Add one.", intake)
    sentences = [problem.sentence for problem in checked.problems[:SHOWN_PROBLEMS]]
    more = len(checked.problems) - len(sentences)
    rest = f" And {more} more." if more > 0 else ""
    fix = (
        "Fix them, or leave out the rows with errors by adding --accept-good-rows."
        if checked.briefs
        else "No row can be used."
    )
    raise SheetProblemsError(
        f"The sheet {intake.table.name} has {count_of(len(checked.problems), 'error')}. "
        f"{' '.join(sentences)}{rest} {fix}",
        intake,
    )


def card_check(cards: Mapping[str, ModelCard], default_card: str) -> Callable[[Brief], Iterator[Complaint]]:
    """Return the check of a brief against the cards that it uses: shapes, lengths, words."""

    def check(brief: Brief) -> Iterator[Complaint]:
        for name in brief.models or (default_card,):
            if name in cards:
                yield from _complaints(brief, cards[name])
            else:
                yield Complaint("model", name, f"isn't a model card. Use one of {', '.join(sorted(cards))}.")

    return check


def _complaints(brief: Brief, card: ModelCard) -> Iterator[Complaint]:
    for placement in brief.placements:
        if problem := _broken(card.size_for, placement.aspect_ratio):
            yield Complaint("placements", placement.label, f"can't be made: {problem}.")
        if placement.duration_s and (problem := _broken(card.frames_for, placement.duration_s)):
            yield Complaint("placements", placement.label, f"can't be made: {problem}.")
    for seconds in brief.durations_s:
        if problem := _broken(card.frames_for, seconds):
            yield Complaint("duration_s", f"{seconds:g}", f"can't be made: {problem}.")
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
            f"is outside the vocabulary of {card.name}: it was never shown "
            f"such words and ignores them. `reelmill models show {card.name}` lists what it knows.",
            warning=True,
            summary=f"use words that {card.name} does not know, for example {{examples}}. The model ignores them; "
            f"`reelmill models show {card.name}` lists the words it knows.",
        )


def _without_placeholders(template: str) -> str:
    return "".join(part.partition("}")[2] if index else part for index, part in enumerate(template.split("{")))
