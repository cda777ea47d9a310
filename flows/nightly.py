"""What a night of stock footage settles before anything is dispatched, and what it tells afterwards."""

import time
from dataclasses import dataclass, field, replace

from flows.registration import register
from flows.settings import Settings
from manifests.errors import SettingsError, TooManyVariantsError
from manifests.nightly.budget import Budget, budget_of
from manifests.nightly.night import Night, night_of
from manifests.nightly.night_report import DRY_RUN, NOTHING_TO_DO, NightReport
from manifests.sheet import CellProblem, Checked
from tasks.intake.intake import Intake
from tasks.plan.remaining import release_dead_leases
from tasks.runtime.resources import Resources, cards_of, catalogue_of
from tasks.stock.night_plan import NightPlan, plan_night, spent_s, with_progress
from tasks.stock.stock_sheet import StockIntake, load_stock_sheet

FINISHED, WINDOW, BUDGET = "finished", "window", "budget"


@dataclass(frozen=True, slots=True)
class Terms:
    """How far a night may go.

    Attributes:
        until: time of day at which it takes no more work, ``HH:MM``; empty for no end.
        budget: device time.
        dry_run: choose, and begin nothing.
    """

    until: str = ""
    budget: Budget = field(default_factory=Budget)
    dry_run: bool = False


def terms_of(
    settings: Settings,
    until: str | None = None,
    budget_h: float | None = None,
    budget_money: float | None = None,
    price_h: float | None = None,
    *,
    dry_run: bool = False,
) -> Terms:
    """Return the terms that are given; those that are None are the settings'.

    Raises:
        SettingsError: a number below zero, or money without a price.
    """
    hours = settings.stock_budget_h if budget_h is None else budget_h
    money = settings.stock_budget_money or None if budget_money is None else budget_money
    price = settings.stock_price_h or None if price_h is None else price_h
    return Terms(settings.stock_until if until is None else until, budget_of(hours, money, price), dry_run)


@dataclass(frozen=True, slots=True)
class Shift:
    """A night, ready to begin.

    Attributes:
        report: what can be told before it; ``ended`` is not empty where there is nothing to begin.
    """

    intake: StockIntake
    night: Night
    terms: Terms
    work: NightPlan
    report: NightReport

    @property
    def campaign_id(self) -> str:
        """The night's campaign."""
        return self.work.campaign.campaign_id

    @property
    def warnings(self) -> tuple[CellProblem, ...]:
        """What is odd in the sheet."""
        return self.intake.warnings


def prepare(settings: Settings, resources: Resources, place: str, terms: Terms, starts: float) -> Shift:
    """Read the stock sheet and choose; plans nothing yet.

    Args:
        place: path or key of the sheet; empty for the setting ``stock``.
        starts: when the night was to start, seconds since 1970.

    Raises:
        SettingsError: no sheet, no time of day, no time zone.
        SheetError: unreadable, or it has problems.
        TooManyVariantsError: a night of this sheet is over the cap.
    """
    place = place or settings.stock
    if not place:
        raise SettingsError("No stock sheet is named; set REELMILL_STOCK, or name one: reelmill stock SHEET.")
    night = night_of(starts, terms.until, settings.timezone)
    cards, catalogue = cards_of(resources), catalogue_of(resources)
    intake = load_stock_sheet(resources, place, cards, settings.model)
    if not terms.dry_run:
        release_dead_leases(catalogue)
    work = plan_night(catalogue, intake.sheet, night, cards, settings.model, settings.profile)
    _check_cap(settings, intake, work)
    return Shift(intake, night, terms, work, _before(intake, night, terms, work))


def begin(settings: Settings, resources: Resources, shift: Shift) -> None:
    """Commit the night's campaign with all its variants; one that was begun already stays as it is.

    Raises:
        ReelmillError: a door is shut; see ``register``.
    """
    campaign = shift.work.campaign
    register(settings, resources, Intake(shift.intake.table, Checked(campaign.briefs), campaign))


def budget_left_s(resources: Resources, shift: Shift) -> float | None:
    """Return the device seconds that earlier runs of the night have left; None for no limit."""
    return shift.terms.budget.after(spent_s(catalogue_of(resources), shift.work.campaign.name))


def report_after(resources: Resources, shift: Shift, ended: str, why: str = "") -> NightReport:
    """Return what the night came to; one that has come to all that it chose is finished, whatever else has ended."""
    report = with_progress(replace(shift.report, ended=ended, why=why), catalogue_of(resources), shift.work.briefs)
    return replace(report, ended=FINISHED) if ended in (WINDOW, BUDGET) and not report.left else report


def _before(intake: StockIntake, night: Night, terms: Terms, work: NightPlan) -> NightReport:
    is_over = night.until is not None and time.time() >= night.until
    ended, chosen = "", len(work.briefs)
    if terms.dry_run:
        ended = DRY_RUN
    elif not chosen:
        ended = NOTHING_TO_DO
    elif work.is_new and is_over:
        ended, chosen = WINDOW, 0  # it was to start in the night, and comes by day
    return NightReport(
        sheet=intake.sheet.name,
        day=night.day.isoformat(),
        campaign_id="" if ended else work.campaign.campaign_id,
        combinations=intake.sheet.size,
        there=work.choice.enough,
        given_up=len(work.choice.given_up),
        chosen=chosen,
        ended=ended,
        budget=terms.budget,
        stop=night.stop,
    )


def _check_cap(settings: Settings, intake: StockIntake, work: NightPlan) -> None:
    asked = sum(brief.variants for brief in work.briefs)
    if work.is_new and asked > settings.max_variants:
        raise TooManyVariantsError(
            f"A night of {intake.sheet.name} begins {len(work.briefs):,} combinations with {intake.sheet.tries} tries "
            f"each, {asked:,} variants, and {settings.max_variants:,} are allowed; lower nightly or tries, or "
            "raise REELMILL_MAX_VARIANTS."
        )
