"""Arguments and options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

from adapters.catalogue.work.steering import LEAST, MOST

Sheet = Annotated[Path, typer.Argument(help="CSV, TSV or XLSX.")]
Model = Annotated[str | None, typer.Option("--model", help="Card for rows that name none.")]
MaxVariants = Annotated[int | None, typer.Option("--max-variants", min=1, help="Refuse sheets that expand to more.")]
Sample = Annotated[int | None, typer.Option("--sample", min=1, help="Take so many variants, spread over the sheet.")]
GoodRows = Annotated[bool, typer.Option("--accept-good-rows", help="Go on without the rows that have problems.")]
BucketOption = Annotated[str | None, typer.Option("--bucket", help="A folder, or s3://name/prefix.")]
Endpoint = Annotated[str | None, typer.Option("--endpoint", help="URL of an S3 store other than AWS.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Clips = Annotated[list[str] | None, typer.Argument(help="Beginnings of variant ids.")]
CampaignName = Annotated[str, typer.Argument(help="Id of the campaign, its beginning, or its name.")]
Priority = Annotated[
    int | None, typer.Option("--priority", min=LEAST, max=MOST, help="How urgent it is from now on; 0 is ordinary.")
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", help="Take no more work from then on: 06:00, or a date and time."),
]
BudgetHours = Annotated[
    float | None, typer.Option("--budget-hours", metavar="HOURS", help="Take no more work after so many device hours.")
]
