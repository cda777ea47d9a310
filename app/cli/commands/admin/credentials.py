"""`reelmill signer` and `reelmill verify`: the signer in use, and Content Credentials of files."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from adapters.c2pa.fragments import part_of_file
from adapters.c2pa.verifier import CredentialReport
from adapters.c2pa.verifier import verify as verify_file
from adapters.files.durable import write_durably
from app.cli.options import AsJson
from app.cli.output import say, say_json, sentence_of, warn
from app.session import Session
from manifests.errors import CredentialError, ReelmillError
from manifests.pluralize import count_of
from tasks.doctor.signing import exposed_key
from tasks.runtime.resources import signer_of


def signer(
    anchors: Annotated[
        Path | None, typer.Option("--anchors", metavar="FILE", help="Write its trust anchors to this PEM file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the signer in use, or export its trust anchors."""
    resources = Session.open().resources
    with signer_of(resources) as opened:
        facts, pem = opened.describe(), opened.anchors_pem()
    if warning := exposed_key(resources):
        warn(f"Warning: {warning}")
    if anchors:
        write_durably(anchors.absolute(), pem.encode())
    if as_json:
        say_json({**asdict(facts), "anchors": anchors})
        return
    say(f"Signer: {facts.subject} ({facts.kind}, {facts.algorithm})")
    say(f"Issued by: {facts.issuer}")
    say(f"Valid until: {facts.not_after:%Y-%m-%d} ({facts.days_left} days)")
    say(f"Timestamps: {facts.tsa or 'none; clips are trusted until the certificate expires'}")
    if anchors:
        say(f"Wrote {anchors}.")


def verify(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="MP4 files, also from other programs.")],
    anchors: Annotated[
        Path | None,
        typer.Option("--anchors", metavar="FILE", help="PEM file with trusted roots; default: the signer in use."),
    ] = None,
    sidecar: Annotated[
        Path | None,
        typer.Option("--sidecar", metavar="FILE", help="The .c2pa file of a video without embedded credential."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify the Content Credentials of files.

    Shows who signed each file, whether the signature is trusted, and how the file was made. Give a fragmented video
    (DASH, HLS) as its initialization segment and all its fragments. The exit code is 1 if a file is not trusted.
    """
    pem = _read_anchors(anchors)
    reports: dict[str, CredentialReport] = {}
    unreadable: dict[str, str] = {}
    for file, fragments in _with_fragments(files):
        try:
            reports[str(file)] = verify_file(file, pem, sidecar, fragments=fragments)
        except CredentialError as error:
            unreadable[str(file)] = str(error)
            warn(f"Error: {sentence_of(error)}")
    if as_json:
        say_json(
            {name: asdict(report) for name, report in reports.items()}
            | {name: {"state": "unreadable", "error": error} for name, error in unreadable.items()}
        )
    else:
        for name, report in reports.items():
            show_report(name, report)
    if unreadable or any(report.state != "trusted" for report in reports.values()):
        raise typer.Exit(1)


def _with_fragments(files: list[Path]) -> list[tuple[Path, list[Path]]]:
    """Return the files; if one is the initialization segment of a fragmented video, with its fragments."""
    parts = {file: part_of_file(file) for file in files}
    inits = [file for file in files if parts[file] == "init"]
    fragments = [file for file in files if parts[file] == "fragment"]
    if not inits or not fragments:
        return [(file, []) for file in files]
    if len(inits) > 1:
        raise ReelmillError(
            f"{' and '.join(map(str, inits))} are initialization segments of several fragmented videos. Verify each "
            "one together with its own fragments."
        )
    return [(file, fragments if file == inits[0] else []) for file in files if parts[file] != "fragment"]


def _read_anchors(path: Path | None) -> str:
    if path is None:
        with signer_of(Session.open().resources) as opened:
            return opened.anchors_pem()
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError):
        text = ""
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise ReelmillError(
            f"{path} does not contain a PEM certificate. `reelmill signer --anchors FILE` exports those of the signer."
        )
    return text


def show_report(name: str, report: CredentialReport) -> None:
    say(f"{name}: {report.state} – {report.sentence}")
    if report.signer:
        stamped = "with a timestamp" if report.time_stamped else "without a timestamp"
        say(f"  signed by {report.signer.subject}, issued by {report.signer.issuer}, {stamped}")
    if report.fragments:
        say(f"  checked with {count_of(report.fragments, 'fragment')}")
    if report.deliverable:
        say(f"  {report.deliverable}")
    for action in report.actions:
        say(f"  {action}")
    for ingredient in report.ingredients:
        problems = "; ".join(finding.sentence for finding in ingredient.findings)
        say(f"  made from {ingredient.title} ({ingredient.relationship})" + (f": {problems}" if problems else ""))
