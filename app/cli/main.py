"""The command line program `reelmill`."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from adapters.readable_output import make_output_readable
from app.cli.bounds import with_whole_budgets
from app.cli.commands import (
    campaigns,
    jobs,
    nights,
    package,
    placements,
    providers,
    review,
    serve_models,
    sheets,
    steering,
    stock,
    templates,
    up,
    voices,
)
from app.cli.commands import dashboard as serve
from app.cli.commands import models as cards
from app.cli.commands.admin import accounts, alerts, audit, clock, credentials, doctor
from app.cli.commands.admin import sweep as sweeping
from app.cli.invalid_numbers import number_message
from app.cli.output import sentence_of, warn
from flows.settings import prepare_proxies

CAMPAIGNS = "Campaigns"
FINISHING = "Finishing"
REVIEW = "Review"
UNATTENDED = "Nightly and unattended"
MODELS = "Models"
OPERATIONS = "Operations"
PANELS = (CAMPAIGNS, FINISHING, REVIEW, UNATTENDED, MODELS, OPERATIONS)


class PanelGroup(TyperGroup):
    """The top-level commands in the order of their panels."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the command names; Typer lists all groups after all commands."""
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: PANELS.index(getattr(self.commands[name], "rich_help_panel", "")))

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an invalid number is reported in plain words."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = number_message(error) or error.message
            raise


app = typer.Typer(
    cls=PanelGroup,
    name="reelmill",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Turn a campaign sheet into signed, published video clips.",
)
app.command(rich_help_panel=CAMPAIGNS)(sheets.init)
app.command(rich_help_panel=CAMPAIGNS)(sheets.validate)
app.command(rich_help_panel=CAMPAIGNS)(campaigns.plan)
app.command(rich_help_panel=CAMPAIGNS)(campaigns.run)
app.command(rich_help_panel=CAMPAIGNS)(campaigns.status)
app.command(rich_help_panel=CAMPAIGNS)(campaigns.retry)
app.command(rich_help_panel=CAMPAIGNS)(campaigns.resume)
app.command(rich_help_panel=CAMPAIGNS)(steering.pause)
app.command(rich_help_panel=CAMPAIGNS)(steering.cancel)
# A negative priority, such as -5, looks like an option.
app.command(rich_help_panel=CAMPAIGNS, context_settings={"ignore_unknown_options": True})(steering.priority)
app.command(rich_help_panel=CAMPAIGNS)(steering.runs)
app.add_typer(templates.templates, name="templates", rich_help_panel=FINISHING)
app.command(rich_help_panel=FINISHING)(placements.placements)
app.command(rich_help_panel=FINISHING)(placements.lint)
app.command(rich_help_panel=FINISHING)(package.package)
app.command(rich_help_panel=REVIEW)(serve.review)
app.command(rich_help_panel=REVIEW)(review.approve)
app.command(rich_help_panel=REVIEW)(review.reject)
app.command(rich_help_panel=REVIEW)(credentials.verify)
app.command(rich_help_panel=UNATTENDED)(up.up)
app.command(rich_help_panel=UNATTENDED)(stock.stock)
app.add_typer(nights.nights, name="nights", rich_help_panel=UNATTENDED)
app.command(rich_help_panel=UNATTENDED)(sweeping.sweep)
app.add_typer(alerts.alerts, name="alerts", rich_help_panel=UNATTENDED)
app.command(rich_help_panel=MODELS)(serve_models.serve_models)
app.command(rich_help_panel=MODELS)(voices.voices)
app.add_typer(cards.models, name="models", rich_help_panel=MODELS)
app.add_typer(jobs.jobs, name="jobs", rich_help_panel=MODELS)
app.add_typer(providers.providers, name="providers", rich_help_panel=MODELS)
app.command(rich_help_panel=OPERATIONS)(doctor.doctor)
app.command(rich_help_panel=OPERATIONS)(clock.clock)
app.command(rich_help_panel=OPERATIONS)(credentials.signer)
app.add_typer(accounts.accounts, name="accounts", rich_help_panel=OPERATIONS)
app.add_typer(audit.audit, name="audit", rich_help_panel=OPERATIONS)

INTERRUPTED = 130
RESUMED_BY_REPEATING = frozenset({"approve", "resume", "retry", "run", "stock", "sweep"})
"""Commands that do the rest of their work when they are run again."""


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Turn a campaign sheet into signed, published video clips."""


def main() -> None:
    """Run a command; an error becomes one message and an exit code, or a traceback with --debug."""
    prepare_proxies()
    make_output_readable()
    debug = "--debug" in sys.argv
    sys.argv[1:] = with_whole_budgets([word for word in sys.argv[1:] if word != "--debug"])
    try:
        app()
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            warn(_stopped_text(sys.argv[1:]))
        raise
    except Exception as error:
        if debug:
            raise
        warn(f"Error: {sentence_of(error)}")
        sys.exit(1)


def _stopped_text(words: Sequence[str]) -> str:
    """Return the message after Ctrl-C; a server such as `review` has nothing to resume."""
    first, second = [*(word for word in words if not word.startswith("-")), "", ""][:2]
    resumes = first in RESUMED_BY_REPEATING or (first, second) == ("models", "pull")
    return "Stopped. Re-run the same command to resume." if resumes else "Stopped."


if __name__ == "__main__":
    main()
