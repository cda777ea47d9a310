"""Prepare a nightly run of stock footage before its campaign starts, and report on it afterwards."""

import time
from dataclasses import dataclass, field, replace

from flows.registration import register
from flows.settings import Settings
from manifests.errors import SettingsError, TooManyVariantsError
from manifests.nightly.budget import Budget, budget_of
from manifests.nightly.night import Night, night_of
from manifests.nightly.night_report import DRY_RUN, NOTHING_TO_DO, NightReport
from manifests.sheet import CellProblem, Checked
from models.registry import hosted_cards
from tasks.intake.intake import Intake
from tasks.plan.remaining import release_dead_leases
from tasks.runtime.resources import Resources, cards_of, catalogue_of
from tasks.stock.night_plan import NightPlan, plan_night, spent_s, with_progress
from tasks.stock.stock_sheet import StockIntake, load_stock_sheet

FINISHED, WINDOW, BUDGET = "finished", "window", "budget"


@dataclass(frozen=True, slots=True)
class NightLimits:
    """Limits of a nightly run.

    Attributes:
        until: time of day (``HH:MM``) at which no new work is started; empty for no end.
        budget: device time.
        dry_run: choose combinations without starting the run.
    """

    until: str = ""
    budget: Budget = field(default_factory=Budget)
    dry_run: bool = False


def limits_of(
    settings: Settings,
    until: str | None = None,
    budget_h: float | None = None,
    budget_money: float | None = None,
    price_h: float | None = None,
    *,
    dry_run: bool = False,
) -> NightLimits:
    """Return the given limits; those that are None come from the settings.

    Raises:
        SettingsError: a negative number, or a budget in money without a price.
    """
    hours = settings.stock_budget_h if budget_h is None else budget_h
    money = settings.stock_budget_money or None if budget_money is None else budget_money
    price = settings.stock_price_h or None if price_h is None else price_h
    return NightLimits(settings.stock_until if until is None else until, budget_of(hours, money, price), dry_run)


@dataclass(frozen=True, slots=True)
class NightRun:
    """A nightly run that is ready to start.

    Attributes:
        report: the report before the start; ``ended`` is not empty if there is nothing to start.
    """

    intake: StockIntake
    night: Night
    limits: NightLimits
    work: NightPlan
    report: NightReport

    @property
    def campaign_id(self) -> str:
        """The campaign of the run."""
        return self.work.campaign.campaign_id

    @property
    def warnings(self) -> tuple[CellProblem, ...]:
        """Warnings about the sheet."""
        return self.intake.warnings


def prepare(settings: Settings, resources: Resources, place: str, limits: NightLimits, starts: float) -> NightRun:
    """Read the stock sheet and choose combinations, without registering a campaign.

    Args:
        place: path or key of the sheet; empty for the setting ``stock``.
        starts: scheduled start of the run, in seconds since 1970.

    Raises:
        SettingsError: no sheet, or an invalid time of day or time zone.
        SheetError: the sheet is unreadable or has errors.
        TooManyVariantsError: a run of this sheet exceeds the limit.
    """
    place = place or settings.stock
    if not place:
        raise SettingsError("No stock sheet is set. Set REELMILL_STOCK, or pass a sheet: `reelmill stock SHEET`.")
    night = night_of(starts, limits.until, settings.timezone)
    cards, catalogue = cards_of(resources), catalogue_of(resources)
    intake = load_stock_sheet(resources, place, cards, settings.model)
    if not limits.dry_run:
        release_dead_leases(catalogue)
    work = plan_night(catalogue, intake.sheet, night, cards, settings.model, settings.profile)
    _check_cap(settings, intake, work)
    return NightRun(intake, night, limits, work, _initial_report(intake, night, limits, work))


def register_night(settings: Settings, resources: Resources, run: NightRun) -> None:
    """Register the campaign of the run with all its variants; an existing campaign is not changed.

    Raises:
        SettingsError: a provider bills its clips, but the budget covers only device time.
        ReelmillError: see ``register``.
    """
    _check_money(settings, resources, run)
    campaign = run.work.campaign
    register(settings, resources, Intake(run.intake.table, Checked(campaign.briefs), campaign))


def _check_money(settings: Settings, resources: Resources, run: NightRun) -> None:
    """Check that a budget in money covers provider jobs: that of a nightly run is converted to device time."""
    budget = run.limits.budget
    if settings.money_limit or budget.device_s is None or budget.price_h is None:
        return
    names = {name for brief in run.work.campaign.briefs for name in brief.models or (settings.model,)}
    for name, card in hosted_cards(cards_of(resources)).items():
        if name in names and card.costs_money:
            raise SettingsError(
                f"The budget of this nightly run covers only device time, but {name} is billed by its provider. Set "
                "REELMILL_BUDGET, for example to '20 USD', which covers both in each run."
            )


def budget_left_s(resources: Resources, run: NightRun) -> float | None:
    """Return the device seconds that remain after earlier runs of the same night; None for no limit."""
    return run.limits.budget.after(spent_s(catalogue_of(resources), run.work.campaign.name))


def final_report(resources: Resources, run: NightRun, ended: str, why: str = "") -> NightReport:
    """Return the report after the run; if all chosen combinations are finished, its outcome is ``finished``."""
    report = with_progress(replace(run.report, ended=ended, why=why), catalogue_of(resources), run.work.briefs)
    return replace(report, ended=FINISHED) if ended in (WINDOW, BUDGET) and not report.unfinished else report


def _initial_report(intake: StockIntake, night: Night, limits: NightLimits, work: NightPlan) -> NightReport:
    is_over = night.until is not None and time.time() >= night.until
    ended, chosen = "", len(work.briefs)
    if limits.dry_run:
        ended = DRY_RUN
    elif not chosen:
        ended = NOTHING_TO_DO
    elif work.is_new and is_over:
        ended, chosen = WINDOW, 0  # the run was due at night, but starts late in the day
    return NightReport(
        sheet=intake.sheet.name,
        day=night.day.isoformat(),
        campaign_id="" if ended else work.campaign.campaign_id,
        combinations=intake.sheet.size,
        existing=work.choice.enough,
        given_up=len(work.choice.given_up),
        chosen=chosen,
        ended=ended,
        budget=limits.budget,
        stop=night.stop,
    )


def _check_cap(settings: Settings, intake: StockIntake, work: NightPlan) -> None:
    asked = sum(brief.variants for brief in work.briefs)
    if work.is_new and asked > settings.max_variants:
        raise TooManyVariantsError(
            f"A nightly run of {intake.sheet.name} needs {asked:,} variants ({len(work.briefs):,} combinations with "
            f"{intake.sheet.tries} tries each), but at most {settings.max_variants:,} are allowed. Lower `nightly` or "
            "`tries` in the sheet, or raise REELMILL_MAX_VARIANTS."
        )
