"""Validate campaign sheets against the model cards."""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from adapters.media.picture import Picture
from adapters.sheets import read_table
from manifests.brief import NATIVE, NO_FINISH, Brief
from manifests.campaign import Campaign
from manifests.errors import CardRuleError, ReelmillError, RejectedSheetError, UnknownCardError
from manifests.finish.kit import FinishKit
from manifests.placement import ASPECT_RATIOS, nearest_ratio
from manifests.pluralize import count_of, counted, one_or_more
from manifests.sheet import CellIssue, CellProblem, Checked, Table, campaign_of, check_table
from manifests.sheet.reading import DETECT, ReadingOptions
from models.card import GeneratorCard
from models.hosted_card import HostedCard
from tasks.intake.continued_clips import ContinuedClip, ContinuedClips
from tasks.intake.finding_lines import UNUSABLE, are_of_one_model, error_lines
from tasks.intake.finishing.finishing import Finishing
from tasks.intake.hosted_limits import hosted_check
from tasks.intake.pictures import KeptPictures, Pictures
from tasks.intake.prompt_length import LongestPrompt, PromptLengths
from tasks.intake.remote_pictures import RemotePictures
from tasks.intake.wildcards import WildcardLists

SHOWN_PROBLEMS = 5
SHOWN_MODELS = 4


@dataclass(frozen=True, slots=True)
class Intake:
    """A sheet with the result of its validation.

    Attributes:
        pictures: pictures of the valid rows.
        clips: clips that the valid rows continue.
        longest: the prompt nearest to its model's token limit; None if no limit is known.
        unavailable: names of pictures that could not be downloaded now; each of them has a problem in ``checked``.
        kit: what the deliverables of the valid rows need; None if no row is finished.
    """

    table: Table
    checked: Checked
    campaign: Campaign
    pictures: tuple[Picture, ...] = ()
    longest: LongestPrompt | None = None
    unavailable: frozenset[str] = frozenset()
    clips: tuple[ContinuedClip, ...] = ()
    kit: FinishKit | None = None

    @property
    def row_count(self) -> int:
        """Number of rows that are meant as briefs, including those with errors and those that cannot be read."""
        return len(self.table.rows) - len(self.checked.skipped) + len(self.table.reading.bad_rows)


def validate_sheet(
    path: Path,
    cards: Mapping[str, GeneratorCard],
    default_card: str,
    kept: KeptPictures | None = None,
    *,
    want_scope: str = "combination",
    confined: bool = False,
    reading: ReadingOptions = DETECT,
    lengths: PromptLengths | None = None,
    remote: RemotePictures | None = None,
    staged: Callable[[str], Path | None] = lambda _: None,
    finishing: Finishing | None = None,
) -> Intake:
    """Read and validate a sheet with its pictures; errors and warnings are in ``checked``.

    Args:
        kept: copies that replace pictures that no longer exist.
        want_scope: see Brief; for rows that set none.
        confined: see Pictures and WildcardLists.
        remote: see Pictures.
        staged: see ContinuedClips.
        lengths: checks the lengths of prompts; None leaves them unchecked.
        reading: tab, encoding and hidden rows to read.
        finishing: checks finished rows; None if rows cannot be finished.

    Raises:
        FinishError: the brand kit, a finish template or a placement preset is invalid.
        UnreadableSheetError: the file is not a sheet.
    """
    table = read_table(path, reading)
    pictures = Pictures(path.parent, kept, confined=confined, remote=remote)
    pictures.download(table)
    clips = ContinuedClips(path.parent, confined=confined, staged=staged)
    made = [card_check, hosted_check, pictures.check, clips.check, *([finishing.check] if finishing else [])]
    checks = [check(cards, default_card) for check in made]
    checked = check_table(
        table,
        [*checks, lengths.check] if lengths else checks,
        want_scope=want_scope,
        finish=finishing.default if finishing else NO_FINISH,
        texts=finishing.texts(table) if finishing else (),
        wildcards=WildcardLists(path.parent, confined=confined),
    )
    checked = replace(checked, briefs=tuple(clips.hashed(pictures.hashed(brief)) for brief in checked.briefs))
    if finishing:
        checked = replace(checked, warnings=(*checked.warnings, *finishing.warnings(table, checked.briefs)))
    return Intake(
        table,
        checked,
        campaign_of(table, checked),
        pictures.used_in(checked.briefs),
        lengths.longest if lengths else None,
        pictures.unavailable,
        clips.used_in(checked.briefs),
        finishing.kit(checked.briefs) if finishing else None,
    )


def check_default_card(name: str, cards: Mapping[str, GeneratorCard]) -> None:
    """Check that the model for rows without a model exists.

    Raises:
        UnknownCardError: it does not exist.
    """
    if name not in cards:
        near = get_close_matches(name, cards, 1)
        if near and _has_ended(cards[near[0]]):
            raise UnknownCardError(f"{name} cannot run: {cards[near[0]].retired}")
        hint = f"Did you mean {near[0]}? " if near else ""
        raise UnknownCardError(
            f"There is no model {name!r}. {hint}List the models with `reelmill models`, and choose one with --model or "
            "REELMILL_MODEL."
        )


class SheetProblemsError(RejectedSheetError):
    """A sheet was rejected because of its errors.

    Attributes:
        intake: the sheet with its errors.
    """

    def __init__(self, message: str, intake: Intake) -> None:
        super().__init__(message)
        self.intake = intake


class PicturesUnavailableError(ReelmillError):
    """Pictures of the sheet cannot be downloaded now."""

    transient = True


def raise_for_unavailable(intake: Intake) -> None:
    """Raise an error after which the sheet can be tried again, if only downloads of its pictures have failed.

    Raises:
        PicturesUnavailableError: the message contains the first problem.
    """
    problems = intake.checked.problems
    if problems and all(problem.value in intake.unavailable for problem in problems):
        more = f" The same applies to {count_of(len(problems) - 1, 'other cell')}." if len(problems) > 1 else ""
        raise PicturesUnavailableError(f"{problems[0].sentence}{more}")


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
    lines = [f"The sheet {intake.table.name} has {count_of(len(checked.problems), 'error')}:"]
    lines += [f"  {line}" for line in _shown(checked.problems)]
    raise SheetProblemsError("\n".join([*lines, _how_to_continue(intake)]), intake)


def _shown(problems: Sequence[CellProblem]) -> list[str]:
    if are_of_one_model(problems):
        return error_lines(problems)
    return [problem.sentence for problem in problems[:SHOWN_PROBLEMS]]


def _how_to_continue(intake: Intake) -> str:
    problems = intake.checked.problems
    more = 0 if are_of_one_model(problems) else len(problems) - SHOWN_PROBLEMS
    validate = f"`reelmill validate {shlex.quote(str(intake.table.path))}`"
    rest = f"{counted(more, 'more error{s} {are}')} not shown. List all errors with {validate}. " if more > 0 else ""
    skip = "To skip the rows with errors, add --accept-good-rows."
    return rest + (skip if intake.checked.briefs else "Fix the errors; no row is valid.")


def card_check(
    cards: Mapping[str, GeneratorCard], default_card: str, today: date | None = None
) -> Callable[[Brief], Iterator[CellIssue]]:
    """Return the check of a brief against the cards that it uses: retirement, shapes, durations, words.

    Args:
        today: None for the current day in UTC.
    """
    day = today or datetime.now(UTC).date()

    def check(brief: Brief) -> Iterator[CellIssue]:
        models = brief.models or (default_card,)
        for column, name in (*(("model", each) for each in models), *(("fallback", each) for each in brief.fallbacks)):
            if isinstance(card := cards.get(name), HostedCard) and (reason := card.unusable_on(day)):
                yield CellIssue(column, name, f"{UNUSABLE}{reason}")
            elif card is not None:
                yield from _retirement_notices(card, day, column)
                yield from _card_issues(brief, card, cards, column)
            else:
                unknown = _unknown_model(name, cards, default_card, bool(brief.first_frames))
                yield CellIssue(column, name, unknown + _unchecked(brief))
        yield from _fallback_issues(brief, models)
        yield from _threshold_issues(brief, cards, default_card)

    return check


def _fallback_issues(brief: Brief, models: Sequence[str]) -> Iterator[CellIssue]:
    for name in brief.fallbacks:
        if name in models:
            yield CellIssue("fallback", name, "is the row's own model. Enter another model, or clear the cell.")


def _threshold_issues(brief: Brief, cards: Mapping[str, GeneratorCard], default_card: str) -> Iterator[CellIssue]:
    """Refuse one threshold for models with different scorers, whose values cannot be compared."""
    names = dict.fromkeys((*(brief.models or (default_card,)), *brief.fallbacks))
    by_scorer = {cards[name].scorer: name for name in names if name in cards}
    if brief.min_adherence is not None and len(by_scorer) > 1:
        listed = " and ".join(f"{name} ({scorer})" for scorer, name in by_scorer.items())
        yield CellIssue(
            "min_adherence",
            f"{brief.min_adherence:g}",
            f"would apply to {listed}, whose scorers have different scales. Clear the cell, so that each model uses "
            "its own threshold, or put the models into separate rows.",
        )


def _retirement_notices(card: GeneratorCard, day: date, column: str) -> Iterator[CellIssue]:
    if isinstance(card, HostedCard) and (notice := card.notice_on(day)):
        yield CellIssue(column, card.name, notice, warning=True)


def _unknown_model(name: str, cards: Mapping[str, GeneratorCard], default_card: str, has_picture: bool) -> str:
    several = [part.strip() for part in re.split(r"[,;/&+]|\s(?:and|or)\s", name) if part.strip()]
    if len(several) > 1 and all(part in cards for part in several):
        return f"is not a known model. Separate several models with |: {'|'.join(several)}."
    plain = _plain(name)
    starting = [card for card in sorted(cards) if plain and _plain(card).startswith(plain)]
    starting.sort(key=lambda card: cards[card].needs_first_frame != has_picture)  # those that fit the row first
    near = starting or get_close_matches(name, cards, 1) or sorted(card for card in cards if plain in _plain(card))
    if ended := [cards[card].retired for card in near if _has_ended(cards[card])]:
        near = [card for card in near if not _has_ended(cards[card])]
        if not near:
            return f"{UNUSABLE}{ended[0]}"
    if near:
        listed = " or ".join(
            filter(None, (", ".join(near[: SHOWN_MODELS - 1]), *near[SHOWN_MODELS - 1 : SHOWN_MODELS]))
        )
        advice = (
            f"Did you mean {listed}? `reelmill models` lists all models. If the cell is empty, {default_card} is used."
        )
    else:
        advice = f"Use {default_card} or another model from `reelmill models`, or leave the cell empty."
    return f"is not a known model. {advice}"


def _has_ended(card: GeneratorCard) -> bool:
    return isinstance(card, HostedCard) and bool(card.retired)


def _plain(name: str) -> str:
    """Return a model's name without the signs in which people differ: ``Wan 2.1`` is a part of ``wan2.1-t2v-1.3b``."""
    return re.sub(r"[\W_]+", "", name.lower())


def _unchecked(brief: Brief) -> str:
    """Return the note that the lengths and ratios of a row with an unknown model were not checked; often empty."""
    ratios = any(placement.aspect_ratio not in ASPECT_RATIOS for placement in brief.placements)
    lengths = brief.durations_s or any(placement.duration_s for placement in brief.placements)
    what = " and ".join(word for word, used in (("lengths", lengths), ("aspect ratios", ratios)) if used)
    return f" The {what} of this row are checked once the model is known." if what else ""


def _unsupported_ratio(ratio: str, card: GeneratorCard, cards: Mapping[str, GeneratorCard], column: str) -> str:
    near = nearest_ratio(ratio, card.sizes)
    others = sorted(
        name for name, other in cards.items() if ratio in other.sizes and other.kind == card.kind and not other.retired
    )
    listed = f"{', '.join(others[:SHOWN_MODELS])} {one_or_more(len(others), 'supports', 'support')} {ratio}"
    makers = f" ({listed})" if others else ""
    rest = [each for each in card.sizes if each != near]
    instead = f", or {' or '.join(rest)}" if rest else ""
    return (
        f"is not supported by {card.name}. Use {near}, which is nearest{instead}, or choose another model in the "
        f"column '{column}'{makers}."
    )


def _card_issues(
    brief: Brief, card: GeneratorCard, cards: Mapping[str, GeneratorCard], column: str
) -> Iterator[CellIssue]:
    other = f"choose another model in the column '{column}'"
    for placement in brief.placements:
        if brief.fit_of(placement) == NATIVE and not _allows(card.size_for, placement.aspect_ratio):
            message = _unsupported_ratio(placement.aspect_ratio, card, cards, column)
            yield CellIssue("placements", placement.label, message)
        wanted_s = None if brief.is_finished else placement.duration_s  # finishing extends or trims a clip
        if wanted_s and not _allows(card.frames_for, wanted_s):
            allowed = card.durations_text.replace(" to ", "s to ") + "s"  # a cell accepts 2.12s, but not 2.12 s
            yield CellIssue(
                "placements",
                placement.label,
                f"has a length of {wanted_s:g} s, which {card.name} cannot generate. Use {allowed}, or "
                f"leave out the length, or {other}.",
            )
    for seconds in brief.durations_s:
        if not _allows(card.frames_for, seconds):
            yield CellIssue(
                "duration_s",
                f"{seconds:g}",
                f"is not a length that {card.name} can generate. Enter {card.durations_text}, or leave the cell "
                f"empty, or {other}.",
            )
    for locale in brief.locales:
        if territory := card.licence.excluded_by(locale):
            yield CellIssue(
                "locale",
                locale,
                f"is for {territory}, where the licence of {card.name} does not allow its clips to be shown. Remove "
                f"the locale, or {other}.",
            )
    yield from _unknown_words(brief, card)


def _allows(rule: Callable[[Any], object], value: Any) -> bool:
    try:
        rule(value)
    except CardRuleError:
        return False
    return True


def _unknown_words(brief: Brief, card: GeneratorCard) -> Iterator[CellIssue]:
    texts = [*brief.prompts, *(value for name in brief.placeholders for value in brief.values(name))]
    unknown = dict.fromkeys(word for text in texts for word in card.outside_vocabulary(_without_placeholders(text)))
    if unknown:
        words = ", ".join(list(unknown)[:8])
        yield CellIssue(
            "prompt",
            words,
            f"{one_or_more(len(unknown), 'is', 'are')} not in the vocabulary of {card.name}, which ignores unknown "
            f"words. `reelmill models show {card.name}` lists the words it knows.",
            warning=True,
            summary=f"use words that {card.name} does not know, for example {{examples}}. The model ignores them; "
            f"`reelmill models show {card.name}` lists the words it knows.",
        )


def _without_placeholders(template: str) -> str:
    return re.sub(r"\{\{|\}\}|\{[^{}]*\}", " ", template)
