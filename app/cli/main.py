"""The program `reelmill`."""

import sys
from typing import Annotated

import typer

from app.cli.commands import accounts, alerts, campaigns, credentials, doctor, review, sheets, steering, stock, up
from app.cli.commands import dashboard as serve
from app.cli.commands import models as cards
from app.cli.commands import sweep as sweeping
from app.cli.output import sentence_of, warn

app = typer.Typer(
    name="reelmill",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Turns a campaign sheet into signed, published video clips.",
)
app.command()(sheets.init)
app.command()(sheets.validate)
app.command()(campaigns.plan)
app.command()(campaigns.run)
app.command()(campaigns.status)
app.command()(campaigns.retry)
app.command()(campaigns.resume)
app.command()(steering.pause)
app.command()(steering.cancel)
app.command(context_settings={"ignore_unknown_options": True})(steering.priority)
app.command()(steering.runs)
app.command()(review.approve)
app.command()(review.reject)
app.command()(serve.review)
app.command()(up.up)
app.command()(stock.stock)
app.command()(sweeping.sweep)
app.add_typer(accounts.accounts, name="accounts")
app.add_typer(accounts.audit, name="audit")
app.add_typer(alerts.alerts, name="alerts")
app.add_typer(cards.models, name="models")
app.command()(credentials.signer)
app.command()(credentials.verify)
app.command()(doctor.doctor)

INTERRUPTED = 130


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False,
) -> None:
    """Turns a campaign sheet into signed, published video clips."""


def main() -> None:
    """Run a command; what goes wrong becomes one sentence and an exit code, unless --debug is given."""
    debug = "--debug" in sys.argv
    sys.argv[1:] = [word for word in sys.argv[1:] if word != "--debug"]
    try:
        app()
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            warn("Stopped. Run the same command again to go on where it stopped.")
        raise
    except Exception as error:
        if debug:
            raise
        warn(f"Error: {sentence_of(error)}")
        sys.exit(1)


if __name__ == "__main__":
    main()
