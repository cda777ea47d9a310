"""Stock agencies that do not accept AI-generated clips."""

from typing import NamedTuple

from manifests.packages.errors import PackageError


class Refusal(NamedTuple):
    """An agency that refuses AI-generated clips: its name, the page that says it, and the date of reading."""

    agency: str
    source: str
    read: str


_GETTY = "https://www.stockphotosecrets.com/news/getty-images-shutterstock-ai-submission.html"
REFUSALS = {
    "shutterstock": Refusal(
        "Shutterstock",
        "https://submit.shutterstock.com/help/en/articles/10594622-content-policy-updates-ai-generated-content",
        "2026-12-01",
    ),
    "pond5": Refusal("Pond5", "https://www.aitrace.org/company/pond5", "2026-12-01"),
    "istock": Refusal("iStock", _GETTY, "2026-12-01"),
    "getty": Refusal("Getty Images", _GETTY, "2026-12-01"),
}
ALTERNATIVES = "Use adobe-stock, which accepts them with a declaration, or publish the clips yourself."


def check_accepts(target: str) -> None:
    """Check that a target is not an agency that refuses AI-generated clips.

    Raises:
        PackageError: it is.
    """
    refusal = REFUSALS.get(target.removesuffix("-images"))
    if refusal:
        raise PackageError(
            f"{refusal.agency} does not accept AI-generated clips from contributors ({refusal.source}, read "
            f"{refusal.read}). {ALTERNATIVES}"
        )
