"""`reelmill doctor`: is everything here that a run needs, and how is it mended."""

from dataclasses import asdict

import typer

from app.cli.options import AsJson
from app.cli.output import say, say_json
from flows.doctor import checks_of
from flows.settings import load_settings
from tasks.doctor.check import FAIL, OK, WARN, Finding, examine

MARKS = {OK: "ok  ", WARN: "warn", FAIL: "FAIL"}


def doctor(as_json: AsJson = False) -> None:
    """Check versions, devices, weights, bucket, database, signer, clock, disk and services; exit code 1 on a failure.

    What is written to try bucket and disk is taken away again; nothing else is changed.
    """
    findings = examine(checks_of(load_settings()))
    failed = sum(finding.level == FAIL for finding in findings)
    if as_json:
        say_json({"ok": not failed, "findings": [asdict(finding) for finding in findings]})
    else:
        _show(findings, failed)
    if failed:
        raise typer.Exit(1)


def _show(findings: list[Finding], failed: int) -> None:
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        say(f"{MARKS[finding.level]}  {finding.check:<{width}}  {finding.told}")
        if finding.mend:
            say(f"{'':<{len('warn')}}  {'':<{width}}  → {finding.mend}")
    warned = sum(finding.level == WARN for finding in findings)
    if failed or warned:
        say(f"\n{failed} to mend, {warned} to look at.")
    else:
        say("\nAll is well.")
