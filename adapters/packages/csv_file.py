"""Write CSV files for agencies and platforms."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from adapters.files.durable import write_shared


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]], *, with_mark: bool = False) -> None:
    """Write a CSV file in UTF-8 with commas.

    Args:
        rows: cells as they are written; escape formulas before.
        with_mark: whether the file begins with a byte order mark, which Excel needs to recognise UTF-8.

    Raises:
        OSError: the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    write_shared(path, text.getvalue().encode("utf-8-sig" if with_mark else "utf-8"))
