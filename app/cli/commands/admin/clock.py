"""`reelmill clock`: whether this machine's clock is accurate enough to sign clips."""

import getpass
from typing import Annotated

import typer

from app.cli.options import AsJson
from app.cli.output import say, say_json
from app.session import Session
from manifests.signing_time import moment_text
from tasks.deliver.signing_clock import ClockReading, signing_clock_of
from tasks.runtime.resources import signer_of


def clock(
    accept: Annotated[
        bool,
        typer.Option(
            "--accept",
            help="Confirm that the clock is right, and that later times in the catalogue are wrong.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare this machine's clock with the catalogue and with other clocks.

    While the clock seems wrong, clips are not signed, and the exit code is 1. If the clock was ahead by mistake and is
    right again, use --accept: later times in the catalogue are then ignored, the development CA replaces certificates
    that are not valid yet, and the audit log records who confirmed this.
    """
    resources = Session.open().resources
    checked = signing_clock_of(resources)
    accepted = checked.accept(f"person:{getpass.getuser()}") if accept else None
    reading, faults = checked.reading(), checked.faults()
    if not faults:  # a signer that is opened may renew its certificate
        with signer_of(resources) as signer:
            faults = checked.faults(signer.validity())
    if as_json:
        say_json(_values(reading, faults))
    else:
        _show(reading, faults)
        if accept:
            say(
                f"Accepted: times up to {moment_text(accepted.until)} are ignored."
                if accepted
                else "Nothing to accept."
            )
    if faults:
        raise typer.Exit(1)


def _values(reading: ClockReading, faults: list[str]) -> dict[str, object]:
    return {
        "ok": not faults,
        "now": reading.wall,
        "past": {each.what: each.at for each in reading.past},
        "ahead_s": {each.what: each.ahead_s for each in reading.others},
        "problems": faults,
    }


def _show(reading: ClockReading, faults: list[str]) -> None:
    say(f"This machine's clock: {moment_text(reading.wall)}")
    for past in reading.past:
        say(f"{past.text[0].upper()}{past.text[1:]}: {moment_text(past.at)}")
    for other in reading.others:
        say(f"{other.what[0].upper()}{other.what[1:]}: {other.ahead_s:+,.0f} s")
    if not reading.others:
        say("Other clocks: none; the database and the bucket are on this machine, or do not respond.")
    for fault in faults:
        say(f"This machine's clock seems wrong: {fault}. Clips are not signed.")
    if not faults:
        say("The clock is accurate enough to sign clips.")
