"""Combine the reports on the parts of a fragmented video."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from adapters.c2pa.manifest_store import UNTRUSTED
from manifests.credentials.credential_report import CredentialReport, Finding, State, finding_of

MISMATCH = finding_of({"code": "assertion.bmffHash.mismatch"})
ALONE = Finding(
    "fragments.missing",
    "its content can be checked only together with its fragments: "
    "`reelmill verify INIT_SEGMENT FRAGMENT…`, with the initialization segment and all fragments",
)
SOME_MISSING = "{} of its {} fragments were checked; give all of them"
CHANGED_FRAGMENT = "the fragment {} was changed after signing, or belongs to another video"
WORST_FIRST: tuple[State, ...] = ("invalid", "absent", "incomplete", "valid", "trusted")


def report_alone(report: CredentialReport) -> CredentialReport:
    """Return the report on an initialization segment without fragments: its content was not checked.

    The library reports a mismatch for each such file, so this finding says nothing.
    """
    findings = tuple(each for each in report.findings if each != MISMATCH)
    serious = [each for each in findings if each.code != UNTRUSTED and not each.code.startswith("timeStamp.")]
    state: State = report.state if serious else "incomplete"
    return replace(report, state=state, findings=(*findings, ALONE))


def report_together(parts: Sequence[tuple[str, CredentialReport]], count: int | None) -> CredentialReport:
    """Return one report for an initialization segment that was checked with each of its fragments.

    Args:
        parts: names of the fragments, each once, with the report on the initialization segment and that fragment.
        count: number of fragments that were signed; None if it is not known.
    """
    worst = min((report for _, report in parts), key=lambda report: WORST_FIRST.index(report.state))
    findings = tuple(dict.fromkeys(_named_findings(parts)))
    merged = replace(worst, findings=findings, fragments=len(parts))
    if count is None or len(parts) >= count or worst.state in ("invalid", "absent"):
        return merged
    missing = Finding("fragments.missing", SOME_MISSING.format(len(parts), count))
    return replace(merged, state="incomplete", findings=(*findings, missing))


def _named_findings(parts: Iterable[tuple[str, CredentialReport]]) -> Iterator[Finding]:
    for name, report in parts:
        for finding in report.findings:
            yield Finding(finding.code, CHANGED_FRAGMENT.format(name)) if finding == MISMATCH else finding
