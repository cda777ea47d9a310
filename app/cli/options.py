"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from adapters.catalogue.work.steering import MAX_PRIORITY, MIN_PRIORITY

CAMPAIGN_HELP = "Campaign id, the beginning of one, or a campaign name."
PRIORITY_HELP = "Priority; the default is 0, and higher priorities run first."

Sheet = Annotated[Path, typer.Argument(metavar="SHEET", help="CSV, TSV or XLSX file.")]
Model = Annotated[str | None, typer.Option("--model", metavar="MODEL", help="Model card for rows that name no model.")]
MaxVariants = Annotated[
    int | None,
    typer.Option("--max-variants", metavar="NUMBER", min=1, help="Refuse a sheet that expands to more variants."),
]
Sample = Annotated[
    int | None,
    typer.Option("--sample", metavar="NUMBER", min=1, help="Use only this many variants, spread over the sheet."),
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
Clips = Annotated[list[str] | None, typer.Argument(metavar="[CLIP]...", help="Variant ids, or the beginnings of them.")]
CampaignName = Annotated[str, typer.Argument(metavar="CAMPAIGN", help=CAMPAIGN_HELP)]
Priority = Annotated[
    int | None,
    typer.Option("--priority", metavar="NUMBER", min=MIN_PRIORITY, max=MAX_PRIORITY, help=PRIORITY_HELP),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", help="Do not start clips after this time: 06:00, or a date and time."),
]
BudgetHours = Annotated[
    float | None,
    typer.Option("--budget-hours", metavar="HOURS", help="Do not start clips after this many device hours."),
]
