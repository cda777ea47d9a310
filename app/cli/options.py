"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from adapters.catalogue.work.steering import MAX_PRIORITY, MIN_PRIORITY
from manifests.costs.money import Money

CAMPAIGN_HELP = "Campaign name or id. The first characters of an id are enough."
PRIORITY_HELP = "Priority; the default is 0, and higher priorities run first."

Sheet = Annotated[
    str,
    typer.Argument(
        metavar="SHEET",
        help="CSV, TSV, Excel, OpenDocument or JSON file, a list of prompts (.txt), s3://bucket/key, or a link to a "
        "sheet.",
    ),
]
Model = Annotated[str | None, typer.Option("--model", metavar="MODEL", help="Model for rows with an empty model cell.")]
Finish = Annotated[
    str | None,
    typer.Option(
        "--finish",
        metavar="TEMPLATE",
        help="Finish template for rows with an empty finish cell; none publishes their clips as they are.",
    ),
]
MaxVariants = Annotated[
    int | None,
    typer.Option("--max-variants", metavar="NUMBER", min=1, help="Reject the sheet if it has more variants than this."),
]
Sample = Annotated[
    int | None,
    typer.Option("--sample", metavar="NUMBER", min=1, help="Generate only this many variants, evenly spaced."),
]
Tab = Annotated[
    str | None, typer.Option("--tab", metavar="NAME", help="Tab of the workbook to read, if not the best one.")
]
IncludeHidden = Annotated[
    bool, typer.Option("--include-hidden", help="Also use rows and columns that are hidden or filtered out.")
]
Encoding = Annotated[
    str | None,
    typer.Option("--encoding", metavar="NAME", help="Encoding of a text file, such as cp1251; default: detected."),
]
GoodRows = Annotated[bool, typer.Option("--accept-good-rows", help="Skip rows with errors and use the others.")]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FOLDER", help="Folder for the contact sheet and the tables.")
]
BucketOption = Annotated[
    str | None, typer.Option("--bucket", metavar="BUCKET", help="Folder or s3://name/prefix to publish to.")
]
Endpoint = Annotated[
    str | None, typer.Option("--endpoint", metavar="URL", help="URL of an S3-compatible store other than AWS.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Clips = Annotated[
    list[str] | None, typer.Argument(metavar="[CLIP]...", help="Clip ids. The first characters are enough.")
]
CampaignName = Annotated[str, typer.Argument(metavar="CAMPAIGN", help=CAMPAIGN_HELP)]
Priority = Annotated[
    int | None,
    typer.Option("--priority", metavar="NUMBER", min=MIN_PRIORITY, max=MAX_PRIORITY, help=PRIORITY_HELP),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until", metavar="TIME", help="Time after which no new clips are started: 06:00, or a date and time."
    ),
]
BudgetHours = Annotated[
    float | None,
    typer.Option("--budget-hours", metavar="HOURS", help="Maximum device hours; no new clips are started after that."),
]


def _money(text: str | None) -> str | None:
    """Return the text of an amount. Its default currency is known only when the settings are read."""
    try:
        if text:
            Money.parse(text, "XXX")
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} {error}") from None
    return text


Budget = Annotated[
    str | None,
    typer.Option(
        "--budget",
        metavar="AMOUNT",
        callback=_money,
        help="Maximum cost of device time and provider jobs, with a currency, such as '50 USD'. A higher estimate is "
        "refused; when the budget is used up, no new clips are started. Use '' for no limit.",
    ),
]
