"""`reelmill doctor`: check everything that a run needs."""

from dataclasses import asdict

import typer

from app.cli.options import AsJson
from app.cli.output import say, say_json
from flows.doctor import doctor_config
from flows.settings import load_settings
from manifests.pluralize import count_of
from tasks.doctor.check import FAIL, OK, WARN, Finding, run_checks
from tasks.doctor.checks import checks_of

MARKS = {OK: "ok  ", WARN: "warn", FAIL: "FAIL"}


def doctor(as_json: AsJson = False) -> None:
    """Check the installation and report how to fix problems.

    Checks versions, devices, weights, bucket, database, signer, clock, disk and services. Test files written to the
    bucket and the disk are deleted again; nothing else is changed. The exit code is 1 if a check fails.
    """
    findings = run_checks(checks_of(doctor_config(load_settings())))
    failed = sum(finding.level == FAIL for finding in findings)
    if as_json:
        say_json({"ok": not failed, "findings": [asdict(finding) for finding in findings]})
    else:
        _show(findings, failed)
    if failed:
        raise typer.Exit(1)


def _show(findings: list[Finding], failed: int) -> None:
    width = max(len(finding.check) for finding in findings)
    indent = len(f"{MARKS[OK]}  {'':<{width}}  ")
    for finding in findings:
        say(f"{MARKS[finding.level]}  {finding.check:<{width}}  {finding.message}", indent)
        if finding.fix:
            say(f"{'':<{indent}}→ {finding.fix}", indent + len("→ "))
    warned = sum(finding.level == WARN for finding in findings)
    if failed or warned:
        counts = [count_of(number, noun) for number, noun in ((failed, "error"), (warned, "warning")) if number]
        say(f"\n{', '.join(counts)}.")
    else:
        say("\nAll checks passed.")
